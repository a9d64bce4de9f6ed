// Hot: the in-memory overlay of a partition's coins (about 0.3 us per create or spend, no allocation
// per coin). It sits over a store: an entry says whether the store knows the coin and whether the
// store must be told, so that a coin that is made and spent between two flushes never reaches it.
// Open addressing over a keyed hash; entries live in a slab of 256 KiB chunks, free lists by size.
import { assert } from "../base/assert.ts";
import type { Bytes } from "../base/bytes.ts";
import { mix32 } from "../base/mix.ts";

// Entry, in 32-bit words (native order: it never leaves the process):
//   0..7 txid | 8 output index | 9 code = height * 2 + coinbase | 10, 11 value low, high
//   12 flags | 13 position of the creating transaction in its block | 14 script bytes | 15.. script
export const WORD_INDEX = 8;
export const WORD_CODE = 9;
export const WORD_VALUE = 10;
export const WORD_FLAGS = 12;
export const WORD_POSITION = 13;
export const WORD_SCRIPT_BYTES = 14;
export const WORD_SCRIPT = 15;

/** The store holds a record under this outpoint. */
export const IN_STORE = 1;
/** The store must be told: a put, or a delete when the entry is a tombstone. */
export const DIRTY = 2;
/** A tombstone: spent here, but the store still holds the coin. */
export const DELETED = 4;
/** Made and spent by the block being staged; freed when its staging ends. */
export const SPENT_IN_BLOCK = 8;

const CHUNK_BITS = 16;
const CHUNK_WORDS = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK_WORDS - 1;
/** Scripts above Bitcoin's 10,000 bytes make no coin, so an entry always fits a chunk. */
const ENTRY_WORDS_MAX = WORD_SCRIPT + 2_500;
const SLOTS_MIN = 1 << 10;
/** The index grows when it is fuller than this. */
const LOAD_MAX = 0.6;

/** Words that an entry with a script of `scriptBytes` takes. */
function entryWords(scriptBytes: number): number {
  return WORD_SCRIPT + ((scriptBytes + 3) >>> 2);
}

/** A keyed 32-bit hash of an outpoint, from the keyed 64-bit hash of its txid. */
export function outpointHash(hashLow: number, hashHigh: number, index: number): number {
  return mix32(hashLow ^ Math.imul(hashHigh, 0x85ebca6b) ^ Math.imul(index + 1, 0x9e3779b1));
}

export class CoinTable {
  /** Slot -> entry address + 1, or 0. Beside it the entry's full hash, compared first. */
  #slots = new Uint32Array(SLOTS_MIN);
  #hashes = new Uint32Array(SLOTS_MIN);
  #mask = SLOTS_MIN - 1;
  #count = 0;
  #words: Uint32Array<ArrayBuffer>[] = [];
  #bytes: Uint8Array[] = [];
  /** Chunks that held entries before. */
  readonly #spare: Uint32Array<ArrayBuffer>[] = [];
  /** Next free word of the last chunk. */
  #top = CHUNK_WORDS;
  readonly #free = new Uint32Array(ENTRY_WORDS_MAX + 1);

  /** Entries, tombstones included. */
  get count(): number {
    return this.#count;
  }

  /** Bytes held: slab and index. */
  get memoryBytes(): number {
    return this.#words.length * CHUNK_WORDS * 4 + this.#slots.length * 8;
  }

  /** The words of the chunk that holds the entry at `address`; its first word is `offset(address)`. */
  words(address: number): Uint32Array {
    return this.#words[address >>> CHUNK_BITS]!;
  }

  offset(address: number): number {
    return address & CHUNK_MASK;
  }

  /** The same chunk as bytes. */
  bytes(address: number): Uint8Array {
    return this.#bytes[address >>> CHUNK_BITS]!;
  }

  flags(address: number): number {
    return this.words(address)[(address & CHUNK_MASK) + WORD_FLAGS]!;
  }

  setFlags(address: number, flags: number): void {
    this.words(address)[(address & CHUNK_MASK) + WORD_FLAGS] = flags;
  }

  /** Address of the entry for the outpoint (`txid[at, at+32)`, index), or -1. */
  find(hash: number, txid: Bytes, at: number, index: number): number {
    const slots = this.#slots;
    const hashes = this.#hashes;
    const mask = this.#mask;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const stored = slots[slot]!;
      if (stored === 0) return -1;
      if (hashes[slot] === hash && this.#holds(stored - 1, txid, at, index)) return stored - 1;
    }
  }

