// Hot: keys and their values as bytes, without a heap object for each: what a partition holds of
// unconfirmed transactions would otherwise be most of the work of the garbage collector. Open
// addressing over a keyed hash; entries lie one after another in pages, are never changed in place,
// and a page that is mostly dead is emptied by moving what lives. So a page that somebody still looks
// at stays as it was, whatever happens to the table meanwhile.
//
//   entry = value bytes u32, top bit: dead | key, its units in native order | value | up to 4 bytes
import { assert } from "../../base/assert.ts";
import { type Bytes, copyBytes } from "../../base/bytes.ts";
import { mix32 } from "../../base/mix.ts";
import { keyOfUnits, OUTPOINT_UNITS, TXID_UNITS } from "./keys.ts";

/** Memory that entries lie in. */
export interface Page {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  readonly units: Uint16Array;
  readonly words: Uint32Array;
  /** Words taken, and words of entries that are not dead. */
  used: number;
  live: number;
}

const PAGE_BITS = 16;
const PAGE_WORDS_MAX = 1 << PAGE_BITS;
const PAGE_WORDS_MIN = 1 << 11;
const PAGE_COUNT_MAX = 0xffff;
/** A page is at least such a share of what lives, up to its bound. */
const PAGE_SHARE = 1 / 32;
/** An entry above such a share of a page has a page of its own, so that little is left at the ends. */
const OWN_PAGE_SHARE = 1 / 16;
const DEAD = 0x8000_0000;
const LENGTH_MASK = 0x7fff_ffff;

const SLOTS_MIN = 1 << 4;
/** The index grows when it is fuller than this, and shrinks when it is emptier than that. */
const LOAD_MAX = 0.6;
const LOAD_MIN = 0.12;
/** Words of pages for each word that lives, at most: more, and a page is emptied. */
const SLACK = 1.25;

/** Units that are hashed: nobody finds two ids that share 96 bits, and the rest is compared. */
const HASHED_UNITS = 6;
/** Words of the key of the hash. */
export const SALT_WORDS: number = HASHED_UNITS + 3;

/** Multilinear over random words, then mixed: a slot cannot be aimed at without the salt. */
export function hashKey(key: string, units: number, salt: Uint32Array): number {
  let sum = salt[HASHED_UNITS]!;
  for (let unit = 0; unit < HASHED_UNITS; unit++) {
    sum = (sum + Math.imul(key.charCodeAt(unit), salt[unit]!)) | 0;
  }
  if (units === OUTPOINT_UNITS) {
    sum = (sum + Math.imul(key.charCodeAt(TXID_UNITS), salt[HASHED_UNITS + 1]!)) | 0;
    sum = (sum + Math.imul(key.charCodeAt(TXID_UNITS + 1), salt[HASHED_UNITS + 2]!)) | 0;
  }
  return mix32(sum);
}

export class KeyTable {
  readonly #units: number;
  readonly #salt: Uint32Array;
  /** Slot -> address + 1, or 0; beside it the whole hash, compared first. */
  #slots = new Uint32Array(SLOTS_MIN);
  #hashes = new Uint32Array(SLOTS_MIN);
  #count = 0;
  readonly #pages: (Page | null)[] = [];
  readonly #freePages: number[] = [];
  /** The page that is being filled. */
  #top = -1;
  #liveWords = 0;
  #heldWords = 0;

  /** Keys of `units` units; `salt` is private to the node, so that nobody can aim at one slot. */
  constructor(units: typeof TXID_UNITS | typeof OUTPOINT_UNITS, salt: Uint32Array) {
    assert(salt.length >= SALT_WORDS, "a table's salt has a word for each term of its hash");
    this.#units = units;
    this.#salt = salt;
  }

  get size(): number {
    return this.#count;
  }

  /** What the entries may take, the index and what is dead included: `heldBytes` but for two pages. */
  get bytes(): number {
    return this.#count === 0 ? 0 : this.#liveWords * 4 * SLACK + this.#slots.length * 8;
  }

  /** What is held now. */
  get heldBytes(): number {
    return this.#heldWords * 4 + this.#slots.length * 8;
  }

  has(key: string): boolean {
    return (
      this.#count > 0 && this.#slots[this.#slotOf(key, hashKey(key, this.#units, this.#salt))] !== 0
    );
  }

