import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ALL_RULES } from "../../state/admission/rules.ts";
import { History, type Step } from "./history.ts";

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Step>({ kind: "submit" }) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: "block" }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("reorganise" as const),
      depth: fc.integer({ min: 1, max: 3 }),
      longer: fc.integer({ min: -1, max: 1 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("crash" as const),
      process: fc.integer({ min: 0, max: 3 }),
      downMs: fc.integer({ min: 1, max: 400 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.integer({ min: 1, max: 800 }),
    }),
  },
);

for (const placement of ["txid", "outpoint"] as const) {
  test(`any history gives the sequential ledger's coins and verdicts, placed by ${placement}`, () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 31 - 1 }),
        fc.array(step, { minLength: 5, maxLength: 90 }),
        (seed, steps) => {
          const history = new History(seed, placement);
          for (const one of steps) history.play(one);
          assert.equal(history.compare(), null);
        },
      ),
      { numRuns: 200 },
    );
  });
}

test("a protocol with a rule missing does not", () => {
  for (const rule of ["evictChildren", "rejudge", "coinsWithDecision"] as const) {
    const found = fc.check(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 31 - 1 }),
        fc.array(step, { minLength: 40, maxLength: 90 }),
        (seed, steps) => {
          const history = new History(seed, "txid", { ...ALL_RULES, [rule]: false });
          for (const one of steps) history.play(one);
          return history.compare() === null;
        },
      ),
      { numRuns: 400, seed: 1, endOnFailure: true },
    );
    assert.ok(found.failed, `${rule} is not missed`);
  }
});
