// All listeners of a node: JSON-RPC (with REST), the feed, operations. Each on its own port, loopback
// unless the operator says otherwise, and refused beyond this machine without a word about it.
import { join } from "node:path";
import { isLoopback } from "../network/addresses/address-text.ts";
import { WAIT_REASONS } from "../network/sync/wait.ts";
import type { Config } from "../node/config/schema.ts";
import type { Log } from "../node/log.ts";
import type { Metrics } from "../node/metrics.ts";
import type { ApiContext } from "./context.ts";
import { Feed } from "./feed/feed.ts";
import { type FeedServerParts, serveFeed } from "./feed/server.ts";
import {
  Authenticator,
  parseRpcAuth,
  type RpcUser,
  removeCookie,
  writeCookie,
} from "./http/auth.ts";
import { FairQueue } from "./http/fair-queue.ts";
import {
  type Handler,
  type HttpListener,
  type ListenerOptions,
  listenHttp,
  replyText,
} from "./http/listener.ts";
import type { Json } from "./json/value.ts";
import { handleOperations, type ReadyCheck } from "./operations/handler.ts";
import { declareStakingMetrics } from "./operations/staking-metrics.ts";
import { RestHandler } from "./rest/handler.ts";
import type { Dispatcher, Observer } from "./rpc/dispatch.ts";
import type { Method } from "./rpc/method.ts";
import { handleRpc } from "./rpc/server.ts";
import { rpcDispatcher } from "./rpc/table.ts";

export interface ServersOptions {
  readonly context: ApiContext;
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Where the cookie is written: the network's folder. */
  readonly folder: string;
  /** Lines `user:salt$hash`. */
  readonly users: readonly string[];
  readonly checks: () => readonly ReadyCheck[];
  readonly version: () => Json;
  /** Methods of other parts of the node. */
  readonly methods?: readonly Method[];
}

export interface Servers {
  readonly rpc: HttpListener;
  readonly feedListener: HttpListener;
  readonly operations: HttpListener;
  /** Null until the node is up. */
  readonly feed: Feed | null;
  readonly dispatcher: Dispatcher;
  readonly cookiePath: string;
  /** The node is up: until then calls are answered with -28 and the feed with 503. */
  ready(): void;
  close(): Promise<void>;
}

/** The JSON-RPC ports of Bitcoin Core. */
const RPC_PORTS: Readonly<Record<string, number>> = {
  main: 8332,
  testnet3: 18332,
  testnet4: 48332,
  signet: 38332,
  regtest: 18443,
};

/** -1 is the default, 0 any free port, as long as the port it is counted from is not free too. */
function portOf(given: number, otherwise: number): number {
  if (given >= 0) return given;
  return otherwise > 65_535 ? otherwise - 32_768 : otherwise;
}

export interface Ports {
  readonly rpc: number;
  readonly feed: number;
  readonly operations: number;
}

export function serverPorts(config: Config): Ports {
  const rpc = portOf(config.rpcPort, RPC_PORTS[config.network] ?? 8332);
  const behind = (given: number, step: number): number =>
    rpc === 0 && given < 0 ? 0 : portOf(given, rpc + step);
  return { rpc, feed: behind(config.feedPort, 1_000), operations: behind(config.opsPort, 2_000) };
}

/** What is wrong with where the servers would listen; null when nothing is. */
export function exposureFault(config: Config): string | null {
  if (config.exposePlainly) return null;
  for (const [name, bind] of [
    ["rpc.bind", config.rpcBind],
    ["ops.bind", config.opsBind],
  ]) {
    if (!isLoopback(bind!)) {
      return `${name} is ${bind}: others could read passwords on the way. Put TLS in front and bind to 127.0.0.1, or set rpc.expose_without_tls`;
    }
  }
  return null;
}

/** `user:method,method` lines to a table. */
function whitelistOf(lines: readonly string[]): Map<string, Set<string>> {
  const table = new Map<string, Set<string>>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const user = colon < 0 ? line : line.slice(0, colon);
    const methods = table.get(user) ?? new Set<string>();
    for (const method of colon < 0 ? [] : line.slice(colon + 1).split(/[,;]/)) {
      if (method.trim() !== "") methods.add(method.trim());
    }
    table.set(user, methods);
  }
  return table;
}

