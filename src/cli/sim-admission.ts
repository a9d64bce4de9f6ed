// `pando sim admission`: random runs of the real admission code in a simulated world, the fixed
// schedules, and the mutants that prove the checkers (docs/internals/admission.md).
import { MUTANTS } from "../simulation/admission/mutants.ts";
import { placementTable } from "../simulation/admission/placement-table.ts";
import { PROFILES } from "../simulation/admission/profile.ts";
import type { RunResult } from "../simulation/admission/run.ts";
import { simulate } from "../simulation/admission/simulate.ts";
import {
  type Arguments,
  type Command,
  CommandError,
  EXIT,
  type ExitCode,
  suggestion,
} from "./command.ts";

const SEEDS_MAX = 10_000_000;

export const command: Command = {
  name: "admission",
  summary: "The partitioned mempool under crashes, loss, reorganisations and old owners.",
  usage: "[flags]",
  options: {
    seeds: { value: "N", about: "how many runs (default 300)" },
    seed: { value: "FIRST", about: "the first seed (default 1)" },
    profile: { value: "NAME", about: `${PROFILES.join(", ")}; by default they take turns` },
    mutant: { value: "NAME", about: "take one rule away; exits 1 when that is noticed" },
    "placement-table": {
      about: "count partitions touched and messages per transaction, 1 to 256 partitions",
    },
    "list-mutants": { about: "print the rules that can be taken away" },
  },
  notes:
    "Exits 0 when every run kept every invariant, 1 when one did not. A run that\n" +
    "fails prints the command that replays it and its last events.",
  run,
};

function run(args: Arguments): ExitCode {
  if (args.has("list-mutants")) return listMutants(args.json);
  if (args.has("placement-table")) return printPlacement(args);
  const seeds = args.integer("seeds", 0, SEEDS_MAX, 300);
  const first = args.integer("seed", 0, Number.MAX_SAFE_INTEGER, 1);
  const name = args.text("mutant");
  const mutant = MUTANTS.find((candidate) => candidate.name === name) ?? null;
  if (name !== null && mutant === null) {
    const near = suggestion(
      name,
      MUTANTS.map((candidate) => candidate.name),
    );
    throw new CommandError(`unknown mutant '${name}'${near}; see --list-mutants`);
  }
  const profile = args.text("profile") === null ? null : args.choice("profile", PROFILES, "wide");
  const onRun = (result: RunResult): void => {
    if (result.violation !== null) report(result, args.text("profile"), name);
  };
  const onBlocks = (seed: number, text: string): void => {
    const replay = replayOf(seed, args.text("profile"), name);
    process.stderr.write(`seed ${seed}: block: ${text}\n${replay}\n`);
  };
  const result = simulate({ seeds, first, mutant, profile, onRun, onBlocks });
  if (result.first !== null && typeof result.first.where === "string") {
    const { where, violation } = result.first;
    process.stderr.write(`schedule ${where}: ${violation.rule}: ${violation.text}\n`);
  }
  const { violations, unfinished, traceHash } = result;
  if (args.json) {
    const facts = { seeds: result.seeds, violations, unfinished, traceHash };
    process.stdout.write(`${JSON.stringify(facts)}\n`);
  } else {
    const { admitted, messages } = result;
    process.stdout.write(
      `${result.seeds} runs: ${violations} violations, ${unfinished} unfinished, ` +
        `${admitted} admitted, ${messages} messages, trace ${traceHash}\n`,
    );
  }
  return violations === 0 ? EXIT.done : EXIT.no;
}

function listMutants(json: boolean): ExitCode {
  if (json) {
    const mutants = MUTANTS.map(({ name, rule }) => ({ name, rule }));
    process.stdout.write(`${JSON.stringify({ mutants })}\n`);
  } else {
    for (const { name, rule } of MUTANTS) process.stdout.write(`${name.padEnd(20)}${rule}\n`);
  }
  return EXIT.done;
}

const PLACEMENT_TRANSACTIONS = 2_000;

function printPlacement(args: Arguments): ExitCode {
  const rows = placementTable(PLACEMENT_TRANSACTIONS, args.integer("seed", 0, SEEDS_MAX, 1));
  const round = (value: number): number => Math.round(value * 100) / 100;
  if (args.json) {
    const table = rows.map((row) => ({
      ...row,
      touched: round(row.touched),
      expected: round(row.expected),
      messages: round(row.messages),
    }));
    process.stdout.write(`${JSON.stringify({ transactions: PLACEMENT_TRANSACTIONS, table })}\n`);
    return EXIT.done;
  }
  process.stdout.write("2-in 2-out transactions, no faults, unbatched\n");
  process.stdout.write("partitions  placement  touched  (formula)  messages\n");
  for (const { partitions, placement, touched, expected, messages } of rows) {
    const cells = [
      partitions.toString().padStart(10),
      placement.padStart(9),
      touched.toFixed(2).padStart(7),
      expected.toFixed(2).padStart(9),
      messages.toFixed(2).padStart(8),
    ];
    process.stdout.write(`${cells.join("  ")}\n`);
  }
  return EXIT.done;
}

/** The text of a failure: what broke, how to see it again, what happened last. */
function report(
  { seed, violation, last }: RunResult,
  profile: string | null,
  mutant: string | null,
): void {
  const lines = [
    `seed ${seed}: ${violation!.rule}: ${violation!.text}`,
    replayOf(seed, profile, mutant),
    ...last.map((line) => `  ${line}`),
  ];
  process.stderr.write(`${lines.join("\n")}\n`);
}

function replayOf(seed: number, profile: string | null, mutant: string | null): string {
  const more =
    (profile === null ? "" : ` --profile ${profile}`) +
    (mutant === null ? "" : ` --mutant ${mutant}`);
  return `replay: pando sim admission --seeds 1 --seed ${seed}${more}`;
}
