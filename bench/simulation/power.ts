// Simulated slots per second on one core, profile `model`: the targets are 100,000 at 3 nodes and
// 500 at 100 nodes. One JSON line per case; CPU time beside wall time, for machines that are busy.
// Run: node dist/bench/simulation/power.js
import { type PowerConfig, withConfig } from "../../src/simulation/power/config.ts";
import { runSeed } from "../../src/simulation/power/run.ts";

interface Case {
  readonly name: string;
  readonly config: PowerConfig;
  readonly seeds: number;
  readonly target: number;
}

const large = { nodes: 100, churn: 0, slots: 600, heal: 0 };
const CASES: readonly Case[] = [
  { name: "test network, 3 nodes", config: withConfig({}), seeds: 120, target: 100_000 },
  {
    name: "3 nodes, event delivery",
    config: withConfig({ delivery: "event" }),
    seeds: 60,
    target: 100_000,
  },
  { name: "100 nodes, all pairs", config: withConfig(large), seeds: 1, target: 500 },
  {
    name: "100 nodes, 8 links each, event delivery",
    config: withConfig({ ...large, delivery: "event", degree: 8 }),
    seeds: 1,
    target: 500,
  },
];

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** One measurement: slots and events per second of wall and of CPU time. */
function measure(one: Case, first: number): { wall: number; cpu: number; events: number } {
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  let slots = 0;
  let events = 0;
  for (let seed = first; seed < first + one.seeds; seed++) {
    const { report } = runSeed(one.config, seed);
    slots += report.slots;
    events += report.events;
  }
  const wallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    wall: (slots * 1e3) / wallMs,
    cpu: (slots * 1e6) / (user + system),
    events: (events * 1e3) / wallMs,
  };
}

for (const one of CASES) {
  measure(one, 1);
  const rounds = [0, 1, 2, 3, 4].map((round) => measure(one, 1_000 + round * one.seeds));
  const line = {
    name: one.name,
    slotsPerSecond: Math.round(median(rounds.map((round) => round.wall))),
    slotsPerCpuSecond: Math.round(median(rounds.map((round) => round.cpu))),
    eventsPerSecond: Math.round(median(rounds.map((round) => round.events))),
    target: one.target,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
