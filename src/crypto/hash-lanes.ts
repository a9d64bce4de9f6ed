// SHA-256, once or twice, of many messages at a time, four on the lanes of each WebAssembly vector:
// Merkle nodes, the transaction ids of a block, what its inputs sign. On a machine without vector
// instructions the same functions work one message at a time.
import { assert } from "../base/assert.ts";
import { type Bytes, writeU32BE } from "../base/bytes.ts";
import { hash160Into, hash256Into, sha256Into } from "./hash.ts";
import { shortHash256Into } from "./sha256.ts";
import { assemble, canRun, type Running, run } from "./wasm/assembler.ts";
import { ripemdLanesFunction } from "./wasm/ripemd160-code.ts";
import {
  CONSTANTS,
  type LaneLayout,
  laneFunctions,
  paddingBlockConstants,
} from "./wasm/sha256-code.ts";

const LAYOUT: LaneLayout = { constants: 0, paddingConstants: 256, saved: 512 };
const INPUT = 1024;
/** Nodes handed to the kernel at a time: input and output stay in the processor's second cache. */
const NODES = 1024;
const OUTPUT: number = INPUT + NODES * 64;
/** Messages of one length, put together in the kernel's memory. */
const SLOTS: number = OUTPUT + NODES * 32;
export const SLOTS_MAX = 64;
const SLOT_BLOCKS_MAX = 4;
const PAGES = 2;
const LANES = 4;

interface Kernel {
  readonly memory: Bytes;
  nodes(input: number, out: number, groups: number): void;
  twice(input: number, stride: number, blocks: number, out: number): void;
  once(input: number, stride: number, blocks: number, out: number): void;
  ripemd(input: number, out: number): void;
}

/** Not yet asked for; or null where the machine cannot. */
let kernel: Kernel | null | undefined;

function start(): Kernel | null {
  const bytes = assemble(PAGES, [...laneFunctions(LAYOUT), ripemdLanesFunction()]);
  if (!canRun(bytes)) return null;
  const running: Running = run(bytes);
  const words = new Uint32Array(running.memory);
  words.set(CONSTANTS, LAYOUT.constants / 4);
  words.set(paddingBlockConstants(), LAYOUT.paddingConstants / 4);
  return {
    memory: new Uint8Array(running.memory),
    nodes: running.function("nodes"),
    twice: running.function("twice"),
    once: running.function("once"),
    ripemd: running.function("ripemdLanes"),
  };
}

function lanes(): Kernel | null {
  if (kernel === undefined) kernel = start();
  return kernel;
}

/** True where this machine hashes four messages at a time. */
export function hasLanes(): boolean {
  return lanes() !== null;
}

/** Double SHA-256 of `count` nodes of 64 bytes each, one at a time. */
export function hash64Scalar(input: Bytes, output: Bytes, count: number): void {
  for (let node = 0; node < count; node++) {
    shortHash256Into(output, node * 32, input, node * 64, node * 64 + 64);
  }
}

/** Double SHA-256 of `count` nodes of 64 bytes each. `output` may be `input`: it shrinks in place. */
export function hash64Lanes(input: Bytes, output: Bytes, count: number): void {
  const wide = count > 1 ? lanes() : null;
  if (wide === null) {
    hash64Scalar(input, output, count);
    return;
  }
  for (let from = 0; from < count; from += NODES) {
    const nodes = Math.min(NODES, count - from);
    wide.memory.set(input.subarray(from * 64, (from + nodes) * 64), INPUT);
    wide.nodes(INPUT, OUTPUT, Math.ceil(nodes / LANES));
    output.set(wide.memory.subarray(OUTPUT, OUTPUT + nodes * 32), from * 32);
  }
}

/** Longer messages are faster one by one, with the processor's own SHA instructions. */
const BLOCKS_MAX = 16;

/** Up to here a loop beats making a view. */
const LOOP_BYTES = 48;

