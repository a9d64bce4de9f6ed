// Hot: objects by txid, in the order they were put, for what comes and goes with every transaction.
// A Map that is outgrown points to the next one: once such a table is old, everything that any later
// one ever held survives until the old space is collected. Here a place is emptied when its object
// goes, and used again, so nothing dead points to anything.
import { hashKey } from "./key-table.ts";
import { TXID_UNITS, type Txid } from "./keys.ts";

const CAPACITY_MIN = 64;
const NONE = -1;

export class TxidMap<Value extends object> {
  readonly #salt: Uint32Array;
  #keys: (Txid | null)[] = [];
  #values: (Value | null)[] = [];
  #hashes = new Uint32Array(CAPACITY_MIN);
  /** Slot -> place + 1, or 0; twice as many slots as places. */
  #slots = new Uint32Array(CAPACITY_MIN * 2);
  /** Order of the places taken; the free ones are a list by `next`. */
  #next = new Int32Array(CAPACITY_MIN);
  #previous = new Int32Array(CAPACITY_MIN);
  #first = NONE;
  #last = NONE;
  #free = NONE;
  size = 0;

  constructor(salt: Uint32Array) {
    this.#salt = salt;
    this.#addPlaces(0, CAPACITY_MIN);
  }

  get(key: Txid): Value | undefined {
    const stored = this.#slots[this.#slotOf(key, hashKey(key, TXID_UNITS, this.#salt))]!;
    return stored === 0 ? undefined : this.#values[stored - 1]!;
  }

  has(key: Txid): boolean {
    return this.#slots[this.#slotOf(key, hashKey(key, TXID_UNITS, this.#salt))] !== 0;
  }

  /** The value that has been here longest. */
  first(): Value | null {
    return this.#first === NONE ? null : this.#values[this.#first]!;
  }

  /** Puts a value; one that is there already keeps its place in the order. */
  set(key: Txid, value: Value): void {
    const hash = hashKey(key, TXID_UNITS, this.#salt);
    const stored = this.#slots[this.#slotOf(key, hash)]!;
    if (stored !== 0) {
      this.#values[stored - 1] = value;
      return;
    }
    if (this.#free === NONE) this.#grow();
    const place = this.#free;
    this.#free = this.#next[place]!;
    this.#keys[place] = key;
    this.#values[place] = value;
    this.#hashes[place] = hash;
    this.#next[place] = NONE;
    this.#previous[place] = this.#last;
    if (this.#last === NONE) this.#first = place;
    else this.#next[this.#last] = place;
    this.#last = place;
    this.#slots[this.#slotOf(key, hash)] = place + 1;
    this.size++;
  }

  delete(key: Txid): boolean {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = this.#slotOf(key, hashKey(key, TXID_UNITS, this.#salt));
    const place = slots[hole]! - 1;
    if (place < 0) return false;
    for (let slot = (hole + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#hashes[slots[slot]! - 1]! & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      slots[hole] = slots[slot]!;
      hole = slot;
    }
    slots[hole] = 0;
    this.#keys[place] = null;
    this.#values[place] = null;
    const next = this.#next[place]!;
    const previous = this.#previous[place]!;
    if (previous === NONE) this.#first = next;
    else this.#next[previous] = next;
    if (next === NONE) this.#last = previous;
    else this.#previous[next] = previous;
    this.#next[place] = this.#free;
    this.#free = place;
    this.size--;
    return true;
  }

  /** The values of now, in order. */
  values(): Value[] {
    const values: Value[] = [];
    for (let place = this.#first; place !== NONE; place = this.#next[place]!) {
      values.push(this.#values[place]!);
    }
    return values;
  }

  #slotOf(key: Txid, hash: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const place = slots[slot]! - 1;
      if (place < 0 || (this.#hashes[place] === hash && this.#keys[place] === key)) return slot;
    }
  }

  #addPlaces(from: number, to: number): void {
    for (let place = from; place < to; place++) {
      this.#keys.push(null);
      this.#values.push(null);
      this.#next[place] = place + 1 < to ? place + 1 : NONE;
    }
    this.#free = from;
  }

  #grow(): void {
    const before = this.#hashes.length;
    const capacity = before * 2;
    const hashes = new Uint32Array(capacity);
    hashes.set(this.#hashes);
    const next = new Int32Array(capacity);
    next.set(this.#next);
    const previous = new Int32Array(capacity);
    previous.set(this.#previous);
    this.#hashes = hashes;
    this.#next = next;
    this.#previous = previous;
    this.#slots = new Uint32Array(capacity * 2);
    const mask = this.#slots.length - 1;
    for (let place = 0; place < before; place++) {
      let slot = hashes[place]! & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = place + 1;
    }
    this.#addPlaces(before, capacity);
  }
}
