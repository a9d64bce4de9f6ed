// `pando sim cuckoo bench`: how fast the engines are on this machine, one core.
import { BOUNDED } from "../sharding/parameters.ts";
import { EPOCHS, EpochEngine } from "../simulation/cuckoo/epochs.ts";
import { roundEngine } from "../simulation/cuckoo/jobs.ts";
import { Words } from "../simulation/cuckoo/random.ts";
import { hostileAtEpsilon, ROUNDS, type RoundSettings } from "../simulation/cuckoo/rounds.ts";
import { type Arguments, type Command, EXIT, type ExitCode } from "./command.ts";
import { OUTPUT_OPTIONS, present } from "./sim-cuckoo-output.ts";

interface Case {
  readonly name: string;
  /** Plays about so many steps; returns how many it played. */
  play(steps: number, seed: string): number;
}

function roundsCase(name: string, engine: "count" | "member", settings: RoundSettings): Case {
  return {
    name,
    play: (steps, seed) => {
      let played = 0;
      for (let run = 0; played < steps; run++) {
        const one = roundEngine(engine, settings, new Words(seed, run));
        played += Math.max(1, one.advance(steps - played));
      }
      return played;
    },
  };
}

function cases(): Case[] {
  const cuckoo = (n: number): RoundSettings => ({
    ...ROUNDS,
    n,
    hostile: hostileAtEpsilon(n, 0.0015),
  });
  const commensal = (n: number): RoundSettings => ({
    ...ROUNDS,
    rule: "commensal",
    n,
    k: 8,
    need: 7,
    hostile: hostileAtEpsilon(n, 0.03),
  });
  const sizes = [512, 1024, 8192];
  const rule = { ...BOUNDED, evict: 20 };
  const epochs = { ...EPOCHS, n: 25_000, shards: 100, hostile: 5000, rejoin: 250, rule };
  return [
    ...sizes.map((n) => roundsCase(`count cuckoo k=4 N=${n}`, "count", cuckoo(n))),
    ...sizes.map((n) => roundsCase(`count commensal k=8 N=${n}`, "count", commensal(n))),
    ...sizes.map((n) => roundsCase(`member cuckoo k=4 N=${n}`, "member", cuckoo(n))),
    {
      name: "epochs bounded C=100 n=25000 J=250 e=20",
      play: (steps, seed) => {
        let played = 0;
        for (let run = 0; played < steps / 200; run++) {
          const engine = new EpochEngine(epochs, new Words(seed, run));
          played += Math.max(1, engine.advance(Math.ceil(steps / 200) - played));
        }
        return played;
      },
    },
  ];
}

/** Median steps per second of processor time of five measurements after a warm-up. */
function measure(one: Case, steps: number): number {
  one.play(steps / 4, "warm");
  const speeds: number[] = [];
  for (let turn = 0; turn < 5; turn++) {
    const started = process.cpuUsage();
    const played = one.play(steps, `bench/${turn}`);
    speeds.push((played / process.cpuUsage(started).user) * 1e6);
  }
  return speeds.sort((a, b) => a - b)[2]!;
}

function run(args: Arguments): ExitCode {
  const steps = args.integer("rounds", 1000, 1e9, 500_000);
  const points = cases().map((one) => ({
    name: one.name,
    roundsPerSecond: Math.round(measure(one, steps)),
  }));
  const table = {
    title: "Rounds (or epochs) per second of one core, groups of 64, loss checked after each",
    columns: ["engine", "per second"],
    rows: points.map((point) => [point.name, point.roundsPerSecond.toLocaleString("en-US")]),
  };
  const roundsPerSecond = points[2]!.roundsPerSecond;
  const json = { command: "bench", version: 1, points, checks: [], roundsPerSecond };
  present(args, table, json, null);
  return EXIT.done;
}

export const command: Command = {
  name: "bench",
  summary: "Rounds and epochs per second of the engines, on one core.",
  usage: "[flags]",
  options: {
    rounds: { value: "N", about: "rounds per measurement (500000)" },
    csv: OUTPUT_OPTIONS["csv"]!,
  },
  run,
};
