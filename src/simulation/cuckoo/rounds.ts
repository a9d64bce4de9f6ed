// What an experiment in rounds is: one hostile share leaves and rejoins per round, until a group is
// lost or the cap is reached. Shared by the count engines and the member engine.
import type { Ratio } from "../../sharding/types.ts";

export type RoundRule = "cuckoo" | "commensal";
export type RoundStrategy = "least" | "fixed" | "most";

export interface RoundSettings {
  readonly rule: RoundRule;
  /** Shares of the network, hostile ones included. */
  readonly n: number;
  /** Mean size of a group. */
  readonly group: number;
  readonly k: number;
  readonly need: number;
  readonly vetting: boolean;
  readonly scaling: boolean;
  readonly hostile: number;
  readonly theta: Ratio;
  /** A group is lost above theta only; else at theta already. */
  readonly strict: boolean;
  readonly strategy: RoundStrategy;
}

export const ROUNDS: RoundSettings = {
  rule: "cuckoo",
  n: 8192,
  group: 64,
  k: 4,
  need: 3,
  vetting: true,
  scaling: true,
  hostile: 390,
  theta: { num: 1, den: 3 },
  strict: true,
  strategy: "least",
};

/** Hostile shares at a ratio epsilon of hostile to honest. */
export function hostileAtEpsilon(n: number, epsilon: number): number {
  return Math.round((n * epsilon) / (1 + epsilon));
}

/** A running experiment; `advance` plays up to so many rounds and says how many it played. */
export interface RoundEngine {
  /** True once a group is lost; no round is played afterwards. */
  lost: boolean;
  readonly groupSize: Int32Array;
  readonly groupHostile: Int32Array;
  /** Joins for which no group was ready, and the sum of G / ready over all joins (commensal). */
  fallbacks: number;
  tries: number;
  advance(rounds: number): number;
}

/** Worst, mean and best hostile fraction over the groups now. */
export function fractions(engine: RoundEngine): { worst: number; mean: number; best: number } {
  let worst = 0;
  let best = 1;
  let sum = 0;
  const { groupSize, groupHostile } = engine;
  for (let g = 0; g < groupSize.length; g++) {
    const fraction = groupSize[g] === 0 ? 0 : groupHostile[g]! / groupSize[g]!;
    worst = Math.max(worst, fraction);
    best = Math.min(best, fraction);
    sum += fraction;
  }
  return { worst, mean: sum / groupSize.length, best };
}
