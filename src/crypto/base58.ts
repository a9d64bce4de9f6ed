// Base58 and Base58Check, the text form of old addresses and of keys. Not for long inputs: the work
// grows with the square of the length, so decoding takes a bound.
import { type Bytes, bytesEqual, concatBytes } from "../base/bytes.ts";
import { hash256 } from "./hash.ts";

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const VALUES = new Map([...ALPHABET].map((letter, value) => [letter, value]));

/** digits = digits · from + carry, in base `to`, least digit first. */
function accumulate(digits: number[], from: number, to: number, add: number): void {
  let carry = add;
  for (let at = 0; at < digits.length; at++) {
    carry += digits[at]! * from;
    digits[at] = carry % to;
    carry = Math.floor(carry / to);
  }
  for (; carry > 0; carry = Math.floor(carry / to)) digits.push(carry % to);
}

export function base58Encode(bytes: Bytes): string {
  let zeroes = 0;
  while (zeroes < bytes.length && bytes[zeroes] === 0) zeroes++;
  const digits: number[] = [];
  for (const byte of bytes) accumulate(digits, 256, 58, byte);
  return (
    "1".repeat(zeroes) +
    digits
      .map((digit) => ALPHABET[digit])
      .reverse()
      .join("")
  );
}

/** The bytes that `text` spells, or null when it has a foreign letter or gives more than `bytesMax`. */
export function base58Decode(text: string, bytesMax = 128): Bytes | null {
  let zeroes = 0;
  while (text[zeroes] === "1") zeroes++;
  // A letter holds at least 0.73 bytes.
  if (zeroes > bytesMax || (text.length - zeroes) * 0.73 > bytesMax + 1) return null;
  const digits: number[] = [];
  for (const letter of text.slice(zeroes)) {
    const value = VALUES.get(letter);
    if (value === undefined) return null;
    accumulate(digits, 58, 256, value);
  }
  if (zeroes + digits.length > bytesMax) return null;
  return Uint8Array.from([...new Array<number>(zeroes).fill(0), ...digits.reverse()]);
}

export function base58CheckEncode(payload: Bytes): string {
  return base58Encode(concatBytes(payload, hash256(payload).subarray(0, 4)));
}

/** The payload, or null when the text or its checksum is wrong. */
export function base58CheckDecode(text: string, bytesMax = 128): Bytes | null {
  const bytes = base58Decode(text, bytesMax + 4);
  if (bytes === null || bytes.length < 4) return null;
  const payload = bytes.slice(0, bytes.length - 4);
  return bytesEqual(hash256(payload).subarray(0, 4), bytes.subarray(payload.length))
    ? payload
    : null;
}
