// `pando signer`: staker keys in a process of their own, asked over a unix socket.
import { resolve } from "node:path";
import { openKeys } from "../node/stake/open-signer.ts";
import { serveSigner } from "../node/stake/serve-signer.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { expandHome } from "./config.ts";

function pathOption(args: Arguments, name: string): string {
  const path = args.text(name);
  if (path === null) throw new CommandError(`name --${name}; see pando signer --help`);
  return resolve(expandHome(path));
}

function untilSignal(): Promise<void> {
  return new Promise((done) => {
    process.once("SIGINT", () => done());
    process.once("SIGTERM", () => done());
  });
}

async function run(args: Arguments): Promise<ExitCode> {
  if (args.rest.length > 0) throw new CommandError(`signer takes no words: ${args.rest[0]}`);
  const keyPath = pathOption(args, "keys");
  const socket = pathOption(args, "listen");
  const stop = untilSignal();
  const opened = openKeys({ keyPath, chainId: null });
  if (!opened.ok) throw new CommandError(opened.why, EXIT.config);
  const { keys, signer } = opened;
  const report = (text: string): void => {
    process.stderr.write(`${new Date().toISOString()} ${text}\n`);
  };
  const serving = await serveSigner(keys, socket, report);
  if (!serving.ok) {
    await signer.close();
    throw new CommandError(serving.why, EXIT.environment);
  }
  const stakers = keys.stakers.map(({ id }) => id);
  const { waiting } = keys;
  if (args.json) {
    const line = { socket, pid: process.pid, chainId: keys.chainId, stakers, waiting };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  } else {
    const list = stakers.length === 0 ? "none yet" : stakers.join(", ");
    process.stdout.write(`signing on ${socket} for stakers: ${list}\n`);
    for (const key of waiting) process.stdout.write(`key ${key} waits for its registration\n`);
  }
  await stop;
  await serving.server.close();
  await signer.close();
  return EXIT.done;
}

export const command: Command = {
  name: "signer",
  summary: "Hold staker keys in a process of their own and sign what their guards allow.",
  usage: "--keys FILE --listen SOCKET",
  options: {
    keys: { value: "FILE", about: "key file, mode 0600 (pando stake join makes one)" },
    listen: { value: "SOCKET", about: "unix socket to make, mode 0600" },
  },
  notes: `The double-sign guards are in FILE.guards. Never copy them, or the keys, to a
second machine that signs: two signers of one key lose its bond.

  pando signer --keys staker.json --listen /run/pando/signer.sock`,
  run,
};
