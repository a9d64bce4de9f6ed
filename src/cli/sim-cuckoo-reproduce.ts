// `pando sim cuckoo reproduce`: the experiments X1 to X11 against their recorded values.
import { scenesOf } from "../simulation/cuckoo/charts.ts";
import { type Check, isGate } from "../simulation/cuckoo/experiments/experiment.ts";
import {
  EXPERIMENTS,
  failedGates,
  type Reproduced,
  reproduce,
} from "../simulation/cuckoo/experiments/reproduce.ts";
import { reportHtml } from "../simulation/cuckoo/report.ts";
import {
  type Arguments,
  type Command,
  CommandError,
  EXIT,
  type ExitCode,
  suggestion,
} from "./command.ts";
import { csvText, tableText, workersOf, writeOutput, writePicture } from "./sim-cuckoo-output.ts";

function chosen(args: Arguments) {
  const names = args.rest.map((name) => name.toUpperCase());
  const known = EXPERIMENTS.map((one) => one.id);
  const stranger = names.find((name) => !known.includes(name));
  if (stranger !== undefined) {
    throw new CommandError(`unknown experiment '${stranger}'${suggestion(stranger, known)}`);
  }
  return names.length === 0
    ? EXPERIMENTS
    : EXPERIMENTS.filter((experiment) => names.includes(experiment.id));
}

function checkLine(one: Check): string {
  const number = (value: number) => Number(value.toPrecision(6));
  const band = `${number(one.low)} .. ${number(one.high)}`;
  return `  ${one.id} (${one.mark}): ours ${number(one.got)}, reference ${number(one.reference)}, band ${band}`;
}

/** Tables, failed gates, and published values (C, D) beside ours. */
function outcomeText({ experiment, outcome, seconds }: Reproduced): string {
  const gates = outcome.checks.filter(isGate);
  const failed = gates.filter((one) => !one.pass);
  const beside = outcome.checks.filter((one) => !isGate(one));
  const lines = [
    `${experiment.id}  ${experiment.title}`,
    `${gates.length - failed.length} of ${gates.length} gates passed, ${seconds.toFixed(1)} s`,
    "",
    ...outcome.tables.filter((table) => table.rows.length > 0).map(tableText),
    ...outcome.notes,
  ];
  if (beside.length > 0) lines.push("published, not gates:", ...beside.map(checkLine));
  if (failed.length > 0) lines.push("FAILED:", ...failed.map(checkLine));
  return `${lines.join("\n")}\n\n`;
}

function writeFiles(args: Arguments, all: readonly Reproduced[], subtitle: string): void {
  const html = args.text("html");
  if (html !== null) writeOutput(html, reportHtml(all, subtitle));
  const csv = args.text("csv");
  if (csv !== null) {
    const rows = all.flatMap(({ outcome }) =>
      outcome.checks.map((one) => [
        one.id,
        one.mark,
        ...[one.reference, one.low, one.high, one.got].map(String),
        String(one.pass),
      ]),
    );
    const columns = ["id", "mark", "reference", "low", "high", "got", "pass"];
    writeOutput(csv, csvText({ title: "", columns, rows }));
  }
  const plot = args.text("plot");
  if (plot === null) return;
  // One file per chart: FILE.svg becomes FILE-X7-survival.svg.
  const dot = plot.lastIndexOf(".");
  for (const { experiment, outcome } of all) {
    for (const { name, scene } of scenesOf(outcome.series, experiment.title)) {
      writePicture(`${plot.slice(0, dot)}-${experiment.id}-${name}${plot.slice(dot)}`, scene);
    }
  }
}

async function run(args: Arguments): Promise<ExitCode> {
  const started = performance.now();
  const quick = args.has("quick");
  const seed = args.text("seed") ?? "pando";
  const experiments = chosen(args);
  const all = await reproduce(experiments, { quick, seed }, workersOf(args), (one) => {
    if (args.json) process.stderr.write(`${one.experiment.id} ${one.seconds.toFixed(1)} s\n`);
    else process.stdout.write(outcomeText(one));
  });
  const mode = quick ? "Quick run (fewer seeds and cells)" : "Full run";
  writeFiles(args, all, `${mode}, seed "${seed}".`);
  const failed = failedGates(all);
  const checks = all.flatMap(({ outcome }) => outcome.checks);
  const gates = checks.filter(isGate).length;
  const elapsedMs = Math.round(performance.now() - started);
  if (args.json) {
    const outcomes = all.map(({ experiment, outcome, seconds }) => ({
      id: experiment.id,
      title: experiment.title,
      seconds,
      tables: outcome.tables,
      series: outcome.series,
    }));
    const json = {
      command: "reproduce",
      version: 1,
      seed,
      quick,
      experiments: outcomes,
      checks,
      failed: failed.map((one) => one.id),
      elapsedMs,
    };
    process.stdout.write(`${JSON.stringify(json)}\n`);
  } else {
    const seconds = (elapsedMs / 1000).toFixed(0);
    process.stdout.write(`${gates - failed.length} of ${gates} gates passed in ${seconds} s\n`);
    if (failed.length > 0) process.stdout.write(`${failed.map(checkLine).join("\n")}\n`);
  }
  return failed.length === 0 ? EXIT.done : EXIT.no;
}

export const command: Command = {
  name: "reproduce",
  summary: "Run experiments X1 to X11 and compare them with their recorded values.",
  usage: "[X...] [flags]",
  options: {
    quick: { about: "fewer seeds and cells, for continuous integration" },
    html: { value: "FILE", about: "also write one report that opens offline" },
    csv: { value: "FILE", about: "also write all checks as CSV" },
    plot: { value: "FILE", about: "also draw every chart, FILE-X7-survival.svg and so on" },
    seed: { value: "TEXT", about: "seed of all randomness (default pando)" },
    workers: { value: "N", about: "worker threads (default: processors)" },
  },
  notes: "Only checks marked A or B are gates. Exit code 1 when one of them fails.",
  run,
};
