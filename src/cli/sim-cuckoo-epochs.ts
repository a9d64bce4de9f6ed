// `pando sim cuckoo epochs`: an adversary makes shares rejoin every epoch, until a committee is lost.
import { BOUNDED, HARMONY_2019, SWAP } from "../sharding/parameters.ts";
import { hazard } from "../sharding/plan.ts";
import { floodDelay, STRATEGIES } from "../simulation/cuckoo/adversaries.ts";
import { corruptionScene, survivalScene } from "../simulation/cuckoo/charts.ts";
import type { EpochRule } from "../simulation/cuckoo/epoch-rules.ts";
import { EPOCHS, type EpochSettings } from "../simulation/cuckoo/epochs.ts";
import { short } from "../simulation/cuckoo/experiments/experiment.ts";
import type { EpochsJob, JobResult } from "../simulation/cuckoo/jobs.ts";
import { playJobs } from "../simulation/cuckoo/pool.ts";
import { summarize, survivalCurve, survivors } from "../simulation/cuckoo/survival.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { numberList, present, RUN_OPTIONS, ratioOption, workersOf } from "./sim-cuckoo-output.ts";

const RULES = ["bounded", "swap", "harmony-2019", "full", "key-mod"] as const;
const SEATS = 1 << 20;

/** The rule with its parameters by name; `bundle` turns seats into units of so many. */
export function ruleOption(args: Arguments, bundle: number): EpochRule {
  const rule = args.choice("rule", RULES, "swap");
  const units = (seats: number) => Math.ceil(seats / bundle);
  switch (rule) {
    case "full":
    case "key-mod":
      return { rule };
    case "harmony-2019":
      return {
        rule,
        percent: args.integer("percent", 0, 100, HARMONY_2019.percent),
        kick: args.choice("kick", ["tail", "random"], HARMONY_2019.kick),
      };
    case "bounded":
      return {
        rule,
        evict: units(args.integer("evict", 0, SEATS, BOUNDED.evict)),
        kappa: args.text("kappa") === null ? null : ratioOption(args, "kappa", SWAP.kappa),
        evictFrom: args.choice("evict-from", ["all", "larger"], BOUNDED.evictFrom),
        half: args.choice("half", ["floor", "ceil"], BOUNDED.half),
        ranked: args.choice("ranked", ["beforeJoins", "afterJoins"], BOUNDED.ranked),
        evictable: args.choice("evictable", ["all", "incumbents"], BOUNDED.evictable),
        own: args.choice("own", ["true", "false"], "true") === "true",
        minSize: args.integer("min-size", 0, SEATS, BOUNDED.minSize),
      };
    case "swap": {
      // --evict E asks for E evictions per committee whatever the churn, as bounded does.
      const fixed = args.text("evict") !== null;
      return {
        rule,
        kappa: ratioOption(args, "kappa", fixed ? { num: 0, den: 1 } : SWAP.kappa),
        eMin: units(args.integer("evict", 0, SEATS, args.integer("emin", 0, SEATS, SWAP.eMin))),
        local: args.integer("local", 0, 4096, fixed ? 0 : SWAP.local),
      };
    }
  }
}

function settingsOf(args: Arguments): { base: EpochSettings; bundle: number } {
  const shards = args.integer("shards", 1, 65_536, EPOCHS.shards);
  const bundle = args.integer("bundle", 1, 10_000, 1);
  const n = Math.floor(args.integer("n", 2, SEATS, EPOCHS.n) / bundle);
  if (n < shards) throw new CommandError("--n: fewer seats than shards");
  const base: EpochSettings = {
    rule: ruleOption(args, bundle),
    n,
    shards,
    hostile: 0,
    theta: ratioOption(args, "theta", EPOCHS.theta),
    strict: args.has("strict"),
    strategy: args.choice("strategy", STRATEGIES, "least"),
    rejoin: Math.ceil(args.integer("rejoin", 0, SEATS, EPOCHS.rejoin) / bundle),
    dos: Math.ceil(args.integer("dos", 0, SEATS, 0) / bundle),
    grind: args.integer("grind", 0, 12, 0),
    delay: args.integer("delay", 0, 1e6, 0),
    withhold: args.integer("withhold", 0, 1000, 0),
  };
  return { base, bundle };
}

