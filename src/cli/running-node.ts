// Where a node runs that was started with the same configuration, and how to wait for it.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { serverPorts } from "../api/servers.ts";
import type { Config } from "../node/config/schema.ts";
import { type Arguments, CommandError, EXIT, type Option } from "./command.ts";
import { expandHome } from "./config.ts";
import { configOfNetwork } from "./network-option.ts";

export const WAIT_OPTION: Option = {
  about: "wait for the node, up to a minute, when it is not up yet",
};
const WAIT_MS_MAX = 60_000;
const ASK_EVERY_MS = 100;

export interface RunningNode {
  readonly config: Config;
  readonly host: string;
  readonly rpcPort: number;
  readonly feedPort: number;
  /** Null when there is none: the node is not running. */
  readonly cookie: string | null;
}

export function runningNode(args: Arguments): RunningNode {
  const { config } = configOfNetwork(args);
  const path = join(expandHome(config.dataDir), config.network, ".cookie");
  const cookie = existsSync(path) ? readFileSync(path, "utf8") : null;
  const { rpc, feed } = serverPorts(config);
  return { config, host: config.rpcBind, rpcPort: rpc, feedPort: feed, cookie };
}

export function notRunning(args: Arguments): CommandError {
  const { config, host, rpcPort } = runningNode(args);
  const folder = expandHome(config.dataDir);
  const where = `${config.network} node of ${folder} at ${host}:${rpcPort}`;
  return new CommandError(`no ${where}: start it, or name its --data-dir and port`, EXIT.no);
}

/** Tries until there is an answer (null: not yet); with --wait more than once. */
export async function untilUp<T>(args: Arguments, attempt: () => Promise<T | null>): Promise<T> {
  const end = performance.now() + (args.has("wait") ? WAIT_MS_MAX : 0);
  for (;;) {
    const answer = await attempt();
    if (answer !== null) return answer;
    if (performance.now() > end) throw notRunning(args);
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}
