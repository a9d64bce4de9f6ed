// The fault table: one row per level of every axis, each with its runs, violations, upper bound and
// the command that replays its worst seed. Hostile weight beyond a third must fail; all else must not.
import { NO_FAULTS, type PowerConfig, withConfig } from "./config.ts";
import { replayCommand } from "./replay.ts";
import { isFailing, runSweep, upperBound } from "./sweep.ts";

export interface FaultRow {
  readonly name: string;
  readonly config: PowerConfig;
  /** True where the rules promise nothing: the row shows that the harness can fail. */
  readonly beyond: boolean;
}

export interface FaultResult {
  readonly name: string;
  readonly beyond: boolean;
  readonly runs: number;
  readonly violations: number;
  readonly upper95: number;
  readonly longestRollback: number;
  readonly blocksPerSlot: number;
  readonly replay: string;
}

function zipf(nodes: number): number[] {
  return Array.from({ length: nodes }, (_, at) => Math.max(1, Math.floor((4 * nodes) / (at + 1))));
}

/** One staker with the given share of the weight, the others equal. */
function heavy(nodes: number, percent: number): number[] {
  const rest = 100 - percent;
  return [percent * (nodes - 1), ...new Array<number>(nodes - 1).fill(rest)];
}

function row(name: string, fields: Partial<PowerConfig>, beyond = false): FaultRow {
  return { name, config: withConfig({ slots: 240, heal: 120, ...fields }), beyond };
}

function split(groups: readonly number[], rounds: number): Partial<PowerConfig> {
  const nodes = groups.reduce((sum, group) => sum + group, 0);
  const slots = rounds * nodes;
  return {
    nodes,
    churn: 0,
    slots: slots + 2 * nodes,
    heal: 6 * nodes + 30,
    split: { groups, fromSlot: nodes + 2, slots },
  };
}

function faults(fields: Partial<PowerConfig["faults"]>): Partial<PowerConfig> {
  return { delivery: "event", faults: { ...NO_FAULTS, ...fields } };
}

/** Slot delivery moves one message per pair of nodes: large meshes get eight links per node. */
function sparse(nodes: number): Partial<PowerConfig> {
  return { nodes, degree: 8, delivery: "event", churn: 0, slots: 4 * nodes, heal: nodes };
}

/** Two honest stakers and a hostile one that holds so many percent of the weight. */
function hostile(percent: number): Partial<PowerConfig> {
  const half = 100 - percent;
  return { nodes: 3, hostile: 1, weights: [half, half, 2 * percent] };
}

/** All rows. */
export function faultRows(): FaultRow[] {
  const crash = { atSlot: 60, downSlots: 12, staleSlots: 0, torn: false };
  const stale = { atSlot: 120, downSlots: 3, staleSlots: 10, torn: false };
  return [
    ...[3, 4, 7, 10].map((nodes) => row(`${nodes} nodes`, { nodes })),
    ...[31, 100].map((nodes) => row(`${nodes} nodes, 8 links each`, sparse(nodes))),
    row("weights Zipf", { nodes: 7, weights: zipf(7) }),
    row("one staker of 49%", { nodes: 5, weights: heavy(5, 49) }),
    row("one staker of 51%", { nodes: 5, weights: heavy(5, 51) }),
    ...[5, 20, 30].map((percent) =>
      row(`loss ${percent}%`, { nodes: 4, churn: 0, ...faults({ lossPerMille: percent * 10 }) }),
    ),
    ...[10, 50].map((percent) =>
      row(`duplicates ${percent}%`, { nodes: 4, ...faults({ duplicatePerMille: percent * 10 }) }),
    ),
    row("delay up to 3 slots", { nodes: 4, churn: 0, ...faults({ delayMsMax: 15_000 }) }),
    ...[1, 2, 3, 10, 100].map((rounds) =>
      row(`split 2|1, ${rounds} rounds`, split([2, 1], rounds)),
    ),
    ...[1, 3, 10].flatMap((rounds) =>
      [
        [1, 1, 1],
        [2, 2],
        [3, 2],
        [4, 3],
      ].map((groups) => row(`split ${groups.join("|")}, ${rounds} rounds`, split(groups, rounds))),
    ),
    row("split 67|33, 3 rounds", split([67, 33], 3)),
    row("ring of 6", { nodes: 6, shape: "ring" }),
    row("one way 2|2", { ...split([2, 2], 10), shape: "one-way" }),
    row("bridge 2|2", { ...split([2, 2], 10), shape: "bridge" }),
    row("flapping 2|2", { ...split([2, 2], 10), shape: "flapping" }),
    ...[0.01, 0.05, 0.2].map((churn) => row(`churn ${churn}`, { churn })),
    ...[900, 4_000, 5_000, 20_000].map((skewMs) =>
      row(`clocks ±${skewMs} ms`, { nodes: 4, churn: 0, ...faults({ skewMs }) }),
    ),
    row("one crash", { nodes: 4, faults: { ...NO_FAULTS, crashes: [{ node: 1, ...crash }] } }),
    row("stale disk", { nodes: 4, faults: { ...NO_FAULTS, crashes: [{ node: 2, ...stale }] } }),
    row("torn last write", {
      nodes: 4,
      faults: { ...NO_FAULTS, crashes: [{ node: 2, ...stale, torn: true }] },
    }),
    row("hostile 1 of 10", { nodes: 10, hostile: 1 }),
    row("hostile 1 of 4", { nodes: 4, hostile: 1 }),
    row("hostile 2 of 7", { nodes: 7, hostile: 2 }),
    row("hostile 8 of 25", { nodes: 25, hostile: 8, slots: 150, heal: 75 }),
    ...[10, 32].map((percent) => row(`hostile ${percent}%`, hostile(percent))),
    ...[34, 50, 51].map((percent) => row(`hostile ${percent}%`, hostile(percent), true)),
    row("hostile 2 of 4", { nodes: 4, hostile: 2 }, true),
  ];
}

/** Runs one row. */
export function runRow(one: FaultRow, first: number, count: number): FaultResult {
  const { runs, summary } = runSweep(one.config, first, count, () => 0);
  const failing = runs.filter(isFailing);
  const worst = failing[0] ?? runs.reduce((a, b) => (b.maxReorg > a.maxReorg ? b : a));
  return {
    name: one.name,
    beyond: one.beyond,
    runs: runs.length,
    violations: failing.length,
    upper95: upperBound(failing.length, runs.length),
    longestRollback: summary.worstReorg,
    blocksPerSlot: summary.blocksPerSlot,
    replay: replayCommand(one.config, worst.seed),
  };
}
