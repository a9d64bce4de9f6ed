// `pando sim cuckoo rounds`: one hostile share leaves and rejoins per round, until a group is lost.
import { corruptionScene, survivalScene } from "../simulation/cuckoo/charts.ts";
import { short } from "../simulation/cuckoo/experiments/experiment.ts";
import type { JobResult, RoundsJob } from "../simulation/cuckoo/jobs.ts";
import { playJobs } from "../simulation/cuckoo/pool.ts";
import { hostileAtEpsilon, type RoundSettings } from "../simulation/cuckoo/rounds.ts";
import { summarize, survivalCurve, survivors } from "../simulation/cuckoo/survival.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { numberList, present, RUN_OPTIONS, ratioOption, workersOf } from "./sim-cuckoo-output.ts";

function isPowerOfTwo(value: number): boolean {
  return value >= 1 && (value & (value - 1)) === 0;
}

function settingsOf(args: Arguments): RoundSettings {
  const rule = args.choice("rule", ["cuckoo", "commensal"], "cuckoo");
  const n = args.integer("n", 16, 1 << 20, 8192);
  const group = args.integer("group", 1, n, 64);
  const k = args.integer("k", 1, 4096, rule === "cuckoo" ? 4 : 8);
  if (n % group !== 0 || (rule === "cuckoo" && !(isPowerOfTwo(n) && isPowerOfTwo(group)))) {
    throw new CommandError("--n and --group: powers of two for cuckoo, else --n a multiple of it");
  }
  return {
    rule,
    n,
    group,
    k,
    need: args.integer("need", 0, 1 << 20, k - 1),
    vetting: !args.has("no-vetting"),
    scaling: !args.has("no-scaling"),
    hostile: 0,
    theta: ratioOption(args, "theta", { num: 1, den: 3 }),
    strict: args.has("strict"),
    strategy: args.choice("strategy", ["least", "fixed", "most"], "least"),
  };
}

function pointOf(job: RoundsJob, epsilon: number, result: JobResult) {
  const { settings, runs } = job;
  const commensal = settings.rule === "commensal";
  return {
    epsilon,
    faulty: settings.hostile / settings.n,
    hostile: settings.hostile,
    runs,
    alive: survivors(result),
    life: summarize(result),
    triesPerJoin: commensal ? result.tries : null,
    fallbacks: commensal ? result.fallbacks : null,
    roundsPerSecond: Math.round(result.played / Math.max(1e-9, result.seconds)),
  };
}

function rowOf(point: ReturnType<typeof pointOf>): string[] {
  return [
    String(point.epsilon),
    String(point.hostile),
    `${point.alive}/${point.runs}`,
    short(point.life.q10),
    short(point.life.median),
    short(point.life.q90),
    short(point.life.geomean),
    point.life.logSe.toFixed(3),
    point.triesPerJoin === null ? "-" : point.triesPerJoin.toFixed(1),
  ];
}

const COLUMNS = "ε,hostile,alive,q10,median,q90,geomean,log s.e.,tries/join".split(",");

/** Rounds per second of one worker, over all points. */
function speedOf(results: readonly JobResult[]): number {
  const played = results.reduce((sum, one) => sum + one.played, 0);
  const seconds = results.reduce((sum, one) => sum + one.seconds, 0);
  return Math.round(played / Math.max(1e-9, seconds));
}

async function run(args: Arguments): Promise<ExitCode> {
  const started = performance.now();
  const base = settingsOf(args);
  const seed = args.text("seed") ?? "pando";
  const cap = args.integer("cap", 1, 1e9, 100_000);
  const runs = args.integer("seeds", 1, 100_000, 40);
  const trace = args.integer("trace", 0, 1e9, 0);
  const engine = args.choice("engine", ["count", "member"], "count");
  const epsilons = numberList(args, "epsilon", [0.01, 0.02, 0.05]);
  const jobs = epsilons.map((epsilon): RoundsJob => {
    const settings = { ...base, hostile: hostileAtEpsilon(base.n, epsilon) };
    return { kind: "rounds", engine, settings, cap, runs, seed: `${seed}/${epsilon}`, trace };
  });
  const results = await playJobs(jobs, workersOf(args));
  const points = results.map((result, index) => pointOf(jobs[index]!, epsilons[index]!, result));
  const survival = results.map((result, i) => survivalCurve(`ε=${epsilons[i]}`, result, cap));
  const corruption = results.flatMap((result) => result.traces);
  const roundsPerSecond = speedOf(results);
  const json = {
    command: "rounds",
    version: 1,
    seed,
    parameters: { ...base, engine, cap },
    points,
    series: { survival, corruption },
    checks: [],
    roundsPerSecond,
    elapsedMs: Math.round(performance.now() - started),
  };
  const head = `${base.rule}, N=${base.n}, groups of ${base.group}, k=${base.k}`;
  const table = {
    title: `${head}: rounds until a group is lost (cap ${cap}); ${short(roundsPerSecond)} rounds/s`,
    columns: COLUMNS,
    rows: points.map(rowOf),
  };
  const levels = [{ label: "θ", value: base.theta.num / base.theta.den }];
  present(args, table, json, () =>
    trace > 0 ? corruptionScene(corruption, levels, head) : survivalScene(survival, head),
  );
  return EXIT.done;
}

export const command: Command = {
  name: "rounds",
  summary: "One hostile share leaves and rejoins per round, until a group is lost.",
  usage: "[flags]",
  options: {
    rule: { value: "RULE", about: "cuckoo (default) or commensal" },
    n: { value: "N", about: "shares of the network (default 8192)" },
    group: { value: "N", about: "mean size of a group (default 64)" },
    k: { value: "N", about: "evictions per join (default 4; commensal 8)" },
    need: { value: "N", about: "commensal: secondary joins before a join (default k - 1)" },
    "no-vetting": { about: "commensal without vetting" },
    "no-scaling": { about: "commensal without scaling evictions to the group's size" },
    epsilon: { value: "LIST", about: "hostile : honest, e.g. .01,.02 (default .01,.02,.05)" },
    strategy: { value: "NAME", about: "least (default), fixed or most" },
    theta: { value: "FRACTION", about: "hostile fraction at which a group is lost (default 1/3)" },
    strict: { about: "lost above theta only, as Sen and Freedman count" },
    cap: { value: "N", about: "rounds after which a run is cut off (default 100000)" },
    trace: { value: "N", about: "note the corruption of the first runs every N rounds" },
    engine: { value: "NAME", about: "count (default) or member" },
    ...RUN_OPTIONS,
  },
  run,
};
