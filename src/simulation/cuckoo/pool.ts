// Plays jobs on worker threads, or inline when one worker is enough. Results come back in the order
// of the jobs and do not depend on how many workers there are.
import { Worker } from "node:worker_threads";
import { type Job, type JobResult, playJob } from "./jobs.ts";

function playInline(jobs: readonly Job[]): JobResult[] {
  return jobs.map((job) => {
    const started = performance.now();
    const result = playJob(job);
    return { ...result, seconds: (performance.now() - started) / 1000 };
  });
}

function playThreaded(
  jobs: readonly Job[],
  workers: number,
  onDone: () => void,
): Promise<JobResult[]> {
  return new Promise((resolve, reject) => {
    const results: JobResult[] = new Array(jobs.length);
    const threads: Worker[] = [];
    let next = 0;
    let done = 0;
    const finish = (): void => {
      for (const thread of threads) void thread.terminate();
    };
    const start = (): void => {
      const thread = new Worker(new URL("./worker.js", import.meta.url), { execArgv: [] });
      let index = -1;
      const take = (): void => {
        if (next >= jobs.length) return;
        index = next++;
        thread.postMessage(jobs[index]);
      };
      thread.on("message", (result: JobResult) => {
        results[index] = result;
        done++;
        onDone();
        if (done === jobs.length) {
          finish();
          resolve(results);
        } else take();
      });
      thread.on("error", (error) => {
        finish();
        reject(error);
      });
      threads.push(thread);
      take();
    };
    for (let worker = 0; worker < Math.min(workers, jobs.length); worker++) start();
  });
}

/** The results of all jobs, in their order; `onDone` is called after each. */
export function playJobs(
  jobs: readonly Job[],
  workers: number,
  onDone: () => void = () => {},
): Promise<JobResult[]> {
  if (workers <= 1 || jobs.length <= 1) return Promise.resolve(playInline(jobs));
  return playThreaded(jobs, workers, onDone);
}
