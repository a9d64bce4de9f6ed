// The table of commands: one line each, loaded when wanted.
import type { CommandEntry } from "./command.ts";

export const commands: readonly CommandEntry[] = [
  {
    name: "sim",
    summary: "simulate networks under faults and attacks",
    load: async () => (await import("./sim.ts")).command,
  },
];