  #holds(address: number, txid: Bytes, at: number, index: number): boolean {
    const from = address & CHUNK_MASK;
    if (this.words(address)[from + WORD_INDEX] !== index) return false;
    const bytes = this.bytes(address);
    const base = from * 4;
    for (let byte = 0; byte < 32; byte++) {
      if (bytes[base + byte] !== txid[at + byte]) return false;
    }
    return true;
  }

  /** Adds an entry that is not there yet and returns its address; the script is copied. */
  insert(
    hash: number,
    txid: Bytes,
    at: number,
    index: number,
    code: number,
    valueLow: number,
    valueHigh: number,
    flags: number,
    script: Bytes,
    scriptAt: number,
    scriptBytes: number,
  ): number {
    if (this.#count >= this.#slots.length * LOAD_MAX) this.#grow();
    const address = this.#allocate(entryWords(scriptBytes));
    const words = this.words(address);
    const bytes = this.bytes(address);
    const from = address & CHUNK_MASK;
    const base = from * 4;
    for (let byte = 0; byte < 32; byte++) bytes[base + byte] = txid[at + byte]!;
    words[from + WORD_INDEX] = index;
    words[from + WORD_CODE] = code;
    words[from + WORD_VALUE] = valueLow;
    words[from + WORD_VALUE + 1] = valueHigh;
    words[from + WORD_FLAGS] = flags;
    words[from + WORD_POSITION] = 0;
    words[from + WORD_SCRIPT_BYTES] = scriptBytes;
    const to = base + WORD_SCRIPT * 4;
    for (let byte = 0; byte < scriptBytes; byte++) bytes[to + byte] = script[scriptAt + byte]!;
    this.#link(hash, address);
    return address;
  }

  #link(hash: number, address: number): void {
    let slot = hash & this.#mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = address + 1;
    this.#hashes[slot] = hash;
    this.#count += 1;
  }

  /** Removes the entry at `address`; later entries of its run move back, so no mark is left. */
  remove(hash: number, address: number): void {
    const slots = this.#slots;
    const hashes = this.#hashes;
    const mask = this.#mask;
    let hole = hash & mask;
    while (slots[hole] !== address + 1) {
      assert(slots[hole] !== 0, "an entry that is removed is in the table");
      hole = (hole + 1) & mask;
    }
    for (let slot = (hole + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = hashes[slot]! & mask;
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        slots[hole] = slots[slot]!;
        hashes[hole] = hashes[slot]!;
        hole = slot;
      }
    }
    slots[hole] = 0;
    this.#count -= 1;
    this.#release(address);
  }

  /**
   * Keeps the entries that `keep` accepts, or none when they take more than `shareMax` of the slab.
   * Index and chunks stay with the table: it will be as large again soon, and what is given back
   * to the collector counts against the process until it runs.
   */
  retain(keep: (address: number) => boolean, shareMax: number): void {
    const slots = this.#slots;
    const kept = this.#selectSlots(keep);
    let words = 0;
    for (const slot of kept) words += this.#length(slots[slot]! - 1);
    const isTooMuch = words > shareMax * this.#words.length * CHUNK_WORDS;
    const entries = isTooMuch ? kept.subarray(0, 0) : kept;
    const hashes = entries.map((slot) => this.#hashes[slot]!);
    const addresses = entries.map((slot) => slots[slot]! - 1);
    const old = this.#words;
    this.#clear();
    for (let entry = 0; entry < entries.length; entry++) {
      const chunk = old[addresses[entry]! >>> CHUNK_BITS]!;
      const from = addresses[entry]! & CHUNK_MASK;
      const length = entryWords(chunk[from + WORD_SCRIPT_BYTES]!);
      const address = this.#allocate(length);
      this.words(address).set(chunk.subarray(from, from + length), address & CHUNK_MASK);
      this.#link(hashes[entry]!, address);
    }
    this.#spare.push(...old);
  }

  #length(address: number): number {
    return entryWords(this.words(address)[(address & CHUNK_MASK) + WORD_SCRIPT_BYTES]!);
  }

  #selectSlots(wanted: (address: number) => boolean): Uint32Array {
    const slots = this.#slots;
    const selected = new Uint32Array(this.#count);
    let count = 0;
    for (let slot = 0; slot < slots.length; slot++) {
      const stored = slots[slot]!;
      if (stored !== 0 && wanted(stored - 1)) selected[count++] = slot;
    }
    return selected.subarray(0, count);
  }

  /** The addresses of the entries that `wanted` accepts, in no order. */
  select(wanted: (address: number) => boolean): Uint32Array {
    return this.#selectSlots(wanted).map((slot) => this.#slots[slot]! - 1);
  }

  /** Calls `visit` with every address; the table must not change meanwhile. */
  forEach(visit: (address: number) => void): void {
    for (const stored of this.#slots) if (stored !== 0) visit(stored - 1);
  }

  #clear(): void {
    this.#slots.fill(0);
    this.#count = 0;
    this.#words = [];
    this.#bytes = [];
    this.#top = CHUNK_WORDS;
    this.#free.fill(0);
  }

  #resize(size: number): void {
    this.#slots = new Uint32Array(size);
    this.#hashes = new Uint32Array(size);
    this.#mask = size - 1;
    this.#count = 0;
  }

  #grow(): void {
    const slots = this.#slots;
    const hashes = this.#hashes;
    this.#resize(slots.length * 2);
    for (let slot = 0; slot < slots.length; slot++) {
      if (slots[slot] !== 0) this.#link(hashes[slot]!, slots[slot]! - 1);
    }
  }

  #allocate(length: number): number {
    assert(length <= ENTRY_WORDS_MAX, "an entry fits its size classes");
    const free = this.#free[length]!;
    if (free !== 0) {
      const address = free - 1;
      this.#free[length] = this.words(address)[address & CHUNK_MASK]!;
      return address;
    }
    if (this.#top + length > CHUNK_WORDS) {
      const words = this.#spare.pop() ?? new Uint32Array(CHUNK_WORDS);
      this.#words.push(words);
      this.#bytes.push(new Uint8Array(words.buffer));
      this.#top = 0;
    }
    const address = (this.#words.length - 1) * CHUNK_WORDS + this.#top;
    this.#top += length;
    return address;
  }

  #release(address: number): void {
    const words = this.words(address);
    const from = address & CHUNK_MASK;
    const size = this.#length(address);
    words[from] = this.#free[size]!;
    this.#free[size] = address + 1;
  }
}
