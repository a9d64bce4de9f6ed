// The work that experiments hand out: plain data in, plain data out, so that a job gives the same
// answer inline, in a worker thread, and whatever the number of workers. Every run has its own seed.
import { never } from "../../base/assert.ts";
import { CommensalCount } from "./count-commensal.ts";
import { CuckooCount } from "./count-cuckoo.ts";
import { EpochEngine, type EpochSettings } from "./epochs.ts";
import { CommensalMembers, CuckooMembers } from "./member.ts";
import { Words } from "./random.ts";
import { ReferenceEngine, type ReferenceSettings } from "./reference.ts";
import { fractions, type RoundEngine, type RoundSettings } from "./rounds.ts";
import type { Lives } from "./survival.ts";

export interface RoundsJob {
  readonly kind: "rounds";
  readonly engine: "count" | "member";
  readonly settings: RoundSettings;
  readonly cap: number;
  readonly runs: number;
  readonly seed: string;
  /** Rounds between two points of the trace of run 0; 0 for none. */
  readonly trace: number;
}

export interface EpochsJob {
  readonly kind: "epochs";
  readonly settings: EpochSettings;
  readonly cap: number;
  readonly runs: number;
  readonly seed: string;
  readonly trace: number;
}

export interface ReferenceJob {
  readonly kind: "reference";
  readonly settings: ReferenceSettings;
  readonly cap: number;
  readonly runs: number;
  readonly seed: string;
}

/** The smallest number of hostile shares with which fewer than half of the runs reach the cap. */
export interface ThresholdJob {
  readonly kind: "threshold";
  readonly settings: RoundSettings;
  readonly cap: number;
  readonly runs: number;
  readonly seed: string;
}

/** The smallest power-of-two group with which at least `need` of the runs reach the cap. */
export interface GroupJob {
  readonly kind: "group";
  readonly settings: RoundSettings;
  readonly from: number;
  readonly need: number;
  readonly cap: number;
  readonly runs: number;
  readonly seed: string;
}

export type Job = RoundsJob | EpochsJob | ReferenceJob | ThresholdJob | GroupJob;

/** Worst, mean and best hostile fraction of one run over time. */
export interface Trace {
  readonly run: number;
  readonly t: number[];
  readonly worst: number[];
  readonly mean: number[];
  readonly best: number[];
}

export interface JobResult extends Lives {
  /** Rounds or epochs played by all runs together. */
  readonly played: number;
  readonly seconds: number;
  readonly traces: readonly Trace[];
  /** Means per round or epoch, where the engine knows them. */
  readonly evicted: number;
  readonly pairs: number;
  readonly tries: number;
  readonly fallbacks: number;
  readonly sizeMin: number;
  readonly sizeMax: number;
  readonly worstEver: number;
  /** The answer of a threshold or group job. */
  readonly answer: number;
}

const NOTHING: JobResult = {
  lives: [],
  alive: [],
  played: 0,
  seconds: 0,
  traces: [],
  evicted: 0,
  pairs: 0,
  tries: 0,
  fallbacks: 0,
  sizeMin: 0,
  sizeMax: 0,
  worstEver: 0,
  answer: 0,
};

/** Runs whose trace is kept. */
const TRACED = 8;

export function roundEngine(
  engine: "count" | "member",
  settings: RoundSettings,
  words: Words,
): RoundEngine {
  if (settings.rule === "cuckoo") {
    return engine === "count"
      ? new CuckooCount(settings, words)
      : new CuckooMembers(settings, words);
  }
  return engine === "count"
    ? new CommensalCount(settings, words)
    : new CommensalMembers(settings, words);
}

interface Playable {
  readonly lost: boolean;
  advance(steps: number): number;
}

/** Plays one run to its end, noting the spread every `every` steps. */
function playTraced(
  run: Playable,
  cap: number,
  every: number,
  trace: Trace | null,
  spread: () => { worst: number; mean: number; best: number },
): number {
  if (trace === null || every === 0) return run.advance(cap);
  let played = 0;
  const note = (): void => {
    const now = spread();
    trace.t.push(played);
    trace.worst.push(now.worst);
    trace.mean.push(now.mean);
    trace.best.push(now.best);
  };
  note();
  while (played < cap && !run.lost) {
    const step = run.advance(Math.min(every, cap - played));
    if (step === 0) break;
    played += step;
    note();
  }
  return played;
}

function emptyTrace(run: number): Trace {
  return { run, t: [], worst: [], mean: [], best: [] };
}

