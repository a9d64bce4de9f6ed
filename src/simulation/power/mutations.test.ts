// Each rule off, one at a time: a harness that cannot fail proves nothing. Every row names what
// goes wrong without the rule, and shows beside it that nothing does with it.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ResolvedOperation } from "../../planes/consensus/qpos/apply-operation.ts";
import type { Arm, Mutation } from "./arms.ts";
import { NO_FAULTS, type PowerConfig, withConfig } from "./config.ts";
import type { RunReport } from "./metrics.ts";
import { runSeed } from "./run.ts";
import { Simulation } from "./simulation.ts";
import { runSlots } from "./slot-run.ts";

interface Row {
  readonly mutation: Mutation;
  readonly arm?: Arm;
  readonly fields: Partial<PowerConfig>;
  readonly shows: string;
  readonly fails: (report: RunReport) => boolean;
  /** Seeds of which at least so many show it. */
  readonly seeds: number;
  readonly least: number;
}

const halves = (groups: number[], slots: number): Partial<PowerConfig> => ({
  nodes: groups.reduce((a, b) => a + b),
  churn: 0,
  slots: slots + 20,
  heal: 60,
  split: { groups, fromSlot: 20, slots },
});

const ROWS: readonly Row[] = [
  {
    mutation: "no-gate",
    fields: {},
    shows: "long rollbacks",
    fails: (report) => report.maxReorg >= 8,
    seeds: 12,
    least: 10,
  },
  {
    mutation: "gate-half",
    fields: halves([2, 2], 60),
    shows: "two halves grow at once",
    fails: (report) => !report.withinBound,
    seeds: 8,
    least: 8,
  },
  {
    mutation: "power-before",
    arm: "PC",
    fields: { ...halves([2, 1], 80), heal: 0 },
    shows: "the majority stops itself",
    fails: (report) => report.stall,
    seeds: 8,
    least: 8,
  },
  {
    mutation: "no-certificate",
    fields: {},
    shows: "a halt is for good",
    fails: (report) => report.stall,
    seeds: 12,
    least: 12,
  },
  {
    mutation: "first-seen-ties",
    fields: {},
    shows: "equal tips stand for good",
    fails: (report) => report.stall,
    seeds: 20,
    least: 5,
  },
  {
    mutation: "naive-check",
    fields: {},
    shows: "honest neighbours are banned",
    fails: (report) => report.bans > 0,
    seeds: 12,
    least: 12,
  },
  {
    mutation: "no-guard",
    fields: {
      churn: 0,
      slots: 150,
      heal: 30,
      faults: {
        ...NO_FAULTS,
        crashes: [
          { node: 1, atSlot: 50, downSlots: 1, staleSlots: 6, torn: false },
          { node: 1, atSlot: 80, downSlots: 1, staleSlots: 0, torn: false },
          { node: 2, atSlot: 110, downSlots: 2, staleSlots: 4, torn: false },
        ],
      },
    },
    shows: "a restarted staker signs twice",
    fails: (report) => report.honestSlashed > 0,
    seeds: 8,
    least: 8,
  },
  {
    mutation: "exempt-empty-rounds",
    fields: halves([2, 1], 60),
    shows: "a lone staker goes on after waiting",
    fails: (report) => !report.withinBound,
    seeds: 8,
    least: 8,
  },
];

for (const row of ROWS) {
  test(`without the rule (${row.mutation}): ${row.shows}`, () => {
    const arm = row.arm ?? "G";
    let shown = 0;
    for (let seed = 1_000; seed < 1_000 + row.seeds; seed++) {
      const config = withConfig({ ...row.fields, arm });
      const mutated = runSeed({ ...config, mutation: row.mutation }, seed).report;
      if (row.fails(mutated)) shown++;
      const { report } = runSeed(config, seed);
      assert.ok(!row.fails(report), `with the rule nothing of the kind: ${report.replay}`);
    }
    assert.ok(shown >= row.least, `${shown} of ${row.seeds} runs show it`);
  });
}

