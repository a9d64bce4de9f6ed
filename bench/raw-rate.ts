// The physical limit beside every figure: how many signatures all cores verify in a second when
// they do nothing else, with the same library called in the same way.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

export interface RawRate {
  /** Verifications per second over all workers. */
  readonly perSecond: number;
  /** Microseconds of one core per verification. */
  readonly us: number;
  readonly workers: number;
}

/** Runs `workers` verifying threads at once for about `seconds`. */
export async function rawVerifyRate(
  kind: "ecdsa" | "schnorr",
  seconds = 1,
  workers: number = availableParallelism(),
): Promise<RawRate> {
  const url = new URL("./raw-rate-worker.js", import.meta.url);
  const rates = await Promise.all(
    Array.from(
      { length: workers },
      () =>
        new Promise<number>((resolve, reject) => {
          const worker = new Worker(url, { workerData: { kind, seconds } });
          worker.once("message", resolve);
          worker.once("error", reject);
        }),
    ),
  );
  const perSecond = rates.reduce((sum, rate) => sum + rate, 0);
  return { perSecond, us: (workers * 1e6) / perSecond, workers };
}
