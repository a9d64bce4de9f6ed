// The numbers of script: little-endian, sign in the top bit of the last byte, nothing for zero.
// Operands have at most four bytes (five for lock times), results may have five, so doubles hold
// them exactly. Rule: Bitcoin Core's CScriptNum (script/script.h).
import type { Bytes } from "../../../base/bytes.ts";

const EMPTY: Bytes = new Uint8Array(0);

/** The 256 items of one byte: most items of most scripts, so they are made once. */
const SINGLE: readonly Bytes[] = Array.from({ length: 256 }, (_, value) => new Uint8Array([value]));

/** The item that stands for false and for zero. */
export const FALSE: Bytes = EMPTY;

/** The item that stands for true and for one. */
export const TRUE: Bytes = SINGLE[1]!;

/** The item that holds the one byte `value`. Items are never changed, so it may be shared. */
export function singleByte(value: number): Bytes {
  return SINGLE[value]!;
}

/** True for an encoding with a byte too many, as MINIMALDATA forbids. */
function hasExcess(item: Bytes): boolean {
  const length = item.length;
  if (length === 0 || (item[length - 1]! & 0x7f) !== 0) return false;
  return length === 1 || (item[length - 2]! & 0x80) === 0;
}

/** The number in `item`; NaN when it is too long, or longer than needed where that matters. */
export function readScriptNumber(item: Bytes, minimal: boolean, bytesMax: number): number {
  const length = item.length;
  if (length > bytesMax) return Number.NaN;
  if (length === 0) return 0;
  if (minimal && hasExcess(item)) return Number.NaN;
  let magnitude = item[length - 1]! & 0x7f;
  for (let at = length - 2; at >= 0; at--) magnitude = magnitude * 256 + item[at]!;
  return (item[length - 1]! & 0x80) === 0 ? magnitude : 0 - magnitude;
}

/** The shortest item that holds `value`, a whole number within ±2^53. */
export function scriptNumber(value: number): Bytes {
  if (value === 0) return EMPTY;
  const negative = value < 0;
  let rest = negative ? -value : value;
  if (rest < 0x80) return SINGLE[negative ? rest | 0x80 : rest]!;
  const bytes: number[] = [];
  for (; rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256);
  const last = bytes.length - 1;
  if (bytes[last]! >= 0x80) bytes.push(negative ? 0x80 : 0);
  else if (negative) bytes[last]! |= 0x80;
  return Uint8Array.from(bytes);
}

/** Whether an item counts as true: any bit set, but for the sign of a zero. */
export function isTrue(item: Bytes): boolean {
  const last = item.length - 1;
  for (let at = 0; at <= last; at++) {
    if (item[at] !== 0) return at !== last || item[at] !== 0x80;
  }
  return false;
}
