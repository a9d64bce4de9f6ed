// When a journal has grown enough, each partition in turn is written out in full, one between two
// flushes, and the epoch after them; when all of that is durable, what lies before it goes.
import type { Journal } from "./journal.ts";
import type { NodeStore } from "./node-store.ts";

/** The journal is rewritten when it has grown by so much, and by so many times what is held. */
export const REWRITE_BYTES_MIN: number = 64 * 1024 * 1024;
const REWRITE_FACTOR = 1;

export class Rewriting {
  readonly #journal: Journal;
  readonly #stores: ReadonlyMap<number, NodeStore>;
  readonly #epoch: number;
  readonly #bytesMin: number;
  /** Partitions still to be written in this round; null: there is none. */
  #left: number[] | null = null;
  #isEpochWritten = false;

  constructor(
    journal: Journal,
    stores: ReadonlyMap<number, NodeStore>,
    epoch: number,
    bytesMin: number,
  ) {
    this.#journal = journal;
    this.#stores = stores;
    this.#epoch = epoch;
    this.#bytesMin = bytesMin;
  }

  get isUnderWay(): boolean {
    return this.#left !== null;
  }

  /** The next step of a round, if one is under way or due. Throws what the journal throws. */
  goOn(): void {
    if (this.#left === null) {
      let held = 0;
      for (const store of this.#stores.values()) held += store.bytes;
      if (this.#journal.grownBytes < Math.max(this.#bytesMin, held * REWRITE_FACTOR)) return;
      this.#journal.roundBegins();
      this.#left = [...this.#stores.keys()];
      this.#isEpochWritten = false;
    }
    const next = this.#left.pop();
    if (next !== undefined) {
      this.#journal.append();
      this.#journal.snapshot(next, this.#stores.get(next)!);
      return;
    }
    if (!this.#isEpochWritten) {
      this.#journal.opened(this.#epoch);
      this.#isEpochWritten = true;
      return;
    }
    this.#left = null;
    this.#journal.dropOld([...this.#stores.keys()]);
  }
}
