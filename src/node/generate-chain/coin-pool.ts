// The coins that a generated chain can still spend, in columns, so that millions of them stay
// small. Taking one picks any of them, as a network would, and not the newest or the oldest.
import { assert } from "../../base/assert.ts";
import type { Bytes } from "../../base/bytes.ts";
import type { Prng } from "../../base/prng.ts";
import type { OwnedCoin } from "./build-transaction.ts";
import { type Key, OUTPUT_KINDS } from "./keys.ts";

const TXID_BYTES = 32;

export class CoinPool {
  count = 0;
  readonly #keys: readonly Key[];
  readonly #txids: Bytes;
  readonly #indexes: Uint32Array;
  readonly #values: Float64Array;
  readonly #heights: Uint32Array;
  readonly #kinds: Uint8Array;
  readonly #keyIndexes: Uint16Array;
  readonly #keyIndex: ReadonlyMap<Key, number>;

  constructor(capacity: number, keys: readonly Key[]) {
    this.#keys = keys;
    this.#keyIndex = new Map(keys.map((key, index) => [key, index]));
    this.#txids = new Uint8Array(capacity * TXID_BYTES);
    this.#indexes = new Uint32Array(capacity);
    this.#values = new Float64Array(capacity);
    this.#heights = new Uint32Array(capacity);
    this.#kinds = new Uint8Array(capacity);
    this.#keyIndexes = new Uint16Array(capacity);
  }

  add(coin: OwnedCoin): void {
    const at = this.count++;
    const keyIndex = this.#keyIndex.get(coin.key);
    assert(at < this.#indexes.length && keyIndex !== undefined, "the pool has room and the key");
    this.#txids.set(coin.txid, at * TXID_BYTES);
    this.#indexes[at] = coin.index;
    this.#values[at] = coin.value;
    this.#heights[at] = coin.height;
    this.#kinds[at] = OUTPUT_KINDS.indexOf(coin.kind);
    this.#keyIndexes[at] = keyIndex;
  }

  /** Takes any coin out of the pool. */
  take(prng: Prng): OwnedCoin {
    assert(this.count > 0, "the pool holds enough coins");
    const at = prng.below(this.count);
    const coin = this.#read(at);
    this.#move(--this.count, at);
    return coin;
  }

  #read(at: number): OwnedCoin {
    const kind = OUTPUT_KINDS[this.#kinds[at]!]!;
    const key = this.#keys[this.#keyIndexes[at]!]!;
    return {
      txid: this.#txids.slice(at * TXID_BYTES, (at + 1) * TXID_BYTES),
      index: this.#indexes[at]!,
      value: this.#values[at]!,
      height: this.#heights[at]!,
      coinbase: false,
      script: key.scripts[kind],
      kind,
      key,
    };
  }

  #move(from: number, to: number): void {
    this.#txids.copyWithin(to * TXID_BYTES, from * TXID_BYTES, (from + 1) * TXID_BYTES);
    for (const column of [
      this.#indexes,
      this.#values,
      this.#heights,
      this.#kinds,
      this.#keyIndexes,
    ]) {
      column[to] = column[from]!;
    }
  }
}
