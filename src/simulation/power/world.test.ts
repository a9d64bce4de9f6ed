// The world around the cores: determinism, hostile weight, crashes, event delivery, full crypto.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ResolvedOperation } from "../../planes/consensus/qpos/apply-operation.ts";
import { Random } from "../world/random.ts";
import { NO_FAULTS, type PowerConfig, withConfig } from "./config.ts";
import { EventHeap } from "./event-run.ts";
import { faultRows, runRow } from "./fault-table.ts";
import { runSeed } from "./run.ts";
import { Simulation } from "./simulation.ts";
import { runSlots } from "./slot-run.ts";
import { isFailing, runSweep, upperBound } from "./sweep.ts";

test("the same seed gives the same trace; another seed, another", () => {
  for (const fields of [{}, { delivery: "event" as const }, { nodes: 7, hostile: 2, slots: 100 }]) {
    const config = withConfig({ slots: 200, ...fields });
    const a = runSeed(config, 5).report;
    assert.deepEqual(runSeed(config, 5).report, a);
    assert.notEqual(runSeed(config, 6).report.traceHash, a.traceHash);
  }
});

test("the trace of one small run, as every machine must compute it", () => {
  const { report } = runSeed(withConfig({ slots: 60, heal: 20 }), 1_000);
  assert.equal(
    report.traceHash,
    "70b5ee7f84db9458d3fde73d6f9f49c7bb2f738e6b6bbf4d503f1a0511f6d4d4",
  );
});

test("judging a block once for all nodes or in every node gives the same trace", () => {
  for (const arm of ["N", "PC", "G"] as const) {
    const config = withConfig({ arm, slots: 150, heal: 30 });
    const shared = runSeed(config, 9).report.traceHash;
    assert.equal(runSeed(config, 9, null, false).report.traceHash, shared);
  }
});

test("the full profile, real hashes and signatures, behaves the same", () => {
  const config = withConfig({ crypto: "full", slots: 45, heal: 15 });
  const { report } = runSeed(config, 1_000);
  assert.ok(!isFailing(report), report.replay);
  assert.ok(report.prefixBlocks > 30 && report.finalizedHeight > 10);
  const split = { groups: [2, 1], fromSlot: 10, slots: 20 };
  const healed = runSeed(
    withConfig({ crypto: "full", churn: 0, slots: 40, heal: 20, split }),
    1,
  ).report;
  assert.ok(!isFailing(healed), healed.replay);
  assert.ok(healed.maxReorg >= 1);
});

test("hostile weight below a third: no conflict; beyond: it fails where all can see", () => {
  const config = (nodes: number, hostile: number): PowerConfig =>
    withConfig({ nodes, hostile, slots: 300, heal: 80 });
  for (let seed = 0; seed < 6; seed++) {
    for (const [nodes, hostile] of [
      [4, 1],
      [7, 2],
    ] as const) {
      const { report } = runSeed(config(nodes, hostile), seed);
      assert.ok(!report.finalityConflict && !report.fork && !report.stall, report.replay);
      assert.equal(report.honestSlashed, 0);
      assert.ok(report.maxReorg <= 8, `${report.maxReorg}`);
    }
  }
  const broken = runSweep(config(4, 2), 0, 6, () => 0).summary;
  assert.ok(broken.finalizedConflicts >= 5, `${broken.finalizedConflicts} of 6`);
  const caught = runSeed(config(4, 1), 3).report;
  assert.equal(caught.hostileSlashed, 1, "who signs on both sides is found out");
});

test("crashes: stale disks and torn writes never sign twice", () => {
  const crashes = [
    { node: 0, atSlot: 40, downSlots: 3, staleSlots: 5, torn: false },
    { node: 1, atSlot: 70, downSlots: 1, staleSlots: 0, torn: true },
    { node: 2, atSlot: 100, downSlots: 10, staleSlots: 12, torn: false },
  ];
  const config = withConfig({ nodes: 5, slots: 200, heal: 60, faults: { ...NO_FAULTS, crashes } });
  for (let seed = 0; seed < 10; seed++) {
    const { report } = runSeed(config, seed);
    assert.ok(!isFailing(report), report.replay);
  }
});