function observerOf(log: Log, metrics: Metrics): Observer {
  const requests = metrics.counter("pando_rpc_requests_total", "Calls by method and code.");
  const seconds = metrics.histogram("pando_rpc_request_seconds", "Time of a call.");
  const logger = log.module("rpc");
  const succeeded = new Map<string, { value: number }>();
  const successes = (method: string): { value: number } => {
    const series = requests.series({ method, code: "0" });
    succeeded.set(method, series);
    return series;
  };
  return {
    called: (method, code, ms) => {
      if (code === 0) (succeeded.get(method) ?? successes(method)).value++;
      else requests.add(1, { method, code: String(code) });
      seconds.observe(ms / 1000);
      logger.debug("call", { method, code, ms: Math.round(ms * 10) / 10 });
    },
    failed: (method, error) => {
      const stack = error instanceof Error ? error.stack : undefined;
      logger.error("a method failed", { method, error, stack });
    },
  };
}

function declareMetrics(options: ServersOptions, queue: FairQueue): void {
  const { metrics, context } = options;
  metrics.gauge(
    "pando_chain_height",
    "Height of the active tip.",
    () => context.chain.tip().height,
  );
  metrics.gauge(
    "pando_mempool_transactions",
    "Unconfirmed transactions.",
    () => context.mempool.info().count,
  );
  metrics.gauge("pando_queue_items", "Items that wait, by queue.", () => [
    [{ queue: "rpc" }, queue.waiting],
  ]);
  metrics.counted("pando_queue_dropped_total", "Items refused, by queue.", () => [
    [{ queue: "rpc" }, queue.dropped],
  ]);
  if (context.staking !== null) declareStakingMetrics(metrics, context.staking);
  const { network } = context;
  if (network === null) return;
  metrics.gauge("pando_peers", "Connections by direction.", () => {
    const peers = [...network.peers.values()];
    const inbound = peers.filter((peer) => peer.inbound).length;
    return [
      [{ direction: "in" }, inbound],
      [{ direction: "out" }, peers.length - inbound],
    ];
  });
  metrics.counted("pando_peer_faults_total", "Faults of peers by kind.", () =>
    [...network.statistics.faults].map(([kind, count]) => [{ kind }, count] as const),
  );
  metrics.counted("pando_peer_farewells_total", "Closed connections by reason.", () =>
    [...network.statistics.farewells].map(([why, count]) => [{ why }, count] as const),
  );
  metrics.counted("pando_peer_transactions_total", "Transactions of peers by fate.", () => {
    const { statistics } = network;
    return [
      [{ fate: "received" }, statistics.transactionsReceived],
      [{ fate: "accepted" }, statistics.transactionsAccepted],
      [{ fate: "orphan-dropped" }, statistics.orphansDropped],
      [{ fate: "announcement-dropped" }, statistics.inventoryDropped],
    ];
  });
  metrics.counted("pando_peer_blocks_total", "Blocks of peers by fate.", () => {
    const { statistics } = network;
    return [
      [{ fate: "received" }, statistics.blocksReceived],
      [{ fate: "compact-rebuilt" }, statistics.compactComplete],
      [{ fate: "compact-completed" }, statistics.compactAsked],
      [{ fate: "compact-failed" }, statistics.compactFailed],
      [{ fate: "not-found" }, statistics.blocksNotFound],
      [{ fate: "verdict-late" }, statistics.verdictsLate],
    ];
  });
  metrics.gauge("pando_chain_headers", "Height of the best header.", () => {
    return context.chain.bestHeader().height;
  });
  metrics.gauge("pando_sync_wait", "1 for what the download waits for, by reason.", () => {
    const { reason } = network.waiting;
    return WAIT_REASONS.map((one) => [{ reason: one }, one === reason ? 1 : 0] as const);
  });
  metrics.gauge("pando_sync_wait_seconds", "How long it has been asked for.", () => {
    return (network.waiting.ms ?? 0) / 1000;
  });
  metrics.gauge("pando_bound_used", "How much of a bound of the peers' part is used.", () =>
    network.bounds.map(({ name, used }) => [{ bound: name }, used] as const),
  );
  metrics.gauge("pando_bound_max", "The bounds of the peers' part.", () =>
    network.bounds.map(({ name, most }) => [{ bound: name }, most] as const),
  );
  metrics.counted("pando_relay_bytes_total", "Bytes to and from peers.", () => [
    [{ direction: "out" }, network.statistics.bytesSent],
    [{ direction: "in" }, network.statistics.bytesReceived],
  ]);
}

