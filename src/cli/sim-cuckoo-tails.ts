// `pando sim cuckoo tails`: exact probabilities that a committee is lost.
import {
  binomialTail,
  decimalText,
  hypergeometricTail,
  jointTail,
  type Rational,
  toNumber,
} from "../sharding/tails.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { integersOption, OUTPUT_OPTIONS, parseRatio, present } from "./sim-cuckoo-output.ts";

const COUNT_MAX = 200_000;

function inRange(values: readonly number[]): boolean {
  return values.every((value) => value >= 0 && value <= COUNT_MAX);
}

function binomialOf(text: string): Rational {
  const parts = text.split(",");
  const m = Number(parts[0]);
  const ratio = parseRatio(parts[1] ?? "");
  const t = Number(parts[2]);
  const whole = Number.isInteger(m) && Number.isInteger(t) && m >= 0 && m <= 20_000;
  if (parts.length !== 3 || !whole || ratio === null || ratio.num > ratio.den) {
    throw new CommandError("--binomial takes m,F,t such as 600,1/4,200 (m up to 20000)");
  }
  return binomialTail(m, ratio, t);
}

function hypergeometricOf(args: Arguments): Rational | null {
  const values = integersOption(args, "hypergeometric", 4);
  if (values === null) return null;
  const [n, b, m, t] = values as [number, number, number, number];
  if (!inRange(values) || b > n || m > n) {
    throw new CommandError("--hypergeometric takes n,b,m,t with b and m at most n <= 200000");
  }
  return hypergeometricTail(n, b, m, t);
}

function jointOf(args: Arguments): Rational | null {
  const values = integersOption(args, "joint", 5);
  if (values === null) return null;
  const [n, b, shards, m, t] = values as [number, number, number, number, number];
  if (!inRange(values) || b > n || shards < 1 || shards * m !== n || n > 20_000) {
    throw new CommandError("--joint takes n,b,S,m,t with n = S * m, n <= 20000 and b at most n");
  }
  return jointTail(n, b, shards, m, t);
}

function run(args: Arguments): ExitCode {
  const digits = args.integer("digits", 1, 1000, 20);
  const found: { kind: string; of: string; value: Rational }[] = [];
  for (const text of args.all("binomial")) {
    found.push({ kind: "binomial", of: text, value: binomialOf(text) });
  }
  const hypergeometric = hypergeometricOf(args);
  if (hypergeometric !== null) {
    const of = args.text("hypergeometric") ?? "";
    found.push({ kind: "hypergeometric", of, value: hypergeometric });
  }
  const joint = jointOf(args);
  if (joint !== null) found.push({ kind: "joint", of: args.text("joint") ?? "", value: joint });
  if (found.length === 0) {
    throw new CommandError("name a tail: --binomial, --hypergeometric or --joint");
  }
  const points = found.map((one) => ({
    kind: one.kind,
    arguments: one.of,
    tail: decimalText(one.value, digits),
    number: toNumber(one.value),
  }));
  const table = {
    title: "Probability of at least t hostile",
    columns: ["tail", "of", "exact"],
    rows: points.map((point) => [point.kind, point.arguments, point.tail]),
  };
  present(args, table, { command: "tails", version: 1, points, checks: [] }, null);
  return EXIT.done;
}

export const command: Command = {
  name: "tails",
  summary: "Exact probability that a committee holds at least t hostile seats.",
  usage: "[flags]",
  options: {
    binomial: { value: "m,F,t", about: "m seats drawn one by one, F a fraction", many: true },
    hypergeometric: { value: "n,b,m,t", about: "m of n seats with b hostile" },
    joint: { value: "n,b,S,m,t", about: "any of S committees of m, dealt at once" },
    digits: { value: "N", about: "significant digits (default 20)" },
    csv: OUTPUT_OPTIONS["csv"]!,
  },
  run,
};
