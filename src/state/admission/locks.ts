// Time locks as admission needs them: nLockTime (BIP113) at the home, BIP68 sequences where the coin
// lies. Both are judged for a block on top of the tip, again at every chain record.

import type { Candidate, CoinFacts } from "./records.ts";
import { NO_LOCK, UNCONFIRMED } from "./records.ts";

const SEQUENCE_FINAL = 0xffffffff;
const SEQUENCE_DISABLE = 0x8000_0000;
const SEQUENCE_TYPE_TIME = 0x40_0000;
const SEQUENCE_MASK = 0xffff;
const TIME_GRANULARITY_SECONDS = 512;
const LOCK_TIME_THRESHOLD = 500_000_000;

/** What admission knows of the chain at one chain position. */
export interface ChainFacts {
  readonly height: number;
  /** Median time past of the tip. */
  readonly medianTime: number;
  /** Script flags of the next block. */
  readonly flags: number;
  /** Median time past of the block at `height` of this chain. */
  medianTimeAt(height: number): number;
}

/** True when nLockTime allows the transaction in the block after the tip. */
export function isFinal(candidate: Candidate, chain: ChainFacts): boolean {
  const { lockTime } = candidate;
  if (lockTime === 0) return true;
  const now = lockTime < LOCK_TIME_THRESHOLD ? chain.height + 1 : chain.medianTime;
  return lockTime < now || candidate.inputs.every((input) => input.sequence === SEQUENCE_FINAL);
}

/** True when nLockTime could ever keep the transaction out. */
export function hasAbsoluteLock(candidate: Candidate): boolean {
  return (
    candidate.lockTime !== 0 && candidate.inputs.some((input) => input.sequence !== SEQUENCE_FINAL)
  );
}

/** The sequence when BIP68 applies to it, else NO_LOCK. */
export function relativeLock(version: number, sequence: number): number {
  return version >= 2 && (sequence & SEQUENCE_DISABLE) === 0 && (sequence & SEQUENCE_MASK) !== 0
    ? sequence >>> 0
    : NO_LOCK;
}

/** True when a coin's relative lock allows its spend in the block after the tip. */
export function isRelativeLockRipe(coin: CoinFacts, lock: number, chain: ChainFacts): boolean {
  if (lock === NO_LOCK) return true;
  const value = lock & SEQUENCE_MASK;
  // An unconfirmed coin counts as created by the next block.
  const height = coin.height === UNCONFIRMED ? chain.height + 1 : coin.height;
  if ((lock & SEQUENCE_TYPE_TIME) === 0) return height + value <= chain.height + 1;
  const created = chain.medianTimeAt(Math.max(height - 1, 0));
  return created + value * TIME_GRANULARITY_SECONDS <= chain.medianTime;
}

/** True when a coinbase coin may be spent in the block after the tip. */
export function isMature(coin: CoinFacts, maturity: number, chain: ChainFacts): boolean {
  return !coin.coinbase || chain.height + 1 - coin.height >= maturity;
}
