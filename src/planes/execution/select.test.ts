import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type FeeGraph, selectByFee } from "./select.ts";

const graph: fc.Arbitrary<FeeGraph> = fc
  .array(
    fc.record({
      fee: fc.integer({ min: 0, max: 1_000 }),
      weight: fc.integer({ min: 40, max: 400 }),
      parents: fc.array(fc.nat(), { maxLength: 2 }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((nodes) => ({
    fees: nodes.map(({ fee }) => fee),
    weights: nodes.map(({ weight }) => weight),
    sigops: nodes.map(() => 1),
    parents: nodes.map(({ parents }, at) =>
      at === 0 ? [] : [...new Set(parents.map((pick) => pick % at))],
    ),
  }));

const ROOMY = { weightMax: 1e9, sigopsMax: 1e9, feePerWeightMin: 0 };

test("parents come first, sums are right, limits hold", () => {
  fc.assert(
    fc.property(graph, fc.integer({ min: 40, max: 4_000 }), (nodes, weightMax) => {
      const selected = selectByFee(nodes, { ...ROOMY, weightMax, sigopsMax: 20 });
      const seen = new Set<number>();
      let weight = 0;
      let fees = 0;
      for (const index of selected.order) {
        assert.ok(nodes.parents[index]!.every((parent) => seen.has(parent)));
        assert.ok(!seen.has(index));
        seen.add(index);
        weight += nodes.weights[index]!;
        fees += nodes.fees[index]!;
      }
      assert.deepEqual([selected.weight, selected.fees], [weight, fees]);
      assert.ok(weight <= weightMax && selected.order.length <= 20);
    }),
  );
});

test("with room for all, all are taken", () => {
  fc.assert(
    fc.property(graph, (nodes) => {
      assert.equal(selectByFee(nodes, ROOMY).order.length, nodes.fees.length);
    }),
  );
});

test("a child pays for its parent", () => {
  const nodes = {
    fees: [1, 100, 60],
    weights: [100, 100, 100],
    sigops: [1, 1, 1],
    parents: [[], [0], []],
  };
  assert.deepEqual(selectByFee(nodes, { ...ROOMY, weightMax: 100 }).order, [2]);
  assert.deepEqual(selectByFee(nodes, { ...ROOMY, weightMax: 300 }).order, [2, 0, 1]);
  assert.deepEqual(selectByFee(nodes, { ...ROOMY, weightMax: 250 }).order, [2, 0]);
  assert.deepEqual(
    selectByFee({ ...nodes, fees: [1, 200, 60] }, { ...ROOMY, weightMax: 250 }).order,
    [0, 1],
  );
});

test("packages below the least fee rate stay out", () => {
  const nodes = { fees: [1, 50], weights: [100, 100], sigops: [1, 1], parents: [[], []] };
  assert.deepEqual(selectByFee(nodes, { ...ROOMY, feePerWeightMin: 0.1 }).order, [1]);
});
