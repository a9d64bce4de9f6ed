// Hot: which transactions' scripts are known valid, shared by admission and connect. The key is 128
// bits of SipHash under private salts over wtxid and flags, so that nobody outside can aim at a
// slot; what is remembered is "all inputs of this wtxid passed under exactly these flags". Bounded:
// buckets of four, the oldest of a full bucket leaves.
import type { Bytes } from "../../base/bytes.ts";
import { siphash24Into } from "../../crypto/siphash.ts";

const WAYS = 4;
export const VERIFIED_KEY_WORDS = 4;
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
  readonly #key = new Uint32Array(VERIFIED_KEY_WORDS);
  readonly #half = new Uint32Array(2);
  #empty = true;
  #hits = 0;
  #misses = 0;

  /** `salt`: 32 random bytes; `memoryBytes` bounds the table, rounded down to a power of two. */
  constructor(salt: Bytes, memoryBytes: number) {
    let buckets = 1;
    while (buckets * 2 * WAYS * VERIFIED_KEY_WORDS * 4 <= memoryBytes) buckets *= 2;
    this.#entries = new Uint32Array(buckets * WAYS * VERIFIED_KEY_WORDS);
    this.#next = new Uint8Array(buckets);
    this.#bucketMask = buckets - 1;
    const words = new Uint32Array(salt.slice().buffer);
    this.#salts = [words.slice(0, 4), words.slice(4, 8)];
  }

  /** True until something was added: nothing can be found. */
  get isEmpty(): boolean {
    return this.#empty;
  }

  /** Writes the key of wtxid and flags, VERIFIED_KEY_WORDS words, at `keys[at]`. */
  writeKey(keys: Uint32Array, at: number, wtxid: Bytes, flags: number): void {
    this.#message.set(wtxid, 0);
    this.#words[8] = flags;
    for (let half = 0; half < 2; half++) {
      siphash24Into(this.#salts[half as 0 | 1], this.#message, 0, MESSAGE_BYTES, this.#half);
      keys[at + half * 2] = this.#half[0]!;
      keys[at + half * 2 + 1] = this.#half[1]!;
    }
    // An all-zero entry is an empty one.
    if ((keys[at]! | keys[at + 1]! | keys[at + 2]! | keys[at + 3]!) === 0) keys[at] = 1;
  }

  #bucket(keys: Uint32Array, at: number): number {
    return (keys[at + 3]! & this.#bucketMask) * WAYS * VERIFIED_KEY_WORDS;
  }

  #holds(bucket: number, keys: Uint32Array, from: number): boolean {
    const entries = this.#entries;
    for (let at = bucket; at < bucket + WAYS * VERIFIED_KEY_WORDS; at += VERIFIED_KEY_WORDS) {
      if (entries[at] !== keys[from] || entries[at + 1] !== keys[from + 1]) continue;
      if (entries[at + 2] === keys[from + 2] && entries[at + 3] === keys[from + 3]) return true;
    }
    return false;
  }

  /** True when every script of the transaction has passed under these flags before. */
  has(wtxid: Bytes, flags: number): boolean {
    if (!this.#empty) this.writeKey(this.#key, 0, wtxid, flags);
    return this.hasKey(this.#key, 0);
  }

  /** The same for a key at `keys[at]`. */
  hasKey(keys: Uint32Array, at: number): boolean {
    const found = !this.#empty && this.#holds(this.#bucket(keys, at), keys, at);
    if (found) this.#hits += 1;
    else this.#misses += 1;
    return found;
  }

  add(wtxid: Bytes, flags: number): void {
    this.writeKey(this.#key, 0, wtxid, flags);
    this.addKey(this.#key, 0);
  }

  addKey(keys: Uint32Array, at: number): void {
    const bucket = this.#bucket(keys, at);
    if (this.#holds(bucket, keys, at)) return;
    this.#empty = false;
    const number = bucket / (WAYS * VERIFIED_KEY_WORDS);
    const way = this.#next[number]!;
    this.#next[number] = (way + 1) % WAYS;
    const entry = bucket + way * VERIFIED_KEY_WORDS;
    for (let word = 0; word < VERIFIED_KEY_WORDS; word++) {
      this.#entries[entry + word] = keys[at + word]!;
    }
  }

  get statistics(): CacheStatistics {
    return {
      hits: this.#hits,
      misses: this.#misses,
      memoryBytes: this.#entries.byteLength + this.#next.byteLength,
    };
  }
}
