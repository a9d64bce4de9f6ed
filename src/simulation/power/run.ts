// One run: a configuration and a seed in, a report out.

import { canonicalJson } from "../../planes/consensus/qpos/params.ts";
import type { PowerConfig } from "./config.ts";
import { runEvents } from "./event-run.ts";
import { groupOf } from "./links.ts";
import { commonHeight, type Histogram, type RunReport } from "./metrics.ts";
import { replayCommand } from "./replay.ts";
import { type Observer, Simulation } from "./simulation.ts";
import { runSlots } from "./slot-run.ts";

const FORK_BLOCKS = 3;
const STALL_SLOTS = 30;

export interface RunResult {
  readonly report: RunReport;
  readonly delays: Histogram;
}

/** Canonical JSON of a configuration: what the trace hash begins with. */
export function configJson(config: PowerConfig): string {
  return canonicalJson(JSON.parse(JSON.stringify(config)));
}

/** The heaviest fragment that has at most half of the weight, twice: the bound on a static split. */
export function boundTrust(config: PowerConfig): number | null {
  const { split, churn, weights, hostile } = config;
  if (split === null || churn > 0 || hostile > 0) return null;
  const sums = split.groups.map(() => 0);
  let total = 0;
  for (let node = 0; node < config.nodes; node++) {
    sums[groupOf(split.groups, node)]! += weights[node]!;
    total += weights[node]!;
  }
  return 2 * Math.max(0, ...sums.filter((sum) => 2 * sum <= total));
}

/** Runs one seed. `share: false` judges every block in every node, to show that sharing changes nothing. */
export function runSeed(
  config: PowerConfig,
  seed: number,
  observer: Observer | null = null,
  share = true,
): RunResult {
  const simulation = new Simulation(config, seed, `${configJson(config)}${seed}`, share);
  const recoverySlots =
    config.delivery === "slot" ? runSlots(simulation, observer) : runEvents(simulation, observer);
  return { report: reportOf(simulation, recoverySlots), delays: simulation.finality.delays };
}

function slashed(simulation: Simulation): { honest: number; hostile: number } {
  const found = new Set<number>();
  for (const node of simulation.honest) {
    for (const key of node.core.evidence.keys()) found.add(Number(key.split("/")[1]));
    for (const key of node.core.head.registry.offences) found.add(Number(key.split("/")[1]));
  }
  const first = simulation.config.nodes - simulation.config.hostile;
  const honest = [...found].filter((id) => id <= first).length;
  return { honest, hostile: found.size - honest };
}

function reportOf(simulation: Simulation, recoverySlots: number): RunReport {
  const { config, seed, finality } = simulation;
  const heads = simulation.heads();
  const slots = config.slots + config.heal;
  const prefixBlocks = commonHeight(heads);
  const lag = Math.max(...heads.map((head) => head.height)) - prefixBlocks;
  const bound = boundTrust(config);
  const offenders = slashed(simulation);
  return {
    seed,
    fork: lag > FORK_BLOCKS,
    lag,
    bans: simulation.bans,
    stall: heads.every((head) => head.slot < slots - STALL_SLOTS),
    maxReorg: simulation.maxReorg,
    maxReorgTrust: simulation.maxReorgTrust,
    maxDrop: simulation.maxDrop,
    boundTrust: bound,
    withinBound: bound === null || simulation.maxReorgTrust <= bound,
    blocks: simulation.blocks,
    prefixBlocks,
    prefixPerSlot: prefixBlocks / slots,
    certificates: simulation.certificates,
    refusals: simulation.refusals,
    skippedActs: simulation.honest.reduce((sum, node) => sum + node.core.skippedActs, 0),
    finalizedRound: finality.round,
    finalizedHeight: finality.height(),
    finalityConflict: finality.conflict,
    honestSlashed: offenders.honest,
    hostileSlashed: offenders.hostile,
    finalitySlots: {
      p50: finality.delays.quantile(500),
      p99: finality.delays.quantile(990),
      max: finality.delays.max(),
    },
    recoverySlots,
    messages: simulation.messages,
    bytes: simulation.bytes,
    events: simulation.events,
    slots,
    traceHash: simulation.trace.digest(),
    replay: replayCommand(config, seed),
  };
}
