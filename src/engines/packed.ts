// Gathers the values of packed keys into columns: one growing buffer instead of an object per value.
import type { Bytes } from "../base/bytes.ts";
import type { PackedValues } from "../ports/store.ts";

export class PackedBuilder {
  readonly #starts: Uint32Array;
  readonly #lengths: Int32Array;
  #data: Bytes;
  #used = 0;

  constructor(count: number) {
    this.#starts = new Uint32Array(count);
    this.#lengths = new Int32Array(count).fill(-1);
    this.#data = new Uint8Array(Math.max(count * 64, 1024));
  }

  /** Copies `length` bytes of `source` as value `index`. */
  set(index: number, source: Bytes, length: number): void {
    if (this.#used + length > this.#data.length) {
      const grown = new Uint8Array(Math.max(this.#data.length * 2, this.#used + length));
      grown.set(this.#data.subarray(0, this.#used));
      this.#data = grown;
    }
    this.#starts[index] = this.#used;
    this.#lengths[index] = length;
    const data = this.#data;
    const start = this.#used;
    if (length <= 64) for (let at = 0; at < length; at++) data[start + at] = source[at]!;
    else data.set(source.subarray(0, length), start);
    this.#used += length;
  }

  result(): PackedValues {
    const data = this.#data.subarray(0, this.#used);
    return { data, starts: this.#starts, lengths: this.#lengths };
  }
}
