// Lock times: absolute ones in a transaction (BIP113 says against which time) and relative ones in
// its inputs (BIP68). Bitcoin Core's consensus/tx_verify.cpp.
import type { Coin } from "./coin.ts";
import { LOCK_TIME_THRESHOLD } from "./limits.ts";
import type { Transaction } from "./transaction.ts";

const SEQUENCE_FINAL = 0xffffffff;
/** An input with this bit has no relative lock. */
const SEQUENCE_DISABLE = 0x80000000;
/** With this bit the lock counts units of 512 seconds, without it blocks. */
const SEQUENCE_SECONDS = 1 << 22;
const SEQUENCE_MASK = 0xffff;
const SECONDS_SHIFT = 9;

/** True when the lock time lets the transaction into a block of this height and lock-time cutoff. */
export function isFinal(transaction: Transaction, height: number, cutoff: number): boolean {
  const { lockTime } = transaction;
  if (lockTime === 0) return true;
  if (lockTime < (lockTime < LOCK_TIME_THRESHOLD ? height : cutoff)) return true;
  return transaction.inputs.every(({ sequence }) => sequence === SEQUENCE_FINAL);
}

/** True when `sequence` holds no relative lock. */
function isDisabled(sequence: number): boolean {
  return (sequence & SEQUENCE_DISABLE) !== 0;
}

/** The last height and the last median time at which a transaction is still locked; -1 for never. */
export interface SequenceLocks {
  readonly height: number;
  readonly time: number;
}

/**
 * The relative locks of a transaction of version 2 or later whose block enforces BIP68.
 * `medianTimeAt(height)` is the median time past of the block at that height of the branch.
 */
export function sequenceLocks(
  transaction: Transaction,
  coins: readonly Coin[],
  medianTimeAt: (height: number) => number,
): SequenceLocks {
  let height = -1;
  let time = -1;
  if (transaction.version < 2) return { height, time };
  for (let index = 0; index < transaction.inputs.length; index++) {
    const { sequence } = transaction.inputs[index]!;
    if (isDisabled(sequence)) continue;
    const value = sequence & SEQUENCE_MASK;
    const coinHeight = coins[index]!.height;
    if ((sequence & SEQUENCE_SECONDS) !== 0) {
      // Counted from the earliest time that the coin's block could have had.
      const from = medianTimeAt(Math.max(coinHeight - 1, 0));
      time = Math.max(time, from + value * 2 ** SECONDS_SHIFT - 1);
    } else {
      height = Math.max(height, coinHeight + value - 1);
    }
  }
  return { height, time };
}

/** True when the locks are open in the block at `height` whose parent has this median time past. */
export function locksAreOpen(locks: SequenceLocks, height: number, parentMedian: number): boolean {
  return locks.height < height && locks.time < parentMedian;
}

/** True when some input has a relative lock in seconds: only then are median times asked for. */
export function hasTimeLock(transaction: Transaction): boolean {
  if (transaction.version < 2) return false;
  return transaction.inputs.some(
    ({ sequence }) => !isDisabled(sequence) && (sequence & SEQUENCE_SECONDS) !== 0,
  );
}

/** How many blocks the relative lock of input `index` asks for; 0 when it has none in blocks. */
export function lockBlocks(transaction: Transaction, index: number): number {
  const { sequence } = transaction.inputs[index]!;
  const inBlocks = !isDisabled(sequence) && (sequence & SEQUENCE_SECONDS) === 0;
  return transaction.version >= 2 && inBlocks ? sequence & SEQUENCE_MASK : 0;
}