/** How far finality lags behind the heads on average, the worst node of each slot. */
function meanLag(mutation: Mutation | null, seed: number): number {
  const config = withConfig({ churn: 0.2, slots: 400, heal: 0, mutation });
  const simulation = new Simulation(config, seed, "");
  let sum = 0;
  runSlots(simulation, {
    slotEnded: () => {
      const lags = simulation.honest.map(
        ({ core }) => core.head.height - core.view.finalized.branch.height,
      );
      sum += Math.max(...lags);
    },
  });
  return sum / 400;
}

test("without the rule (votes-pruned): finality lags", () => {
  let pruned = 0;
  let kept = 0;
  for (let seed = 1_000; seed < 1_012; seed++) {
    pruned += meanLag("votes-pruned", seed) / 12;
    kept += meanLag(null, seed) / 12;
  }
  assert.ok(pruned > 1.5 * kept, `${pruned.toFixed(1)} blocks instead of ${kept.toFixed(1)}`);
});

function operation(op: "pause" | "resume", id: number): ResolvedOperation {
  // In the model every staker's owner is the same.
  return { txid: "ab".repeat(32), operation: { op, id }, authHash: "00".repeat(32), outputs: [] };
}

/** A run whose blocks carry registry operations in the given slots. */
function runWith(
  config: PowerConfig,
  seed: number,
  operations: ReadonlyMap<number, readonly ResolvedOperation[]>,
): Simulation {
  const simulation = new Simulation(config, seed, "", false, operations);
  runSlots(simulation, null);
  return simulation;
}

test("without the rule (one-quorum): two sets that differ by one finalize two branches", () => {
  // 3 leaves and 6 joins; then the network tears between 1, 2, 3 and 4, 5, 6, and two of seven sign
  // on either side. Before the change {1, 2, 3} and they are a quorum, after it {4, 5, 6} and they.
  const operations = new Map([
    [20, [operation("pause", 6)]],
    [80, [operation("resume", 6), operation("pause", 3)]],
  ]);
  const config = (fromSlot: number, mutation: Mutation | null): PowerConfig =>
    withConfig({
      nodes: 8,
      hostile: 2,
      churn: 0,
      slots: 200,
      heal: 20,
      mutation,
      split: { groups: [3, 3, 2], fromSlot, slots: 100 },
    });
  let shown = 0;
  for (let seed = 1_008; seed < 1_012; seed++) {
    for (const fromSlot of [93, 95]) {
      const careless = runWith(config(fromSlot, "one-quorum"), seed, operations);
      if (careless.finality.conflict) shown++;
      const specified = runWith(config(fromSlot, null), seed, operations);
      assert.ok(!specified.finality.conflict, `with the rule: seed ${seed}, split at ${fromSlot}`);
    }
  }
  assert.ok(shown >= 3, `${shown} of 8 runs show it`);
});

test("without the rule (seen-membership): honest blocks are refused and the network forks for good", () => {
  const operations = new Map<number, readonly ResolvedOperation[]>();
  for (let slot = 30; slot < 240; slot++) {
    const op = Math.floor(slot / 10) % 2 === 0 ? "resume" : "pause";
    if (slot % 10 < 3) operations.set(slot, [operation(op, 4)]);
  }
  let shown = 0;
  for (let seed = 1_000; seed < 1_012; seed++) {
    const config = withConfig({ nodes: 5, slots: 260, heal: 60 });
    const tips = (simulation: Simulation): number =>
      new Set(simulation.heads().map(({ id }) => id)).size;
    const mutated = runWith({ ...config, mutation: "seen-membership" }, seed, operations);
    if (mutated.refusals > 0 && tips(mutated) > 1) shown++;
    const specified = runWith(config, seed, operations);
    assert.equal(specified.refusals, 0, `with the rule nobody is refused: seed ${seed}`);
    assert.equal(tips(specified), 1, `with the rule all agree: seed ${seed}`);
  }
  assert.ok(shown >= 8, `${shown} of 12 runs show it`);
});
