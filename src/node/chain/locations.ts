// Where records of blocks lie, by block number, in columns: twelve bytes a block instead of an
// object, since there is an entry for every block of the chain.
import type { Location } from "../../engines/files/frame.ts";
import type { BlockId } from "../../planes/consensus/work/block-index.ts";

const COLUMNS = 3;
/** No record has this length. */
const ABSENT = 0xffffffff;

export class Locations {
  #words: Uint32Array = new Uint32Array(1024 * COLUMNS).fill(ABSENT);

  has(id: BlockId): boolean {
    return this.get(id) !== null;
  }

  get(id: BlockId): Location | null {
    const at = id * COLUMNS;
    const length = this.#words[at + 2] ?? ABSENT;
    if (length === ABSENT) return null;
    return { file: this.#words[at]!, offset: this.#words[at + 1]!, length };
  }

  delete(id: BlockId): void {
    if (this.has(id)) this.#words[id * COLUMNS + 2] = ABSENT;
  }

  set(id: BlockId, { file, offset, length }: Location): void {
    const at = id * COLUMNS;
    if (at + COLUMNS > this.#words.length) {
      const grown = new Uint32Array(Math.max(this.#words.length * 2, at + COLUMNS)).fill(ABSENT);
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words[at] = file;
    this.#words[at + 1] = offset;
    this.#words[at + 2] = length;
  }
}
