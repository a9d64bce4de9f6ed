// The table of commands: one line each, loaded when wanted.
import type { CommandEntry } from "./command.ts";

export const commands: readonly CommandEntry[] = [
  {
    name: "conformance",
    summary: "Run public test vectors against this build.",
    load: async () => (await import("./conformance.ts")).conformance,
  },
];