function playRounds(job: RoundsJob): JobResult {
  const lives: number[] = [];
  const alive: boolean[] = [];
  const traces: Trace[] = [];
  let tries = 0;
  let fallbacks = 0;
  let played = 0;
  for (let run = 0; run < job.runs; run++) {
    const engine = roundEngine(job.engine, job.settings, new Words(job.seed, run));
    const trace = job.trace > 0 && run < TRACED ? emptyTrace(run) : null;
    const life = playTraced(engine, job.cap, job.trace, trace, () => fractions(engine));
    if (trace !== null) traces.push(trace);
    played += life;
    lives.push(engine.lost ? life : job.cap);
    alive.push(!engine.lost);
    tries += engine.tries;
    fallbacks += engine.fallbacks;
  }
  const joins = Math.max(1, played);
  return { ...NOTHING, lives, alive, played, traces, tries: tries / joins, fallbacks };
}

function playEpochs(job: EpochsJob): JobResult {
  const lives: number[] = [];
  const alive: boolean[] = [];
  const traces: Trace[] = [];
  let evicted = 0;
  let pairs = 0;
  let sizeMin = Number.POSITIVE_INFINITY;
  let sizeMax = 0;
  let worstEver = 0;
  let played = 0;
  for (let run = 0; run < job.runs; run++) {
    const engine = new EpochEngine(job.settings, new Words(job.seed, run));
    const trace = job.trace > 0 && run < TRACED ? emptyTrace(run) : null;
    const life = playTraced(engine, job.cap, job.trace, trace, () => engine.spread);
    if (trace !== null) traces.push(trace);
    played += life;
    lives.push(engine.lost ? life : job.cap);
    alive.push(!engine.lost);
    evicted += engine.evicted;
    pairs += engine.pairs;
    sizeMin = Math.min(sizeMin, engine.sizeMin);
    sizeMax = Math.max(sizeMax, engine.sizeMax);
    worstEver = Math.max(worstEver, engine.worstEver);
  }
  const epochs = Math.max(1, played);
  const means = { evicted: evicted / epochs, pairs: pairs / epochs };
  return { ...NOTHING, ...means, lives, alive, played, traces, sizeMin, sizeMax, worstEver };
}

function playReference(job: ReferenceJob): JobResult {
  const lives: number[] = [];
  const alive: boolean[] = [];
  let played = 0;
  for (let run = 0; run < job.runs; run++) {
    const engine = new ReferenceEngine(job.settings, new Words(job.seed, run));
    const life = engine.advance(job.cap);
    played += life;
    lives.push(engine.lost ? life : job.cap);
    alive.push(!engine.lost);
  }
  return { ...NOTHING, lives, alive, played };
}

/** True when at least `need` of the runs reach the cap; stops as soon as that is decided. */
function enoughSurvive(
  settings: RoundSettings,
  cap: number,
  runs: number,
  need: number,
  seed: string,
): { enough: boolean; played: number } {
  let alive = 0;
  let played = 0;
  for (let run = 0; run < runs; run++) {
    const engine = roundEngine("count", settings, new Words(seed, run));
    played += engine.advance(cap);
    if (!engine.lost) alive++;
    if (alive >= need) return { enough: true, played };
    if (alive + runs - run - 1 < need) return { enough: false, played };
  }
  return { enough: alive >= need, played };
}

function findThreshold(job: ThresholdJob): JobResult {
  let low = 0;
  let high = Math.ceil(job.settings.n / 3);
  let total = 0;
  while (high - low > 1) {
    const hostile = (low + high) >> 1;
    const settings = { ...job.settings, hostile };
    const seed = `${job.seed}/${hostile}`;
    const { enough, played } = enoughSurvive(settings, job.cap, job.runs, job.runs / 2, seed);
    total += played;
    if (enough) low = hostile;
    else high = hostile;
  }
  return { ...NOTHING, played: total, answer: high };
}

function findGroup(job: GroupJob): JobResult {
  let total = 0;
  for (let group = job.from; group < job.settings.n; group *= 2) {
    const settings = { ...job.settings, group };
    const seed = `${job.seed}/${group}`;
    const { enough, played } = enoughSurvive(settings, job.cap, job.runs, job.need, seed);
    total += played;
    if (enough) return { ...NOTHING, played: total, answer: group };
  }
  return { ...NOTHING, played: total, answer: job.settings.n };
}

/** Plays one job to its end. */
export function playJob(job: Job): JobResult {
  switch (job.kind) {
    case "rounds":
      return playRounds(job);
    case "epochs":
      return playEpochs(job);
    case "reference":
      return playReference(job);
    case "threshold":
      return findThreshold(job);
    case "group":
      return findGroup(job);
    default:
      return never(job);
  }
}
