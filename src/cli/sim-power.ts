// `pando sim power`: staked consensus under torn connections, every arm of the study and every
// mutation. The same flags and seeds give the same report on every machine.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ARM_TITLES, ARMS, MUTATIONS, type Mutation } from "../simulation/power/arms.ts";
import {
  type Crash,
  NO_FAULTS,
  type PowerConfig,
  SHAPES,
  type Split,
  withConfig,
} from "../simulation/power/config.ts";
import { type FaultResult, faultRows, runRow } from "../simulation/power/fault-table.ts";
import type { RunReport } from "../simulation/power/metrics.ts";
import { drawGolden, drawRun, type Picture } from "../simulation/power/pictures.ts";
import { isFailing, runSweep, type Summary } from "../simulation/power/sweep.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { version } from "./version.ts";

const NODES_MAX = 1_000;

function readNumbers(text: string, flag: string): number[] {
  const numbers = text.split(",").map((part) => (/^\d+$/.test(part) ? Number(part) : Number.NaN));
  if (numbers.some((number) => Number.isNaN(number) || number < 1)) {
    throw new CommandError(`--${flag} takes whole numbers like 3,2, not '${text}'`);
  }
  return numbers;
}

function readSplit(text: string | null, nodes: number): Split | null {
  if (text === null) return null;
  const match = /^([\d,]+)@(\d+)\+(\d+)$/.exec(text);
  if (match === null) {
    throw new CommandError(`--split takes GROUPS@SLOT+SLOTS like 2,1@20+30, not '${text}'`);
  }
  const groups = readNumbers(match[1]!, "split");
  const sum = groups.reduce((total, group) => total + group, 0);
  if (sum !== nodes) throw new CommandError(`--split names ${sum} nodes, --nodes has ${nodes}`);
  return { groups, fromSlot: Number(match[2]), slots: Number(match[3]) };
}

function readCrash(text: string, nodes: number): Crash {
  const match = /^(\d+)@(\d+)\+(\d+)(?:\/(\d+))?(\/torn)?$/.exec(text);
  if (match === null || Number(match[1]) < 1 || Number(match[1]) > nodes) {
    throw new CommandError(
      `--crash takes NODE@SLOT+SLOTS[/STALE][/torn] like 2@50+20/8, not '${text}'`,
    );
  }
  return {
    node: Number(match[1]) - 1,
    atSlot: Number(match[2]),
    downSlots: Number(match[3]),
    staleSlots: Number(match[4] ?? 0),
    torn: match[5] !== undefined,
  };
}

function readDelay(text: string | null): { delayMsMin: number; delayMsMax: number } {
  if (text === null) return { delayMsMin: 100, delayMsMax: 1_000 };
  const match = /^(\d+)\.\.(\d+)$/.exec(text);
  if (match === null || Number(match[1]) > Number(match[2])) {
    throw new CommandError(`--delay takes MS..MS like 100..1000, not '${text}'`);
  }
  return { delayMsMin: Number(match[1]), delayMsMax: Number(match[2]) };
}

function readSeeds(args: Arguments): { first: number; count: number } {
  const range = /^(\d+)\.\.(\d+)$/.exec(args.text("seeds") ?? "");
  if (range !== null && Number(range[1]) <= Number(range[2])) {
    return { first: Number(range[1]), count: Number(range[2]) - Number(range[1]) + 1 };
  }
  const count = args.integer("seeds", 1, 10_000_000, 100);
  return { first: args.integer("seed", 0, 2 ** 40, 1_000), count };
}

