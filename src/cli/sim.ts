// `pando sim`: the simulators, one subcommand each.
import { type Command, EXIT } from "./command.ts";

/** The command. */
export const command: Command = {
  name: "sim",
  summary: "Simulate networks: consensus under partitions, committees under attack.",
  usage: "COMMAND [flags]",
  options: {},
  subcommands: [
    {
      name: "power",
      summary: "staked consensus with the power rule, and the failures it cures",
      load: async () => (await import("./sim-power.ts")).command,
    },
  ],
  run: () => EXIT.done,
};