test("event delivery: delay, loss, duplication and skew leave every zero a zero", () => {
  const faults = { ...NO_FAULTS, lossPerMille: 50, duplicatePerMille: 100, skewMs: 900 };
  for (const fields of [{}, { faults }, { nodes: 7, faults, degree: 4 }]) {
    const config = withConfig({ delivery: "event", slots: 240, heal: 120, ...fields });
    for (let seed = 0; seed < 4; seed++) {
      const { report } = runSeed(config, seed);
      assert.ok(!isFailing(report), report.replay);
      assert.ok(report.prefixPerSlot > 0.5, `${report.prefixPerSlot}: ${report.replay}`);
    }
  }
});

test("the heap gives events by time, then by sequence", () => {
  const heap = new EventHeap();
  const random = new Random(1, "heap");
  const times = Array.from({ length: 500 }, () => random.below(50));
  times.forEach((timeMs, sequence) => {
    heap.push({ timeMs, sequence, from: null as never, to: null, message: null });
  });
  const expected = times
    .map((timeMs, sequence) => ({ timeMs, sequence }))
    .sort((a, b) => a.timeMs - b.timeMs || a.sequence - b.sequence);
  for (const { timeMs, sequence } of expected) {
    const item = heap.pop();
    assert.deepEqual([item.timeMs, item.sequence], [timeMs, sequence]);
  }
  assert.equal(heap.peekMs(), Number.POSITIVE_INFINITY);
});

test("random streams are apart, and below() is in range", () => {
  const a = new Random(7, "links");
  const b = new Random(7, "faults");
  assert.notEqual(a.u32(), b.u32());
  for (let draw = 0; draw < 1_000; draw++) assert.ok(a.below(3) < 3);
});

test("the upper bound on what was never seen", () => {
  assert.ok(Math.abs(upperBound(0, 1_000) - 0.00299) < 1e-4);
  assert.equal(upperBound(5, 5), 1);
  assert.ok(upperBound(3, 100) > 0.03 && upperBound(3, 100) < 0.09);
});

test("stalls that the simulator found stay cured", () => {
  // A link that came in time to some and late to others split the heads two and two for good.
  const halves = withConfig({ nodes: 4 });
  assert.ok(!isFailing(runSeed(halves, 1_115).report));
  // The last block of a round came after the votes: no tip was left below what they justified.
  const faults = { ...NO_FAULTS, skewMs: 4_000 };
  const late = withConfig({ nodes: 4, churn: 0, slots: 240, delivery: "event", faults });
  assert.ok(!isFailing(runSeed(late, 1_009).report));
});

test("the fault table has no empty promise and every row a replay command", () => {
  const rows = faultRows();
  assert.ok(rows.length > 50);
  assert.ok(rows.filter((one) => one.beyond).length >= 4);
  for (const one of rows) {
    if (one.config.nodes > 10) continue;
    const result = runRow(one, 1_000, 1);
    assert.match(result.replay, /^pando sim power .*--seeds 1 --seed 1000$/);
    if (!one.beyond) assert.equal(result.violations, 0, result.replay);
    if (one.name.startsWith("hostile 34")) assert.equal(result.violations, 1);
  }
});

test("registry operations in blocks: every node follows the same set versions", () => {
  const operation = (op: "pause" | "resume"): ResolvedOperation => ({
    txid: "ab".repeat(32),
    operation: { op, id: 7 },
    authHash: "00".repeat(32),
    outputs: [],
  });
  const operations = new Map([
    [30, [operation("pause")]],
    [31, [operation("pause")]],
    [150, [operation("resume")]],
  ]);
  const config = withConfig({ nodes: 7, churn: 0.02, slots: 260, heal: 60 });
  const simulation = new Simulation(config, 4, "", false, operations);
  const sets = new Set<string>();
  runSlots(simulation, {
    slotEnded: () => {
      for (const head of simulation.heads()) sets.add(head.set.ids.join(""));
    },
  });
  assert.deepEqual([...sets], ["1234567", "123456", "1234567"].slice(0, 2));
  const [head] = simulation.heads();
  assert.equal(head!.set.ids.join(""), "1234567");
  assert.equal(head!.set.version, 3);
  assert.ok(simulation.heads().every((other) => other.id === head!.id));
  assert.equal(simulation.refusals, 0);
  assert.ok(!simulation.finality.conflict && simulation.finality.height() > 200);
});
