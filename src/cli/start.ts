// `pando start`: a node that peers, wallets and miners can use.
import { mkdirSync } from "node:fs";
import { exposureFault, type Servers, startServers } from "../api/servers.ts";
import { isOwnNetwork, type Params } from "../ledger/bitcoin/params.ts";
import { faultOf } from "../node/chain/faults.ts";
import { RESERVE_BYTES } from "../node/chain/room.ts";
import { NodeClock } from "../node/clock.ts";
import type { PeerOptions } from "../node/compose.ts";
import type { Resolved } from "../node/config/resolve.ts";
import type { Config } from "../node/config/schema.ts";
import { readSecretFile } from "../node/config/secret-file.ts";
import { type NodeContext, runNode } from "../node/lifecycle.ts";
import { isLevel, Log, logWriter } from "../node/log.ts";
import { Metrics } from "../node/metrics.ts";
import { readiness } from "../node/ready.ts";
import { FAULT_EXITS, mendable } from "./chain-options.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { configFlags, expandHome, usableConfig } from "./config.ts";
import { configOfNetwork, networkOf } from "./network-option.ts";
import { version } from "./version.ts";

const MEGABYTE = 1_000_000;

/** `--listen` and `--no-listen` are short for `--p2p-listen yes` and `no`. */
function withShortFlags(args: Arguments): Arguments {
  const short = args.has("listen") ? ["yes"] : args.has("no-listen") ? ["no"] : [];
  return { ...args, all: (name) => [...args.all(name), ...(name === "p2p-listen" ? short : [])] };
}

function peerOptions({ config, origins }: Resolved, params: Params): PeerOptions {
  // As with Bitcoin Core, who names its peers is not open to others unless it says so.
  const named = config.connect.length > 0 && origins.p2pListen.from === "default";
  const local = isOwnNetwork(params) && origins.p2pBind.from === "default";
  const host = local ? "127.0.0.1" : config.p2pBind;
  const port = config.p2pPort < 0 ? params.port : config.p2pPort;
  return {
    bind: config.p2pListen && !named ? { host, port } : null,
    connect: config.connect,
    addNode: config.addNode,
    dnsSeeds: config.dnsSeeds,
    external: config.externalAddress,
    blocksOnly: config.blocksOnly,
    inboundMax: config.maxInbound,
  };
}

function rpcUsers(path: string): string[] {
  if (path === "") return [];
  const secret = readSecretFile(path);
  if (!secret.ok) throw new CommandError(secret.why, EXIT.config);
  return secret.text.split("\n");
}

/** `--staker-keys FILE,...`, which may be given more than once. */
function keyPaths(args: Arguments, isStaked: boolean): string[] {
  const paths = args.all("staker-keys").flatMap((text) => text.split(",").filter(Boolean));
  if (paths.length > 0 && !isStaked) {
    throw new CommandError("--staker-keys goes with --network FILE.json of pando chain new");
  }
  return paths.map(expandHome);
}

function nodeNameOption(args: Arguments): string | null {
  const name = args.text("node-name");
  if (name === null || /^[A-Za-z0-9._-]{1,32}$/.test(name)) return name;
  throw new CommandError(
    `--node-name takes up to 32 letters, digits, dots and dashes, not '${name}'`,
  );
}

function makeLog(config: Config): Log {
  return new Log({
    level: isLevel(config.logLevel) ? config.logLevel : "info",
    role: "node",
    now: () => Date.now(),
    write: logWriter(config.logFile),
    readable: process.stderr.isTTY && config.logFile === "",
  });
}