function readConfig(args: Arguments): PowerConfig {
  const nodes = args.integer("nodes", 1, NODES_MAX, 3);
  const split = readSplit(args.text("split"), nodes);
  const weights = args.text("weights");
  const mutation = args.has("mutate") ? args.choice("mutate", MUTATIONS, "no-gate") : null;
  const fields: Partial<PowerConfig> = {
    arm: args.choice("arm", ARMS, "G"),
    mutation: mutation satisfies Mutation | null,
    nodes,
    hostile: args.integer("hostile", 0, nodes - 1, 0),
    churn: args.number("churn", 0, 1, split === null ? 0.05 : 0),
    slots: args.integer("slots", 1, 10_000_000, 720),
    heal: args.integer("heal", 0, 1_000_000, 120),
    split,
    shape: args.choice("shape", SHAPES, "mesh"),
    degree: args.integer("degree", 0, NODES_MAX, 0),
    voteDelay: args.integer("vote-delay", 0, 1, 1) === 0 ? 0 : 1,
    delivery: args.choice("delivery", ["slot", "event"], "slot"),
    crypto: args.has("full") ? "full" : "model",
    gate: args.choice("gate", ["majority", "certified"], "majority"),
    ties: args.choice("ties", ["arm", "hash", "first"], "arm"),
    disableAfter: args.integer("disable-after", -1, 65_535, -1),
    faults: {
      ...NO_FAULTS,
      ...readDelay(args.text("delay")),
      lossPerMille: Math.round(args.number("loss", 0, 100, 0) * 10),
      duplicatePerMille: Math.round(args.number("duplicate", 0, 100, 0) * 10),
      skewMs: args.integer("skew", 0, 10_000_000, 0),
      crashes: args.all("crash").map((text) => readCrash(text, nodes)),
    },
  };
  const config = withConfig(
    weights === null ? fields : { ...fields, weights: readNumbers(weights, "weights") },
  );
  if (config.weights.length !== nodes) {
    throw new CommandError(`--weights names ${config.weights.length} nodes, --nodes has ${nodes}`);
  }
  return config;
}

function writePictures(folder: string, pictures: readonly Picture[]): void {
  mkdirSync(folder, { recursive: true });
  for (const { name, svg, png } of pictures) {
    writeFileSync(join(folder, `${name}.svg`), svg);
    writeFileSync(join(folder, `${name}.png`), png);
    process.stderr.write(`pando: wrote ${join(folder, name)}.svg and .png\n`);
  }
}

function tell(report: RunReport, config: PowerConfig): void {
  if (!isFailing(report) || config.arm !== "G") return;
  const found = [
    report.fork ? "fork" : "",
    report.bans > 0 ? "ban" : "",
    report.stall ? "stall" : "",
    report.finalityConflict ? "conflicting finality" : "",
    report.honestSlashed > 0 ? "honest staker slashed" : "",
    report.withinBound ? "" : `rollback of trust ${report.maxReorgTrust}`,
  ].filter((text) => text !== "");
  process.stderr.write(`pando: seed ${report.seed}: ${found.join(", ")}; ${report.replay}\n`);
}

