// Hot: asked for every transaction and every peer. A set of hashes that forgets the older half when it
// is full: two generations of open-addressed fingerprints of 32 bits, 4 to 8 bytes an id instead of
// the 120 of a text in a Set. Two ids count as one with a chance of some in a thousand million; the
// peer whose set it is can make such pairs, and is then not told of one of them.
import { type Bytes, readU32 } from "../../base/bytes.ts";

const SLOTS_FIRST = 256;

class Generation {
  count = 0;
  #slots = new Uint32Array(SLOTS_FIRST);

  has(slot: number, print: number): boolean {
    const mask = this.#slots.length - 1;
    for (let at = slot & mask; this.#slots[at] !== 0; at = (at + 1) & mask) {
      if (this.#slots[at] === print) return true;
    }
    return false;
  }

  /** `slot` must follow from `print`, so that a fuller table can be filled again. */
  add(print: number): void {
    if (this.count * 2 >= this.#slots.length) this.#grow();
    this.#put(print);
    this.count += 1;
  }

  #put(print: number): void {
    const mask = this.#slots.length - 1;
    let at = slotOf(print) & mask;
    while (this.#slots[at] !== 0) at = (at + 1) & mask;
    this.#slots[at] = print;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(before.length * 2);
    for (const print of before) if (print !== 0) this.#put(print);
  }

  get bytes(): number {
    return this.#slots.length * 4;
  }
}

/** Zero marks an empty slot. */
function printOf(hash: Bytes): number {
  return readU32(hash, 0) || 1;
}

/** Spreads fingerprints whose low bits are alike (Knuth's multiplicative hash). */
function slotOf(print: number): number {
  return Math.imul(print, 0x9e3779b1) >>> 8;
}

export class RecentIds {
  readonly #half: number;
  #young = new Generation();
  #old = new Generation();

  constructor(most: number) {
    this.#half = Math.max(1, Math.floor(most / 2));
  }

  get size(): number {
    return this.#young.count + this.#old.count;
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#young.bytes + this.#old.bytes;
  }

  has(hash: Bytes): boolean {
    const print = printOf(hash);
    const slot = slotOf(print);
    return this.#young.has(slot, print) || this.#old.has(slot, print);
  }

  /** Adds it; false when it was there. */
  add(hash: Bytes): boolean {
    if (this.has(hash)) return false;
    if (this.#young.count >= this.#half) {
      this.#old = this.#young;
      this.#young = new Generation();
    }
    this.#young.add(printOf(hash));
    return true;
  }
}