const url = (scheme: string, { host, port }: { host: string; port: number }): string =>
  `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;

/** Says where everything is: one line of JSON, or lines for people. */
function announce(json: boolean, context: NodeContext, servers: Servers, ms: number): void {
  const p2p = context.network.local;
  const { rpc, feedListener: feed, operations, cookiePath: cookie } = servers;
  const at = ({ host, port }: { host: string; port: number }) => ({ host, port });
  if (json) {
    const where = {
      network: context.params.name,
      pid: process.pid,
      rpc: at(rpc),
      p2p: p2p === null ? null : at(p2p),
      feed: at(feed),
      operations: at(operations),
      cookie,
    };
    process.stdout.write(`${JSON.stringify(where)}\n`);
    return;
  }
  const lines = [
    `${context.params.name} is ready after ${(ms / 1000).toFixed(1)} s, at height ${context.chain.tip().height}`,
    `  JSON-RPC    ${url("http", rpc)}  (cookie: ${cookie})`,
    `  feed        ${url("ws", feed)}`,
    `  operations  ${url("http", operations)}/readyz`,
    `  peers       ${p2p === null ? "not accepted" : `${p2p.host}:${p2p.port}`}`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** Ends the process with the one line that a person can act on; other errors keep their stack. */
function fatal(error: unknown): void {
  const fault = faultOf(error);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`pando: ${fault === null ? text : fault.message}\n`);
  process.exit(fault === null ? EXIT.no : FAULT_EXITS[fault.kind]);
}

/**
 * Whoever started the node holds the other end of its standard input: when that closes, in whatever
 * way, the node stops as if it had been asked to.
 */
function stopWithStdin(): void {
  process.stdin.on("end", () => process.kill(process.pid, "SIGTERM"));
  // Reading an input that is gone is its end too.
  process.stdin.on("error", () => process.kill(process.pid, "SIGTERM"));
  process.stdin.resume();
  // Watching must not keep a node alive that has failed to start; a file has no such switch.
  if ("unref" in process.stdin) process.stdin.unref();
}

async function run(given: Arguments): Promise<ExitCode> {
  const args = withShortFlags(given);
  const { params, staked } = networkOf(usableConfig(args).config.network);
  const resolved = configOfNetwork(args);
  const { config, origins } = resolved;
  const stakerKeys = keyPaths(given, staked !== null);
  const nodeName = nodeNameOption(given);
  const listens = !given.has("skip-listening");
  const exposed = exposureFault(config);
  if (exposed !== null) throw new CommandError(exposed, EXIT.config);
  const users = rpcUsers(config.rpcAuthFile);
  const folder = expandHome(config.dataDir);
  const log = makeLog(config);
  const metrics = new Metrics();
  let servers: Servers | null = null;
  process.on("uncaughtException", fatal);
  process.on("unhandledRejection", fatal);
  if (given.has("stop-with-stdin")) stopWithStdin();
  return await mendable(async () => {
    mkdirSync(folder, { recursive: true });
    await runNode({
      params,
      folder,
      partitionCount: origins.partitions.from === "default" ? null : config.partitions,
      verifierCount: null,
      memoryMegabytes: Math.round(config.memory / MEGABYTE),
      reserveBytes: RESERVE_BYTES,
      mempool: given.has("no-mempool")
        ? null
        : { memoryMegabytes: Math.max(1, Math.round(config.mempoolBytes / MEGABYTE)) },
      peers: peerOptions(resolved, params),
      userAgent: `/Pando:${version()}${nodeName === null ? "" : `(${nodeName})`}/`,
      staked: staked === null ? null : { network: staked, keyPaths: stakerKeys, listens },
      version: version(),
      clock: new NodeClock(),
      log,
      haltHeight: config.haltHeight,
      startServers: async (context, network) => {
        const about = { version: version(), network: params.name, node: process.version };
        const checks = readiness(context);
        const parts = { context, config, log, metrics, users, checks, version: () => about };
        servers = await startServers({ ...parts, folder: network });
        return servers;
      },
      ready: (context, ms) => announce(given.json, context, servers!, ms),
    });
    return EXIT.done;
  });
}

export const command: Command = {
  name: "start",
  summary: "Run a node: it follows the chain and serves peers, wallets and miners.",
  usage: "[flags]",
  options: {
    ...configFlags(),
    listen: { about: "accept peers, also with --connect" },
    "no-listen": { about: "accept no peers" },
    "stop-with-stdin": { about: "stop when standard input ends" },
    "staker-keys": {
      value: "FILE,...",
      about: "key files (or sockets of pando signer) of the stakers that this node acts for",
      many: true,
    },
    "skip-listening": {
      about: "the staker keys sign nowhere else, and never did: do not listen for two rounds first",
    },
    "node-name": { value: "NAME", about: "told to peers behind the version" },
    "no-mempool": { about: "follow blocks only: refuse every transaction" },
  },
  notes: `Each flag can also stand in the environment or in a TOML file;
pando config print --origins shows what holds and where it comes from.

  pando start --network regtest --data-dir /tmp/demo`,
  run,
};
