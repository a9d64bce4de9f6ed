// What a transaction has to pay to be in a block soon, from how long others waited (estimatesmartfee).
// Three horizons, the shares and the combination of them are those of Bitcoin Core 31's
// CBlockPolicyEstimator, so that callers get what they know; the code and the file are our own.
//
//   file  magic "PANDOFEE" | version, best height, buckets, first and last height watched, u32 each
//         | columns of the three horizons, f64 | CRC-32C of all before
import { assert } from "../../base/assert.ts";
import { type Bytes, readU32, writeU32 } from "../../base/bytes.ts";
import { crc32c } from "../../base/crc32c.ts";
import type { FeeEstimate } from "../../ports/mempool.ts";
import {
  BUCKETS,
  bucketOf,
  ConfirmationStatistics,
  type Horizon,
} from "./confirmation-statistics.ts";

const SHORT: Horizon = { periods: 12, scale: 1, decay: 0.962 };
const MEDIUM: Horizon = { periods: 24, scale: 2, decay: 0.9952 };
const LONG: Horizon = { periods: 42, scale: 24, decay: 0.99931 };
/** Transactions a block that a range of buckets must have seen. */
const ENOUGH = 0.1;
const ENOUGH_SHORT = 0.5;
/** Shares that must be confirmed within half the blocks asked for, all, and twice as many. */
const HALF_SHARE = 0.6;
const SHARE = 0.85;
const DOUBLE_SHARE = 0.95;
/** What was learnt in an earlier run counts for so many blocks. */
const HISTORY_BLOCKS_MAX: number = 6 * 1008;

/** An unconfirmed transaction whose wait is counted. */
export interface Waiting {
  /** Of the tip when it was admitted. */
  readonly height: number;
  /** As it was given to `admitted`. */
  readonly rate: number;
}

export class FeeEstimator {
  readonly #short = new ConfirmationStatistics(SHORT);
  readonly #medium = new ConfirmationStatistics(MEDIUM);
  readonly #long = new ConfirmationStatistics(LONG);
  readonly #all: readonly ConfirmationStatistics[] = [this.#short, this.#medium, this.#long];
  /** Transactions whose wait is counted; who admitted them knows which they are. */
  #waiting = 0;
  #height = 0;
  /** Height at which something was first counted in this run. */
  #first = 0;
  #historyFirst = 0;
  #historyBest = 0;

  get waitingCount(): number {
    return this.#waiting;
  }

