// Chooses the swap rule's kappa for a network, or refuses with the reason. Rests on the k law and the
// hazard law, which are checked by experiment X6 and told in docs/internals/resharding.md.
import { logBinomialTail, lossCount } from "./tails.ts";
import type { Ratio } from "./types.ts";

export interface PlanRequest {
  /** Hostile fraction at which a committee is lost. */
  readonly theta: Ratio;
  /** Hostile fraction of the whole network. */
  readonly faulty: Ratio;
  /** Seats per committee. */
  readonly m: number;
  readonly shards: number;
  readonly local: number;
  /** The greatest part of all seats that may move in one epoch. */
  readonly moveCeiling: Ratio;
  /** Over how many epochs... */
  readonly horizon: number;
  /** ...how many lost committees are acceptable in expectation. */
  readonly target: number;
  readonly kappaMax: number;
}

export const PLAN: PlanRequest = {
  theta: { num: 1, den: 3 },
  faulty: { num: 1, den: 5 },
  m: 600,
  shards: 100,
  local: 4,
  moveCeiling: { num: 1, den: 10 },
  horizon: 365_000,
  target: 0.1,
  kappaMax: 160,
};

/** What one kappa gives. */
export interface PlanPoint {
  readonly kappa: number;
  /** Hostile fraction that a shard drifts to when the adversary leaves it alone. */
  readonly effective: Ratio;
  /** Joins, and leaves, that an epoch admits. */
  readonly churnMax: number;
  /** Seats each shard gives up at that churn. */
  readonly evict: number;
  readonly tail: number;
  /** Expected lost committees per epoch, and over the horizon. */
  readonly hazard: number;
  readonly losses: number;
}

export type PlanCode = "hostile-too-many" | "churn-too-small" | "committee-too-small";

export type PlanResult =
  | { readonly ok: true; readonly point: PlanPoint }
  | { readonly ok: false; readonly code: PlanCode; readonly best: PlanPoint | null };

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** The k law: (kF + 1) / (k + 1). */
export function effectiveFraction(faulty: Ratio, k: number): Ratio {
  const num = k * faulty.num + faulty.den;
  const den = (k + 1) * faulty.den;
  const common = gcd(num, den);
  return { num: num / common, den: den / common };
}

/** Least k that keeps a shard's drift below theta: necessary, not sufficient. */
export function kLeast(faulty: Ratio, theta: Ratio): number {
  const f = faulty.num / faulty.den;
  const limit = theta.num / theta.den;
  return f >= limit ? Number.POSITIVE_INFINITY : (1 - limit) / (limit - f);
}

/** Expected lost committees per epoch by the hazard law. */
export function hazard(
  shards: number,
  m: number,
  theta: Ratio,
  effective: number,
  evict: number,
): number {
  const tail = Math.exp(logBinomialTail(m, effective, lossCount(m, theta)));
  return (shards * tail * evict) / m;
}

/** What one kappa gives; null when it admits no churn at all. */
export function planPoint(request: PlanRequest, kappa: number): PlanPoint | null {
  const { m, shards, theta, faulty, local, moveCeiling } = request;
  const seats = shards * m;
  const churnMax = Math.floor((seats * moveCeiling.num) / (moveCeiling.den * (kappa + local + 1)));
  if (churnMax < 1) return null;
  const effective = effectiveFraction(faulty, kappa);
  const evict = Math.ceil((kappa * churnMax * m) / seats);
  const fraction = effective.num / effective.den;
  const perEpoch = hazard(shards, m, theta, fraction, evict);
  return {
    kappa,
    effective,
    churnMax,
    evict,
    tail: Math.exp(logBinomialTail(m, fraction, lossCount(m, theta))),
    hazard: perEpoch,
    losses: perEpoch * request.horizon,
  };
}

/** The smallest kappa that keeps the expected losses below the target, or why there is none. */
export function plan(request: PlanRequest): PlanResult {
  const { faulty, theta } = request;
  if (faulty.num * theta.den >= theta.num * faulty.den) {
    return { ok: false, code: "hostile-too-many", best: null };
  }
  let best: PlanPoint | null = null;
  for (let kappa = 1; kappa <= request.kappaMax; kappa++) {
    const point = planPoint(request, kappa);
    if (point === null) break;
    if (point.losses <= request.target) return { ok: true, point };
    if (best === null || point.losses < best.losses) best = point;
  }
  return { ok: false, code: best === null ? "churn-too-small" : "committee-too-small", best };
}

/** Seconds that a committee's newcomers need to fetch a shard's state. */
export interface SyncTimes {
  readonly arrivals: number;
  /** A newcomer's download alone. */
  readonly inSeconds: number;
  /** The old members' uploads to all newcomers. */
  readonly outSeconds: number;
  readonly syncSeconds: number;
}

/** Time to sync `stateBytes` to `arrivals` of a committee of m at so many bytes a second each way. */
export function syncTimes(
  stateBytes: number,
  bytesPerSecond: number,
  m: number,
  arrivals: number,
  tailSeconds: number,
): SyncTimes {
  const inSeconds = stateBytes / bytesPerSecond;
  const sources = m - arrivals;
  const outSeconds =
    sources <= 0 ? Number.POSITIVE_INFINITY : (arrivals * stateBytes) / (sources * bytesPerSecond);
  const syncSeconds = 1.2 * Math.max(inSeconds, outSeconds) + tailSeconds;
  return { arrivals, inSeconds, outSeconds, syncSeconds };
}

/** A plan whose sync takes more than half of the waiting time is refused. */
export function syncFits(times: SyncTimes, waitingSeconds: number): boolean {
  return times.syncSeconds <= waitingSeconds / 2;
}
