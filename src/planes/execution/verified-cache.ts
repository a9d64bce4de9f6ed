// Hot: which transactions' scripts are known valid, shared by admission and connect. The key is 128
// bits of SipHash under private salts over wtxid and flags, so that nobody outside can aim at a
// slot; what is remembered is "all inputs of this wtxid passed under exactly these flags". Bounded:
// buckets of four, the oldest of a full bucket leaves.
import type { Bytes } from "../../base/bytes.ts";
import { siphash24Into } from "../../crypto/siphash.ts";

const WAYS = 4;
const KEY_WORDS = 4;
const MESSAGE_BYTES = 36;

export interface CacheStatistics {
  readonly hits: number;
  readonly misses: number;
  readonly memoryBytes: number;
}

export class VerifiedCache {
  readonly #entries: Uint32Array;
  readonly #next: Uint8Array;
  readonly #bucketMask: number;
  readonly #salts: readonly [Uint32Array, Uint32Array];
  readonly #message: Bytes = new Uint8Array(MESSAGE_BYTES);
  readonly #words = new Uint32Array(this.#message.buffer);
  readonly #key = new Uint32Array(KEY_WORDS);
  readonly #half = new Uint32Array(2);
  #empty = true;
  #hits = 0;
  #misses = 0;

  /** `salt`: 32 random bytes; `memoryBytes` bounds the table, rounded down to a power of two. */
  constructor(salt: Bytes, memoryBytes: number) {
    let buckets = 1;
    while (buckets * 2 * WAYS * KEY_WORDS * 4 <= memoryBytes) buckets *= 2;
    this.#entries = new Uint32Array(buckets * WAYS * KEY_WORDS);
    this.#next = new Uint8Array(buckets);
    this.#bucketMask = buckets - 1;
    const words = new Uint32Array(salt.slice().buffer);
    this.#salts = [words.slice(0, 4), words.slice(4, 8)];
  }

  #hash(wtxid: Bytes, flags: number): number {
    this.#message.set(wtxid, 0);
    this.#words[8] = flags;
    for (let half = 0; half < 2; half++) {
      siphash24Into(this.#salts[half as 0 | 1], this.#message, 0, MESSAGE_BYTES, this.#half);
      this.#key[half * 2] = this.#half[0]!;
      this.#key[half * 2 + 1] = this.#half[1]!;
    }
    // An all-zero entry is an empty one.
    if ((this.#key[0]! | this.#key[1]! | this.#key[2]! | this.#key[3]!) === 0) this.#key[0] = 1;
    return (this.#key[3]! & this.#bucketMask) * WAYS * KEY_WORDS;
  }

  #find(bucket: number): boolean {
    const { 0: a, 1: b, 2: c, 3: d } = this.#key;
    for (let at = bucket; at < bucket + WAYS * KEY_WORDS; at += KEY_WORDS) {
      const entries = this.#entries;
      if (entries[at] === a && entries[at + 1] === b) {
        if (entries[at + 2] === c && entries[at + 3] === d) return true;
      }
    }
    return false;
  }

  /** True when every script of the transaction has passed under these flags before. */
  has(wtxid: Bytes, flags: number): boolean {
    const found = !this.#empty && this.#find(this.#hash(wtxid, flags));
    if (found) this.#hits += 1;
    else this.#misses += 1;
    return found;
  }

  add(wtxid: Bytes, flags: number): void {
    const bucket = this.#hash(wtxid, flags);
    if (this.#find(bucket)) return;
    this.#empty = false;
    const number = bucket / (WAYS * KEY_WORDS);
    const way = this.#next[number]!;
    this.#next[number] = (way + 1) % WAYS;
    this.#entries.set(this.#key, bucket + way * KEY_WORDS);
  }

  get statistics(): CacheStatistics {
    return {
      hits: this.#hits,
      misses: this.#misses,
      memoryBytes: this.#entries.byteLength + this.#next.byteLength,
    };
  }
}
