// Where a devnet keeps its state: one place by default, so that its commands find it from anywhere.
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Arguments, Option } from "./command.ts";
import { expandHome } from "./config.ts";

export const STATE_OPTION: Option = {
  value: "DIR",
  about: "where everything is kept (default $XDG_STATE_HOME/pando/devnet)",
};

/** The state folder of a command line. */
export function stateFolder(args: Arguments): string {
  const named = args.text("state");
  if (named !== null) return resolve(expandHome(named));
  const base = process.env["XDG_STATE_HOME"];
  const sound = base?.startsWith("/") === true;
  return join(sound ? base : join(homedir(), ".local", "state"), "pando", "devnet");
}
