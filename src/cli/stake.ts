// `pando stake`: how a person becomes a staker of a network, stops being one, and sees how it goes.
import { type Command, EXIT } from "./command.ts";

export const command: Command = {
  name: "stake",
  summary: "Join or leave the stakers of a network, or see how one does (docs/staking.md).",
  usage: "COMMAND [flags]",
  options: {},
  subcommands: [
    {
      name: "join",
      summary: "make a key, bond coins and register as a staker",
      load: async () => (await import("./stake-join.ts")).command,
    },
    {
      name: "leave",
      summary: "give notice: the bond is free when the network's time is over",
      load: async () => (await import("./stake-leave.ts")).command,
    },
    {
      name: "status",
      summary: "records, misses, next slots and guards of stakers",
      load: async () => (await import("./stake-status.ts")).command,
    },
    {
      name: "withdraw",
      summary: "send what was earned, or a bond that is free, to an address",
      load: async () => (await import("./stake-withdraw.ts")).command,
    },
  ],
  run: () => EXIT.usage,
};
