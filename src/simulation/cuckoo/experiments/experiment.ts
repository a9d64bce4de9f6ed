// What an experiment is: jobs to play, and a judgement of their results as checks, tables and series.
// Only checks marked A (exact arithmetic) or B (two independently written programs agreed) are gates;
// C (read off a published figure) and D (published, source not seen) are printed beside our value.
import type { Job, JobResult, Trace } from "../jobs.ts";
import type { SurvivalCurve } from "../survival.ts";

export type Mark = "A" | "B" | "C" | "D";

export interface Check {
  readonly id: string;
  readonly mark: Mark;
  readonly reference: number;
  readonly low: number;
  readonly high: number;
  readonly got: number;
  readonly pass: boolean;
}

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One line of a chart of points, e.g. "ours, k = 1"; `figure` marks values read off a figure. */
export interface PointLine {
  readonly label: string;
  readonly figure: boolean;
  readonly x: readonly number[];
  readonly y: readonly number[];
}

export interface Chart {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly logX: boolean;
  readonly logY: boolean;
  readonly lines: readonly PointLine[];
}

/** Everything a chart can be drawn from. */
export interface Series {
  readonly corruption?: readonly Trace[];
  /** Horizontal lines of the corruption chart: theta, F, the effective F. */
  readonly levels?: readonly { readonly label: string; readonly value: number }[];
  readonly survival?: readonly SurvivalCurve[];
  readonly points?: readonly Chart[];
  readonly movement?: readonly { readonly label: string; readonly pairs: number }[];
}

export interface Outcome {
  readonly checks: readonly Check[];
  readonly tables: readonly Table[];
  readonly series: Series;
  readonly notes: readonly string[];
}

export interface Options {
  /** Fewer seeds and cells, for continuous integration. */
  readonly quick: boolean;
  readonly seed: string;
}

export interface Prepared {
  readonly jobs: readonly Job[];
  judge(results: readonly JobResult[]): Outcome;
}

export interface Experiment {
  readonly id: string;
  readonly title: string;
  /** What it tells a person who must choose, in a few sentences. */
  readonly story: string;
  prepare(options: Options): Prepared;
}

export function check(
  id: string,
  mark: Mark,
  reference: number,
  low: number,
  high: number,
  got: number,
): Check {
  return { id, mark, reference, low, high, got, pass: got >= low && got <= high };
}

/** A gate that a statement holds. */
export function holds(id: string, statement: boolean): Check {
  return check(id, "B", 1, 1, 1, statement ? 1 : 0);
}

export function isGate(one: Check): boolean {
  return one.mark === "A" || one.mark === "B";
}

/** A short number for tables: 61.7k, 1.54k, 846, .0297. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value >= 10_000) return `${(value / 1000).toFixed(1)}k`;
  if (value >= 1000) return `${(value / 1000).toFixed(2)}k`;
  if (value >= 10) return value.toFixed(0);
  return value >= 1 ? value.toFixed(1) : value.toPrecision(3);
}