function parseUsers(lines: readonly string[]): RpcUser[] {
  const users: RpcUser[] = [];
  for (const line of lines) {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) continue;
    const user = parseRpcAuth(text);
    if (user === null) throw new TypeError("a line of rpc.auth_file is not user:salt$hash");
    users.push(user);
  }
  return users;
}

/** Starts every listener. What is wrong with a port comes as the error of listening. */
export async function startServers(options: ServersOptions): Promise<Servers> {
  const { context, config, log, metrics, folder } = options;
  const ports = serverPorts(config);
  const cookiePath = join(folder, ".cookie");
  const cookie = writeCookie(cookiePath, context.random);
  const authenticator = new Authenticator(
    context.random,
    cookie,
    parseUsers(options.users),
    whitelistOf(config.rpcWhitelist),
  );
  const gate = { hosts: config.rpcHosts, origins: config.rpcOrigins };
  const queue = new FairQueue();
  const dispatcher = rpcDispatcher(context, observerOf(log, metrics), options.methods);
  const refusals = metrics.counter("pando_rpc_refused_total", "Requests refused by reason.");
  const rest = new RestHandler(context, dispatcher);
  const rpcParts = {
    dispatcher,
    authenticator,
    queue,
    gate,
    rest: config.rest
      ? (...both: Parameters<RestHandler["handle"]>): void => {
          const warmup = context.control.warmup();
          if (warmup === null) rest.handle(...both);
          else replyText(both[1], 503, `Service temporarily unavailable: ${warmup}`);
        }
      : null,
    later: (ms: number, task: () => void): void => {
      setTimeout(task, ms);
    },
    refused: (why: string): void => refusals.add(1, { why }),
  };
  const lenient = isLoopback(config.rpcBind);
  const [rpc, feedListener, operations] = await listenAll([
    [{ host: config.rpcBind, port: ports.rpc, lenient }, (...both) => handleRpc(rpcParts, ...both)],
    [
      { host: config.rpcBind, port: ports.feed, lenient: false },
      (_request, response) => replyText(response, 426, "This port speaks WebSocket\n"),
    ],
    [
      { host: config.opsBind, port: ports.operations, lenient: false },
      (...both) => handleOperations({ ...options, gate }, ...both),
    ],
  ]).catch((error: unknown) => {
    removeCookie(cookiePath);
    throw error;
  });
  let feed: Feed | null = null;
  let stopFeed = (): void => {};
  const ready = (): void => {
    declareMetrics(options, queue);
    feed = new Feed(context);
    stopFeed = startFeed(feedListener, {
      feed,
      params: context.params.address,
      authenticator,
      gate,
    });
  };
  if (context.control.warmup() === null) ready();
  return {
    rpc,
    feedListener,
    operations,
    get feed() {
      return feed;
    },
    dispatcher,
    cookiePath,
    ready,
    close: async () => {
      stopFeed();
      removeCookie(cookiePath);
      await Promise.all([rpc.close(), feedListener.close(), operations.close()]);
    },
  };
}

type Listening = readonly [options: ListenerOptions, handler: Handler];

/** Listens at all three or, when one cannot be had, at none. */
async function listenAll(
  wanted: readonly [Listening, Listening, Listening],
): Promise<[HttpListener, HttpListener, HttpListener]> {
  const open: HttpListener[] = [];
  try {
    for (const [options, handler] of wanted) open.push(await listenHttp(options, handler));
  } catch (error) {
    await Promise.all(open.map((listener) => listener.close()));
    throw error;
  }
  return [open[0]!, open[1]!, open[2]!];
}

/** Returns how to stop. */
function startFeed(listener: HttpListener, parts: FeedServerParts): () => void {
  const stop = serveFeed(listener, parts);
  const timer = setInterval(() => parts.feed.tick(), 1_000);
  return () => {
    clearInterval(timer);
    parts.feed.stop();
    stop();
  };
}
