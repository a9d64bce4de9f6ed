// The numbers of consensus that are the same on every network (Bitcoin Core's consensus/amount.h
// and consensus/consensus.h).

/** Base units in one coin of the currency. */
export const COIN_UNITS = 100_000_000;
/** No amount, and no sum of amounts, may be greater. */
export const MONEY_MAX: number = 21_000_000 * COIN_UNITS;
export const BLOCK_WEIGHT_MAX = 4_000_000;
/** BIP141: a byte without witness weighs four times a witness byte. */
export const WITNESS_SCALE = 4;
export const SIGOP_COST_MAX = 80_000;
/** Blocks that must lie on a coinbase before it may be spent. */
export const COINBASE_MATURITY = 100;
/** A lock time below it is a height, otherwise seconds since 1970. */
export const LOCK_TIME_THRESHOLD = 500_000_000;
/** How far ahead of the clock a block's time may lie, seconds. */
export const FUTURE_SECONDS_MAX = 7200;
/** BIP94: how far the first block of a period may lie behind the one before it, seconds. */
export const TIMEWARP_SECONDS_MAX = 600;

/** True for an amount that can exist. */
export function isMoney(value: number): boolean {
  return value >= 0 && value <= MONEY_MAX;
}