/** Messages that wait until four have the same number of blocks. */
const waiting = new Uint32Array((BLOCKS_MAX + 1) * LANES);
const waitingCounts = new Uint8Array(BLOCKS_MAX + 1);

/** Writes message `message`, joined from its ranges and padded, at `at` of the kernel's memory. */
function placeMessage(
  memory: Bytes,
  at: number,
  blocks: number,
  bytes: Bytes,
  ranges: Uint32Array,
  first: number,
  pieces: number,
): void {
  let end = at;
  for (let range = first; range < first + pieces * 2; range += 2) {
    const from = ranges[range]!;
    const to = ranges[range + 1]!;
    if (to - from > LOOP_BYTES) memory.set(bytes.subarray(from, to), end);
    else for (let byte = from; byte < to; byte++) memory[end + byte - from] = bytes[byte]!;
    end += to - from;
  }
  const padded = at + blocks * 64;
  memory.fill(0, end, padded);
  memory[end] = 0x80;
  writeU32BE(memory, padded - 4, (end - at) * 8);
}

interface Batch {
  readonly bytes: Bytes;
  readonly ranges: Uint32Array;
  readonly pieces: number;
  readonly out: Bytes;
  readonly isDouble: boolean;
}

function hashAlone(batch: Batch, message: number): void {
  const { bytes, ranges, pieces, out, isDouble } = batch;
  const first = message * pieces * 2;
  const hashInto = isDouble ? hash256Into : sha256Into;
  if (pieces === 1) {
    hashInto(out, message * 32, bytes, ranges[first]!, ranges[first + 1]!);
    return;
  }
  const length = lengthOf(batch, message);
  const joined = new Uint8Array(length);
  let end = 0;
  for (let range = first; range < first + pieces * 2; range += 2) {
    joined.set(bytes.subarray(ranges[range]!, ranges[range + 1]!), end);
    end += ranges[range + 1]! - ranges[range]!;
  }
  hashInto(out, message * 32, joined, 0, length);
}

function lengthOf({ ranges, pieces }: Batch, message: number): number {
  let length = 0;
  for (let range = message * pieces * 2; range < (message + 1) * pieces * 2; range += 2) {
    length += ranges[range + 1]! - ranges[range]!;
  }
  return length;
}

/** Hashes the messages that wait with this number of blocks. */
function flush(wide: Kernel, batch: Batch, blocks: number): void {
  const count = waitingCounts[blocks]!;
  waitingCounts[blocks] = 0;
  if (count === 1) {
    hashAlone(batch, waiting[blocks * LANES]!);
    return;
  }
  const { bytes, ranges, pieces, out, isDouble } = batch;
  for (let lane = 0; lane < count; lane++) {
    const first = waiting[blocks * LANES + lane]! * pieces * 2;
    placeMessage(wide.memory, INPUT + lane * blocks * 64, blocks, bytes, ranges, first, pieces);
  }
  if (isDouble) wide.twice(INPUT, blocks * 64, blocks, OUTPUT);
  else wide.once(INPUT, blocks * 64, blocks, OUTPUT);
  for (let lane = 0; lane < count; lane++) {
    const at = waiting[blocks * LANES + lane]! * 32;
    const from = OUTPUT + lane * 32;
    for (let byte = 0; byte < 32; byte++) out[at + byte] = wide.memory[from + byte]!;
  }
}

/**
 * Double SHA-256 of many messages in `bytes`; message i is the concatenation of its `pieces` ranges,
 * given as from, to pairs, and its hash is written at `out[32 * i]`. With three pieces: txids.
 */
export function hash256Batch(bytes: Bytes, ranges: Uint32Array, out: Bytes, pieces = 1): void {
  hashBatch({ bytes, ranges, pieces, out, isDouble: true });
}

/** The same with SHA-256 once, of messages in one piece. */
export function sha256Batch(bytes: Bytes, ranges: Uint32Array, out: Bytes): void {
  hashBatch({ bytes, ranges, pieces: 1, out, isDouble: false });
}