  /** Address of the entry, for `page` and `at`, or -1. */
  find(key: string): number {
    if (this.#count === 0) return -1;
    return this.#slots[this.#slotOf(key, hashKey(key, this.#units, this.#salt))]! - 1;
  }

  /** The page of an address. */
  page(address: number): Page {
    return this.#pages[address >>> PAGE_BITS]!;
  }

  /** Where the value of an address begins in its page. */
  at(address: number): number {
    return ((address & (PAGE_WORDS_MAX - 1)) << 2) + 4 + this.#units * 2;
  }

  /** Bytes of the value of an address. */
  length(address: number): number {
    return this.page(address).words[address & (PAGE_WORDS_MAX - 1)]! & LENGTH_MASK;
  }

  key(address: number): string {
    const from = ((address & (PAGE_WORDS_MAX - 1)) << 1) + 2;
    return keyOfUnits(this.page(address).units, from, this.#units);
  }

  /** Puts the value `from[at, at + length)` under the key; returns whether the key is new. */
  put(key: string, from: Bytes, at: number, length: number): boolean {
    if (this.#count >= this.#slots.length * LOAD_MAX) this.#resize(this.#slots.length * 2);
    const hash = hashKey(key, this.#units, this.#salt);
    const slot = this.#slotOf(key, hash);
    const before = this.#slots[slot]!;
    if (before !== 0) this.#bury(before - 1);
    else this.#count++;
    const address = this.#allocate((length + 3 + 4 + this.#units * 2) >>> 2);
    const page = this.page(address);
    const word = address & (PAGE_WORDS_MAX - 1);
    page.words[word] = length;
    const units = word * 2 + 2;
    for (let unit = 0; unit < this.#units; unit++) page.units[units + unit] = key.charCodeAt(unit);
    copyBytes(page.bytes, this.at(address), from, at, at + length);
    this.#slots[slot] = address + 1;
    this.#hashes[slot] = hash;
    this.#clean();
    return before === 0;
  }

  delete(key: string): boolean {
    if (this.#count === 0) return false;
    const slots = this.#slots;
    const hashes = this.#hashes;
    const mask = slots.length - 1;
    let hole = this.#slotOf(key, hashKey(key, this.#units, this.#salt));
    const stored = slots[hole]!;
    if (stored === 0) return false;
    // Later entries of the run move back, so no mark is left.
    for (let slot = (hole + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = hashes[slot]! & mask;
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        slots[hole] = slots[slot]!;
        hashes[hole] = hashes[slot]!;
        hole = slot;
      }
    }
    slots[hole] = 0;
    this.#count--;
    const half = slots.length / 2;
    if (half >= SLOTS_MIN && this.#count < slots.length * LOAD_MIN) this.#resize(half);
    this.#bury(stored - 1);
    this.#clean();
    return true;
  }

  clear(): void {
    this.#slots = new Uint32Array(SLOTS_MIN);
    this.#hashes = new Uint32Array(SLOTS_MIN);
    this.#count = 0;
    this.#pages.length = 0;
    this.#freePages.length = 0;
    this.#top = -1;
    this.#liveWords = 0;
    this.#heldWords = 0;
  }

  /**
   * Every address, page by page: an order that follows from the changes alone. The table may change
   * meanwhile; then what is moved, put or deleted is met once, twice or not, and the rest once.
   */
  *addresses(): Generator<number> {
    for (let number = 0; number < this.#pages.length; number++) {
      const page = this.#pages[number]!;
      for (let word = 0; page !== null && word < page.used; ) {
        const header = page.words[word]!;
        if ((header & DEAD) === 0) yield ((number << PAGE_BITS) | word) >>> 0;
        // Emptied meanwhile: what lived in it stands elsewhere.
        if (this.#pages[number] !== page) break;
        word += this.#words(header);
      }
    }
  }

  *keys(): Generator<string> {
    for (const address of this.addresses()) yield this.key(address);
  }

  /** Words of an entry. */
  #words(header: number): number {
    return ((header & LENGTH_MASK) + 3 + 4 + this.#units * 2) >>> 2;
  }

  /** The slot of the key, or the empty one where it would go. */
  #slotOf(key: string, hash: number): number {
    const slots = this.#slots;
    const hashes = this.#hashes;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const stored = slots[slot]!;
      if (stored === 0 || (hashes[slot] === hash && this.#holds(stored - 1, key))) return slot;
    }
  }

  #holds(address: number, key: string): boolean {
    const { units } = this.page(address);
    const from = ((address & (PAGE_WORDS_MAX - 1)) << 1) + 2;
    for (let unit = 0; unit < this.#units; unit++) {
      if (units[from + unit] !== key.charCodeAt(unit)) return false;
    }
    return true;
  }

  #resize(size: number): void {
    const slots = this.#slots;
    const hashes = this.#hashes;
    this.#slots = new Uint32Array(size);
    this.#hashes = new Uint32Array(size);
    const mask = size - 1;
    for (let from = 0; from < slots.length; from++) {
      if (slots[from] === 0) continue;
      let slot = hashes[from]! & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = slots[from]!;
      this.#hashes[slot] = hashes[from]!;
    }
  }

  /** Room for an entry of so many words. */
  #allocate(words: number): number {
    this.#liveWords += words;
    const top = this.#pages[this.#top];
    if (top != null && top.used + words <= top.words.length)
      return this.#take(this.#top, top, words);
    const wanted = Math.min(PAGE_WORDS_MAX, this.#liveWords * PAGE_SHARE);
    let size = PAGE_WORDS_MIN;
    while (size < wanted) size *= 2;
    if (words > size * OWN_PAGE_SHARE) {
      const own = this.#newPage(words);
      return this.#take(own, this.#pages[own]!, words);
    }
    if (top?.live === 0) this.#dropPage(this.#top);
    this.#top = this.#newPage(size);
    return this.#take(this.#top, this.#pages[this.#top]!, words);
  }

  #take(number: number, page: Page, words: number): number {
    const word = page.used;
    page.used += words;
    page.live += words;
    return ((number << PAGE_BITS) | word) >>> 0;
  }

  #newPage(words: number): number {
    const number = this.#freePages.pop() ?? this.#pages.length;
    assert(number < PAGE_COUNT_MAX, "the number of pages is within its bound");
    const buffer = new ArrayBuffer(words * 4);
    this.#pages[number] = {
      bytes: new Uint8Array(buffer),
      view: new DataView(buffer),
      units: new Uint16Array(buffer),
      words: new Uint32Array(buffer),
      used: 0,
      live: 0,
    };
    this.#heldWords += words;
    return number;
  }

  /** Its memory goes when nobody looks at it any more. */
  #dropPage(number: number): void {
    this.#heldWords -= this.#pages[number]!.words.length;
    this.#pages[number] = null;
    this.#freePages.push(number);
  }

  #bury(address: number): void {
    const number = address >>> PAGE_BITS;
    const page = this.#pages[number]!;
    const word = address & (PAGE_WORDS_MAX - 1);
    const words = this.#words(page.words[word]!);
    page.words[word]! |= DEAD;
    page.live -= words;
    this.#liveWords -= words;
    if (page.live === 0 && number !== this.#top) this.#dropPage(number);
  }

  /** Empties the page with the least in it when too much of what is held is dead. */
  #clean(): void {
    const top = this.#pages[this.#top];
    const spare = top == null ? 0 : top.words.length * 2;
    if (this.#heldWords <= this.#liveWords * SLACK + spare + PAGE_WORDS_MIN) return;
    let emptiest = -1;
    let share = 1;
    for (let number = 0; number < this.#pages.length; number++) {
      const page = this.#pages[number];
      if (page == null || number === this.#top) continue;
      const { live, words } = page;
      if (live >= words.length * share) continue;
      share = live / words.length;
      emptiest = number;
    }
    if (emptiest >= 0) this.#empty(emptiest);
  }

  /** Moves what lives in a page to the top. */
  #empty(number: number): void {
    const page = this.#pages[number]!;
    for (let word = 0; word < page.used; ) {
      const header = page.words[word]!;
      const words = this.#words(header);
      if ((header & DEAD) === 0) {
        const from = ((number << PAGE_BITS) | word) >>> 0;
        this.#liveWords -= words;
        const to = this.#allocate(words);
        this.page(to).words.set(page.words.subarray(word, word + words), to & (PAGE_WORDS_MAX - 1));
        this.#slots[this.#slotOfAddress(from)] = to + 1;
      }
      word += words;
    }
    this.#dropPage(number);
  }

  #slotOfAddress(address: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashKey(this.key(address), this.#units, this.#salt) & mask;
    while (this.#slots[slot] !== address + 1) slot = (slot + 1) & mask;
    return slot;
  }
}

/** A set of keys. */
export class KeySet {
  readonly #table: KeyTable;

  constructor(units: typeof TXID_UNITS | typeof OUTPOINT_UNITS, salt: Uint32Array) {
    this.#table = new KeyTable(units, salt);
  }

  get size(): number {
    return this.#table.size;
  }

  get bytes(): number {
    return this.#table.bytes;
  }

  has(key: string): boolean {
    return this.#table.has(key);
  }

  add(key: string): void {
    if (!this.#table.has(key)) this.#table.put(key, NOTHING, 0, 0);
  }

  delete(key: string): void {
    this.#table.delete(key);
  }

  keys(): Iterable<string> {
    return this.#table.keys();
  }
}

const NOTHING = new Uint8Array(0);
