// `pando sim cuckoo`: the attack laboratory of resharding (docs/internals/resharding.md).
import type { Command } from "./command.ts";
import { EXIT } from "./command.ts";

export const command: Command = {
  name: "cuckoo",
  summary: "committees under the cuckoo rules: attacks, exact tails, plans, assignments",
  usage: "COMMAND [flags]",
  options: {},
  subcommands: [
    {
      name: "rounds",
      summary: "one share rejoins per round: cuckoo and commensal",
      load: async () => (await import("./sim-cuckoo-rounds.ts")).command,
    },
    {
      name: "epochs",
      summary: "many shares rejoin per epoch: bounded, swap, harmony-2019, full",
      load: async () => (await import("./sim-cuckoo-epochs.ts")).command,
    },
    {
      name: "tails",
      summary: "exact probability that a committee is lost",
      load: async () => (await import("./sim-cuckoo-tails.ts")).command,
    },
    {
      name: "plan",
      summary: "the smallest safe kappa of the swap rule, or why there is none",
      load: async () => (await import("./sim-cuckoo-plan.ts")).command,
    },
    {
      name: "assign",
      summary: "the next assignment of shares to shards, and proofs of one share's move",
      load: async () => (await import("./sim-cuckoo-assign.ts")).command,
    },
    {
      name: "move",
      summary: "bytes and seconds of state sync per epoch",
      load: async () => (await import("./sim-cuckoo-move.ts")).command,
    },
    {
      name: "reproduce",
      summary: "experiments X1 to X11 against their recorded values",
      load: async () => (await import("./sim-cuckoo-reproduce.ts")).command,
    },
    {
      name: "bench",
      summary: "rounds and epochs per second of the engines",
      load: async () => (await import("./sim-cuckoo-bench.ts")).command,
    },
    {
      name: "beacon",
      summary: "verify a drand beacon value offline",
      load: async () => (await import("./sim-cuckoo-beacon.ts")).command,
    },
  ],
  run: () => EXIT.usage,
};
