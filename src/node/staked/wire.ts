// The payloads that staked consensus exchanges beside those of planes/consensus/qpos/wire.ts: lists of
// ids, and where a peer stands. Total: any bytes give a value or null.
import { type Bytes, concatBytes, hex, readU32, toHex, writeU32 } from "../../base/bytes.ts";

const ID_BYTES = 32;
const STATUS_BYTES = 4 + 4 + ID_BYTES;

/** Ids, hex in hash order, one behind the other. */
export function encodeIds(ids: readonly string[]): Bytes {
  return concatBytes(...ids.map(hex));
}

/** At most `most` ids, or null. */
export function decodeIds(bytes: Bytes, most: number): string[] | null {
  if (bytes.length % ID_BYTES !== 0 || bytes.length > most * ID_BYTES) return null;
  const ids: string[] = [];
  for (let at = 0; at < bytes.length; at += ID_BYTES) ids.push(toHex(bytes, at, at + ID_BYTES));
  return ids;
}

/** Where a node stands: its head, and what it has seen finalized. */
export interface PeerStatus {
  readonly height: number;
  readonly finalizedRound: number;
  readonly head: string;
}

export function encodeStatus({ height, finalizedRound, head }: PeerStatus): Bytes {
  const bytes = new Uint8Array(STATUS_BYTES);
  writeU32(bytes, 0, height);
  writeU32(bytes, 4, finalizedRound);
  bytes.set(hex(head), 8);
  return bytes;
}

export function decodeStatus(bytes: Bytes): PeerStatus | null {
  if (bytes.length !== STATUS_BYTES) return null;
  return {
    height: readU32(bytes, 0),
    finalizedRound: readU32(bytes, 4),
    head: toHex(bytes, 8, STATUS_BYTES),
  };
}
