// `pando chain`: networks of one's own.
import { type Command, EXIT } from "./command.ts";

export const command: Command = {
  name: "chain",
  summary: "Makes networks of your own.",
  usage: "COMMAND [flags]",
  options: {},
  subcommands: [
    {
      name: "new",
      summary: "make a network of stakers and its keys",
      load: async () => (await import("./chain-new.ts")).command,
    },
  ],
  run: () => EXIT.usage,
};
