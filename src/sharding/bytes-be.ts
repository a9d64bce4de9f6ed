// Big-endian integers and padded ASCII labels: the hashed layouts of resharding are big-endian.
import { type Bytes, writeU32BE } from "../base/bytes.ts";

export function readU32BE(bytes: Bytes, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  );
}

/** Writes an integer of 0 ... 2^53 - 1 as eight bytes. */
export function writeU64BE(bytes: Bytes, at: number, value: number): void {
  writeU32BE(bytes, at, Math.floor(value / 0x1_0000_0000));
  writeU32BE(bytes, at + 4, value % 0x1_0000_0000);
}

export function u32be(value: number): Bytes {
  const bytes = new Uint8Array(4);
  writeU32BE(bytes, 0, value);
  return bytes;
}

export function u64be(value: number): Bytes {
  const bytes = new Uint8Array(8);
  writeU64BE(bytes, 0, value);
  return bytes;
}

/** An ASCII label, padded with zeros to `length` bytes. */
export function label(text: string, length: number): Bytes {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
