// The table of commands: one line each, loaded when wanted.
import type { CommandEntry } from "./command.ts";

export const commands: readonly CommandEntry[] = [
  {
    name: "start",
    summary: "run a node",
    load: async () => (await import("./start.ts")).command,
  },
  {
    name: "devnet",
    summary: "run a network of real nodes on this machine",
    load: async () => (await import("./devnet.ts")).command,
  },
  {
    name: "chain",
    summary: "make a network of your own",
    load: async () => (await import("./chain.ts")).command,
  },
  {
    name: "call",
    summary: "call a method of a running node",
    load: async () => (await import("./call.ts")).command,
  },
  {
    name: "watch",
    summary: "follow what a running node tells as it happens",
    load: async () => (await import("./watch.ts")).command,
  },
  {
    name: "stake",
    summary: "join or leave the stakers of a network, or see how one does",
    load: async () => (await import("./stake.ts")).command,
  },
  {
    name: "signer",
    summary: "hold staker keys in a process of their own",
    load: async () => (await import("./signer.ts")).command,
  },
  {
    name: "import",
    summary: "validate blocks from files",
    load: async () => (await import("./import.ts")).command,
  },
  {
    name: "coins",
    summary: "count the coins of a data directory",
    load: async () => (await import("./coins.ts")).command,
  },
  {
    name: "repair",
    summary: "rebuild a data directory from what is sound",
    load: async () => (await import("./repair.ts")).command,
  },
  {
    name: "conformance",
    summary: "run public rule vectors against this program",
    load: async () => (await import("./conformance.ts")).command,
  },
  {
    name: "generate-chain",
    summary: "write a deterministic regtest chain",
    load: async () => (await import("./generate-chain.ts")).command,
  },
  {
    name: "verify-block",
    summary: "check one block against the outputs it spends",
    load: async () => (await import("./verify-block.ts")).command,
  },
  {
    name: "sim",
    summary: "simulate networks, adversaries and what they break",
    load: async () => (await import("./sim.ts")).command,
  },
  {
    name: "config",
    summary: "print or check the configuration",
    load: async () => (await import("./config.ts")).command,
  },
];
