// `pando sim`: the laboratories, one line each.
import type { Command } from "./command.ts";
import { EXIT } from "./command.ts";

export const command: Command = {
  name: "sim",
  summary: "simulate networks, adversaries and what they break",
  usage: "COMMAND [flags]",
  options: {},
  subcommands: [
    {
      name: "cuckoo",
      summary: "committees under the cuckoo rules: attacks, tails, plans",
      load: async () => (await import("./sim-cuckoo.ts")).command,
    },
  ],
  run: () => EXIT.usage,
};
