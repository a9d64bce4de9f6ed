// A frame: one block and the operations on its coins in memory that all workers share, so that no
// byte of it is copied between them. The operations are grouped by partition with a counting sort.
//
//   frame = block bytes | txids, 32 bytes each | ranges, 4 words a partition | creates | spends
//           | resolved, one word an input                              (words: i32, native order)
import { type Bytes, rangeEqual } from "../../base/bytes.ts";
import type { Block, BlockForm } from "../../ledger/bitcoin/block.ts";
import { CREATE_WORDS, SPEND_WORDS } from "../../state/partition.ts";
import { type Placement, partitionOf } from "../../state/placement.ts";

export const RANGE_WORDS = 4;

/** Where the parts of a frame lie: what a worker needs beside the memory itself. */
export interface FrameLayout {
  readonly form: BlockForm;
  readonly blockBytes: number;
  readonly transactionCount: number;
  readonly inputCount: number;
  readonly partitionCount: number;
  readonly txidsAt: number;
  readonly rangesAt: number;
  readonly createsAt: number;
  readonly spendsAt: number;
  readonly resolvedAt: number;
  readonly end: number;
}

export interface Frame extends FrameLayout {
  readonly memory: SharedArrayBuffer;
  readonly bytes: Bytes;
}

/** The operations of one partition, as views of the frame. */
export interface FrameOperations {
  readonly creates: Int32Array;
  readonly spends: Int32Array;
  readonly resolved: Int32Array;
}

const align = (at: number): number => (at + 3) & ~3;

function layoutOf(
  form: BlockForm,
  blockBytes: number,
  transactionCount: number,
  inputCount: number,
  partitionCount: number,
): FrameLayout {
  const txidsAt = align(blockBytes);
  const rangesAt = txidsAt + transactionCount * 32;
  const createsAt = rangesAt + partitionCount * RANGE_WORDS * 4;
  const spendsAt = createsAt + transactionCount * CREATE_WORDS * 4;
  const resolvedAt = spendsAt + inputCount * SPEND_WORDS * 4;
  const end = resolvedAt + inputCount * 4;
  return {
    form,
    blockBytes,
    transactionCount,
    inputCount,
    partitionCount,
    txidsAt,
    rangesAt,
    createsAt,
    spendsAt,
    resolvedAt,
    end,
  };
}

/** Shared memory in powers of two, reused: fresh pages cost more than the work done in them. */
export class FramePool {
  readonly #free = new Map<number, SharedArrayBuffer[]>();

  acquire(bytes: number): SharedArrayBuffer {
    let size = 1 << 16;
    while (size < bytes) size *= 2;
    return this.#free.get(size)?.pop() ?? new SharedArrayBuffer(size);
  }

  /** Takes memory back; the caller has made sure that no worker reads it any more. */
  release(memory: SharedArrayBuffer): void {
    const list = this.#free.get(memory.byteLength) ?? [];
    if (list.length < FREE_FRAMES_MAX) list.push(memory);
    this.#free.set(memory.byteLength, list);
  }
}

/** Unused frames kept of each size. */
const FREE_FRAMES_MAX = 4;

/** Memory for a block of `blockBytes`, its bytes copied to the start; operations come later. */
export function frameMemory(pool: FramePool, block: Bytes): SharedArrayBuffer {
  // An input takes at least 41 bytes of the block and 24 of the frame, a transaction with an input
  // and an output 60 and 52; what malformed blocks need beyond that is handled by growing.
  const memory = pool.acquire(block.length * 3 + 4096);
  new Uint8Array(memory).set(block);
  return memory;
}

/** Lays the operations of `block`, which was decoded from the start of `memory`, behind its bytes. */
export function buildFrame(
  pool: FramePool,
  memory: SharedArrayBuffer,
  block: Block,
  placement: Placement,
): Frame {
  let inputCount = 0;
  for (let t = 1; t < block.transactions.length; t++) {
    inputCount += block.transactions[t]!.inputs.length;
  }
  const partitionCount = placement.partitionCount;
  const layout = layoutOf(
    block.form,
    block.end,
    block.transactions.length,
    inputCount,
    partitionCount,
  );
  let held = memory;
  if (layout.end > memory.byteLength) {
    held = pool.acquire(layout.end);
    new Uint8Array(held).set(new Uint8Array(memory, 0, block.end));
  }
  const frame: Frame = { ...layout, memory: held, bytes: new Uint8Array(held, 0, layout.end) };
  fillOperations(frame, block, placement);
  return frame;
}

