// Runs the experiments X1 to X11 over one pool of workers and gathers their judgements.
import { playJobs } from "../pool.ts";
import { type Check, type Experiment, isGate, type Options, type Outcome } from "./experiment.ts";
import { X1 } from "./x1-tails.ts";
import { X2 } from "./x2-figure2.ts";
import { X3 } from "./x3-figure1.ts";
import { X4, X5 } from "./x4-commensal.ts";
import { X6 } from "./x6-hazard.ts";
import { X7 } from "./x7-bounded.ts";
import { X8 } from "./x8-harmony.ts";
import { X9 } from "./x9-movement.ts";
import { X10 } from "./x10-dos.ts";
import { X11 } from "./x11-grinding.ts";

export const EXPERIMENTS: readonly Experiment[] = [X1, X2, X3, X4, X5, X6, X7, X8, X9, X10, X11];

export interface Reproduced {
  readonly experiment: Experiment;
  readonly outcome: Outcome;
  readonly seconds: number;
}

/** Gates that failed; marks C and D are never among them. */
export function failedGates(reproduced: readonly Reproduced[]): Check[] {
  return reproduced.flatMap(({ outcome }) =>
    outcome.checks.filter((one) => isGate(one) && !one.pass),
  );
}

/** Plays the experiments one after the other; `onDone` is called after each. */
export async function reproduce(
  experiments: readonly Experiment[],
  options: Options,
  workers: number,
  onDone: (one: Reproduced) => void,
): Promise<Reproduced[]> {
  const all: Reproduced[] = [];
  for (const experiment of experiments) {
    const started = performance.now();
    const prepared = experiment.prepare(options);
    const results = await playJobs(prepared.jobs, workers);
    const outcome = prepared.judge(results);
    const one = { experiment, outcome, seconds: (performance.now() - started) / 1000 };
    all.push(one);
    onDone(one);
  }
  return all;
}
