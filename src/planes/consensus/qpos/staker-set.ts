// A version of the set of stakers: who has a slot in a round, with which weight, and which earlier
// set must agree before a vote of that round finalizes anything.
import type { Digest } from "./header.ts";

/** Ids ascending with their weights, and the weight that a link needs among them. */
export interface Electorate {
  readonly ids: readonly number[];
  readonly weights: readonly number[];
  readonly total: number;
  /** floor(2W/3) + 1 */
  readonly quorum: number;
  readonly positions: ReadonlyMap<number, number>;
}

export interface StakerSet extends Electorate {
  readonly version: number;
  /** The first round that uses it. */
  readonly activation: number;
  /** The active set of the version before, which must give a quorum too; null for the first. */
  readonly rear: Electorate | null;
  /** The version before, for votes about older rounds. */
  readonly before: StakerSet | null;
  /** Roots of the trees over `id ‖ weight`, made when first asked for. */
  roots: { readonly active: Digest; readonly rear: Digest } | null;
}

/** An electorate of `ids` (ascending) and their weights. */
export function electorate(ids: readonly number[], weights: readonly number[]): Electorate {
  const positions = new Map<number, number>();
  let total = 0;
  for (let at = 0; at < ids.length; at++) {
    positions.set(ids[at]!, at);
    total += weights[at]!;
  }
  return { ids, weights, total, quorum: Math.floor((2 * total) / 3) + 1, positions };
}

/** A set version that follows `before`. */
export function nextSet(
  before: StakerSet | null,
  activation: number,
  ids: readonly number[],
  weights: readonly number[],
): StakerSet {
  const { total, quorum, positions } = electorate(ids, weights);
  return {
    ids,
    weights,
    total,
    quorum,
    positions,
    version: before === null ? 1 : before.version + 1,
    activation,
    rear: before,
    before,
    roots: null,
  };
}

/** The weight of a staker in a set, 0 when it is not in it. */
export function weightIn(set: Electorate, stakerId: number): number {
  const position = set.positions.get(stakerId);
  return position === undefined ? 0 : set.weights[position]!;
}

/** The smallest numbers of stakers that together hold at least a third, and more than half. */
export function concentration(set: Electorate): { readonly third: number; readonly half: number } {
  const weights = [...set.weights].sort((a, b) => b - a);
  let sum = 0;
  let third = 0;
  let half = 0;
  for (let at = 0; at < weights.length; at++) {
    if (3 * sum < set.total) third = at + 1;
    if (2 * sum <= set.total) half = at + 1;
    sum += weights[at]!;
  }
  return { third, half };
}
