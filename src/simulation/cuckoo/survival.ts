// What can honestly be said about runs that were cut off at a cap: survivors, quantiles, the geometric
// mean with the cap as value, survival curves with a band, and the log-rank test. Never a plain mean
// of censored lives.

/** The lives of independent runs; `alive[i]` says that run i was cut off at the cap. */
export interface Lives {
  readonly lives: readonly number[];
  readonly alive: readonly boolean[];
}

export interface LifeSummary {
  readonly q10: number;
  readonly median: number;
  readonly q90: number;
  readonly geomean: number;
  /** Standard error of the logarithm of the geometric mean. */
  readonly logSe: number;
  /** True when some run was cut off: then mean and standard error are bounds from below. */
  readonly censored: boolean;
}

/** Runs of several jobs as one sample. */
export function mergeLives(parts: readonly Lives[]): Lives {
  return {
    lives: parts.flatMap((part) => part.lives),
    alive: parts.flatMap((part) => part.alive),
  };
}

function quantile(sorted: readonly number[], part: number): number {
  const at = part * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  const above = sorted[Math.ceil(at)]!;
  return (below + above) / 2;
}

export function survivors(lives: Lives): number {
  return lives.alive.filter((alive) => alive).length;
}

export function summarize({ lives, alive }: Lives): LifeSummary {
  const sorted = [...lives].sort((a, b) => a - b);
  const logs = lives.map((life) => Math.log(Math.max(1, life)));
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const square = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0);
  const logSe = logs.length < 2 ? 0 : Math.sqrt(square / (logs.length - 1) / logs.length);
  return {
    q10: quantile(sorted, 0.1),
    median: quantile(sorted, 0.5),
    q90: quantile(sorted, 0.9),
    geomean: Math.exp(mean),
    logSe,
    censored: alive.some((one) => one),
  };
}

/** Wilson's 95 % interval of a proportion. */
export function wilson(hits: number, runs: number): { low: number; high: number } {
  const z = 1.96;
  const p = hits / runs;
  const centre = p + (z * z) / (2 * runs);
  const half = z * Math.sqrt((p * (1 - p)) / runs + (z * z) / (4 * runs * runs));
  const scale = 1 + (z * z) / runs;
  return { low: Math.max(0, (centre - half) / scale), high: Math.min(1, (centre + half) / scale) };
}

/** A step curve: how many of the runs live at times t, with a 95 % band. */
export interface SurvivalCurve {
  readonly label: string;
  readonly t: number[];
  readonly alive: number[];
  readonly low: number[];
  readonly high: number[];
}

/** The share of runs alive after t, from 0 to the cap; all runs share one cap, so it is a proportion. */
export function survivalCurve(label: string, { lives, alive }: Lives, cap: number): SurvivalCurve {
  const deaths = lives.filter((_, run) => alive[run] !== true).sort((a, b) => a - b);
  const runs = lives.length;
  const curve: SurvivalCurve = { label, t: [], alive: [], low: [], high: [] };
  const add = (t: number, dead: number): void => {
    const band = wilson(runs - dead, runs);
    curve.t.push(t);
    curve.alive.push((runs - dead) / runs);
    curve.low.push(band.low);
    curve.high.push(band.high);
  };
  add(0, 0);
  deaths.forEach((death, index) => {
    if (deaths[index + 1] !== death) add(death, index + 1);
  });
  add(cap, deaths.length);
  return curve;
}

/** P[|Z| >= z] for a standard normal Z, to about 1e-7 (Abramowitz and Stegun 7.1.26). */
export function normalTwoSided(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const a = [0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429];
  const series = a.reduceRight((sum, coefficient) => (sum + coefficient) * t, 0);
  return series * Math.exp(-x * x);
}

/** Two-sided p of the log-rank test that both samples die at the same rate. */
export function logRank(a: Lives, b: Lives): number {
  const times = new Set<number>();
  for (const sample of [a, b]) {
    sample.lives.forEach((life, run) => {
      if (sample.alive[run] !== true) times.add(life);
    });
  }
  let difference = 0;
  let variance = 0;
  for (const time of times) {
    const atRisk = (sample: Lives) => sample.lives.filter((life) => life >= time).length;
    const dying = (sample: Lives) =>
      sample.lives.filter((life, run) => life === time && sample.alive[run] !== true).length;
    const na = atRisk(a);
    const n = na + atRisk(b);
    const d = dying(a) + dying(b);
    difference += dying(a) - (d * na) / n;
    if (n > 1) variance += (d * (na / n) * (1 - na / n) * (n - d)) / (n - 1);
  }
  return variance === 0 ? 1 : normalTwoSided(difference / Math.sqrt(variance));
}
