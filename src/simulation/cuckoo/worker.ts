// The worker thread of the laboratory: plays the jobs it is sent, one at a time.
import { parentPort } from "node:worker_threads";
import { type Job, playJob } from "./jobs.ts";

parentPort?.on("message", (job: Job) => {
  const started = performance.now();
  const result = playJob(job);
  parentPort?.postMessage({ ...result, seconds: (performance.now() - started) / 1000 });
});
