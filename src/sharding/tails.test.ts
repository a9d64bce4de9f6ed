import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { effectiveFraction, kLeast, PLAN, plan, planPoint, syncTimes } from "./plan.ts";
import {
  binomialTail,
  decimalText,
  hypergeometricTail,
  jointTail,
  logBinomialTail,
  logHypergeometricTail,
  toNumber,
} from "./tails.ts";

const BINOMIAL: [number, number, number, number, string][] = [
  [100, 1, 4, 34, "2.7594564130094610788e-2"],
  [100, 1, 4, 33, "4.4596325212681524131e-2"],
  [600, 1, 4, 200, "2.9718219669108351025e-6"],
  [600, 1, 4, 201, "1.9450092478720992523e-6"],
  [600, 5, 21, 200, "8.3893805846785024702e-8"],
  [250, 1, 3, 125, "3.9802052308619774401e-8"],
  [111, 1, 3, 74, "7.7061852341095032794e-13"],
  [128, 1, 3, 86, "5.5515607317917472142e-15"],
  [1000, 1, 10, 334, "4.9633726039018762835e-90"],
  [2000, 1, 20, 1000, "1.0676429892407596461e-723"],
  [60, 1, 4, 20, "9.2484270561278402e-2"],
  [600, 29, 125, 200, "1.0800494258907221591e-8"],
];

const HYPERGEOMETRIC: [number, number, number, number, string][] = [
  [1800, 450, 600, 200, "8.5339519546884184931e-9"],
  [1800, 599, 200, 100, "1.561229311983746887e-7"],
  [1800, 600, 200, 101, "7.6075178577098250945e-8"],
  [4000, 1333, 250, 125, "1.3654737567989403174e-8"],
  [2000, 500, 250, 125, "3.9692735159404110196e-20"],
  [25000, 6250, 250, 84, "1.3642670396006108047e-3"],
  [60000, 15000, 600, 200, "2.649906557624575063e-6"],
  [100000, 33333, 1000, 500, "7.0476209393110747564e-28"],
];

/** Significant digits of a golden value. */
function digitsOf(text: string): number {
  return text.split("e")[0]!.replace(".", "").length;
}

function assertLog(log: number, golden: string): void {
  const [mantissa, exponent] = golden.split("e").map(Number) as [number, number];
  const expected = Math.log(mantissa) + exponent * Math.LN10;
  assert.ok(Math.abs(log - expected) < 1e-9, `log ${log}, golden ${expected}`);
}

test("golden binomial tails, exact to the last digit and by logarithms", () => {
  for (const [m, num, den, t, golden] of BINOMIAL) {
    assert.equal(decimalText(binomialTail(m, { num, den }, t), digitsOf(golden)), golden);
    assertLog(logBinomialTail(m, num / den, t), golden);
  }
});

test("golden hypergeometric tails, exact to the last digit and by logarithms", () => {
  for (const [n, hostile, m, t, golden] of HYPERGEOMETRIC) {
    assert.equal(decimalText(hypergeometricTail(n, hostile, m, t), digitsOf(golden)), golden);
    assertLog(logHypergeometricTail(n, hostile, m, t), golden);
  }
});

test("golden joint tails", () => {
  const small = jointTail(40, 10, 4, 10, 5);
  assert.equal(small.num * 105957566n, small.den * 21039191n);
  assert.equal(decimalText(jointTail(2000, 500, 8, 250, 90), 20), "1.7660213306035318046e-4");
});

test("tails sum to 1 with their complement and fall with t", () => {
  fc.assert(
    fc.property(fc.nat(40), fc.integer({ min: 1, max: 60 }), fc.nat(60), (t, m, seed) => {
      const n = m + (seed % 50);
      const hostile = seed % (n + 1);
      const bin = binomialTail(m, { num: seed + 1, den: 97 }, t);
      const mirrored = binomialTail(m, { num: 96 - seed, den: 97 }, m - t + 1);
      assert.equal(bin.num + mirrored.num, bin.den);
      const hyp = hypergeometricTail(n, hostile, m, t);
      const other = hypergeometricTail(n, n - hostile, m, m - t + 1);
      assert.equal(hyp.num + other.num, hyp.den);
      const next = hypergeometricTail(n, hostile, m, t + 1);
      assert.ok(next.num <= hyp.num);
      assert.ok(binomialTail(m, { num: seed + 2, den: 97 }, t).num >= bin.num);
    }),
  );
});