function hashBatch(batch: Batch): void {
  const { ranges, pieces } = batch;
  const count = ranges.length / (pieces * 2);
  const wide = lanes();
  for (let message = 0; message < count; message++) {
    const blocks = (lengthOf(batch, message) + 72) >>> 6;
    if (wide === null || blocks > BLOCKS_MAX) {
      hashAlone(batch, message);
      continue;
    }
    waiting[blocks * LANES + waitingCounts[blocks]!] = message;
    if (++waitingCounts[blocks]! === LANES) flush(wide, batch, blocks);
  }
  if (wide === null) return;
  for (let blocks = 1; blocks <= BLOCKS_MAX; blocks++) {
    if (waitingCounts[blocks]! > 0) flush(wide, batch, blocks);
  }
}

const SLOT_BYTES: number = SLOTS_MAX * SLOT_BLOCKS_MAX * 64;

/** Where the machine has no vectors. */
let plainSlots: Bytes | null = null;

/**
 * Messages of one length in the memory of the kernel, so that nothing is copied to hash them. Its
 * user writes message 0, which is padded already, makes every other one of a copy of the one before
 * it, and hashes them.
 */
export class Slots {
  readonly length: number;
  /** Bytes from one message to the next. */
  readonly stride: number;
  readonly #blocks: number;

  /** `length`: bytes of a message, at most 247. */
  constructor(length: number) {
    this.length = length;
    this.#blocks = (length + 72) >>> 6;
    assert(this.#blocks <= SLOT_BLOCKS_MAX, "a message fits its slot");
    this.stride = this.#blocks * 64;
  }

  /** The memory, good until it is hashed, and the offset in it of message 0. */
  open(): { readonly bytes: Bytes; readonly at: number } {
    const wide = lanes();
    if (wide === null) plainSlots ??= new Uint8Array(SLOT_BYTES);
    const bytes = wide?.memory ?? plainSlots!;
    const at = wide === null ? 0 : SLOTS;
    bytes.fill(0, at + this.length, at + this.stride);
    bytes[at + this.length] = 0x80;
    writeU32BE(bytes, at + this.stride - 4, this.length * 8);
    return { bytes, at };
  }

  /** Leaves SHA-256 of the first `count` messages, once or twice, in `out`, 32 bytes each. */
  hash(count: number, isDouble: boolean, out: Bytes): void {
    const wide = lanes();
    if (wide === null) {
      this.#hashPlain(count, isDouble ? hash256Into : sha256Into, out);
      return;
    }
    this.#hashWide(count, isDouble ? wide.twice : wide.once);
    out.set(wide.memory.subarray(OUTPUT, OUTPUT + count * 32));
  }

  /** Leaves HASH160 of the first `count` messages in `out`: 20 bytes at every 32nd. */
  hash160(count: number, out: Bytes): void {
    const wide = lanes();
    if (wide === null) {
      this.#hashPlain(count, hash160Into, out);
      return;
    }
    this.#hashWide(count, wide.once);
    for (let first = 0; first < count; first += LANES) {
      wide.ripemd(OUTPUT + first * 32, OUTPUT + first * 32);
    }
    out.set(wide.memory.subarray(OUTPUT, OUTPUT + count * 32));
  }

  #hashWide(count: number, hash: Kernel["once"]): void {
    assert(count <= SLOTS_MAX, "there are so many slots");
    for (let first = 0; first < count; first += LANES) {
      hash(SLOTS + first * this.stride, this.stride, this.#blocks, OUTPUT + first * 32);
    }
  }

  #hashPlain(count: number, hashInto: typeof sha256Into, out: Bytes): void {
    for (let slot = 0; slot < count; slot++) {
      const from = slot * this.stride;
      hashInto(out, slot * 32, plainSlots!, from, from + this.length);
    }
  }
}
