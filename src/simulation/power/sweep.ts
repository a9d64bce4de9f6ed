// Many seeds of one configuration, and what they add up to. The summary is what `pando sim power`
// prints as its last line; the runs go into the full report.
import { createHash } from "node:crypto";
import type { PowerConfig } from "./config.ts";
import { Histogram, type RunReport } from "./metrics.ts";
import { type RunResult, runSeed } from "./run.ts";

export interface Summary {
  readonly arm: string;
  readonly nodes: number;
  readonly churn: number;
  readonly seeds: number;
  /** Runs with any of these. */
  readonly forks: number;
  readonly bans: number;
  readonly stalls: number;
  readonly finalizedConflicts: number;
  readonly honestSlashed: number;
  readonly worstReorg: number;
  readonly worstDrop: number;
  readonly blocksPerSlot: number;
  readonly blocksPerSlotWorst: number;
  readonly slotsToFinality: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Worst slots from healing to one new head; -1 when some run never got there. */
  readonly recoverySlots: number;
  /** Runs whose rollback passed the bound of a static split; null when there is no such bound. */
  readonly outsideBound: number | null;
  readonly reorgHistogram: Readonly<Record<string, number>>;
  /** Upper 95% bound on the share of runs with a fork, ban, stall or conflict. */
  readonly upper95: number;
  /** The first few seeds that failed; the report has them all. */
  readonly failingSeeds: readonly number[];
  readonly slots: number;
  readonly events: number;
  readonly wallMs: number;
  readonly slotsPerSecond: number;
  readonly eventsPerSecond: number;
  readonly traceHash: string;
  readonly pass: Readonly<Record<string, boolean>>;
}

const FAILING_SEEDS_SHOWN = 10;

export interface Sweep {
  readonly summary: Summary;
  readonly runs: readonly RunReport[];
}

/** True when a run shows what the specified rules promise never to show. */
export function isFailing(report: RunReport): boolean {
  return (
    report.fork ||
    report.bans > 0 ||
    report.stall ||
    report.finalityConflict ||
    report.honestSlashed > 0 ||
    !report.withinBound
  );
}

/** The chance of at most `found` in `runs` when each has chance `share`. */
function atMost(found: number, runs: number, share: number): number {
  let term = (1 - share) ** runs;
  let sum = term;
  for (let k = 1; k <= found; k++) {
    term *= ((runs - k + 1) / k) * (share / (1 - share));
    sum += term;
  }
  return sum;
}

/** The exact upper 95% bound on a share of which `found` of `runs` were seen. */
export function upperBound(found: number, runs: number): number {
  if (found >= runs) return 1;
  let low = found / runs;
  let high = 1;
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2;
    if (atMost(found, runs, middle) > 0.05) low = middle;
    else high = middle;
  }
  return Math.round(high * 1e6) / 1e6;
}

/** Runs `count` seeds from `first`; `nowMs` is the caller's stopwatch. */
export function runSweep(
  config: PowerConfig,
  first: number,
  count: number,
  nowMs: () => number,
  onRun: (report: RunReport) => void = () => {},
): Sweep {
  const started = nowMs();
  const runs: RunReport[] = [];
  const delays = new Histogram();
  for (let seed = first; seed < first + count; seed++) {
    const result: RunResult = runSeed(config, seed);
    runs.push(result.report);
    delays.merge(result.delays);
    onRun(result.report);
  }
  return { runs, summary: summarize(config, runs, delays, nowMs() - started) };
}

function round(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}

function summarize(
  config: PowerConfig,
  runs: readonly RunReport[],
  delays: Histogram,
  wallMs: number,
): Summary {
  const count = (holds: (report: RunReport) => boolean): number => runs.filter(holds).length;
  const sum = (value: (report: RunReport) => number): number =>
    runs.reduce((total, report) => total + value(report), 0);
  const worst = (value: (report: RunReport) => number): number => Math.max(...runs.map(value));
  const reorgHistogram: Record<string, number> = {};
  for (const report of [...runs].sort((a, b) => a.maxReorg - b.maxReorg)) {
    reorgHistogram[report.maxReorg] = (reorgHistogram[report.maxReorg] ?? 0) + 1;
  }
  const hash = createHash("sha256");
  for (const report of runs) hash.update(report.traceHash, "hex");
  const failing = runs.filter(isFailing);
  const slots = sum((report) => report.slots);
  const events = sum((report) => report.events);
  const bounded = runs.some((report) => report.boundTrust !== null);
  const mean = sum((report) => report.prefixPerSlot) / runs.length;
  const perSecond = (amount: number): number => Math.round((amount * 1_000) / Math.max(1, wallMs));
  return {
    arm: config.arm,
    nodes: config.nodes,
    churn: config.churn,
    seeds: runs.length,
    forks: count((report) => report.fork),
    bans: count((report) => report.bans > 0),
    stalls: count((report) => report.stall),
    finalizedConflicts: count((report) => report.finalityConflict),
    honestSlashed: count((report) => report.honestSlashed > 0),
    worstReorg: worst((report) => report.maxReorg),
    worstDrop: worst((report) => report.maxDrop),
    blocksPerSlot: round(mean, 4),
    blocksPerSlotWorst: round(Math.min(...runs.map((report) => report.prefixPerSlot)), 4),
    slotsToFinality: {
      p50: delays.quantile(500),
      p99: delays.quantile(990),
      max: delays.max(),
    },
    recoverySlots: runs.some((report) => report.recoverySlots < 0)
      ? -1
      : worst((report) => report.recoverySlots),
    outsideBound: bounded ? count((report) => !report.withinBound) : null,
    reorgHistogram,
    upper95: upperBound(failing.length, runs.length),
    failingSeeds: failing.slice(0, FAILING_SEEDS_SHOWN).map((report) => report.seed),
    slots,
    events,
    wallMs: Math.round(wallMs),
    slotsPerSecond: perSecond(slots),
    eventsPerSecond: perSecond(events),
    traceHash: hash.digest("hex"),
    pass: passOf(config, runs, mean),
  };
}

/** The pass criteria of docs/internals/qpos.md that this configuration is about. */
function passOf(
  config: PowerConfig,
  runs: readonly RunReport[],
  mean: number,
): Record<string, boolean> {
  const share = (holds: (report: RunReport) => boolean): number =>
    runs.filter(holds).length / runs.length;
  const testnet = config.nodes === 3 && config.churn === 0.05 && config.hostile === 0;
  if (config.arm === "N" && testnet) {
    const forks = share((report) => report.fork) >= 0.95;
    return { forks, bans: share((report) => report.bans > 0) >= 0.95 };
  }
  if (config.arm !== "G" || config.mutation !== null || 3 * config.hostile >= config.nodes) {
    return {};
  }
  const pass: Record<string, boolean> = { nothingFailed: runs.every((run) => !isFailing(run)) };
  if (testnet) {
    pass["reorgBelow5"] = runs.every((report) => report.maxReorg < 5);
    pass["blocksPerSlot"] = mean >= 0.75;
  }
  return pass;
}
