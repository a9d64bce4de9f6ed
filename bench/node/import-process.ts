// The process that bench import measures: `pando import` with the words it is given, and beside its
// answer what it took: processor time by kind of thread, and the greatest memory.
import { readdirSync, readFileSync } from "node:fs";
import { main } from "../../src/cli/main.ts";

const SAMPLE_MS = 50;

/** What is told to the parent. */
export interface Usage {
  /** Microseconds of processor time of the whole process. */
  readonly cpuUs: number;
  /** Greatest resident memory, and greatest without the pages of files, bytes; 0 off Linux. */
  readonly residentBytes: number;
  readonly anonymousBytes: number;
  /** Nanoseconds of processor time by thread, oldest thread first; empty off Linux. */
  readonly threadNs: readonly number[];
}

const threads = new Map<number, number>();
let anonymousBytes = 0;

/** Threads are gone at the end, so they are looked at while they run. */
function sample(): void {
  try {
    for (const id of readdirSync("/proc/self/task")) {
      const text = readFileSync(`/proc/self/task/${id}/schedstat`, "utf8");
      threads.set(Number(id), Number(text.split(" ")[0]));
    }
    const kilobytes = /RssAnon:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    anonymousBytes = Math.max(anonymousBytes, Number(kilobytes ?? 0) * 1024);
  } catch {
    // Another system, or a thread that has just ended.
  }
}

const timer = setInterval(sample, SAMPLE_MS);
await main(["import", ...process.argv.slice(2)]);
clearInterval(timer);
const { user, system } = process.cpuUsage();
const usage: Usage = {
  cpuUs: user + system,
  residentBytes: process.resourceUsage().maxRSS * 1024,
  anonymousBytes,
  threadNs: [...threads].sort(([a], [b]) => a - b).map(([, ns]) => ns),
};
process.send?.(usage);
process.disconnect?.();
