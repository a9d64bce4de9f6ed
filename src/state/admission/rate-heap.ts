// Transactions by fee rate, the least first and equal ones in the order they came, in columns: a heap
// object for each of a full mempool would outlive every collection. One that has left stays until it
// is popped, so whoever asks looks whether it is still there.
import { keyOfUnits, TXID_UNITS, type Txid } from "./keys.ts";

const CAPACITY_MIN = 256;

export class RateHeap {
  /** Places in the columns, in heap order; behind `size` the free ones. */
  #heap = new Uint32Array(0);
  #rates = new Float64Array(0);
  #orders = new Float64Array(0);
  #units = new Uint16Array(0);
  #pushed = 0;
  size = 0;

  push(rate: number, txid: Txid): void {
    if (this.size === this.#heap.length) this.#grow();
    const place = this.#heap[this.size]!;
    this.#rates[place] = rate;
    this.#orders[place] = this.#pushed++;
    for (let unit = 0; unit < TXID_UNITS; unit++) {
      this.#units[place * TXID_UNITS + unit] = txid.charCodeAt(unit);
    }
    this.#rise(this.size++, place);
  }

  /** Removes and returns the txid with the least rate, or null when empty. */
  pop(): Txid | null {
    if (this.size === 0) return null;
    const heap = this.#heap;
    const top = heap[0]!;
    this.size--;
    const last = heap[this.size]!;
    heap[this.size] = top;
    if (this.size > 0) this.#sink(last);
    return keyOfUnits(this.#units, top * TXID_UNITS, TXID_UNITS);
  }

  #isBefore(a: number, b: number): boolean {
    const difference = this.#rates[a]! - this.#rates[b]!;
    return difference < 0 || (difference === 0 && this.#orders[a]! < this.#orders[b]!);
  }

  #rise(from: number, place: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(place, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = place;
  }

  #sink(place: number): void {
    const heap = this.#heap;
    let at = 0;
    for (let child = 1; child < this.size; child = at * 2 + 1) {
      if (child + 1 < this.size && this.#isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#isBefore(heap[child]!, place)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = place;
  }

  #grow(): void {
    const before = this.#heap.length;
    const capacity = Math.max(CAPACITY_MIN, before * 2);
    const heap = new Uint32Array(capacity);
    heap.set(this.#heap);
    for (let place = before; place < capacity; place++) heap[place] = place;
    const rates = new Float64Array(capacity);
    rates.set(this.#rates);
    const orders = new Float64Array(capacity);
    orders.set(this.#orders);
    const units = new Uint16Array(capacity * TXID_UNITS);
    units.set(this.#units);
    this.#heap = heap;
    this.#rates = rates;
    this.#orders = orders;
    this.#units = units;
  }
}