  /**
   * A transaction without unconfirmed parents was admitted while the tip was at `height`. True: its
   * wait is counted, and who admitted it must tell when it leaves or is confirmed.
   */
  admitted({ height, rate }: Waiting): boolean {
    // While the tip moves, how long it waits cannot be told.
    if (height !== this.#height) return false;
    const bucket = bucketOf(rate);
    for (const statistics of this.#all) statistics.admitted(height, bucket);
    this.#waiting++;
    return true;
  }

  /** It left the mempool without a block. */
  left(waiting: Waiting): void {
    this.#take(waiting, bucketOf(waiting.rate), false);
  }

  #take({ height }: Waiting, bucket: number, inBlock: boolean): void {
    assert(this.#waiting > 0, "only what waits leaves");
    this.#waiting--;
    for (const statistics of this.#all) statistics.left(height, this.#height, bucket, inBlock);
  }

  /** A block of the best branch, with the transactions that waited for it. */
  block(height: number, confirmed: Iterable<Waiting>): void {
    // After a reorganisation it was counted already.
    const isNew = height > this.#height;
    if (isNew) {
      this.#height = height;
      for (const statistics of this.#all) statistics.begin(height);
    }
    let counted = 0;
    for (const waiting of confirmed) {
      const bucket = bucketOf(waiting.rate);
      this.#take(waiting, bucket, true);
      const blocks = height - waiting.height;
      if (!isNew || blocks <= 0) continue;
      for (const statistics of this.#all) statistics.confirmed(blocks, bucket, waiting.rate);
      counted++;
    }
    if (this.#first === 0 && counted > 0) this.#first = height;
  }

  /** Half the blocks that were watched, in this run or the one before. */
  get #usableMax(): number {
    const now = this.#first === 0 ? 0 : this.#height - this.#first;
    const isOld = this.#height - this.#historyBest > HISTORY_BLOCKS_MAX;
    const before = this.#historyFirst === 0 || isOld ? 0 : this.#historyBest - this.#historyFirst;
    return Math.min(this.#long.blocksMax, Math.floor(Math.max(now, before) / 2));
  }

  /** The rate for confirmation within `blocks`; `conservative` also asks the longer past. */
  estimate(blocks: number, conservative: boolean): FeeEstimate {
    const within = Math.min(Math.max(blocks, 2), this.#usableMax);
    if (within <= 1) return { rate: null, blocks: within };
    let rate = Math.max(
      this.#combined(Math.floor(within / 2), HALF_SHARE, true),
      this.#combined(within, SHARE, true),
      this.#combined(2 * within, DOUBLE_SHARE, !conservative),
    );
    if (conservative || rate < 0) rate = Math.max(rate, this.#overLong(2 * within));
    return { rate: rate < 0 ? null : Math.round(rate), blocks: within };
  }

  #median(from: ConfirmationStatistics, blocks: number, share: number): number {
    const enough = from === this.#short ? ENOUGH_SHORT : ENOUGH;
    return from.median(blocks, enough, share, this.#height);
  }

  /** By the shortest horizon that reaches so far; a shorter one that says less prevails. */
  #combined(blocks: number, share: number, shorterToo: boolean): number {
    if (blocks < 1 || blocks > this.#long.blocksMax) return -1;
    const own = this.#all.findIndex(({ blocksMax }) => blocks <= blocksMax);
    let rate = this.#median(this.#all[own]!, blocks, share);
    if (!shorterToo) return rate;
    for (const shorter of this.#all.slice(0, own).reverse()) {
      const less = this.#median(shorter, shorter.blocksMax, share);
      if (less > 0 && (rate < 0 || less < rate)) rate = less;
    }
    return rate;
  }

  /** By the horizons that are longer than needed. */
  #overLong(blocks: number): number {
    let rate = -1;
    if (blocks <= this.#short.blocksMax) rate = this.#median(this.#medium, blocks, DOUBLE_SHARE);
    if (blocks > this.#medium.blocksMax) return rate;
    return Math.max(rate, this.#median(this.#long, blocks, DOUBLE_SHARE));
  }

  encode(): Bytes {
    const columns = this.#all.flatMap(({ columns }) => columns);
    const length = columns.reduce((sum, { byteLength }) => sum + byteLength, HEAD_BYTES);
    const bytes = new Uint8Array(length + 4);
    bytes.set(MAGIC);
    const isNew = this.#height - this.#first > (this.#historyBest - this.#historyFirst) / 2;
    const first = this.#first > 0 && isNew ? this.#first : this.#historyFirst;
    const best = this.#first > 0 && isNew ? this.#height : this.#historyBest;
    [VERSION, this.#height, BUCKETS.length, first, best].forEach((value, index) => {
      writeU32(bytes, MAGIC.length + index * 4, value);
    });
    const view = new DataView(bytes.buffer);
    let at = HEAD_BYTES;
    for (const column of columns) {
      for (const value of column) {
        view.setFloat64(at, value, true);
        at += 8;
      }
    }
    writeU32(bytes, at, crc32c(bytes, 0, 0, at));
    return bytes;
  }

  /** False when the bytes are damaged or of another form; then nothing has changed. */
  load(bytes: Bytes): boolean {
    const columns = this.#all.flatMap(({ columns }) => columns);
    const length = columns.reduce((sum, { byteLength }) => sum + byteLength, HEAD_BYTES);
    if (bytes.length !== length + 4) return false;
    const sound = MAGIC.every((byte, at) => bytes[at] === byte);
    if (!sound || crc32c(bytes, 0, 0, length) !== readU32(bytes, length)) return false;
    const [version, height, buckets, first, best] = [0, 1, 2, 3, 4].map((index) =>
      readU32(bytes, MAGIC.length + index * 4),
    );
    if (version !== VERSION || buckets !== BUCKETS.length) return false;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = HEAD_BYTES;
    for (const column of columns) {
      for (let index = 0; index < column.length; index++) {
        column[index] = view.getFloat64(at, true);
        at += 8;
      }
    }
    this.#height = height!;
    this.#historyFirst = first!;
    this.#historyBest = best!;
    return true;
  }
}

const MAGIC: Bytes = new TextEncoder().encode("PANDOFEE");
const VERSION = 1;
const HEAD_BYTES: number = MAGIC.length + 5 * 4;
