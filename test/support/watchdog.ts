// Ends a test process that would not end: busy for good no timer of its own could fire.
import type { TestContext } from "node:test";
import { Worker } from "node:worker_threads";

const PROGRAM = `
const { workerData } = require("node:worker_threads");
const { done, ms, what } = workerData;
if (Atomics.wait(new Int32Array(done), 0, 0, ms) === "timed-out") {
  require("node:fs").writeSync(2, "not done after " + ms / 1000 + " s: " + what + "\\n");
  process.kill(process.pid, "SIGKILL");
}`;

/** Kills the process, and says why, when the test has not ended in time. */
export function watchdog(context: TestContext, ms: number): void {
  const done = new SharedArrayBuffer(4);
  new Worker(PROGRAM, { eval: true, workerData: { done, ms, what: context.name } });
  context.after(() => {
    Atomics.store(new Int32Array(done), 0, 1);
    Atomics.notify(new Int32Array(done), 0);
  });
}
