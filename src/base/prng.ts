// A small seeded generator for everything that must be the same on every machine: sfc32 (Chris
// Doty-Humphrey's small fast counter, a public-domain design). Not for secrets. The caller brings
// twelve bytes of seed or more, usually a hash.
import { assert } from "./assert.ts";
import { type Bytes, readU32 } from "./bytes.ts";

const TWO_32 = 0x1_0000_0000;
/** Rounds that mix the seed before the first word is used. */
const WARM_UP_ROUNDS = 15;

export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Only the first twelve bytes count. */
  constructor(seed: Bytes) {
    assert(seed.length >= 12, "a seed has at least twelve bytes");
    this.#a = readU32(seed, 0) | 0;
    this.#b = readU32(seed, 4) | 0;
    this.#c = readU32(seed, 8) | 0;
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.u32();
  }

  /** The next word, 0 … 2^32-1. */
  u32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A whole number below `bound` (at most 2^32), each as likely as another. */
  below(bound: number): number {
    assert(Number.isInteger(bound) && bound >= 1 && bound <= TWO_32, "1 <= bound <= 2^32");
    const limit = TWO_32 - (TWO_32 % bound);
    for (;;) {
      const word = this.u32();
      if (word < limit) return word % bound;
    }
  }

  /** One of `items`, which are not empty. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** `length` random bytes. */
  bytes(length: number): Bytes {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at++) bytes[at] = this.u32() >>> 24;
    return bytes;
  }

  /** Puts `items` in random order, in place. */
  shuffle<T>(items: T[]): void {
    for (let at = items.length - 1; at > 0; at--) {
      const other = this.below(at + 1);
      const item = items[at]!;
      items[at] = items[other]!;
      items[other] = item;
    }
  }
}
