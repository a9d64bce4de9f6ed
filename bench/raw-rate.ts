// The physical limit beside every figure: how many signatures all cores verify in a second when
// they do nothing else, with the same library called in the same way.
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

export interface RawRate {
  /** Verifications per second over all workers. */
  readonly perSecond: number;
  /** Microseconds of processor time per verification: the same however busy the machine is. */
  readonly cpuUs: number;
  readonly workers: number;
}

/** Runs `workers` verifying threads at once for about `seconds`. */
export async function rawVerifyRate(
  kind: "ecdsa" | "schnorr",
  seconds = 1,
  workers: number = availableParallelism(),
): Promise<RawRate> {
  const url = new URL("./raw-rate-worker.js", import.meta.url);
  const threads = Array.from(
    { length: workers },
    () => new Worker(url, { workerData: { kind, seconds } }),
  );
  await Promise.all(threads.map((thread) => once(thread, "message")));
  const before = process.cpuUsage();
  const began = performance.now();
  const counts = await Promise.all(
    threads.map(async (thread) => {
      const answered = once(thread, "message");
      thread.postMessage("go");
      const [count] = (await answered) as [number];
      return count;
    }),
  );
  const elapsed = performance.now() - began;
  const { user, system } = process.cpuUsage(before);
  const count = counts.reduce((sum, each) => sum + each, 0);
  return { perSecond: (count * 1000) / elapsed, cpuUs: (user + system) / count, workers };
}
