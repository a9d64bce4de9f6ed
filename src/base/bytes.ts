// Byte strings: hex, comparison and fixed-width integers. Everything on the wire and on disk is
// little-endian unless a format says otherwise; hashes are kept in hash order (internal order) and
// reversed only for people.

export type Bytes = Uint8Array;

/** Character codes of the sixteen digits. */
const DIGITS: readonly number[] = Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));
/** Value of the digit with this character code, or -1. */
const NIBBLES: Int8Array = nibbles();
/** Bytes turned into text by one call. */
const HEX_AT_ONCE = 64;

function nibbles(): Int8Array {
  const values = new Int8Array(128).fill(-1);
  for (let digit = 0; digit < 16; digit++) {
    values[DIGITS[digit]!] = digit;
    values[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
  }
  return values;
}

/** The digits of a hash, which is what is shown most, while they are gathered. */
const HASH_CODES: number[] = Array<number>(64).fill(0);

/** Hex of bytes from `at` on, `step` apart. One flat text: joined pieces cost their reader dear. */
function hexRun(bytes: Bytes, from: number, count: number, step: 1 | -1): string {
  const codes = count * 2 === HASH_CODES.length ? HASH_CODES : Array<number>(count * 2);
  for (let place = 0, at = from; place < count * 2; place += 2, at += step) {
    const byte = bytes[at]!;
    codes[place] = DIGITS[byte >>> 4]!;
    codes[place + 1] = DIGITS[byte & 15]!;
  }
  return String.fromCharCode.apply(null, codes);
}

/** Lower-case hex of `bytes[from, to)`. */
export function toHex(bytes: Bytes, from = 0, to: number = bytes.length): string {
  if (to - from <= HEX_AT_ONCE) return hexRun(bytes, from, to - from, 1);
  let text = "";
  for (let at = from; at < to; at += HEX_AT_ONCE) {
    text += hexRun(bytes, at, Math.min(HEX_AT_ONCE, to - at), 1);
  }
  return text;
}

/** The bytes that `text` spells, or null when it is not an even number of hex digits. */
export function fromHex(text: string): Bytes | null {
  if (text.length % 2 !== 0) return null;
  const bytes = new Uint8Array(text.length / 2);
  let wrong = 0;
  for (let at = 0; at < bytes.length; at++) {
    const high = NIBBLES[text.charCodeAt(at * 2)] ?? -1;
    const low = NIBBLES[text.charCodeAt(at * 2 + 1)] ?? -1;
    wrong |= high | low;
    bytes[at] = (high << 4) | low;
  }
  return wrong < 0 ? null : bytes;
}

/** Bytes of a hex constant written in the source; a wrong one is our own mistake. */
export function hex(text: string): Bytes {
  const bytes = fromHex(text);
  if (bytes === null) throw new TypeError(`not hex: ${text}`);
  return bytes;
}

/** A hash as people read it: reversed hex. */
export function toDisplayHex(hash: Bytes, from = 0, to: number = hash.length): string {
  if (to - from <= HEX_AT_ONCE) return hexRun(hash, to - 1, to - from, -1);
  return toHex(hash.slice(from, to).reverse());
}

/** A hash from reversed hex, or null when it is not hex. */
export function fromDisplayHex(text: string): Bytes | null {
  return fromHex(text)?.reverse() ?? null;
}

export function bytesEqual(a: Bytes, b: Bytes): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** True when `length` bytes of `a` from `aAt` equal those of `b` from `bAt`. */
export function rangeEqual(a: Bytes, aAt: number, b: Bytes, bAt: number, length: number): boolean {
  for (let at = 0; at < length; at++) if (a[aAt + at] !== b[bAt + at]) return false;
  return true;
}

/** Up to here a loop copies faster than a call, which needs a view. */
const LOOP_BYTES = 48;

/** Copies `bytes[from, to)` to `out` from `at` on. */
export function copyBytes(out: Bytes, at: number, bytes: Bytes, from: number, to: number): void {
  if (to - from > LOOP_BYTES) out.set(bytes.subarray(from, to), at);
  else for (let byte = from; byte < to; byte++) out[at + byte - from] = bytes[byte]!;
}

/** Lexicographic order of unsigned bytes: negative, zero or positive. */
export function compareBytes(a: Bytes, b: Bytes): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const difference = a[at]! - b[at]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function concatBytes(...parts: readonly Bytes[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function readU16(bytes: Bytes, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

export function readU32(bytes: Bytes, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
}

export function readI32(bytes: Bytes, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** Unsigned 64-bit as a number: exact below 2^53, rounded above. */
export function readU64(bytes: Bytes, at: number): number {
  return readU32(bytes, at + 4) * 0x1_0000_0000 + readU32(bytes, at);
}

/** Signed 64-bit as a number: exact within ±2^53, rounded (with the right sign) beyond. */
export function readI64(bytes: Bytes, at: number): number {
  return readI32(bytes, at + 4) * 0x1_0000_0000 + readU32(bytes, at);
}

export function writeU16(bytes: Bytes, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

export function writeU32(bytes: Bytes, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Big-endian u32, for keys whose byte order must be their number order. */
export function writeU32BE(bytes: Bytes, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function readU32BE(bytes: Bytes, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  );
}

/** Writes an integer of 0 … 2^53-1. */
export function writeU64(bytes: Bytes, at: number, value: number): void {
  writeU32(bytes, at, value % 0x1_0000_0000);
  writeU32(bytes, at + 4, Math.floor(value / 0x1_0000_0000));
}