function printTable(config: PowerConfig, summary: Summary): void {
  const lines = [
    `arm ${config.arm}: ${ARM_TITLES[config.arm]}`,
    `${summary.seeds} runs of ${config.slots} + ${config.heal} slots, ${config.nodes} nodes`,
    `  permanent forks      ${summary.forks}`,
    `  runs with bans       ${summary.bans}`,
    `  stalls               ${summary.stalls}`,
    `  finalized conflicts  ${summary.finalizedConflicts}`,
    `  longest rollback     ${summary.worstReorg}`,
    `  blocks per slot      ${summary.blocksPerSlot} (worst run ${summary.blocksPerSlotWorst})`,
    `  slots to finality    ${summary.slotsToFinality.p50} (p50), ${summary.slotsToFinality.p99} (p99)`,
    `  slots per second     ${summary.slotsPerSecond}`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** Runs the fault table: every promise must hold, and beyond a third hostile one must break. */
function runFaults(args: Arguments): ExitCode {
  const { first, count } = readSeeds(args);
  const results: FaultResult[] = [];
  for (const row of faultRows()) {
    const result = runRow(row, first, count);
    results.push(result);
    const bound = `${result.violations} of ${result.runs} (< ${result.upper95} at 95%)`;
    const note = result.beyond ? "beyond the bound" : "";
    const rest = `rollback ${result.longestRollback}, ${result.blocksPerSlot} blocks/slot ${note}`;
    process.stdout.write(`${result.name.padEnd(28)} ${bound.padEnd(34)} ${rest.trimEnd()}\n`);
    if (result.violations > 0) process.stderr.write(`pando: ${result.name}: ${result.replay}\n`);
  }
  const out = args.text("out");
  if (out !== null)
    writeFileSync(out, `${JSON.stringify({ version: version(), results }, null, 2)}\n`);
  const broken = results.filter((result) => !result.beyond && result.violations > 0).length;
  const silent = results.filter((result) => result.beyond && result.violations === 0).length;
  const summary = { rows: results.length, seeds: count, broken, silentBeyondBound: silent };
  if (args.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  return broken + silent === 0 ? EXIT.done : EXIT.no;
}

function run(args: Arguments): ExitCode {
  if (args.has("faults")) return runFaults(args);
  const picture = args.text("picture");
  if (args.has("golden")) {
    if (picture === null) throw new CommandError("--golden draws pictures: name --picture DIR");
    writePictures(picture, drawGolden());
    return EXIT.done;
  }
  const config = readConfig(args);
  const { first, count } = readSeeds(args);
  const sweep = runSweep(
    config,
    first,
    count,
    () => performance.now(),
    (report) => tell(report, config),
  );
  const { summary, runs } = sweep;
  const out = args.text("out");
  if (out !== null) {
    const range = { seedFrom: first, seedTo: first + count - 1 };
    const report = {
      config: { program: "pando", version: version(), ...config, ...range },
      runs,
      summary,
    };
    writeFileSync(out, `${JSON.stringify(report, null, 2)}\n`);
  }
  if (picture !== null) writePictures(picture, drawRun(config, first));
  if (args.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else printTable(config, summary);
  return Object.values(summary.pass).every((passed) => passed) ? EXIT.done : EXIT.no;
}

/** The command. */
export const command: Command = {
  name: "power",
  summary: "Staked consensus with the power rule under torn connections.",
  usage: "[flags]",
  options: {
    arm: { value: "ARM", about: "N, P, P3, PC, C, G0 or G (the rules as specified; default G)" },
    nodes: { value: "N", about: "nodes, each with one staker (default 3)" },
    churn: { value: "P", about: "chance per slot that a link drops or returns (default 0.05)" },
    slots: { value: "N", about: "slots with faults (default 720)" },
    heal: { value: "N", about: "slots after them with all links up (default 120)" },
    seeds: { value: "N", about: "how many runs (default 100), or FIRST..LAST" },
    seed: { value: "FIRST", about: "the first seed (default 1000)" },
    split: { value: "A,B@S+L", about: "cut nodes into groups of A, B, ... at slot S for L slots" },
    shape: { value: "SHAPE", about: "mesh, ring; with --split also one-way, bridge, flapping" },
    weights: { value: "W,W", about: "weights of the stakers (default all 1)" },
    hostile: { value: "B", about: "the last B stakers sign on every side of every partition" },
    mutate: { value: "NAME", about: `switch one rule off: ${MUTATIONS.join(", ")}` },
    ties: { value: "RULE", about: "hash or first; default as the arm has it" },
    gate: { value: "GATE", about: "majority (default) or certified" },
    "disable-after": { value: "K", about: "misses that disable a staker inside its fork; 0 never" },
    "vote-delay": { value: "SLOTS", about: "votes arrive so many slots late: 0 or 1 (default 1)" },
    delivery: { value: "MODEL", about: "slot (default) or event: delays, loss, skew" },
    degree: { value: "D", about: "links per node, 0 = all pairs" },
    delay: { value: "MS..MS", about: "delay per message, event delivery (default 100..1000)" },
    loss: { value: "PERCENT", about: "messages lost, event delivery" },
    duplicate: { value: "PERCENT", about: "messages delivered twice, event delivery" },
    skew: { value: "MS", about: "clocks are off by up to so much" },
    crash: {
      value: "N@S+L[/B]",
      about: "node N dies at slot S for L slots, disk B slots old",
      many: true,
    },
    full: { about: "real hashes and signatures instead of the fast model" },
    out: { value: "FILE", about: "write the full report as JSON" },
    picture: { value: "DIR", about: "draw the first seed: forks, links, power; SVG and PNG" },
    faults: { about: "run the fault table (with --seeds per row)" },
    golden: { about: "draw the golden power trace (with --picture)" },
  },
  notes: `Arms:\n${ARMS.map((arm) => `  ${arm.padEnd(3)} ${ARM_TITLES[arm]}`).join("\n")}

With --json the last line of stdout is one object.
Exit code 1: arm G broke a promise.
`,
  run,
};
