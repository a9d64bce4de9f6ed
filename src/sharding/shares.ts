// Voting shares from stake: a price per share that gives about S * lambda seats, quota rules that turn
// stake into whole shares, and which shares a staker gains or loses when its number changes.
// Amounts are BigInt: a ledger's total need not fit a double.
import { type Bytes, compareBytes } from "../base/bytes.ts";
import { type Draws, draw, order, TAG } from "./draw.ts";
import { type Ratio, SHARE_BYTES, shareId } from "./types.ts";

export interface Stake {
  readonly staker: Bytes;
  readonly amount: bigint;
}

/**
 * floor: whole shares only, the default, because splitting a stake never gains.
 * largest-remainder: sums exactly, but pays those who split.
 * systematic: fair on average, but re-draws seats, which is churn.
 */
export type Quota = "floor" | "largest-remainder" | "systematic";

export interface ShareParameters {
  readonly shards: number;
  /** lambda: seats per shard that the price aims at. */
  readonly seatsPerShard: number;
  /** Thousandths by which the price may be off before it changes. */
  readonly hold: number;
  readonly quota: Quota;
  /** Greatest part of all seats for one staker: a brake only, stakes can be split. Null for none. */
  readonly ownerCap: Ratio | null;
}

export const SHARES: ShareParameters = {
  shards: 4,
  seatsPerShard: 600,
  hold: 50,
  quota: "floor",
  ownerCap: { num: 6, den: 100 },
};

/** The price of one share; the old one (null at first) is kept while it is near enough. */
export function sharePrice(total: bigint, old: bigint | null, parameters: ShareParameters): bigint {
  const seats = BigInt(parameters.shards * parameters.seatsPerShard);
  const exact = (total + seats - 1n) / seats;
  const price = exact < 1n ? 1n : exact;
  if (old === null) return price;
  const difference = price > old ? price - old : old - price;
  return difference * 1000n <= BigInt(parameters.hold) * old ? old : price;
}

function capped(count: bigint, parameters: ShareParameters): number {
  const { ownerCap, shards, seatsPerShard } = parameters;
  if (ownerCap === null) return Number(count);
  const most = BigInt(Math.floor((shards * seatsPerShard * ownerCap.num) / ownerCap.den));
  return Number(count < most ? count : most);
}

/** One more seat for the largest remainders (tie: lower staker id) until all seats are given. */
function largestRemainders(stakes: readonly Stake[], price: bigint, counts: bigint[]): void {
  const total = stakes.reduce((sum, stake) => sum + stake.amount, 0n);
  let left = total / price - counts.reduce((sum, count) => sum + count, 0n);
  const ranked = stakes
    .map((stake, index) => ({ rest: stake.amount % price, staker: stake.staker, index }))
    .sort((a, b) =>
      a.rest === b.rest ? compareBytes(a.staker, b.staker) : a.rest > b.rest ? -1 : 1,
    );
  for (const { index } of ranked) {
    if (left <= 0n) break;
    counts[index]! += 1n;
    left -= 1n;
  }
}

function first48(digest: Bytes): bigint {
  return digest.subarray(0, 6).reduce((value, byte) => value * 256n + BigInt(byte), 0n);
}

/** A seat at each crossing of u + j * price by the remainders, laid end to end in drawn order. */
function systematic(stakes: readonly Stake[], price: bigint, counts: bigint[], draws: Draws): void {
  const drawn = stakes
    .map((stake, index) => ({
      digest: draw(draws, TAG.quota, shareId(stake.staker, 0), 0, 1, 0),
      staker: stake.staker,
      index,
    }))
    .sort((a, b) => compareBytes(a.digest, b.digest) || compareBytes(a.staker, b.staker));
  const none = new Uint8Array(0);
  // u lies in (0, price], so that a remainder of nothing crosses nothing.
  let next = ((first48(draw(draws, TAG.quota, none, -1, 2, 0)) * price) >> 48n) + 1n;
  let end = 0n;
  for (const { index } of drawn) {
    end += stakes[index]!.amount % price;
    if (end < next) continue;
    counts[index]! += 1n;
    next += price;
  }
}

/** Shares of each stake, in the order given. `draws` is used by `systematic` only. */
export function shareCounts(
  stakes: readonly Stake[],
  price: bigint,
  parameters: ShareParameters,
  draws: Draws,
): number[] {
  const counts = stakes.map((stake) => stake.amount / price);
  if (parameters.quota === "largest-remainder") largestRemainders(stakes, price, counts);
  if (parameters.quota === "systematic") systematic(stakes, price, counts, draws);
  return counts.map((count) => capped(count, parameters));
}

export interface ShareChange {
  readonly gained: readonly Bytes[];
  readonly lost: readonly Bytes[];
}

/**
 * What changes when a staker's number of shares becomes `count`: it gains the lowest free indices, and
 * loses the last of its shares in drawn order, so that it cannot choose which.
 */
export function changeShares(
  staker: Bytes,
  held: readonly number[],
  count: number,
  draws: Draws,
): ShareChange {
  const indices = [...held].sort((a, b) => a - b);
  if (count >= indices.length) {
    const taken = new Set(indices);
    const gained: Bytes[] = [];
    for (let index = 0; gained.length < count - indices.length; index++) {
      if (!taken.has(index)) gained.push(shareId(staker, index));
    }
    return { gained, lost: [] };
  }
  const ids = new Uint8Array(indices.length * SHARE_BYTES);
  indices.forEach((index, row) => {
    ids.set(shareId(staker, index), row * SHARE_BYTES);
  });
  const rows = Uint32Array.from(indices, (_, row) => row);
  const ordered = order(draws, TAG.order, ids, rows, 0);
  const lost = Array.from(ordered.subarray(count), (row) => shareId(staker, indices[row]!));
  return { gained: [], lost };
}
