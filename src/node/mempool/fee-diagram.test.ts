import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chunksOf, type FeeNode, improves } from "./fee-diagram.ts";

const node = (fee: number, size: number, ...parents: number[]): FeeNode => ({ fee, size, parents });

test("a child that pays more is mined with its parent, one that pays less behind it", () => {
  assert.deepEqual(chunksOf([node(0, 100), node(1_000, 100, 0)]), [{ fee: 1_000, size: 200 }]);
  assert.deepEqual(chunksOf([node(500, 100), node(100, 100, 0)]), [
    { fee: 500, size: 100 },
    { fee: 100, size: 100 },
  ]);
  // A rich child of two parents, and a poor one of the first.
  const four = [node(10, 100), node(10, 100), node(2_000, 100, 0, 1), node(1, 100, 0)];
  assert.deepEqual(chunksOf(four), [
    { fee: 2_020, size: 300 },
    { fee: 1, size: 100 },
  ]);
});

test("more everywhere is better, more here and less there is not", () => {
  const of = (...pairs: [number, number][]) => pairs.map(([fee, size]) => ({ fee, size }));
  assert.equal(improves(of([100, 100]), of([200, 100])), true);
  assert.equal(improves(of([100, 100]), of([100, 100])), false);
  // Larger and with more fees, but at a lower rate for the first bytes.
  assert.equal(improves(of([1_000, 100]), of([2_000, 400])), false);
  // What is lost at the end was worth less than what came.
  assert.equal(improves(of([100, 100], [10, 100]), of([200, 100])), true);
  assert.equal(improves(of([100, 100], [500, 1_000]), of([200, 100])), false);
});

test("chunks have falling rates and hold everything", () => {
  const graph = fc
    .array(
      fc.record({ fee: fc.nat(10_000), size: fc.integer({ min: 60, max: 4_000 }), seed: fc.nat() }),
      { minLength: 1, maxLength: 20 },
    )
    .map((list) =>
      list.map(({ fee, size, seed }, at): FeeNode => {
        const parents = [seed % 7, (seed >> 3) % 11, (seed >> 6) % 5].filter((one) => one < at);
        return { fee, size, parents: [...new Set(parents)] };
      }),
    );
  fc.assert(
    fc.property(graph, (nodes) => {
      const chunks = chunksOf(nodes);
      const sum = (list: readonly { fee: number; size: number }[]) =>
        list.reduce((all, one) => [all[0]! + one.fee, all[1]! + one.size], [0, 0]);
      assert.deepEqual(sum(chunks), sum(nodes));
      for (let at = 1; at < chunks.length; at++) {
        const [a, b] = [chunks[at - 1]!, chunks[at]!];
        assert.ok(a.fee * b.size >= b.fee * a.size);
      }
      assert.equal(improves(chunks, chunks), false);
    }),
  );
});
