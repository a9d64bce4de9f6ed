// Hot: twice or more for every transaction, about 50 ns, nothing allocated. Numbers by the hash of
// what they stand for; who asks compares what a number leads to, as many keys may share a hash. Open
// addressing in two typed columns, so that the garbage collector has nothing to look at.
import { assert } from "../../base/assert.ts";

const CAPACITY_MIN = 1 << 8;
/** It is made twice as large when it is fuller than this, half as large when it is emptier. */
const FULLEST = 0.7;
const EMPTIEST = 0.15;

export class NumberTable {
  /** A number plus one; 0 where there is none. */
  #numbers = new Uint32Array(CAPACITY_MIN);
  /** Beside it a second figure of who asks. */
  #details = new Uint32Array(CAPACITY_MIN);
  #hashes = new Uint32Array(CAPACITY_MIN);
  #mask: number = CAPACITY_MIN - 1;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get capacity(): number {
    return this.#numbers.length;
  }

  get memoryBytes(): number {
    return this.#numbers.length * 12;
  }

  /** The first place with this hash, or -1. */
  first(hash: number): number {
    return this.#from(hash & this.#mask, hash);
  }

  /** The next place with the hash of `place`, or -1. */
  next(place: number): number {
    return this.#from((place + 1) & this.#mask, this.#hashes[place]!);
  }

  #from(start: number, hash: number): number {
    for (let place = start; this.#numbers[place] !== 0; place = (place + 1) & this.#mask) {
      if (this.#hashes[place] === hash) return place;
    }
    return -1;
  }

  number(place: number): number {
    return this.#numbers[place]! - 1;
  }

  detail(place: number): number {
    return this.#details[place]!;
  }

  /** `hash`: an unsigned 32-bit integer. */
  add(hash: number, number: number, detail = 0): void {
    if (this.#count >= this.#numbers.length * FULLEST) this.#resize(this.#numbers.length * 2);
    this.#put(hash, number + 1, detail);
    this.#count++;
  }

  #put(hash: number, stored: number, detail: number): void {
    let place = hash & this.#mask;
    while (this.#numbers[place] !== 0) place = (place + 1) & this.#mask;
    this.#numbers[place] = stored;
    this.#details[place] = detail;
    this.#hashes[place] = hash;
  }

  replace(place: number, number: number, detail = 0): void {
    this.#numbers[place] = number + 1;
    this.#details[place] = detail;
  }

  /** Those behind it move up, so that no chain is broken; places found before are void. */
  removeAt(place: number): void {
    assert(this.#numbers[place] !== 0, "only what is there is removed");
    const [numbers, details, hashes, mask] = [
      this.#numbers,
      this.#details,
      this.#hashes,
      this.#mask,
    ];
    let hole = place;
    for (let at = (hole + 1) & mask; numbers[at] !== 0; at = (at + 1) & mask) {
      // It may move to the hole unless its own place lies between the two.
      if (((at - hashes[at]!) & mask) < ((at - hole) & mask)) continue;
      numbers[hole] = numbers[at]!;
      details[hole] = details[at]!;
      hashes[hole] = hashes[at]!;
      hole = at;
    }
    numbers[hole] = 0;
    this.#count--;
    const half = numbers.length / 2;
    if (half >= CAPACITY_MIN && this.#count < numbers.length * EMPTIEST) this.#resize(half);
  }

  #resize(capacity: number): void {
    const [numbers, details, hashes] = [this.#numbers, this.#details, this.#hashes];
    this.#numbers = new Uint32Array(capacity);
    this.#details = new Uint32Array(capacity);
    this.#hashes = new Uint32Array(capacity);
    this.#mask = capacity - 1;
    for (let place = 0; place < numbers.length; place++) {
      if (numbers[place] !== 0) this.#put(hashes[place]!, numbers[place]!, details[place]!);
    }
  }
}
