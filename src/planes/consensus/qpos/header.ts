// The block header: 224 bytes, then a 64-byte signature that is not part of the id. The first 80
// bytes keep Bitcoin's shape for readers of Merkle proofs. Hashes are hex in hash order: ids are
// map keys everywhere, and hex of equal length sorts as its bytes do.
import {
  type Bytes,
  hex,
  readI32,
  readU16,
  readU32,
  toHex,
  writeU16,
  writeU32,
} from "../../../base/bytes.ts";
import { hash256 } from "../../../crypto/hash.ts";

/** The id of a block: hex in hash order (a short opaque string in the simulator's model profile). */
export type Id = string;
/** Any other 32-byte hash, spelled like an Id. */
export type Digest = string;

export interface Header {
  readonly version: number;
  readonly parent: Id;
  readonly txRoot: Digest;
  readonly time: number;
  readonly slot: number;
  readonly height: number;
  readonly round: number;
  readonly index: number;
  readonly segmentBits: number;
  readonly flags: number;
  readonly stakerId: number;
  readonly txCount: number;
  readonly witnessRoot: Digest;
  readonly registryRoot: Digest;
  readonly coinSetHash: Digest;
  readonly extrasRoot: Digest;
}

export const HEADER_BYTES = 224;
export const HEADER_VERSION = 0x20000000;
export const SEGMENT_BITS_MAX = 20;
export const SEGMENTS_MAX = 4_096;

/** The 224 bytes of a header. */
export function encodeHeader(header: Header): Bytes {
  const bytes = new Uint8Array(HEADER_BYTES);
  writeU32(bytes, 0, header.version);
  bytes.set(hex(header.parent), 4);
  bytes.set(hex(header.txRoot), 36);
  writeU32(bytes, 68, header.time);
  writeU32(bytes, 72, header.slot);
  writeU32(bytes, 76, header.height);
  writeU32(bytes, 80, header.round);
  writeU16(bytes, 84, header.index);
  bytes[86] = header.segmentBits;
  bytes[87] = header.flags;
  writeU32(bytes, 88, header.stakerId);
  writeU32(bytes, 92, header.txCount);
  bytes.set(hex(header.witnessRoot), 96);
  bytes.set(hex(header.registryRoot), 128);
  bytes.set(hex(header.coinSetHash), 160);
  bytes.set(hex(header.extrasRoot), 192);
  return bytes;
}

/** The header in `bytes[at, at + 224)`, or null when there are fewer bytes. */
export function decodeHeader(bytes: Bytes, at = 0): Header | null {
  if (bytes.length - at < HEADER_BYTES) return null;
  const hash = (offset: number): string => toHex(bytes, at + offset, at + offset + 32);
  return {
    version: readI32(bytes, at),
    parent: hash(4),
    txRoot: hash(36),
    time: readU32(bytes, at + 68),
    slot: readU32(bytes, at + 72),
    height: readU32(bytes, at + 76),
    round: readU32(bytes, at + 80),
    index: readU16(bytes, at + 84),
    segmentBits: bytes[at + 86]!,
    flags: bytes[at + 87]!,
    stakerId: readU32(bytes, at + 88),
    txCount: readU32(bytes, at + 92),
    witnessRoot: hash(96),
    registryRoot: hash(128),
    coinSetHash: hash(160),
    extrasRoot: hash(192),
  };
}

/** Double SHA-256 of the header without its signature. */
export function headerId(header: Header): Id {
  return toHex(hash256(encodeHeader(header)));
}
