// The records of a node's own files, besides blocks and deltas, which are stored as they are.
//
//   index record  kind ADDED: header (80, or 224 on networks of stakers) | location of the block (12)
//                 kind INVALID, RECONSIDERED, FORGOTTEN, LOST: hash (32)
//                 kind HEADERS: headers (80 each) whose blocks have not come, parents first
//   chain record  ends of the block, delta and index files (3 x 8: a watermark for the next start)
//                 | u32 count of disconnected blocks, newest first | hash (32) each
//                 | u32 count of connected blocks, oldest first | hash (32), location of the delta (12)
//   location      file u32 | offset u32 | length u32
import { type Bytes, readU32, writeU32 } from "../../base/bytes.ts";
import { Reader } from "../../base/reader.ts";
import type { Location, Position } from "../../engines/files/frame.ts";
import { HEADER_BYTES } from "../../ledger/bitcoin/block.ts";

export const RECORD_BLOCK = 1;
export const RECORD_DELTA = 2;
export const INDEX_ADDED = 3;
export const INDEX_INVALID = 4;
export const INDEX_RECONSIDERED = 5;
/** The block came while an ancestor was undecided, and fell with it: as if it had never come. */
export const INDEX_FORGOTTEN = 6;
/** The block's bytes cannot be read any more (pando repair); they are taken when they come again. */
export const INDEX_LOST = 7;
/** What stands in a file where nothing could be read. */
export const RECORD_LOST = 8;

/** Headers without their blocks. */
export const INDEX_HEADERS = 9;

const LOCATION_BYTES = 12;
const POSITION_BYTES = 8;

function writeLocation(bytes: Bytes, at: number, location: Location): void {
  writeU32(bytes, at, location.file);
  writeU32(bytes, at + 4, location.offset);
  writeU32(bytes, at + 8, location.length);
}

function readLocation(bytes: Bytes, at: number): Location {
  return {
    file: readU32(bytes, at),
    offset: readU32(bytes, at + 4),
    length: readU32(bytes, at + 8),
  };
}

export function encodeIndexAdded(header: Bytes, location: Location): Bytes {
  const bytes = new Uint8Array(header.length + LOCATION_BYTES);
  bytes.set(header, 0);
  writeLocation(bytes, header.length, location);
  return bytes;
}

export function decodeIndexAdded(
  bytes: Bytes,
  headerBytes: number = HEADER_BYTES,
): { header: Bytes; location: Location } | null {
  if (bytes.length !== headerBytes + LOCATION_BYTES) return null;
  return { header: bytes.slice(0, headerBytes), location: readLocation(bytes, headerBytes) };
}

/** The headers of a record, or null when it is not made of headers. */
export function decodeIndexHeaders(bytes: Bytes): Bytes[] | null {
  if (bytes.length === 0 || bytes.length % HEADER_BYTES !== 0) return null;
  const headers: Bytes[] = [];
  for (let at = 0; at < bytes.length; at += HEADER_BYTES) {
    headers.push(bytes.slice(at, at + HEADER_BYTES));
  }
  return headers;
}

/** One change of the tip. */
export interface ChainRecord {
  readonly ends: readonly [blocks: Position, deltas: Position, index: Position];
  /** Hashes, newest first. */
  readonly disconnect: readonly Bytes[];
  /** Oldest first. */
  readonly connect: readonly { readonly hash: Bytes; readonly delta: Location }[];
}

export function encodeChainRecord(record: ChainRecord): Bytes {
  const { ends, disconnect, connect } = record;
  const connectAt = 3 * POSITION_BYTES + 4 + disconnect.length * 32;
  const bytes = new Uint8Array(connectAt + 4 + connect.length * (32 + LOCATION_BYTES));
  ends.forEach((end, number) => {
    writeU32(bytes, number * POSITION_BYTES, end.file);
    writeU32(bytes, number * POSITION_BYTES + 4, end.offset);
  });
  writeU32(bytes, 3 * POSITION_BYTES, disconnect.length);
  disconnect.forEach((hash, number) => {
    bytes.set(hash, 3 * POSITION_BYTES + 4 + number * 32);
  });
  writeU32(bytes, connectAt, connect.length);
  connect.forEach(({ hash, delta }, number) => {
    const at = connectAt + 4 + number * (32 + LOCATION_BYTES);
    bytes.set(hash, at);
    writeLocation(bytes, at + 32, delta);
  });
  return bytes;
}

/** The record, or null when the bytes are not one (its checksum held, so a newer format wrote it). */
export function decodeChainRecord(bytes: Bytes): ChainRecord | null {
  const reader = new Reader(bytes);
  const position = (): Position => ({ file: reader.u32(), offset: reader.u32() });
  const ends = [position(), position(), position()] as const;
  const disconnect: Bytes[] = [];
  for (let left = reader.u32(); left > 0 && reader.fault === null; left--) {
    disconnect.push(reader.take(32));
  }
  const connect: { hash: Bytes; delta: Location }[] = [];
  for (let left = reader.u32(); left > 0 && reader.fault === null; left--) {
    const hash = reader.take(32);
    connect.push({
      hash,
      delta: { file: reader.u32(), offset: reader.u32(), length: reader.u32() },
    });
  }
  return reader.fault === null && reader.at === reader.end ? { ends, disconnect, connect } : null;
}
