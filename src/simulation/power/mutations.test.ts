// Each rule off, one at a time: a harness that cannot fail proves nothing. Every row names what
// goes wrong without the rule, and shows beside it that nothing does with it. (Quorum in one set
// only, and sets that follow seen finality, are shown beside their rules: finality.test.ts and
// registry.test.ts.)
import assert from "node:assert/strict";
import { test } from "node:test";
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
