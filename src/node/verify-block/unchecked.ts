// What a single block cannot show without its chain: rules that were left out because a height or a
// time is not known. Each is named by the reason that the rule would give, with a word why.
import type { Block } from "../../ledger/bitcoin/block.ts";
import { COINBASE_MATURITY, LOCK_TIME_THRESHOLD } from "../../ledger/bitcoin/limits.ts";
import { hasTimeLock, isFinal, lockBlocks } from "../../ledger/bitcoin/locks.ts";
import type { Transaction } from "../../ledger/bitcoin/transaction.ts";
import type { SpentCoin } from "./spent.ts";

/** Rules that always need the headers before the block, the clock or the coin set. */
export const NEEDS_CHAIN: readonly string[] = [
  "bad-diffbits",
  "time-too-new",
  "time-timewarp-attack",
  "bad-txns-BIP30",
];

export class Unchecked {
  #maturity = 0;
  #heightLocks = 0;
  #timeLocks = 0;
  #lockTimes = 0;
  #time = false;

  /** The median time before the block is not known. */
  missMedianTime(block: Block, height: number, csv: boolean): void {
    this.#time = true;
    if (!csv) return;
    const open = ({ lockTime }: Transaction): boolean => lockTime < LOCK_TIME_THRESHOLD;
    for (const transaction of block.transactions) {
      if (!open(transaction) && !isFinal(transaction, height, 0)) this.#lockTimes++;
    }
  }

  /** Counts the coins that may be coinbases too young to be spent. */
  missMaturity(coins: readonly SpentCoin[], spendHeight: number): void {
    for (const { height, coinbase } of coins) {
      if (coinbase === false || (coinbase === true && height !== null)) continue;
      if (height === null || spendHeight - height < COINBASE_MATURITY) this.#maturity++;
    }
  }

  /** Counts the relative locks of a transaction that cannot be judged. */
  missLocks(transaction: Transaction, coins: readonly SpentCoin[]): void {
    if (hasTimeLock(transaction)) this.#timeLocks++;
    if (unknownHeightLock(transaction, coins)) this.#heightLocks++;
  }

  /** One line for each rule that was not, or not wholly, applied. */
  list(): string[] {
    const lines: string[] = [];
    const add = (count: number, code: string, why: (count: number) => string): void => {
      if (count > 0) lines.push(`${code}: ${why(count)}`);
    };
    if (this.#time) lines.push("time-too-old: the median time before the block is not given");
    add(
      this.#lockTimes,
      "bad-txns-nonfinal",
      (count) => `lock times of ${count} transactions need the median time before the block`,
    );
    add(
      this.#timeLocks,
      "bad-txns-nonfinal",
      (count) => `relative locks in seconds of ${count} transactions need earlier median times`,
    );
    add(
      this.#heightLocks,
      "bad-txns-nonfinal",
      (count) => `relative locks in blocks of ${count} transactions need heights of their coins`,
    );
    add(
      this.#maturity,
      "bad-txns-premature-spend-of-coinbase",
      (count) => `height or coinbase mark of ${count} coins is unknown`,
    );
    return lines;
  }
}

/** True when a coin of unknown height has a lock that not every earlier height satisfies. */
function unknownHeightLock(transaction: Transaction, coins: readonly SpentCoin[]): boolean {
  return coins.some(({ height }, index) => height === null && lockBlocks(transaction, index) > 1);
}
