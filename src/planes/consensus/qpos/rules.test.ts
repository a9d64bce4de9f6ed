// Properties of the small rules: weights, slots and rounds, power's edges, segment roots.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bytesEqual } from "../../../base/bytes.ts";
import { sha256 } from "../../../crypto/hash.ts";
import { locate } from "./clock.ts";
import { isMajority, picoPower, powerFraction, powerOf, powerPasses } from "./power.ts";
import { queueOf, queueSeed } from "./randomness.ts";
import { foldSegments, merkleRoot, segmentRoots } from "./segments.ts";
import { concentration, electorate, nextSet, weightIn } from "./staker-set.ts";
import { isqrt, stakerWeight } from "./weight.ts";

test("isqrt is exact below 2^53", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (x) => {
      const root = BigInt(isqrt(x));
      assert.ok(root * root <= BigInt(x) && (root + 1n) * (root + 1n) > BigInt(x));
    }),
  );
  for (const root of [1, 2, 94906265]) {
    assert.equal(isqrt(root * root), root);
    assert.equal(isqrt(root * root - 1), root - 1);
  }
});

test("weights: the published rows", () => {
  const weigh = (produced: number, docked: number, highest: number, id: number): number[] =>
    (["earned", "senior"] as const).map((rule) =>
      stakerWeight(rule, { id, produced, docked }, highest + 1, 1_048_575),
    );
  assert.deepEqual(weigh(0, 0, 3, 3), [1, 1]);
  assert.deepEqual(weigh(100, 10, 3, 1), [9, 9]);
  assert.deepEqual(weigh(5, 9, 10, 4), [1, 7]);
  assert.deepEqual(weigh(1_000_000, 2_500, 500, 1), [998, 1116]);
});

test("senior weight concentrates: the oldest 18.4% hold a third, the oldest 29.3% half", () => {
  const ids = Array.from({ length: 1_000 }, (_, at) => at + 1);
  const weights = ids.map((id) =>
    stakerWeight("senior", { id, produced: 0, docked: 0 }, 1_001, 1_048_575),
  );
  const { third, half } = concentration(electorate(ids, weights));
  assert.ok(Math.abs(third - 184) <= 1 && Math.abs(half - 293) <= 1, `${third} ${half}`);
});

/** The walk of the specification, slot by slot of rounds. */
function walk(slot: number, round: number, start: number, lengths: (round: number) => number) {
  let r = round;
  let from = start;
  while (slot >= from + lengths(r)) {
    from += lengths(r);
    r++;
  }
  return { round: r, start: from };
}

test("locate: the jump is the walk", () => {
  const size = fc.integer({ min: 1, max: 128 });
  fc.assert(
    fc.property(size, size, size, fc.nat(10_000), fc.nat(20_000), (a, b, c, start, ahead) => {
      const lengths = (round: number): number => (round === 9 ? a : round === 10 ? b : c);
      const from = { round: 9, start, length: a, nextLength: b, laterLength: c };
      assert.deepEqual(locate(start + ahead, from), walk(start + ahead, 9, start, lengths));
    }),
  );
});

test("a queue is a permutation of the set, and differs from round to round", () => {
  const ids = Array.from({ length: 31 }, (_, at) => at + 1);
  const seen = new Set<string>();
  for (let round = 0; round < 20; round++) {
    const queue = queueOf(queueSeed("00".repeat(32), round, "11".repeat(32)), ids);
    assert.deepEqual(
      [...queue].sort((a, b) => a - b),
      ids,
    );
    seen.add(queue.join());
  }
  assert.equal(seen.size, 20);
});

test("power: round 1 is not judged, an exact half fails, an empty previous round counts", () => {
  assert.ok(powerPasses(powerOf(null, [{ weight: 1, hit: true }])));
  assert.equal(picoPower(powerOf(null, [])), 1e12);
  assert.equal(powerFraction({ filled: 0, total: 0 }), "1");
  assert.ok(!powerPasses({ filled: 1, total: 2 }));
  assert.ok(powerPasses({ filled: 51, total: 100 }));
  assert.ok(!powerPasses({ filled: 50, total: 99 }));
  const afterEmpty = powerOf({ filled: 0, total: 3 }, [{ weight: 1, hit: true }]);
  assert.deepEqual(afterEmpty, { filled: 1, total: 4 });
  assert.ok(!powerPasses(afterEmpty));
});

test("power: one staker of 60% is the majority; rounds of different sizes add up", () => {
  const heavy = powerOf({ filled: 60, total: 100 }, [{ weight: 60, hit: true }]);
  assert.ok(powerPasses(heavy));
  assert.ok(isMajority(60, 100) && !isMajority(40, 100) && !isMajority(50, 100));
  const grown = powerOf({ filled: 3, total: 3 }, [
    { weight: 1, hit: true },
    { weight: 1, hit: false },
    { weight: 1, hit: false },
    { weight: 1, hit: false },
  ]);
  assert.deepEqual(grown, { filled: 4, total: 7 });
});

test("power: with one staker all is whole, with two a lone one stands at a half and fails", () => {
  assert.ok(powerPasses(powerOf({ filled: 1, total: 1 }, [{ weight: 1, hit: true }])));
  const lone = powerOf({ filled: 1, total: 2 }, [
    { weight: 1, hit: true },
    { weight: 1, hit: false },
  ]);
  assert.deepEqual(lone, { filled: 2, total: 4 });
  assert.ok(!powerPasses(lone));
});

test("power: products stay exact at the largest weights and sets", () => {
  const total = 2 * 128 * 1_048_575;
  assert.ok(total * 100 < Number.MAX_SAFE_INTEGER);
  assert.equal(picoPower({ filled: total - 1, total }), 999999996274);
});

test("segment roots fold to the plain tree for every count and level", () => {
  const hashes = Array.from({ length: 199 }, (_, at) => sha256(new Uint8Array([at])));
  for (let count = 1; count <= 199; count++) {
    const list = hashes.slice(0, count);
    const root = merkleRoot(list);
    for (let bits = 0; bits <= 8; bits++) {
      const roots = segmentRoots(list, bits);
      assert.equal(roots.length, Math.ceil(count / 2 ** bits));
      assert.ok(bytesEqual(foldSegments(roots), root), `${count} hashes, level ${bits}`);
    }
  }
});

test("a set's quorum is floor(2W/3) + 1 and its rear is the version before", () => {
  const quorums = [3, 4, 7, 10, 31, 100].map((count) => {
    const ids = Array.from({ length: count }, (_, at) => at + 1);
    return nextSet(
      null,
      1,
      ids,
      ids.map(() => 1),
    ).quorum;
  });
  assert.deepEqual(quorums, [3, 3, 5, 7, 21, 67]);
  const first = nextSet(null, 1, [1, 2], [1, 5]);
  const second = nextSet(first, 6, [2, 3], [5, 1]);
  assert.equal(second.version, 2);
  assert.equal(second.rear, first);
  assert.deepEqual(
    [1, 2, 3].map((id) => weightIn(second, id)),
    [0, 5, 1],
  );
});
