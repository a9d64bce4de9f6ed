// Rounds per second of the laboratory's engines as JSON lines: medians of five, per second of processor
// time, a loss checked after every round. Recorded figures (one idle core of a small virtual machine): count cuckoo k = 4 at
// N = 8192 3.4 M, count commensal k = 8 1.7 M, member cuckoo 2.3 M. A run below half of the figure
// recorded on the same machine is a regression: PANDO_BENCH_FLOOR=ROUNDS fails it.
import { roundEngine } from "../../src/simulation/cuckoo/jobs.ts";
import { Words } from "../../src/simulation/cuckoo/random.ts";
import {
  hostileAtEpsilon,
  ROUNDS,
  type RoundSettings,
} from "../../src/simulation/cuckoo/rounds.ts";

function speed(engine: "count" | "member", settings: RoundSettings, rounds: number): number {
  const speeds: number[] = [];
  for (let turn = 0; turn < 6; turn++) {
    let played = 0;
    const started = process.cpuUsage();
    for (let run = 0; played < rounds; run++) {
      const one = roundEngine(engine, settings, new Words(`bench/${turn}`, run));
      played += Math.max(1, one.advance(rounds - played));
    }
    // The first turn warms up.
    if (turn > 0) speeds.push((played / process.cpuUsage(started).user) * 1e6);
  }
  return Math.round(speeds.sort((a, b) => a - b)[2]!);
}

const floor = Number(process.env["PANDO_BENCH_FLOOR"] ?? 0);
for (const n of [512, 8192, 131_072]) {
  const cuckoo = { ...ROUNDS, n, hostile: hostileAtEpsilon(n, 0.0015) };
  const commensal: RoundSettings = {
    ...ROUNDS,
    rule: "commensal",
    n,
    k: 8,
    need: 7,
    hostile: hostileAtEpsilon(n, 0.03),
  };
  const cases = [
    ["count cuckoo k=4", "count", cuckoo],
    ["count commensal k=8", "count", commensal],
    ["member cuckoo k=4", "member", cuckoo],
  ] as const;
  for (const [name, engine, settings] of cases) {
    const roundsPerSecond = speed(engine, settings, 500_000);
    process.stdout.write(
      `${JSON.stringify({ bench: "sharding/engines", name, n, roundsPerSecond })}\n`,
    );
    if (roundsPerSecond < floor) process.exitCode = 1;
  }
}
