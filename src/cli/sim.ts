// `pando sim`: the simulations, one subcommand each.
import { type Command, EXIT } from "./command.ts";

export const command: Command = {
  name: "sim",
  summary: "Run the protocols under simulated faults and attacks; every seed repeats itself.",
  usage: "COMMAND [flags]",
  options: {},
  subcommands: [
    {
      name: "admission",
      summary: "The partitioned mempool under crashes, loss, reorganisations and old owners.",
      load: async () => (await import("./sim-admission.ts")).command,
    },
  ],
  run: () => EXIT.done,
};
