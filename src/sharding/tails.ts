// How likely a committee is to hold too many hostile seats: exact tails as BigInt rationals, and the
// same in logarithms where speed matters. Binomial for a fresh draw with replacement, hypergeometric
// for a sample of the network, joint for "any of S committees dealt at once".
import { assert } from "../base/assert.ts";
import type { Ratio } from "./types.ts";

/** An exact fraction, not always in lowest terms. */
export interface Rational {
  readonly num: bigint;
  readonly den: bigint;
}

/** C(n, 0), C(n, 1), ... C(n, most). */
function binomials(n: number, most: number): bigint[] {
  const row: bigint[] = [1n];
  for (let k = 1; k <= most; k++) row.push((row[k - 1]! * BigInt(n - k + 1)) / BigInt(k));
  return row;
}

function binomial(n: number, k: number): bigint {
  return k < 0 || k > n ? 0n : binomials(n, Math.min(k, n - k)).at(-1)!;
}

/** P[X >= t] for X ~ Bin(m, F), exactly. */
export function binomialTail(m: number, f: Ratio, t: number): Rational {
  const a = BigInt(f.num);
  const rest = BigInt(f.den - f.num);
  const choose = binomials(m, m);
  // Horner over i from m down: sum of C(m, i) a^i rest^(m - i) for i >= t.
  let sum = 0n;
  let power = 1n;
  const from = Math.max(0, t);
  for (let i = m; i >= from; i--) {
    sum = sum * a + choose[i]! * power;
    power *= rest;
  }
  const num = from > m ? 0n : sum * a ** BigInt(from);
  return { num, den: BigInt(f.den) ** BigInt(m) };
}

/** P[X >= t] for X hostile of a sample of m out of n with `hostile` hostile, exactly. */
export function hypergeometricTail(n: number, hostile: number, m: number, t: number): Rational {
  const most = Math.min(m, hostile);
  const least = Math.max(0, m - (n - hostile));
  const from = Math.max(t, least);
  const den = binomial(n, m);
  if (from > most) return { num: 0n, den };
  let bad = binomial(hostile, from);
  let good = binomial(n - hostile, m - from);
  let num = 0n;
  for (let i = from; i <= most; i++) {
    num += bad * good;
    bad = (bad * BigInt(hostile - i)) / BigInt(i + 1);
    good = (good * BigInt(m - i)) / BigInt(n - hostile - m + i + 1);
  }
  return { num, den };
}

/** Product of two polynomials, terms above x^most dropped. */
function multiply(a: readonly bigint[], b: readonly bigint[], most: number): bigint[] {
  const product = new Array<bigint>(Math.min(most + 1, a.length + b.length - 1)).fill(0n);
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < b.length && i + j < product.length; j++) {
      product[i + j]! += a[i]! * b[j]!;
    }
  }
  return product;
}

/** P[any of S committees of m, dealt from n = S m with `hostile` hostile, holds >= t], exactly. */
export function jointTail(
  n: number,
  hostile: number,
  shards: number,
  m: number,
  t: number,
): Rational {
  assert(shards * m === n, "the committees are all of the network");
  const den = binomial(n, hostile);
  if (t <= 0) return { num: den, den };
  let safe: bigint[] = [1n];
  let square = binomials(m, Math.min(m, t - 1));
  for (let power = shards; power > 0; power = Math.floor(power / 2)) {
    if (power % 2 === 1) safe = multiply(safe, square, hostile);
    if (power > 1) square = multiply(square, square, hostile);
  }
  return { num: den - (safe[hostile] ?? 0n), den };
}

/** A fraction as text with so many significant digits, in scientific notation, rounded half up. */
export function decimalText(value: Rational, digits: number): string {
  if (value.num === 0n) return "0";
  let exponent = value.num.toString().length - value.den.toString().length;
  const shifted = (by: number): bigint => {
    const up = digits - 1 - by;
    const num = up >= 0 ? value.num * 10n ** BigInt(up) : value.num;
    const den = up >= 0 ? value.den : value.den * 10n ** BigInt(-up);
    return (2n * num + den) / (2n * den);
  };
  if (shifted(exponent).toString().length < digits) exponent--;
  let text = shifted(exponent).toString();
  if (text.length > digits) {
    exponent++;
    text = shifted(exponent).toString();
  }
  const fraction = text.slice(1).replace(/0+$/, "");
  return `${text[0]}${fraction === "" ? "" : `.${fraction}`}e${exponent}`;
}

