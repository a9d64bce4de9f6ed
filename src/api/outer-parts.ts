// The outer parts of a node around its chain, coins and mempool: peers and servers, started in order
// and stopped in order. What is inside comes as ports, so that any core can be put in.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Params } from "../ledger/bitcoin/params.ts";
import { PLANNER_DEFAULTS } from "../network/connect/planner.ts";
import { Network } from "../network/network.ts";
import { tcp } from "../network/tcp.ts";
import type { Config } from "../node/config/schema.ts";
import { readSecretFile } from "../node/config/secret-file.ts";
import type { Log } from "../node/log.ts";
import type { Metrics } from "../node/metrics.ts";
import type { ChainView } from "../ports/chain.ts";
import type { Clock, Random } from "../ports/clock.ts";
import type { CoinView } from "../ports/coins.ts";
import type { NodeControl } from "../ports/control.ts";
import type { MempoolView } from "../ports/mempool.ts";
import type { Json } from "./json/value.ts";
import type { ReadyCheck } from "./operations/handler.ts";
import type { Method } from "./rpc/method.ts";
import { exposureFault, type Servers, startServers } from "./servers.ts";

export interface Core {
  readonly params: Params;
  readonly chain: ChainView;
  readonly coins: CoinView;
  readonly mempool: MempoolView;
  readonly control: NodeControl;
}

export interface OuterOptions {
  readonly core: Core;
  readonly config: Config;
  /** The network's folder in the data directory: cookie, address book, bans. */
  readonly folder: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Checks of the core, for /readyz. */
  readonly checks: () => readonly ReadyCheck[];
  readonly version: () => Json;
  /** Methods of other parts of the node. */
  readonly methods?: readonly Method[];
}

export interface OuterParts {
  readonly network: Network;
  readonly servers: Servers;
  stop(): Promise<void>;
}

/** How often peers' timers are looked at. */
const TICK_MS = 100;
/** On a network of one's own nobody watches: transactions are told at once. */
const REGTEST_PACE = 0;

function peersOf(options: OuterOptions): Network {
  const { core, config, folder, clock, random, log } = options;
  const { params, chain, mempool, control } = core;
  const regtest = params.name === "regtest";
  const port = config.p2pPort >= 0 ? config.p2pPort : params.port;
  const host = regtest && config.p2pBind === "0.0.0.0" ? "127.0.0.1" : config.p2pBind;
  const onlyNamed = config.connect.length > 0 || regtest;
  const logger = log.module("network");
  return new Network({
    identity: params,
    chain,
    mempool,
    clock,
    random,
    transport: tcp,
    log: (level, text, facts) => logger[level](text, facts),
    userAgent: `/Pando:${control.version}/`,
    bind: config.p2pListen ? { host, port } : null,
    addNode: [...config.connect, ...config.addNode],
    planner: { ...PLANNER_DEFAULTS, onlyNamed },
    inboundMax: config.maxInbound,
    dnsSeeds: config.dnsSeeds,
    blocksOnly: config.blocksOnly,
    folder: join(folder, "peers"),
    relayPace: regtest ? REGTEST_PACE : 1,
    schedule: setImmediate,
    external: config.externalAddress,
  });
}

/** Lines of the file of users; the text says what is wrong with it. */
function usersOf(config: Config): readonly string[] {
  if (config.rpcAuthFile === "") return [];
  const secret = readSecretFile(config.rpcAuthFile);
  if (!secret.ok) throw new Error(secret.why);
  return secret.text.split("\n");
}

/** Starts the servers first, so that a node that warms up says so, and then the peers. */
export async function startOuterParts(options: OuterOptions): Promise<OuterParts> {
  const { core, config, folder, clock, random, log, metrics, checks, version } = options;
  const fault = exposureFault(config);
  if (fault !== null) throw new Error(fault);
  mkdirSync(join(folder, "peers"), { recursive: true, mode: 0o700 });
  const network = peersOf(options);
  const servers = await startServers({
    context: { ...core, network, staking: null, clock, random },
    config,
    log,
    metrics,
    folder,
    users: usersOf(config),
    checks,
    version,
    ...(options.methods === undefined ? {} : { methods: options.methods }),
  });
  try {
    await network.start();
  } catch (error) {
    await servers.close();
    throw error;
  }
  const timer = setInterval(() => network.tick(), TICK_MS);
  return {
    network,
    servers,
    stop: async () => {
      clearInterval(timer);
      // Nobody may ask for more while the rest goes down.
      await servers.close();
      await network.stop();
    },
  };
}
