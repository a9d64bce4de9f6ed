// The hashes of the ledger, synchronous. `xInto(out, at, ...)` writes, `x(...)` returns a new array.
// Short messages go to the WebAssembly kernel, long ones to node:crypto, which has a dear start but
// the processor's own SHA instructions; where one overtakes the other was measured (bench hash).
import { hash } from "node:crypto";
import type { Bytes } from "../base/bytes.ts";
import {
  SHORT_MAX,
  Sha256,
  shortHash160Into,
  shortHash256Into,
  shortSha256Into,
} from "./sha256.ts";

const KERNEL_SINGLE_MAX = 119;
const KERNEL_DOUBLE_MAX = 247;

function native(name: string, bytes: Bytes): Bytes {
  return hash(name, bytes, "buffer");
}

/** SHA-256 of `bytes[from, to)`, written at `out[at, at + 32)`. */
export function sha256Into(out: Bytes, at: number, bytes: Bytes, from: number, to: number): void {
  if (to - from <= KERNEL_SINGLE_MAX) shortSha256Into(out, at, bytes, from, to);
  else out.set(native("sha256", bytes.subarray(from, to)), at);
}

export function sha256(bytes: Bytes): Bytes {
  const out = new Uint8Array(32);
  sha256Into(out, 0, bytes, 0, bytes.length);
  return out;
}

/** Double SHA-256 of `bytes[from, to)`, written at `out[at, at + 32)`. */
export function hash256Into(out: Bytes, at: number, bytes: Bytes, from: number, to: number): void {
  if (to - from <= KERNEL_DOUBLE_MAX) shortHash256Into(out, at, bytes, from, to);
  else shortSha256Into(out, at, native("sha256", bytes.subarray(from, to)), 0, 32);
}

/** Double SHA-256. */
export function hash256(bytes: Bytes): Bytes {
  const out = new Uint8Array(32);
  hash256Into(out, 0, bytes, 0, bytes.length);
  return out;
}

let joined: Bytes = new Uint8Array(SHORT_MAX);

/** Double SHA-256 of three ranges of one buffer, as if they were one; written at `out[at, at + 32)`. */
export function hash256RangesInto(
  out: Bytes,
  at: number,
  bytes: Bytes,
  a: number,
  aEnd: number,
  b: number,
  bEnd: number,
  c: number,
  cEnd: number,
): void {
  const second = aEnd - a;
  const third = second + bEnd - b;
  const length = third + cEnd - c;
  if (length > joined.length) joined = new Uint8Array(length * 2);
  joined.set(bytes.subarray(a, aEnd), 0);
  joined.set(bytes.subarray(b, bEnd), second);
  joined.set(bytes.subarray(c, cEnd), third);
  hash256Into(out, at, joined, 0, length);
}

export function ripemd160(bytes: Bytes): Bytes {
  return new Uint8Array(native("ripemd160", bytes));
}

export function sha1(bytes: Bytes): Bytes {
  return new Uint8Array(native("sha1", bytes));
}

/** RIPEMD-160 of SHA-256 of `bytes[from, to)`, written at `out[at, at + 20)`. */
export function hash160Into(out: Bytes, at: number, bytes: Bytes, from: number, to: number): void {
  if (to - from <= KERNEL_DOUBLE_MAX) shortHash160Into(out, at, bytes, from, to);
  else out.set(native("ripemd160", native("sha256", bytes.subarray(from, to))), at);
}

/** RIPEMD-160 of SHA-256. */
export function hash160(bytes: Bytes): Bytes {
  const out = new Uint8Array(20);
  hash160Into(out, 0, bytes, 0, bytes.length);
  return out;
}

const tagged = new Map<string, Sha256>();

/** A BIP340 tagged hash that has taken its tag and waits for the message: copy it before feeding. */
export function taggedMidstate(tag: string): Sha256 {
  let state = tagged.get(tag);
  if (state === undefined) {
    const tagHash = sha256(new TextEncoder().encode(tag));
    state = new Sha256().update(tagHash).update(tagHash);
    tagged.set(tag, state);
  }
  return state;
}

const working = new Sha256();

/** BIP340 tagged hash of the concatenation of `parts`. */
export function taggedHash(tag: string, ...parts: readonly Bytes[]): Bytes {
  working.copyFrom(taggedMidstate(tag));
  for (const part of parts) working.update(part);
  return working.digest();
}
