// What a run is made of: how much happens, and which faults. A swarm: every seed draws its own mix,
// so that rare combinations meet.
import type { AdmissionLimits } from "../../state/admission/limits.ts";
import { DEFAULT_LIMITS } from "../../state/admission/limits.ts";
import type { Draws } from "../world/draws.ts";
import type { NetworkFaults } from "../world/network.ts";

export const PROFILES = ["wide", "chainy", "storm"] as const;
export type ProfileName = (typeof PROFILES)[number];

export interface Profile {
  readonly name: ProfileName;
  readonly partitions: number;
  readonly placement: "txid" | "outpoint";
  /** Partitions that share one process and one journal. */
  readonly partitionsPerProcess: number;
  /** Partitions of one process decide together where they can, without messages. */
  readonly together: boolean;
  readonly genesisCoins: number;
  readonly transactions: number;
  readonly chainRecords: number;
  /** Length of the faulty part, ms of simulated time. */
  readonly durationMs: number;
  readonly network: NetworkFaults;
  /** Mean times between these, ms; infinite when they do not happen. */
  readonly crashMs: number;
  readonly takeoverMs: number;
  readonly cutMs: number;
  readonly dropMs: number;
  /** Probability that a message to a partition reaches an old owner. */
  readonly staleShare: number;
  readonly reorganisations: number;
  readonly resets: number;
  readonly syncMs: number;
  readonly skewMs: number;
  readonly replace: "off" | "feerate";
  readonly giveUp: number;
  /** How often clients without a definite answer ask again, ms. */
  readonly askMs: number;
  /** Share of inputs that somebody else spends too. */
  readonly contention: number;
  /** Share of transactions that try to replace an admitted one. */
  readonly bumps: number;
  readonly limits: AdmissionLimits;
}

const LIMITS: AdmissionLimits = {
  ...DEFAULT_LIMITS,
  ancestorCountMax: 12,
  preparingCountMax: 24,
  preparingPerSourceMax: 24,
  parkedCountMax: 16,
  parkedMsMin: 800,
  parkedMsMax: 4_000,
  parkedLifeMs: 20_000,
  waitersPerParentMax: 4,
  waiterCountMax: 24,
  auditMs: 3_000,
  repeatMs: 200,
  resendMs: 300,
  feeRateMin: 0,
};

/** The mix of one seed. */
export function drawProfile(name: ProfileName, random: Draws): Profile {
  const storm = name === "storm";
  const chainy = name === "chainy";
  const faulty = storm || random.chance(0.85);
  const some = (probability: number, mean: number): number =>
    faulty && (storm || random.chance(probability)) ? mean : Number.POSITIVE_INFINITY;
  const durationMs = chainy ? 26_000 : storm ? 12_000 : 14_000;
  const tight = random.chance(0.2);
  return {
    name,
    partitions: random.pick([2, 4, 4, 4]),
    placement: random.chance(0.4) ? "outpoint" : "txid",
    partitionsPerProcess: random.pick([1, 1, 1, 2, 4]),
    together: random.chance(0.7),
    genesisCoins: storm ? random.between(5, 10) : random.between(24, 70),
    transactions: storm ? 60 : chainy ? 80 : random.between(90, 140),
    chainRecords: chainy ? 26 : storm ? 8 : random.between(2, 6),
    durationMs,
    network: {
      loss: faulty ? 0.03 + random.fraction() * 0.09 : 0,
      doubling: faulty ? 0.05 + random.fraction() * 0.07 : 0,
      delayMs: random.pick([2, 8, 20]),
      tail: faulty ? 0.03 + random.fraction() * 0.12 : 0,
      cuts: 0,
    },
    crashMs: some(0.8, random.pick([400, 1_000, 3_000])),
    takeoverMs: some(0.5, random.pick([900, 2_500])),
    cutMs: some(0.3, 2_000),
    dropMs: some(0.7, random.pick([300, 1_000])),
    staleShare: 0.35,
    reorganisations: chainy ? 0.5 : 0.35,
    resets: random.chance(0.3) ? 0.08 : 0,
    syncMs: random.pick([0.3, 2, 8]),
    skewMs: random.pick([5, 60, 400]),
    replace: random.chance(0.5) ? "feerate" : "off",
    giveUp: 0.15,
    askMs: random.pick([150, 400, 900]),
    bumps: 0.15,
    contention: storm ? 0.5 : random.pick([0.1, 0.3]),
    limits: tight ? { ...LIMITS, bytesLow: 4_000, bytesHigh: 6_000, ancestorCountMax: 4 } : LIMITS,
  };
}
