// What the fee estimator is told of the mempool and of the chain, and when it is saved. An entry says
// itself whether its wait is counted, so that nothing is kept here for each transaction.
import { join } from "node:path";
import type { BlockId } from "../../planes/consensus/work/block-index.ts";
import type { FeeEstimate } from "../../ports/mempool.ts";
import type { RecordedChange } from "../chain/base.ts";
import type { AnyOpenedChain } from "../chain/open.ts";
import type { Entry } from "./entry.ts";
import { FeeEstimator, type Waiting } from "./fee-estimator.ts";
import { loadFees, saveFees } from "./fee-file.ts";

/** Fees are learnt while the tip is not older than this, as in Bitcoin Core. */
const TIP_AGE_SECONDS_MAX: number = 3 * 3600;
const BLOCKS_AT_ONCE = 24;
const FILE = "fee-estimates.pando";
const SAVE_SECONDS = 3600;

export interface FeeLearningOptions {
  readonly folder: string;
  /** Base units per 1,000 virtual bytes; what pays less says nothing. */
  readonly relayFeeRate: number;
  readonly clock: () => number;
}

export class FeeLearning {
  readonly #index: AnyOpenedChain["chain"]["index"];
  readonly #options: FeeLearningOptions;
  readonly #path: string;
  readonly #estimator = new FeeEstimator();
  /** Confirmed by the record that is being followed. */
  #confirmed: Waiting[] = [];
  #savedAt: number;

  constructor(opened: AnyOpenedChain, options: FeeLearningOptions) {
    this.#index = opened.chain.index;
    this.#options = options;
    this.#path = join(options.folder, FILE);
    this.#savedAt = options.clock();
  }

  load(): void {
    loadFees(this.#path, this.#estimator, this.#options.clock());
  }

  /** How long it waits tells something when it waits for nothing but its fee, at the newest tip. */
  admitted(entry: Entry, tip: BlockId): void {
    const { clock, relayFeeRate } = this.#options;
    const waiting = waitingOf(entry);
    if (entry.parents.size > 0 || waiting.rate < relayFeeRate) return;
    if (clock() - this.#index.time(tip) > TIP_AGE_SECONDS_MAX) return;
    entry.teachesFees = this.#estimator.admitted(waiting);
  }

  /** It has left the mempool, by a block or otherwise. */
  left(entry: Entry, inBlock: boolean): void {
    if (!entry.teachesFees) return;
    if (inBlock) this.#confirmed.push(waitingOf(entry));
    else this.#estimator.left(waitingOf(entry));
  }

  /** Blocks have come, or the tip has gone back, and everybody has been told. */
  recorded({ connect }: RecordedChange): void {
    const last = connect.at(-1);
    if (last === undefined) return;
    const confirmed = this.#confirmed;
    this.#confirmed = [];
    // A record of many blocks does not say which of them each was in.
    const height = this.#index.height(last);
    for (let at = height - Math.min(connect.length, BLOCKS_AT_ONCE) + 1; at < height; at++) {
      this.#estimator.block(at, []);
    }
    this.#estimator.block(height, confirmed);
    const now = this.#options.clock();
    if (now - this.#savedAt < SAVE_SECONDS) return;
    this.#savedAt = now;
    saveFees(this.#path, this.#estimator);
  }

  estimate(blocks: number, conservative: boolean): FeeEstimate {
    return this.#estimator.estimate(blocks, conservative);
  }

  /** Saves what was learnt; of what still waits the file knows nothing. */
  close(entries: Iterable<Entry>): void {
    for (const entry of entries) {
      this.left(entry, false);
      entry.teachesFees = false;
    }
    saveFees(this.#path, this.#estimator);
  }
}

/** What the estimator must know of an entry; the same whenever it is asked. */
function waitingOf({ height, fee, size }: Entry): Waiting {
  return { height, rate: Math.floor((fee * 1000) / size) };
}