/** Keyed hashes of every created txid, then of every spent one: low and high by turns. */
function hashTxids(frame: Frame, block: Block, placement: Placement): Int32Array {
  const hashes = new Int32Array((frame.transactionCount + frame.inputCount) * 2);
  let out = 0;
  for (let t = 0; t < block.transactions.length; t++) {
    frame.bytes.set(block.transactions[t]!.txid, frame.txidsAt + t * 32);
    placement.hash(frame.bytes, frame.txidsAt + t * 32);
    hashes[out++] = placement.low;
    hashes[out++] = placement.high;
  }
  // Coins of one transaction are often spent side by side.
  let last = -1;
  for (let t = 1; t < block.transactions.length; t++) {
    for (const { outpointAt } of block.transactions[t]!.inputs) {
      const isSame = last >= 0 && rangeEqual(frame.bytes, last, frame.bytes, outpointAt, 32);
      if (!isSame) placement.hash(frame.bytes, outpointAt);
      last = outpointAt;
      hashes[out++] = placement.low;
      hashes[out++] = placement.high;
    }
  }
  return hashes;
}

/** First operation of each partition, by counting: `bounds[p]` to `bounds[p + 1]`. */
function bounds(hashes: Int32Array, from: number, count: number, partitions: number): Int32Array {
  const starts = new Int32Array(partitions + 1);
  for (let i = 0; i < count; i++) {
    starts[partitionOf(hashes[(from + i) * 2 + 1]!, partitions) + 1]! += 1;
  }
  for (let p = 0; p < partitions; p++) starts[p + 1]! += starts[p]!;
  return starts;
}

function fillOperations(frame: Frame, block: Block, placement: Placement): void {
  const hashes = hashTxids(frame, block, placement);
  const { transactionCount, inputCount, partitionCount } = frame;
  const creates = new Int32Array(frame.memory, frame.createsAt, transactionCount * CREATE_WORDS);
  const spends = new Int32Array(frame.memory, frame.spendsAt, inputCount * SPEND_WORDS);
  const createAt = bounds(hashes, 0, transactionCount, partitionCount);
  const spendAt = bounds(hashes, transactionCount, inputCount, partitionCount);
  const ranges = new Int32Array(frame.memory, frame.rangesAt, partitionCount * RANGE_WORDS);
  for (let p = 0; p < partitionCount; p++) {
    ranges[p * RANGE_WORDS] = createAt[p]!;
    ranges[p * RANGE_WORDS + 1] = createAt[p + 1]!;
    ranges[p * RANGE_WORDS + 2] = spendAt[p]!;
    ranges[p * RANGE_WORDS + 3] = spendAt[p + 1]!;
  }
  for (let t = 0; t < transactionCount; t++) {
    const to = createAt[partitionOf(hashes[t * 2 + 1]!, partitionCount)]!++ * CREATE_WORDS;
    creates[to] = t;
    creates[to + 1] = hashes[t * 2]!;
    creates[to + 2] = hashes[t * 2 + 1]!;
    creates[to + 3] = outputsAt(block, t);
    creates[to + 4] = frame.txidsAt + t * 32;
  }
  let input = 0;
  for (let t = 1; t < transactionCount; t++) {
    for (const { outpointAt } of block.transactions[t]!.inputs) {
      const h = (transactionCount + input) * 2;
      const to = spendAt[partitionOf(hashes[h + 1]!, partitionCount)]!++ * SPEND_WORDS;
      spends[to] = t;
      spends[to + 1] = hashes[h]!;
      spends[to + 2] = hashes[h + 1]!;
      spends[to + 3] = outpointAt;
      spends[to + 4] = input++;
    }
  }
}

/** Offset of a transaction's output count: right behind its last input. */
function outputsAt(block: Block, index: number): number {
  const transaction = block.transactions[index]!;
  const last = transaction.inputs.at(-1);
  // Four bytes of sequence follow the last script; without inputs the count of them is one byte.
  return last === undefined ? transaction.bodyAt + 1 : last.scriptEnd + 4;
}

/** The operations of partition `p` in a frame, as a worker sees them. */
export function frameOperations(
  memory: SharedArrayBuffer,
  layout: FrameLayout,
  p: number,
): FrameOperations {
  const ranges = new Int32Array(memory, layout.rangesAt + p * RANGE_WORDS * 4, RANGE_WORDS);
  const view = (at: number, from: number, to: number, words: number): Int32Array =>
    new Int32Array(memory, at + from * words * 4, (to - from) * words);
  return {
    creates: view(layout.createsAt, ranges[0]!, ranges[1]!, CREATE_WORDS),
    spends: view(layout.spendsAt, ranges[2]!, ranges[3]!, SPEND_WORDS),
    resolved: new Int32Array(memory, layout.resolvedAt, layout.inputCount),
  };
}
