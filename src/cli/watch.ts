// `pando watch`: a running node's feed, one line of JSON for each thing that happens.
import { WebSocket } from "ws";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { configFlags } from "./config.ts";
import { runningNode, untilUp, WAIT_OPTION } from "./running-node.ts";

const CHANNELS = ["blocks", "transactions", "evictions", "statistics"] as const;
/** Only a staked network has it. */
const KNOWN = [...CHANNELS, "power"] as const;

/** Null when there is nobody yet. */
function connect(args: Arguments): Promise<WebSocket | null> {
  const { host, feedPort } = runningNode(args);
  const socket = new WebSocket(`ws://${host.includes(":") ? `[${host}]` : host}:${feedPort}/`);
  return new Promise((resolve) => {
    socket.once("open", () => resolve(socket));
    socket.once("error", () => resolve(null));
  });
}

function channelsOf(args: Arguments): readonly string[] {
  const unknown = args.rest.find((name) => !KNOWN.some((channel) => channel === name));
  if (unknown !== undefined) {
    throw new CommandError(`channels are ${KNOWN.join(", ")}, not '${unknown}'`);
  }
  return args.rest.length === 0 ? CHANNELS : args.rest;
}

async function run(args: Arguments): Promise<ExitCode> {
  const subscribe = channelsOf(args);
  const socket = await untilUp(args, () => connect(args));
  process.once("SIGINT", () => socket.close());
  process.once("SIGTERM", () => socket.close());
  const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("message", (data) => process.stdout.write(`${String(data)}\n`));
  // An error is always followed by "close".
  socket.on("error", () => {});
  socket.send(JSON.stringify({ subscribe }));
  await ended;
  return EXIT.done;
}

export const command: Command = {
  name: "watch",
  summary: "Follow what a running node tells as it happens: one line of JSON each.",
  usage: "[flags] [CHANNEL...]",
  options: { wait: WAIT_OPTION, ...configFlags() },
  notes: `Channels: blocks, transactions, evictions (with their reason), statistics, and
on a staked network power; all of these when none is named. The first line of a
channel is a snapshot, then come the changes.

  pando watch --network regtest blocks`,
  run,
};