test("logarithmic tails agree with exact ones on both sides of the mean", () => {
  for (const t of [0, 1, 10, 24, 25, 26, 60, 99, 100, 101]) {
    const exact = toNumber(binomialTail(100, { num: 1, den: 4 }, t));
    const close = Math.exp(logBinomialTail(100, 0.25, t));
    assert.ok(Math.abs(close - exact) <= 1e-12 * exact, `t ${t}: ${close} ${exact}`);
  }
});

test("the hypergeometric tail tends to the binomial as the network grows", () => {
  const limit = logBinomialTail(100, 0.25, 34);
  let last = Number.POSITIVE_INFINITY;
  for (const n of [400, 4000, 40_000, 400_000]) {
    const away = Math.abs(logHypergeometricTail(n, n / 4, 100, 34) - limit);
    assert.ok(away < last);
    last = away;
  }
  assert.ok(last < 1e-3);
});

test("rounded decimals", () => {
  assert.equal(decimalText({ num: 999n, den: 1000n }, 2), "1e0");
  assert.equal(decimalText({ num: 1n, den: 3n }, 4), "3.333e-1");
  assert.equal(decimalText({ num: 0n, den: 3n }, 4), "0");
  assert.equal(decimalText({ num: 25n, den: 1n }, 1), "3e1");
});

test("golden k law", () => {
  const third = { num: 1, den: 3 };
  const at = (num: number, theta = third) => Number(kLeast({ num, den: 100 }, theta).toFixed(2));
  assert.deepEqual(
    [5, 10, 15, 20, 25, 30].map((num) => at(num)),
    [2.35, 2.86, 3.64, 5, 8, 20],
  );
  const half = { num: 1, den: 2 };
  assert.deepEqual(
    [20, 25, 30].map((num) => at(num, half)),
    [1.67, 2, 2.5],
  );
  assert.deepEqual(effectiveFraction({ num: 1, den: 5 }, 24), { num: 29, den: 125 });
});

test("golden plans and refusals", () => {
  const close = (got: number, golden: number) =>
    assert.ok(Math.abs(got / golden - 1) < 1e-6, `${got}, golden ${golden}`);
  const found = plan(PLAN);
  assert.ok(found.ok);
  assert.equal(found.point.kappa, 22);
  close(found.point.losses, 0.08368869);
  close(planPoint(PLAN, 21)!.losses, 0.1419208);
  const at24 = planPoint(PLAN, 24)!;
  assert.deepEqual([at24.churnMax, at24.evict], [206, 50]);
  close(at24.tail, 1.08004942589072e-8);
  close(at24.hazard, 9.000411882e-8);
  const easier = plan({ ...PLAN, faulty: { num: 15, den: 100 } });
  assert.ok(easier.ok);
  assert.equal(easier.point.kappa, 9);
  close(easier.point.losses, 0.07167139);
  const refused = plan({ ...PLAN, faulty: { num: 1, den: 4 } });
  assert.ok(!refused.ok);
  assert.equal(refused.code, "committee-too-small");
  close(planPoint({ ...PLAN, faulty: { num: 1, den: 4 } }, 160)!.losses, 36.48284);
  const hopeless = plan({ ...PLAN, faulty: { num: 1, den: 3 } });
  assert.equal(hopeless.ok ? "" : hopeless.code, "hostile-too-many");
  const tiny = plan({ ...PLAN, m: 1, shards: 8 });
  assert.equal(tiny.ok ? "" : tiny.code, "churn-too-small");
});

test("golden sync times", () => {
  const state = 20 * 2 ** 30;
  const full = syncTimes(state, 12.5e6, 250, 247.5, 0);
  assert.equal(full.inSeconds.toFixed(2), "1717.99");
  assert.equal(full.outSeconds.toFixed(0), "170081");
  assert.equal(syncTimes(state, 12.5e6, 250, 22.5, 0).outSeconds.toFixed(2), "169.91");
});
