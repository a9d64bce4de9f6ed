// `pando start`: a node that peers, wallets and miners can use.
import { mkdirSync } from "node:fs";
import { type Served, serve } from "../api/serve.ts";
import type { NetworkName, Params } from "../ledger/bitcoin/params.ts";
import { NodeClock } from "../node/clock.ts";
import type { PeerOptions } from "../node/compose.ts";
import { type LifeOptions, type NodeContext, runNode } from "../node/lifecycle.ts";
import {
  DATA_DIR_OPTION,
  dataFolder,
  MEMORY_MEGABYTES_DEFAULT,
  MEMORY_MEGABYTES_MIN,
  MEMORY_OPTION,
  mendable,
  NETWORK_OPTION,
  networkOption,
} from "./chain-options.ts";
import { type Arguments, type Command, EXIT, type ExitCode } from "./command.ts";
import { version } from "./version.ts";

function peerOptions(args: Arguments, params: Params): PeerOptions {
  const connect = args.all("connect");
  const listen = args.has("listen") || (connect.length === 0 && !args.has("no-listen"));
  const port = args.integer("p2p-port", 0, 65_535, params.port);
  const host = args.text("p2p-bind") ?? (params.name === "regtest" ? "127.0.0.1" : "::");
  return {
    bind: listen ? { host, port } : null,
    connect,
    addNode: args.all("addnode"),
    dnsSeeds: params.seeds.length > 0,
    external: [],
  };
}

function announce(args: Arguments, context: NodeContext, served: Served, ms: number): void {
  const { network } = context;
  const p2p = network.local;
  const { rpc, cookie } = served;
  if (args.json) {
    const where = { network: context.params.name, pid: process.pid, rpc, p2p, cookie };
    process.stdout.write(`${JSON.stringify(where)}\n`);
    return;
  }
  const lines = [`${context.params.name} ready in ${(ms / 1000).toFixed(1)} s`];
  lines.push(`rpc  http://${rpc.host}:${rpc.port}/  (password in ${cookie})`);
  if (p2p !== null) lines.push(`p2p  ${p2p.host}:${p2p.port}`);
  process.stdout.write(`${lines.join("\n")}\n`);
}

const log: LifeOptions["log"] = (level, text, facts) => {
  if (level === "debug" && process.env["PANDO_DEBUG"] === undefined) return;
  process.stderr.write(`${JSON.stringify({ level, msg: text, ...facts })}\n`);
};

/** As Bitcoin Core's chainparamsbase.cpp has them. */
const RPC_PORTS: Readonly<Record<NetworkName, number>> = {
  main: 8332,
  testnet3: 18_332,
  testnet4: 48_332,
  signet: 38_332,
  regtest: 18_443,
};

async function run(args: Arguments): Promise<ExitCode> {
  const params = networkOption(args);
  const folder = dataFolder(args);
  mkdirSync(folder, { recursive: true });
  let served: Served | null = null;
  return await mendable(async () => {
    await runNode({
      params,
      folder,
      partitionCount: args.has("partitions") ? args.integer("partitions", 1, 64, 4) : null,
      verifierCount: args.has("verifiers") ? args.integer("verifiers", 1, 256, 1) : null,
      memoryMegabytes: args.integer(
        "memory",
        MEMORY_MEGABYTES_MIN,
        1 << 22,
        MEMORY_MEGABYTES_DEFAULT,
      ),
      mempool: false,
      peers: peerOptions(args, params),
      userAgent: `/Pando:${version()}/`,
      version: version(),
      clock: new NodeClock(),
      log,
      startServers: async (context, folder) => {
        served = await serve(context, {
          rpc: {
            host: args.text("rpc-bind") ?? "127.0.0.1",
            port: args.integer("rpc-port", 0, 65_535, RPC_PORTS[params.name]),
          },
          users: [],
          whitelist: new Map(),
          hosts: [],
          origins: [],
          folder,
          log,
        });
        return { ready: () => {}, close: served.close };
      },
      ready: (context, ms) => announce(args, context, served!, ms),
    });
    return EXIT.done;
  });
}

export const command: Command = {
  name: "start",
  summary: "Run a node: it follows the chain, serves peers, wallets and miners.",
  usage: "[flags]",
  options: {
    network: NETWORK_OPTION,
    "data-dir": DATA_DIR_OPTION,
    partitions: { value: "1..64", about: "partitions of a new data directory (default 4)" },
    verifiers: { value: "N", about: "script verifiers (default one for each core)" },
    memory: MEMORY_OPTION,
    "rpc-port": { value: "PORT", about: "JSON-RPC; 0 takes a free one" },
    "rpc-bind": { value: "HOST", about: "address of JSON-RPC (default 127.0.0.1)" },
    "p2p-port": { value: "PORT", about: "where peers connect; 0 takes a free one" },
    "p2p-bind": { value: "HOST", about: "address to listen on for peers" },
    connect: { value: "HOST[:PORT]", about: "dial only this peer; may be repeated", many: true },
    addnode: { value: "HOST[:PORT]", about: "dial this peer too; may be repeated", many: true },
    listen: { about: "accept peers even with --connect" },
    "no-listen": { about: "accept no peers" },
  },
  run,
};
