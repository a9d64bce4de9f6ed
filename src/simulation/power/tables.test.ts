// The reference tables of docs/internals/qpos.md with few seeds: first the disease, then the stall
// of the literal rule, then the cure. The full numbers are run with `pando sim power`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type PowerConfig, withConfig } from "./config.ts";
import type { RunReport } from "./metrics.ts";
import { runSeed } from "./run.ts";
import { isFailing } from "./sweep.ts";

function runs(fields: Partial<PowerConfig>, count: number, first = 1_000): RunReport[] {
  const config = withConfig(fields);
  return Array.from({ length: count }, (_, at) => runSeed(config, first + at).report);
}

function many(reports: readonly RunReport[], holds: (report: RunReport) => boolean): number {
  return reports.filter(holds).length;
}

function worst(reports: readonly RunReport[]): number {
  return Math.max(...reports.map((report) => report.maxReorg));
}

function mean(reports: readonly RunReport[]): number {
  return reports.reduce((sum, report) => sum + report.prefixPerSlot, 0) / reports.length;
}

test("arm N: the published network forks for good and bans its honest neighbours", () => {
  const reports = runs({ arm: "N" }, 30);
  assert.ok(many(reports, (report) => report.fork) >= 29);
  assert.ok(many(reports, (report) => report.bans > 0) >= 29);
  assert.ok(mean(reports) < 0.1, `${mean(reports)}`);
});

test("arms P and PC: the literal power rule stalls", () => {
  assert.equal(
    many(runs({ arm: "P" }, 20), (report) => report.stall),
    20,
  );
  const repaired = runs({ arm: "PC" }, 20);
  assert.equal(
    many(repaired, (report) => report.stall),
    20,
  );
  assert.equal(
    many(repaired, (report) => report.fork || report.bans > 0),
    0,
  );
});

test("arm C: forks heal without power, at the price of long rollbacks", () => {
  const reports = runs({ arm: "C" }, 30);
  assert.equal(
    many(reports, (report) => report.fork || report.stall || report.bans > 0),
    0,
  );
  assert.ok(worst(reports) >= 15, `${worst(reports)}`);
  assert.ok(Math.abs(mean(reports) - 0.83) < 0.03, `${mean(reports)}`);
});

test("arm G, as specified: no fork, ban, stall, conflict; rollback below 5; 0.77 blocks per slot", () => {
  const reports = runs({ arm: "G" }, 60);
  for (const report of reports) assert.ok(!isFailing(report), report.replay);
  assert.ok(worst(reports) < 5);
  assert.ok(Math.abs(mean(reports) - 0.775) < 0.025, `${mean(reports)}`);
  const two = many(reports, (report) => report.maxReorg <= 2);
  assert.ok(two >= 45, `longest rollback is 2 in most runs: ${two} of 60`);
  assert.ok(many(reports, (report) => report.finalizedHeight > 0.9 * report.prefixBlocks) >= 55);
});

test("arm G0: the gate with certificates, disabling in the fork or not", () => {
  const plain = runs({ arm: "G0" }, 20);
  const disabling = runs({ arm: "G0", disableAfter: 8 }, 20);
  assert.equal(
    many([...plain, ...disabling], (report) => report.fork || report.stall),
    0,
  );
  assert.ok(worst(plain) < 5 && worst(disabling) < 5);
  assert.ok(mean(disabling) > mean(plain) + 0.08, "the set shrinks to who is there");
});

test("gate certified: rollback of 1 or 2 and lower throughput", () => {
  const reports = runs({ arm: "G", gate: "certified", voteDelay: 0 }, 20);
  assert.ok(worst(reports) <= 2, `${worst(reports)}`);
  assert.equal(many(reports, isFailing), 0);
});

test("one isolation: N forks for good from four rounds on, P and G heal", () => {
  for (const slots of [12, 30]) {
    const config = (arm: "N" | "P" | "C" | "G", offset: number): Partial<PowerConfig> => ({
      arm,
      churn: 0,
      slots: 60 + slots,
      heal: 60,
      split: { groups: [2, 1], fromSlot: 20 + offset, slots },
    });
    for (const offset of [0, 1, 2]) {
      assert.equal(
        many(runs(config("N", offset), 6), (report) => report.fork),
        6,
      );
      assert.equal(
        many(runs(config("P", offset), 6), (report) => report.fork),
        0,
      );
      const cured = runs(config("G", offset), 6);
      assert.equal(many(cured, isFailing), 0);
      assert.ok(worst(cured) <= 2);
      assert.ok(many(runs(config("C", offset), 6), (report) => !report.withinBound) >= 5);
    }
  }
});

const SPLITS: readonly [number[], number, number][] = [
  [[1, 1, 1], 30, 5],
  [[2, 2], 40, 6],
  [[3, 2], 100, 1],
  [[4, 3], 140, 1],
  [[5, 5], 100, 13],
];

test("static splits: every rollback within 2·w(M), recovery within two rounds", () => {
  for (const [groups, slots, recovery] of SPLITS) {
    const nodes = groups.reduce((a, b) => a + b);
    for (let offset = 0; offset < nodes; offset++) {
      const split = { groups, fromSlot: 20 + offset, slots };
      const [report] = runs(
        { nodes, churn: 0, slots: slots + 60, heal: 60, split },
        1,
        1_000 + offset,
      );
      assert.ok(!isFailing(report!), report!.replay);
      assert.ok(report!.recoverySlots <= recovery, `${report!.recoverySlots}: ${report!.replay}`);
    }
  }
});

test("random weighted splits stay within the bound", () => {
  for (let seed = 0; seed < 30; seed++) {
    const weights = Array.from({ length: 5 }, (_, at) => 1 + ((seed * 7 + at * 5) % 9));
    const split = { groups: [2, 3], fromSlot: 20 + (seed % 5), slots: 40 };
    const [report] = runs({ nodes: 5, weights, churn: 0, slots: 90, heal: 60, split }, 1, seed);
    assert.ok(report!.withinBound, report!.replay);
    assert.ok(!report!.fork && !report!.finalityConflict, report!.replay);
  }
});

test("one-way links, a bridge node, flapping, a ring: nothing forks, stalls or conflicts", () => {
  const split = { groups: [2, 2], fromSlot: 20, slots: 60 };
  for (const shape of ["one-way", "bridge", "flapping"] as const) {
    for (const report of runs({ nodes: 4, churn: 0, slots: 120, heal: 60, split, shape }, 8)) {
      const broken = report.fork || report.stall || report.bans > 0 || report.finalityConflict;
      assert.ok(!broken && report.honestSlashed === 0, report.replay);
    }
  }
  for (const report of runs({ nodes: 6, shape: "ring", slots: 200 }, 6)) {
    assert.ok(!isFailing(report), report.replay);
  }
});

test("fault-free finality: mean and most slots by number of nodes, votes in time and late", () => {
  const expected: [number, number, number][] = [
    [3, 6, 7],
    [4, 8, 9],
    [7, 14, 15],
    [10, 20, 21],
    [31, 62, 63],
  ];
  for (const [nodes, inTime, late] of expected) {
    const fields = { nodes, churn: 0, slots: nodes * 8, heal: 0 };
    const [quick] = runs({ ...fields, voteDelay: 0 }, 1);
    const [slow] = runs({ ...fields, voteDelay: 1 }, 1);
    assert.equal(quick!.finalitySlots.max, inTime, `${nodes} nodes, in time`);
    assert.equal(slow!.finalitySlots.max, late, `${nodes} nodes, late`);
    assert.ok(quick!.prefixPerSlot >= 0.99);
  }
});
