// What the commands that work on a data directory share: flags, networks, and errors in one line.
import { homedir } from "node:os";
import { join } from "node:path";
import { withActivation } from "../ledger/bitcoin/activation.ts";
import { NETWORK_NAMES, networkByName } from "../ledger/bitcoin/networks.ts";
import type { Params } from "../ledger/bitcoin/params.ts";
import { type Fault, faultOf } from "../node/chain/faults.ts";
import {
  type Arguments,
  CommandError,
  EXIT,
  type ExitCode,
  type Option,
  suggestion,
} from "./command.ts";

export const NETWORK_OPTION: Option = {
  value: "NAME",
  about: `${NETWORK_NAMES.join(", ")} (default main)`,
};
export const DATA_DIR_OPTION: Option = {
  value: "DIR",
  about: "data directory (default ~/.pando)",
};
export const MEMORY_OPTION: Option = {
  value: "MB",
  about: "memory of the whole process, megabytes (default 1024)",
};
export const MEMORY_MEGABYTES_MIN = 448;
export const MEMORY_MEGABYTES_DEFAULT = 1024;

/** For commands that take flags only. */
export function refuseWords(args: Arguments, path: string): void {
  const [word] = args.rest;
  if (word === undefined) return;
  throw new CommandError(`'${word}' is one word too many; see pando ${path} --help`);
}

export function dataFolder(args: Arguments): string {
  return args.text("data-dir") ?? join(homedir(), ".pando");
}

export function networkOption(args: Arguments, otherwise = "main"): Params {
  const name = args.text("network") ?? otherwise;
  const params = networkByName(name);
  if (params !== null) return params;
  const near = suggestion(name, NETWORK_NAMES);
  throw new CommandError(`--network takes ${NETWORK_NAMES.join(", ")}, not '${name}'${near}`);
}

/** The network with the deployments that `--activation NAME@HEIGHT` moved. */
export function activated(params: Params, args: Arguments): Params {
  let moved = params;
  for (const text of args.all("activation")) {
    const result = withActivation(moved, text);
    if (!result.ok) throw new CommandError(result.message);
    moved = result.params;
  }
  return moved;
}

/** The exit code that tells what kind of fault it was. */
export const FAULT_EXITS: Readonly<Record<Fault["kind"], ExitCode>> = {
  usage: EXIT.usage,
  damaged: EXIT.damaged,
  environment: EXIT.environment,
  full: EXIT.no,
};

/** Runs `task`; what a person can mend becomes one line and the right exit code. */
export async function mendable<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    const fault = faultOf(error);
    if (fault === null) throw error;
    throw new CommandError(fault.message, FAULT_EXITS[fault.kind]);
  }
}
