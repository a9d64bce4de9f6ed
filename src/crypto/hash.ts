// The hashes of the ledger, synchronous. `xInto(out, at, ...)` writes, `x(...)` returns a new array.
import { createHash, hash } from "node:crypto";
import type { Bytes } from "../base/bytes.ts";

function digest(name: string, bytes: Bytes): Bytes {
  return hash(name, bytes, "buffer");
}

export function sha256(bytes: Bytes): Bytes {
  return new Uint8Array(digest("sha256", bytes));
}

/** Double SHA-256. */
export function hash256(bytes: Bytes): Bytes {
  return new Uint8Array(digest("sha256", digest("sha256", bytes)));
}

/** Double SHA-256 of `bytes[from, to)`, written at `out[at, at + 32)`. */
export function hash256Into(out: Bytes, at: number, bytes: Bytes, from: number, to: number): void {
  out.set(hash256(bytes.subarray(from, to)), at);
}

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
  const inner = createHash("sha256");
  inner.update(bytes.subarray(a, aEnd));
  inner.update(bytes.subarray(b, bEnd));
  inner.update(bytes.subarray(c, cEnd));
  out.set(digest("sha256", inner.digest()), at);
}

export function ripemd160(bytes: Bytes): Bytes {
  return new Uint8Array(digest("ripemd160", bytes));
}

export function sha1(bytes: Bytes): Bytes {
  return new Uint8Array(digest("sha1", bytes));
}

/** RIPEMD-160 of SHA-256. */
export function hash160(bytes: Bytes): Bytes {
  return ripemd160(sha256(bytes));
}

const tagged = new Map<string, Bytes>();

/** BIP340 tagged hash of the concatenation of `parts`. */
export function taggedHash(tag: string, ...parts: readonly Bytes[]): Bytes {
  let tagHash = tagged.get(tag);
  if (tagHash === undefined) {
    tagHash = sha256(new TextEncoder().encode(tag));
    tagged.set(tag, tagHash);
  }
  const state = createHash("sha256").update(tagHash).update(tagHash);
  for (const part of parts) state.update(part);
  return new Uint8Array(state.digest());
}
