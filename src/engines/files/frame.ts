// The frame of one record in a record file, and the check that what was read is what was written.
//
//   0  magic "PREC"                  u32
//   4  length of the payload         u32
//   8  kind, the caller's            u8, then one zero byte
//  10  durable mark: segment mod 2^16, u16 \ the end of what was known to be flushed when this
//  12  durable mark: offset            u32 / record was written; never after the record itself
//  16  CRC-32C of the payload       u32
//  20  CRC-32C of bytes 0-19 and of the record's own place: segment u32, offset u32
//  24  payload
//
// The place is under the checksum so that a frame copied into a payload, or left over from before,
// is not taken for a record. The durable mark tells a torn tail from damage: see record-file.ts.
import { type Bytes, readU16, readU32, writeU16, writeU32 } from "../../base/bytes.ts";
import { crc32c } from "../../base/crc32c.ts";

export const FRAME_BYTES = 24;

const MAGIC = 0x43455250;

/** A place in the sequence of segments. */
export interface Position {
  readonly file: number;
  readonly offset: number;
}

/** Where a record lies; `length` is that of its payload. */
export interface Location extends Position {
  readonly length: number;
}

export function comparePositions(a: Position, b: Position): number {
  return a.file - b.file || a.offset - b.offset;
}

export function endOf(location: Location): Position {
  return { file: location.file, offset: location.offset + FRAME_BYTES + location.length };
}

export interface Header {
  readonly length: number;
  readonly kind: number;
  readonly durable: Position;
  readonly checksum: number;
}

const place = new Uint8Array(8);

function headerChecksum(header: Bytes, at: Position): number {
  writeU32(place, 0, at.file);
  writeU32(place, 4, at.offset);
  return crc32c(place, crc32c(header, 0, 0, 20));
}

export function encodeHeader(
  at: Position,
  kind: number,
  durable: Position,
  parts: readonly Bytes[],
): Bytes {
  const header = new Uint8Array(FRAME_BYTES);
  let length = 0;
  let crc = 0;
  for (const part of parts) {
    length += part.length;
    crc = crc32c(part, crc);
  }
  writeU32(header, 0, MAGIC);
  writeU32(header, 4, length);
  header[8] = kind;
  writeU16(header, 10, durable.file & 0xffff);
  writeU32(header, 12, durable.offset);
  writeU32(header, 16, crc);
  writeU32(header, 20, headerChecksum(header, at));
  return header;
}

/** The fields of a header, or null when it was not written at this place. */
export function decodeHeader(bytes: Bytes, at: Position): Header | null {
  if (readU32(bytes, 0) !== MAGIC || readU32(bytes, 20) !== headerChecksum(bytes, at)) return null;
  const behind = (at.file - readU16(bytes, 10)) & 0xffff;
  const durable = { file: at.file - behind, offset: readU32(bytes, 12) };
  return { length: readU32(bytes, 4), kind: bytes[8]!, durable, checksum: readU32(bytes, 16) };
}

/** The next offset in `bytes` from `from` at which the magic stands, or -1. */
export function findMagic(bytes: Bytes, from: number, to: number): number {
  for (let at = from; at + 4 <= to; at++) {
    if (bytes[at] === (MAGIC & 255) && readU32(bytes, at) === MAGIC) return at;
  }
  return -1;
}
