// What one simulated network is: arm, nodes, weights, links, faults. Everything that moves the
// result is here, so that canonical JSON of it, with a seed, replays a run.
import type { Rules } from "../../planes/consensus/qpos/rules.ts";
import { ARM_RULES, type Arm, type Mutation, mutate } from "./arms.ts";

/** Groups of nodes cut off from one another for some slots. */
export interface Split {
  readonly groups: readonly number[];
  readonly fromSlot: number;
  readonly slots: number;
}

export const SHAPES = ["mesh", "ring", "one-way", "bridge", "flapping"] as const;
/** How nodes are linked: all pairs; a ring; or a special pair of groups (see links.ts). */
export type Shape = (typeof SHAPES)[number];

/** A node that dies and comes back; `stale` slots are missing from its disk's guard. */
export interface Crash {
  readonly node: number;
  readonly atSlot: number;
  readonly downSlots: number;
  readonly staleSlots: number;
  /** The last write was torn: the guard does not read back. */
  readonly torn: boolean;
}

export interface Faults {
  /** Of 1,000 messages, so many are lost, delivered twice (event delivery only). */
  readonly lossPerMille: number;
  readonly duplicatePerMille: number;
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  /** Clocks are off by up to so much, either way. */
  readonly skewMs: number;
  readonly crashes: readonly Crash[];
}

export interface PowerConfig {
  readonly arm: Arm;
  readonly mutation: Mutation | null;
  readonly nodes: number;
  /** Weight of each node's staker. */
  readonly weights: readonly number[];
  /** So many of the last nodes sign on every side at once. */
  readonly hostile: number;
  /** Probability per slot that an up link drops, and that a down link returns. */
  readonly churn: number;
  readonly slots: number;
  /** Slots after that, with all links up. */
  readonly heal: number;
  readonly split: Split | null;
  readonly shape: Shape;
  /** Links per node in event delivery; 0 = all pairs. */
  readonly degree: number;
  /** Slots by which votes are late (slot delivery). */
  readonly voteDelay: 0 | 1;
  readonly delivery: "slot" | "event";
  readonly crypto: "model" | "full";
  readonly gate: "majority" | "certified";
  readonly ties: "arm" | "hash" | "first";
  /** Misses after which a staker is disabled inside its fork; -1 = as the arm has it. */
  readonly disableAfter: number;
  readonly faults: Faults;
}

export const NO_FAULTS: Faults = {
  lossPerMille: 0,
  duplicatePerMille: 0,
  delayMsMin: 100,
  delayMsMax: 1_000,
  skewMs: 0,
  crashes: [],
};

/** The post's test network: 3 nodes, full mesh, 720 slots of churn at p = 0.05, 120 to heal. */
export const TESTNET: PowerConfig = {
  arm: "G",
  mutation: null,
  nodes: 3,
  weights: [1, 1, 1],
  hostile: 0,
  churn: 0.05,
  slots: 720,
  heal: 120,
  split: null,
  shape: "mesh",
  degree: 0,
  voteDelay: 1,
  delivery: "slot",
  crypto: "model",
  gate: "majority",
  ties: "arm",
  disableAfter: -1,
  faults: NO_FAULTS,
};

/** A configuration with some fields changed; equal weights unless some are given. */
export function withConfig(fields: Partial<PowerConfig>): PowerConfig {
  const config = { ...TESTNET, ...fields };
  const weights = fields.weights ?? new Array<number>(config.nodes).fill(1);
  return { ...config, weights };
}

/** The rules that a configuration runs. */
export function rulesOf(config: PowerConfig): Rules {
  const arm = ARM_RULES[config.arm];
  const certified = arm.gate === "majority" && config.gate === "certified";
  const rules: Rules = {
    ...arm,
    gate: certified ? "certified" : arm.gate,
    ties: config.ties === "arm" ? arm.ties : config.ties,
    disableInFork: config.disableAfter < 0 ? arm.disableInFork : config.disableAfter,
  };
  return mutate(rules, config.mutation);
}