/** k by what was evicted, and what the laws of planning say about it. */
function lawsOf(settings: EpochSettings, result: JobResult, cap: number) {
  const faulty = settings.hostile / settings.n;
  const joins = settings.rejoin;
  const k = joins === 0 ? null : result.evicted / joins;
  const fEff = k === null ? null : (k * faulty + 1) / (k + 1);
  const m = Math.floor(settings.n / settings.shards);
  const evict = result.evicted / settings.shards;
  const losses =
    fEff === null || settings.rule.rule !== "swap"
      ? null
      : hazard(settings.shards, m, settings.theta, fEff, evict) * cap;
  return { k, fEff, hazard: losses };
}

function pointOf(job: EpochsJob, faulty: number, result: JobResult) {
  const { settings, cap, runs } = job;
  return {
    faulty,
    epsilon: faulty / (1 - faulty),
    ...lawsOf(settings, result, cap),
    runs,
    alive: survivors(result),
    life: summarize(result),
    movedPerEpoch: result.evicted + settings.rejoin + settings.dos,
    pairsPerEpoch: result.pairs,
    size: { min: result.sizeMin, max: result.sizeMax },
    triesPerJoin: null,
    fallbacks: null,
    maxFraction: result.worstEver,
  };
}

type Point = ReturnType<typeof pointOf>;

function rowOf(point: Point): string[] {
  return [
    String(point.faulty),
    point.k === null ? "-" : point.k.toFixed(2),
    point.fEff === null ? "-" : point.fEff.toFixed(4),
    point.hazard === null ? "-" : point.hazard.toPrecision(3),
    `${point.alive}/${point.runs}`,
    short(point.life.q10),
    short(point.life.median),
    short(point.life.q90),
    short(point.pairsPerEpoch),
    `${point.size.min}..${point.size.max}`,
    point.maxFraction.toFixed(3),
  ];
}

const COLUMNS = "F,k,F_eff,h,alive,q10,median,q90,pairs,sizes,worst".split(",");

/** The lines of the corruption chart: theta, and F and its drift at the first point. */
function levelsOf(base: EpochSettings, points: readonly Point[]) {
  const levels = [{ label: "θ", value: base.theta.num / base.theta.den }];
  const first = points[0];
  if (first === undefined) return levels;
  levels.push({ label: "F", value: first.faulty });
  if (first.fEff !== null) levels.push({ label: "F_eff", value: first.fEff });
  return levels;
}

/** How long honest joins wait behind a flood, when --flood asks. */
function floodOf(args: Arguments, base: EpochSettings, cap: number) {
  const flood = args.integer("flood", 0, SEATS, 0);
  const honest = args.integer("honest-joins", 0, SEATS, 0);
  return flood > 0 ? floodDelay(Math.max(1, base.rejoin), honest, flood, cap) : null;
}

function jobsOf(args: Arguments, base: EpochSettings, faulties: readonly number[]): EpochsJob[] {
  const seed = args.text("seed") ?? "pando";
  const cap = args.integer("cap", 1, 1e9, 1500);
  const runs = args.integer("seeds", 1, 100_000, 40);
  const trace = args.integer("trace", 0, 1e9, 1);
  if (faulties.some((faulty) => faulty >= 1)) throw new CommandError("--faulty: below 1");
  return faulties.map((faulty) => {
    const settings = { ...base, hostile: Math.floor(faulty * base.n + 1e-9) };
    return { kind: "epochs", settings, cap, runs, seed: `${seed}/${faulty}`, trace };
  });
}

