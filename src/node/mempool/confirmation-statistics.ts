// How long transactions of a fee rate waited for a block, over one horizon: counts by bucket of fee
// rate and by period of blocks, fading with every block. The method, and what is counted when, are
// those of Bitcoin Core's fee estimator (policy/fees, TxConfirmStats).
import { assert } from "../../base/assert.ts";

export interface Horizon {
  readonly periods: number;
  /** Blocks in a period. */
  readonly scale: number;
  /** What is left of a count after each block. */
  readonly decay: number;
}

/** Upper bounds of the buckets, base units per 1,000 virtual bytes; the last one has none. */
export const BUCKETS: readonly number[] = bucketBounds(100, 1e7, 1.05);

function bucketBounds(least: number, most: number, factor: number): number[] {
  const bounds: number[] = [];
  for (let bound = least; bound <= most; bound *= factor) bounds.push(bound);
  bounds.push(Number.POSITIVE_INFINITY);
  return bounds;
}

/** The first bucket whose bound is not below the rate. */
export function bucketOf(rate: number): number {
  let [low, high] = [0, BUCKETS.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (BUCKETS[middle]! >= rate) high = middle;
    else low = middle + 1;
  }
  return low;
}

const COUNT = BUCKETS.length;

export class ConfirmationStatistics {
  readonly #horizon: Horizon;
  /** Greatest number of blocks that can be asked for. */
  readonly blocksMax: number;
  /** By bucket: transactions that were confirmed, and the sum of their rates. */
  readonly #seen: Float64Array;
  readonly #rates: Float64Array;
  /** By period, by bucket: confirmed within it; left or still waiting beyond it. */
  readonly #confirmed: Float64Array;
  readonly #failed: Float64Array;
  /** Waiting now: by height modulo `blocksMax`, by bucket; and those that came before all of these. */
  readonly #waiting: Int32Array;
  readonly #waitingLong: Int32Array;

  constructor(horizon: Horizon) {
    this.#horizon = horizon;
    const { periods, scale } = horizon;
    this.blocksMax = periods * scale;
    this.#seen = new Float64Array(COUNT);
    this.#rates = new Float64Array(COUNT);
    this.#confirmed = new Float64Array(periods * COUNT);
    this.#failed = new Float64Array(periods * COUNT);
    this.#waiting = new Int32Array(this.blocksMax * COUNT);
    this.#waitingLong = new Int32Array(COUNT);
  }

  /** What outlasts a restart, in its order. */
  get columns(): readonly Float64Array[] {
    return [this.#seen, this.#rates, this.#confirmed, this.#failed];
  }

  /** A block has come: what waited in the place of its height has waited longest. */
  begin(height: number): void {
    const from = (height % this.blocksMax) * COUNT;
    for (let bucket = 0; bucket < COUNT; bucket++) {
      this.#waitingLong[bucket]! += this.#waiting[from + bucket]!;
      this.#waiting[from + bucket] = 0;
    }
    const { decay } = this.#horizon;
    for (const column of this.columns) {
      for (let at = 0; at < column.length; at++) column[at]! *= decay;
    }
  }

  admitted(height: number, bucket: number): void {
    this.#waiting[(height % this.blocksMax) * COUNT + bucket]! += 1;
  }

  /** It waits no more; one that left without a block counts against the periods it had waited. */
  left(since: number, now: number, bucket: number, inBlock: boolean): void {
    const waited = now === 0 ? 0 : now - since;
    if (waited < 0) return;
    const place = (since % this.blocksMax) * COUNT + bucket;
    if (waited >= this.blocksMax) {
      if (this.#waitingLong[bucket]! > 0) this.#waitingLong[bucket]! -= 1;
    } else if (this.#waiting[place]! > 0) this.#waiting[place]! -= 1;
    const { scale, periods } = this.#horizon;
    if (inBlock || waited < scale) return;
    const full = Math.min(periods, Math.floor(waited / scale));
    for (let period = 0; period < full; period++) this.#failed[period * COUNT + bucket]! += 1;
  }

  /** It was confirmed by the block number `blocks` after it came. */
  confirmed(blocks: number, bucket: number, rate: number): void {
    if (blocks < 1) return;
    const { scale, periods } = this.#horizon;
    for (let period = Math.ceil(blocks / scale); period <= periods; period++) {
      this.#confirmed[(period - 1) * COUNT + bucket]! += 1;
    }
    this.#seen[bucket]! += 1;
    this.#rates[bucket]! += rate;
  }

  /**
   * The median rate of the cheapest range of buckets of which, and of all dearer ones, at least
   * `share` were confirmed within `blocks`; -1 when there is none. A range is as wide as it must be to
   * hold `enough` transactions a block.
   */
  median(blocks: number, enough: number, share: number, height: number): number {
    assert(blocks >= 1 && blocks <= this.blocksMax, "the horizon reaches so far");
    const { scale, decay } = this.#horizon;
    const row = (Math.ceil(blocks / scale) - 1) * COUNT;
    const needed = enough / (1 - decay);
    let [near, best, bestNear] = [COUNT - 1, -1, -1];
    let [confirmed, seen, failed, waiting, partial] = [0, 0, 0, 0, 0];
    for (let bucket = COUNT - 1; bucket >= 0; bucket--) {
      confirmed += this.#confirmed[row + bucket]!;
      seen += this.#seen[bucket]!;
      partial += this.#seen[bucket]!;
      failed += this.#failed[row + bucket]!;
      waiting += this.#waitingFor(blocks, bucket, height);
      if (partial < needed) continue;
      partial = 0;
      // A range that fails grows by cheaper ones, which may mend it.
      if (confirmed / (seen + failed + waiting) < share) continue;
      [bestNear, best, near] = [near, bucket, bucket - 1];
      [confirmed, seen, failed, waiting] = [0, 0, 0, 0];
    }
    return best < 0 ? -1 : this.#medianRate(best, bestNear);
  }

  /** Transactions that have waited for `blocks` or more. */
  #waitingFor(blocks: number, bucket: number, height: number): number {
    let count = this.#waitingLong[bucket]!;
    for (let ago = blocks; ago < this.blocksMax; ago++) {
      const place = (((height - ago) % this.blocksMax) + this.blocksMax) % this.blocksMax;
      count += this.#waiting[place * COUNT + bucket]!;
    }
    return count;
  }

  #medianRate(low: number, high: number): number {
    let left = 0;
    for (let bucket = low; bucket <= high; bucket++) left += this.#seen[bucket]!;
    if (left === 0) return -1;
    left /= 2;
    for (let bucket = low; bucket <= high; bucket++) {
      if (this.#seen[bucket]! >= left) return this.#rates[bucket]! / this.#seen[bucket]!;
      left -= this.#seen[bucket]!;
    }
    return -1;
  }
}
