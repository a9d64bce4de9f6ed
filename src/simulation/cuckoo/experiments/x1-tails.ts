// X1, exact tails: what a committee of a given size is worth when it is drawn afresh.
import {
  binomialTail,
  decimalText,
  hypergeometricTail,
  jointTail,
  logBinomialTail,
  logHypergeometricTail,
  type Rational,
} from "../../../sharding/tails.ts";
import { type Check, check, type Experiment, type Outcome } from "./experiment.ts";

type Row = readonly ["bin" | "hyp", readonly number[], string];

/** m, F's numerator and denominator, t; or n, hostile, m, t; and the golden value. */
const GOLDEN: readonly Row[] = [
  ["bin", [100, 1, 4, 34], "2.7594564130094610788e-2"],
  ["bin", [100, 1, 4, 33], "4.4596325212681524131e-2"],
  ["bin", [600, 1, 4, 200], "2.9718219669108351025e-6"],
  ["bin", [600, 1, 4, 201], "1.9450092478720992523e-6"],
  ["bin", [600, 5, 21, 200], "8.3893805846785024702e-8"],
  ["bin", [250, 1, 3, 125], "3.9802052308619774401e-8"],
  ["bin", [111, 1, 3, 74], "7.7061852341095032794e-13"],
  ["bin", [128, 1, 3, 86], "5.5515607317917472142e-15"],
  ["bin", [1000, 1, 10, 334], "4.9633726039018762835e-90"],
  ["bin", [2000, 1, 20, 1000], "1.0676429892407596461e-723"],
  ["hyp", [1800, 450, 600, 200], "8.5339519546884184931e-9"],
  ["hyp", [1800, 599, 200, 100], "1.561229311983746887e-7"],
  ["hyp", [1800, 600, 200, 101], "7.6075178577098250945e-8"],
  ["hyp", [4000, 1333, 250, 125], "1.3654737567989403174e-8"],
  ["hyp", [2000, 500, 250, 125], "3.9692735159404110196e-20"],
  ["hyp", [25000, 6250, 250, 84], "1.3642670396006108047e-3"],
  ["hyp", [60000, 15000, 600, 200], "2.649906557624575063e-6"],
  ["hyp", [100000, 33333, 1000, 500], "7.0476209393110747564e-28"],
];

function evaluate([kind, p]: Row): { exact: Rational; log: number; name: string } {
  const [a, b, c, d] = p as [number, number, number, number];
  if (kind === "bin") {
    return {
      exact: binomialTail(a, { num: b, den: c }, d),
      log: logBinomialTail(a, b / c, d),
      name: `Bin(${a},${b}/${c})>=${d}`,
    };
  }
  return {
    exact: hypergeometricTail(a, b, c, d),
    log: logHypergeometricTail(a, b, c, d),
    name: `Hyp(${a},${b},${c})>=${d}`,
  };
}

/** An exact decimal as a fraction, so that values below the range of doubles compare too. */
function parse(text: string): Rational {
  const [mantissa, exponent] = text.split("e") as [string, string];
  const digits = mantissa.replace(".", "");
  const scale = Number(exponent) - (digits.length - 1);
  return scale >= 0
    ? { num: BigInt(digits) * 10n ** BigInt(scale), den: 1n }
    : { num: BigInt(digits), den: 10n ** BigInt(-scale) };
}

function relativeError(got: Rational, golden: Rational): number {
  const difference = got.num * golden.den - golden.num * got.den;
  const size = difference < 0n ? -difference : difference;
  const scaled = (size * 10n ** 30n) / (golden.num * got.den);
  return Number(scaled) / 1e30;
}

function logError(log: number, golden: string): number {
  const [mantissa, exponent] = golden.split("e").map(Number) as [number, number];
  return Math.abs(log - (Math.log(mantissa) + exponent * Math.LN10));
}

function judge(): Outcome {
  const checks: Check[] = [];
  const rows: string[][] = [];
  for (const row of GOLDEN) {
    const { exact, log, name } = evaluate(row);
    checks.push(check(`X1.${name}`, "A", 0, 0, 1e-12, relativeError(exact, parse(row[2]))));
    checks.push(check(`X1.log.${name}`, "A", 0, 0, 1e-9, logError(log, row[2])));
    rows.push([name, decimalText(exact, 20), row[2]]);
  }
  const small = jointTail(40, 10, 4, 10, 5);
  const smallError = relativeError(small, { num: 21039191n, den: 105957566n });
  checks.push(check("X1.joint(40,10,4,10)>=5", "A", 0, 0, 1e-12, smallError));
  const joint = jointTail(2000, 500, 8, 250, 90);
  const golden = "1.7660213306035318046e-4";
  checks.push(
    check("X1.joint(2000,500,8,250)>=90", "A", 0, 0, 1e-12, relativeError(joint, parse(golden))),
  );
  rows.push(["joint(2000,500,8,250)>=90", decimalText(joint, 20), golden]);
  checks.push(...published());
  return {
    checks,
    tables: [{ title: "Exact tails", columns: ["tail", "ours", "golden"], rows }],
    series: {},
    notes: [
      "A bundle of 10 seats per owner turns 2.97e-6 (m=600, F=1/4, 1/3 lost) into 9.25e-2: tails are to be read on owners too.",
    ],
  };
}

/** Claims in print, beside what their sizes give; formulas behind D values were guessed. */
function published(): Check[] {
  const at = (exact: Rational) => Number(decimalText(exact, 17));
  const elastico = at(binomialTail(100, { num: 1, den: 4 }, 34));
  const years = (p: number, perDay: number) => 1 / (perDay * p) / 365;
  const third = at(binomialTail(600, { num: 1, den: 4 }, 200));
  const rapid = years(at(hypergeometricTail(1800, 599, 200, 100)), 9);
  return [
    check("X1.elastico.committee", "D", 0.0276, 0.0275, 0.0277, elastico),
    check("X1.elastico.97%", "D", 0.97, 0.965, 0.975, 1 - (1 - elastico) ** 96),
    check("X1.omniledger.years", "D", 230, 225, 235, years(third, 4)),
    check("X1.harmony.years", "D", 1000, 900, 1100, years(third, 1)),
    check("X1.rapidchain.years", "D", 1950, 1940, 1960, rapid),
    check(
      "X1.ethereum.log2",
      "D",
      -40,
      -41,
      -40,
      Math.log2(at(binomialTail(111, { num: 1, den: 3 }, 74))),
    ),
  ];
}

export const X1: Experiment = {
  id: "X1",
  title: "Exact tails: what a committee's size is worth",
  story:
    "If a committee were drawn afresh every epoch, this is how likely it holds too many hostile seats. " +
    "600 seats carry a quarter of hostile stake with a chance of three in a million when a third loses; " +
    "seats of one owner kept together spoil that by a factor of thirty thousand.",
  prepare: () => ({ jobs: [], judge }),
};
