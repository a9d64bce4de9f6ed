// `pando sim`: the laboratories, one line each.
import { type Command, EXIT } from "./command.ts";

export const command: Command = {
  name: "sim",
  summary: "Simulate networks, adversaries and what they break; every seed repeats itself.",
  usage: "COMMAND [flags]",
  options: {},
  subcommands: [
    {
      name: "admission",
      summary: "the partitioned mempool under crashes, loss, reorganisations, old owners",
      load: async () => (await import("./sim-admission.ts")).command,
    },
    {
      name: "cuckoo",
      summary: "committees under the cuckoo rules: attacks, tails, plans",
      load: async () => (await import("./sim-cuckoo.ts")).command,
    },
    {
      name: "power",
      summary: "staked consensus with the power rule, and the failures it cures",
      load: async () => (await import("./sim-power.ts")).command,
    },
  ],
  run: () => EXIT.usage,
};
