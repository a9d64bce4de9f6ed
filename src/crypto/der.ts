// The lax DER reader of consensus: old blocks hold signatures that no strict reader accepts, and
// BIP66 only forbids them later. Follows ecdsa_signature_parse_der_lax of Bitcoin Core's pubkey.cpp,
// including that a number too large makes the zero signature, which then fails.
import type { Bytes } from "../base/bytes.ts";
import { hex } from "../base/bytes.ts";

const ORDER = hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
/** n / 2, rounded up: the least high s. */
const HALF_ORDER = hex("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1");

/** Where the last integer read ends; its first byte is `start`. */
let start = 0;

/** Reads one integer's tag and length at `at`; sets `start` and returns its end, or -1. */
function readInteger(bytes: Bytes, at: number, to: number): number {
  if (at >= to || bytes[at] !== 0x02 || at + 1 >= to) return -1;
  let length = bytes[at + 1]!;
  start = at + 2;
  if (length >= 0x80) {
    let lengthBytes = length - 0x80;
    if (lengthBytes > to - start) return -1;
    for (; lengthBytes > 0 && bytes[start] === 0; lengthBytes--) start++;
    if (lengthBytes >= 4) return -1;
    length = 0;
    for (; lengthBytes > 0; lengthBytes--) length = length * 256 + bytes[start++]!;
  }
  return length > to - start ? -1 : start + length;
}

/** True when 32 big-endian bytes at `at` are less than `bound`. */
function below(bytes: Bytes, at: number, bound: Bytes): boolean {
  for (let byte = 0; byte < 32; byte++) {
    const difference = bytes[at + byte]! - bound[byte]!;
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** Writes `bytes[from, end)` right-aligned into 32 bytes of `out`; false when it is n or more. */
function place(out: Bytes, at: number, bytes: Bytes, from: number, end: number): boolean {
  let first = from;
  while (first < end && bytes[first] === 0) first++;
  const length = end - first;
  if (length > 32) return false;
  const to = at + 32 - length;
  for (let byte = at; byte < to; byte++) out[byte] = 0;
  for (let byte = 0; byte < length; byte++) out[to + byte] = bytes[first + byte]!;
  // The order begins with 0xff: mostly the first byte says it.
  return length < 32 || out[at] !== 0xff || below(out, at, ORDER);
}

/** Reads the signature `bytes[from, to)` into 64 bytes r‖s of `out`; false when even the lax form is broken. */
export function parseDerLaxInto(out: Bytes, bytes: Bytes, from: number, to: number): boolean {
  if (to - from < 2 || bytes[from] !== 0x30) return false;
  let at = from + 2;
  const sequence = bytes[from + 1]!;
  if (sequence >= 0x80) {
    if (sequence - 0x80 > to - at) return false;
    at += sequence - 0x80;
  }
  const rEnd = readInteger(bytes, at, to);
  if (rEnd < 0) return false;
  const rStart = start;
  const sEnd = readInteger(bytes, rEnd, to);
  if (sEnd < 0) return false;
  if (!place(out, 0, bytes, rStart, rEnd) || !place(out, 32, bytes, start, sEnd))
    out.fill(0, 0, 64);
  return true;
}

/** The compact form of a DER signature, or null when even the lax form is broken. */
export function parseDerLax(bytes: Bytes): Bytes | null {
  const compact = new Uint8Array(64);
  return parseDerLaxInto(compact, bytes, 0, bytes.length) ? compact : null;
}

/** True when s of a compact signature is at most half the order (policy, BIP62 rule 5). */
export function isLowS(compact: Bytes): boolean {
  return below(compact, 32, HALF_ORDER);
}
