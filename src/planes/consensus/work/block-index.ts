// The tree of known headers in columns: parent, height, work, status. It answers what header rules
// ask of ancestors and says which branch has the most work; ties go to the block whose data came
// first, as in Bitcoin Core. Pure and synchronous; 200 bytes a header, nothing allocated per look-up.
import { assert } from "../../../base/assert.ts";
import { type Bytes, rangeEqual, readI32, readU32 } from "../../../base/bytes.ts";
import { HEADER_BYTES } from "../../../ledger/bitcoin/block.ts";
import type { HeaderNode } from "../../../ledger/bitcoin/work.ts";

/** A header's number in the index; the genesis header is 0. */
export type BlockId = number;
export const NONE: BlockId = -1;

/** The block's bytes are stored. */
export const HAS_DATA = 1;
/** The block, or one of its ancestors, broke a rule. */
export const INVALID = 2;
/** The block has been on the active chain: all its rules were checked. */
export const CHECKED = 4;
/** The block came while an ancestor was undecided, which then broke a rule: as if it never came. */
export const FORGOTTEN = 8;

export class BlockIndex {
  readonly headerBytes: number;
  #count = 0;
  #headers: Bytes;
  #hashes: Bytes = new Uint8Array(1024 * 32);
  #parent = new Int32Array(1024);
  #skip = new Int32Array(1024);
  #height = new Int32Array(1024);
  #status = new Uint8Array(1024);
  /** Order in which the data arrived; 0 where it has not. */
  #arrival = new Float64Array(1024);
  /** Work of the chain up to here, 128 bits: low and high by turns. */
  #work = new BigUint64Array(2048);
  /** Children as lists: the newest child of each, and the next older sibling. */
  #child = new Int32Array(1024).fill(NONE);
  #sibling = new Int32Array(1024).fill(NONE);
  #slots = new Int32Array(4096).fill(NONE);
  #arrivals = 0;
  #preferred = 0;
  #bestHeader: BlockId = NONE;
  readonly #leaves = new Set<BlockId>();

  /** Headers of 80 bytes, or of what the network's form has. */
  constructor(headerBytes: number = HEADER_BYTES) {
    this.headerBytes = headerBytes;
    this.#headers = new Uint8Array(1024 * headerBytes);
  }

  get count(): number {
    return this.#count;
  }

  /** How many headers are known whose blocks never came. */
  get withoutData(): number {
    return this.#count - this.#arrivals;
  }

  /** The header with the most work that is not known to be invalid; the first seen among equals. */
  get bestHeader(): BlockId {
    return this.#bestHeader;
  }

  /** Ends of all branches, in no order. */
  get leaves(): ReadonlySet<BlockId> {
    return this.#leaves;
  }