/** The nearest double; 0 below the range of doubles. */
export function toNumber(value: Rational): number {
  return Number(decimalText(value, 20));
}

// --- In logarithms -------------------------------------------------------------------------------

const HALF_LOG_TWO_PI = 0.9189385332046727;

/** log of n!, less its leading terms (n + 1/2) log n - n + log(2 pi) / 2: Stirling's error. */
function stirlingError(n: number): number {
  if (n > 15) {
    const n2 = n * n;
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / (1188 * n2)) / n2) / n2) / n2) / n;
  }
  let logFactorial = 0;
  for (let i = 2; i <= n; i++) logFactorial += Math.log(i);
  return n === 0 ? 0 : logFactorial - (n + 0.5) * Math.log(n) + n - HALF_LOG_TWO_PI;
}

/** x log(x / mean) + mean - x, without cancellation when x is near the mean. */
function deviance(x: number, mean: number): number {
  const v = (x - mean) / (x + mean);
  if (Math.abs(v) >= 0.1) return x * Math.log(x / mean) + mean - x;
  let sum = (x - mean) * v;
  let term = 2 * x * v;
  for (let j = 1; ; j++) {
    term *= v * v;
    const next = sum + term / (2 * j + 1);
    if (next === sum) return sum;
    sum = next;
  }
}

/** log P[Bin(n, p) = x], by deviances (after C. Loader, 2000). */
function logBinomialTerm(x: number, n: number, p: number): number {
  if (x === 0) return n * Math.log1p(-p);
  if (x === n) return n * Math.log(p);
  const errors = stirlingError(n) - stirlingError(x) - stirlingError(n - x);
  const away = deviance(x, n * p) + deviance(n - x, n * (1 - p));
  return errors - away - HALF_LOG_TWO_PI - 0.5 * Math.log((x * (n - x)) / n);
}

/** log(1 - e^x) for x < 0. */
function logOneMinusExp(x: number): number {
  return x > -0.7 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x));
}

/** log P[X >= t], from log P[X = t] and the ratios of neighbouring terms. */
function logTail(
  t: number,
  least: number,
  most: number,
  mean: number,
  logTerm: (x: number) => number,
  ratio: (x: number) => number,
): number {
  if (t <= least) return 0;
  if (t > most) return Number.NEGATIVE_INFINITY;
  let term = 1;
  let sum = 1;
  if (t > mean) {
    for (let x = t; x < most && term > sum * 1e-18; x++) {
      term *= ratio(x);
      sum += term;
    }
    return logTerm(t) + Math.log(sum);
  }
  for (let x = t - 1; x > least && term > sum * 1e-18; x--) {
    term /= ratio(x - 1);
    sum += term;
  }
  return logOneMinusExp(logTerm(t - 1) + Math.log(sum));
}

/** Natural logarithm of P[Bin(m, f) >= t]. */
export function logBinomialTail(m: number, f: number, t: number): number {
  if (f <= 0) return t <= 0 ? 0 : Number.NEGATIVE_INFINITY;
  if (f >= 1) return t <= m ? 0 : Number.NEGATIVE_INFINITY;
  const odds = f / (1 - f);
  const term = (x: number) => logBinomialTerm(x, m, f);
  return logTail(t, 0, m, m * f, term, (x) => (odds * (m - x)) / (x + 1));
}

/** Natural logarithm of the hypergeometric tail. */
export function logHypergeometricTail(n: number, hostile: number, m: number, t: number): number {
  const honest = n - hostile;
  const p = m / n;
  const term = (x: number) =>
    logBinomialTerm(x, hostile, p) + logBinomialTerm(m - x, honest, p) - logBinomialTerm(m, n, p);
  const least = Math.max(0, m - honest);
  const ratio = (x: number) => ((hostile - x) * (m - x)) / ((x + 1) * (honest - m + x + 1));
  return logTail(t, least, Math.min(m, hostile), hostile * p, term, ratio);
}

/** Least count of a committee of m that is at least the fraction theta. */
export function lossCount(m: number, theta: Ratio): number {
  return Math.ceil((theta.num * m) / theta.den);
}
