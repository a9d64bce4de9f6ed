// MurmurHash3 x86-32 (Austin Appleby): bloom filters, sampling, and placement where the operator
// chose it. Not keyed against an adversary; siphash.ts is.
import { type Bytes, readU32 } from "../base/bytes.ts";

function scramble(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

/** The hash of `bytes[from, to)` as an unsigned 32-bit number. */
export function murmur3(seed: number, bytes: Bytes, from = 0, to: number = bytes.length): number {
  let hash = seed | 0;
  let at = from;
  for (; at + 4 <= to; at += 4) {
    hash ^= scramble(readU32(bytes, at));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let byte = to - 1; byte >= at; byte--) tail = (tail << 8) | bytes[byte]!;
  hash ^= scramble(tail) ^ (to - from);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