  /** The block with this hash, or NONE. */
  find(hash: Bytes, at = 0): BlockId {
    const mask = this.#slots.length - 1;
    for (let slot = readU32(hash, at) & mask; ; slot = (slot + 1) & mask) {
      const id = this.#slots[slot]!;
      if (id === NONE || rangeEqual(this.#hashes, id * 32, hash, at, 32)) return id;
    }
  }

  /** Adds a header whose parent is known (or the genesis header, with parent NONE). */
  add(header: Bytes, hash: Bytes, parent: BlockId, work: bigint): BlockId {
    assert(this.find(hash) === NONE, "a header is added once");
    assert((parent === NONE) === (this.#count === 0), "only the first header has no parent");
    if (this.#count === this.#parent.length) this.#grow();
    const id = this.#count++;
    this.#headers.set(header, id * this.headerBytes);
    this.#hashes.set(hash, id * 32);
    this.#parent[id] = parent;
    this.#height[id] = parent === NONE ? 0 : this.#height[parent]! + 1;
    this.#skip[id] = parent === NONE ? NONE : this.ancestor(parent, skipHeight(this.#height[id]!));
    this.#status[id] = parent === NONE ? 0 : this.#status[parent]! & INVALID;
    this.#setWork(id, (parent === NONE ? 0n : this.work(parent)) + work);
    if (parent !== NONE) {
      this.#sibling[id] = this.#child[parent]!;
      this.#child[parent] = id;
      this.#leaves.delete(parent);
    }
    this.#leaves.add(id);
    if (parent === NONE) this.#bestHeader = id;
    else this.#offerBest(id);
    if (this.#count * 2 > this.#slots.length) this.#rehash();
    else this.#link(id);
    return id;
  }

  #offerBest(id: BlockId): void {
    if (!this.has(id, INVALID) && this.#moreWork(id, this.#bestHeader)) this.#bestHeader = id;
  }

  /** After marks of invalidity have changed: looks at every header again. */
  #findBest(): void {
    this.#bestHeader = 0;
    for (let id = 1; id < this.#count; id++) this.#offerBest(id);
  }

  #moreWork(a: BlockId, b: BlockId): boolean {
    const high = this.#work[a * 2 + 1]! - this.#work[b * 2 + 1]!;
    return high > 0n || (high === 0n && this.#work[a * 2]! > this.#work[b * 2]!);
  }

  #link(id: BlockId): void {
    const mask = this.#slots.length - 1;
    let slot = readU32(this.#hashes, id * 32) & mask;
    while (this.#slots[slot] !== NONE) slot = (slot + 1) & mask;
    this.#slots[slot] = id;
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(NONE);
    for (let id = 0; id < this.#count; id++) this.#link(id);
  }

  #grow(): void {
    const copy = <T extends { length: number; set(from: T): void }>(from: T, into: T): T => {
      into.set(from);
      return into;
    };
    const size = this.#parent.length * 2;
    this.#headers = copy(this.#headers, new Uint8Array(size * this.headerBytes));
    this.#hashes = copy(this.#hashes, new Uint8Array(size * 32));
    this.#parent = copy(this.#parent, new Int32Array(size));
    this.#child = copy(this.#child, new Int32Array(size).fill(NONE));
    this.#sibling = copy(this.#sibling, new Int32Array(size).fill(NONE));
    this.#skip = copy(this.#skip, new Int32Array(size));
    this.#height = copy(this.#height, new Int32Array(size));
    this.#status = copy(this.#status, new Uint8Array(size));
    this.#arrival = copy(this.#arrival, new Float64Array(size));
    this.#work = copy(this.#work, new BigUint64Array(size * 2));
  }

  #setWork(id: BlockId, work: bigint): void {
    assert(work < 1n << 128n, "chain work fits 128 bits");
    this.#work[id * 2] = BigInt.asUintN(64, work);
    this.#work[id * 2 + 1] = work >> 64n;
  }

  work(id: BlockId): bigint {
    return (this.#work[id * 2 + 1]! << 64n) | this.#work[id * 2]!;
  }

  parent(id: BlockId): BlockId {
    return this.#parent[id]!;
  }

  /** What is built directly on a block, newest first. */
  children(id: BlockId): readonly BlockId[] {
    const children: BlockId[] = [];
    for (let at = this.#child[id]!; at !== NONE; at = this.#sibling[at]!) children.push(at);
    return children;
  }

  height(id: BlockId): number {
    return this.#height[id]!;
  }

  /** The bytes of the header: a view. */
  header(id: BlockId): Bytes {
    return this.#headers.subarray(id * this.headerBytes, (id + 1) * this.headerBytes);
  }

  /** Hash order: a view. */
  hash(id: BlockId): Bytes {
    return this.#hashes.subarray(id * 32, id * 32 + 32);
  }

  version(id: BlockId): number {
    return readI32(this.#headers, id * this.headerBytes);
  }

  time(id: BlockId): number {
    return readU32(this.#headers, id * this.headerBytes + 68);
  }

  bits(id: BlockId): number {
    return readU32(this.#headers, id * this.headerBytes + 72);
  }

  has(id: BlockId, status: number): boolean {
    return (this.#status[id]! & status) !== 0;
  }

  mark(id: BlockId, status: number): void {
    // Bytes that were lost and came again do not make a block younger.
    if (status === HAS_DATA && this.#arrival[id] === 0) this.#arrival[id] = ++this.#arrivals;
    this.#status[id]! |= status;
  }

  clear(id: BlockId, status: number): void {
    this.#status[id]! &= ~status;
  }

  /** Marks a block and everything built on it as invalid. */
  invalidate(id: BlockId): void {
    const open = [id];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      this.mark(next, INVALID);
      open.push(...this.children(next));
    }
    if (this.has(this.#bestHeader, INVALID)) this.#findBest();
  }

  /**
   * Takes the mark of invalidity from a block, its ancestors and everything built on it; all that is
   * not the block's past is to be judged again.
   */
  reconsider(id: BlockId): void {
    for (let at = this.#parent[id]!; at !== NONE; at = this.#parent[at]!) this.clear(at, INVALID);
    const open = [id];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      this.clear(next, INVALID | FORGOTTEN | CHECKED);
      open.push(...this.children(next));
    }
    this.#findBest();
  }

  /** From now on the branch ending in `id` is preferred to others with the same work. */
  prefer(id: BlockId): void {
    assert(this.has(id, HAS_DATA), "a block to be preferred is stored");
    this.#arrival[id] = -++this.#preferred;
  }

  /** The ancestor of `id` at `height`, itself included; NONE above it or below zero. */
  ancestor(id: BlockId, height: number): BlockId {
    if (height < 0 || height > this.#height[id]!) return NONE;
    let at = id;
    while (this.#height[at]! > height) {
      const skip = this.#skip[at]!;
      at = skip !== NONE && this.#height[skip]! >= height ? skip : this.#parent[at]!;
    }
    return at;
  }

  /** Where the branches of two blocks part: the last block they share. */
  fork(a: BlockId, b: BlockId): BlockId {
    const height = Math.min(this.#height[a]!, this.#height[b]!);
    let left = this.ancestor(a, height);
    let right = this.ancestor(b, height);
    while (left !== right) {
      const leftSkip = this.#skip[left]!;
      const rightSkip = this.#skip[right]!;
      const far = leftSkip !== NONE && rightSkip !== NONE && leftSkip !== rightSkip;
      left = far ? leftSkip : this.#parent[left]!;
      right = far ? rightSkip : this.#parent[right]!;
    }
    return left;
  }

  /** The block as header rules see it: with its ancestors. */
  node(id: BlockId): HeaderNode {
    return {
      height: this.#height[id]!,
      time: this.time(id),
      bits: this.bits(id),
      ancestor: (height) => this.node(this.ancestor(id, height)),
    };
  }

  /** True when the branch ending in `a` is to be preferred to the one ending in `b`. */
  better(a: BlockId, b: BlockId): boolean {
    if (this.#moreWork(a, b)) return true;
    if (this.#moreWork(b, a)) return false;
    return this.#arrival[a]! < this.#arrival[b]!;
  }

  /**
   * The best block whose whole branch is stored, or was active once, and not invalid: the tip to be
   * on. Walks down from `root`, whose own branch is known to be sound.
   */
  best(root: BlockId = 0): BlockId {
    let best = root;
    const open = [root];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (this.has(next, INVALID) || !this.has(next, HAS_DATA | CHECKED)) continue;
      if (this.better(next, best)) best = next;
      open.push(...this.children(next));
    }
    return best;
  }
}

/** Height that a block's skip pointer reaches: ancestors are found in logarithmic steps. */
function skipHeight(height: number): number {
  if (height < 2) return 0;
  const lowest = (n: number): number => n & (n - 1);
  return height % 2 === 1 ? lowest(lowest(height - 1)) + 1 : lowest(height);
}