async function run(args: Arguments): Promise<ExitCode> {
  const started = performance.now();
  const { base, bundle } = settingsOf(args);
  const faulties = numberList(args, "faulty", [0.25]);
  const jobs = jobsOf(args, base, faulties);
  const cap = args.integer("cap", 1, 1e9, 1500);
  const results = await playJobs(jobs, workersOf(args));
  const points = results.map((result, index) => pointOf(jobs[index]!, faulties[index]!, result));
  const survival = results.map((result, index) =>
    survivalCurve(`${base.rule.rule} F=${faulties[index]}`, result, cap),
  );
  const corruption = results.flatMap((result) => result.traces);
  const flood = floodOf(args, base, cap);
  const json = {
    command: "epochs",
    version: 1,
    seed: args.text("seed") ?? "pando",
    parameters: { ...base, bundle, cap },
    points,
    series: { survival, corruption },
    flood,
    checks: [],
    roundsPerSecond: null,
    elapsedMs: Math.round(performance.now() - started),
  };
  const title = `${base.rule.rule}, n=${base.n}, ${base.shards} committees, J=${base.rejoin}, strategy ${base.strategy}`;
  const table = {
    title: `${title}: epochs until a committee is lost (cap ${cap})`,
    columns: COLUMNS,
    rows: points.map(rowOf),
  };
  const chart = args.choice("chart", ["survival", "corruption"], "survival");
  present(args, table, json, () =>
    chart === "corruption"
      ? corruptionScene(results[0]!.traces, levelsOf(base, points), title)
      : survivalScene(survival, title),
  );
  if (flood !== null && !args.json) {
    const waits = flood.meanDelay.toFixed(1);
    process.stdout.write(`flood: an honest join waits ${waits} epochs on average\n`);
  }
  return EXIT.done;
}

export const command: Command = {
  name: "epochs",
  summary: "An adversary makes shares rejoin every epoch, until a committee is lost.",
  usage: "[flags]",
  options: {
    rule: { value: "RULE", about: "swap (default), bounded, harmony-2019, full, key-mod" },
    n: { value: "N", about: "seats of the network (default 2000)" },
    shards: { value: "S", about: "committees (default 8)" },
    faulty: { value: "LIST", about: "hostile fractions of all seats (default .25)" },
    rejoin: { value: "J", about: "seats that rejoin per epoch (default 20)" },
    evict: { value: "E", about: "bounded, swap: evictions per committee and epoch" },
    kappa: { value: "RATIO", about: "evictions demanded per rejoin (swap default 24)" },
    local: { value: "N", about: "swap: evictions per leaver of the same committee (default 4)" },
    emin: { value: "N", about: "swap: least evictions per committee (default 2)" },
    percent: { value: "N", about: "harmony-2019: percentage kicked (default 10)" },
    kick: { value: "WHO", about: "harmony-2019: tail (default) or random" },
    half: { value: "HOW", about: "bounded: floor (default) or ceil" },
    ranked: { value: "WHEN", about: "bounded: beforeJoins (default) or afterJoins" },
    evictable: { value: "WHO", about: "bounded: all (default) or incumbents" },
    "evict-from": { value: "WHERE", about: "bounded: all (default) or larger" },
    own: { value: "BOOL", about: "bounded: may fall back into its own shard (default true)" },
    "min-size": { value: "N", about: "bounded: seats that evictions leave (default 1)" },
    theta: { value: "FRACTION", about: "hostile fraction at which a committee is lost (1/2)" },
    strict: { about: "lost above theta only" },
    strategy: { value: "NAME", about: `${STRATEGIES.join(", ")} (default least)` },
    dos: { value: "D", about: "honest members of the worst committee forced out per epoch" },
    grind: { value: "B", about: "the adversary picks the worst of 2^B seeds" },
    delay: { value: "D", about: "adaptive: owns whom it saw D epochs ago" },
    bundle: { value: "W", about: "seats of an owner kept together (whales)" },
    withhold: { value: "PERMILLE", about: "epochs that a withheld beacon share extends" },
    flood: { value: "N", about: "joins of strangers per epoch, for the delay of honest ones" },
    "honest-joins": { value: "N", about: "honest joins per epoch beside the flood" },
    cap: { value: "N", about: "epochs after which a run is cut off (default 1500)" },
    trace: { value: "N", about: "epochs between two points of the corruption series (default 1)" },
    chart: { value: "KIND", about: "what --plot draws: survival (default) or corruption" },
    ...RUN_OPTIONS,
  },
  run,
};
