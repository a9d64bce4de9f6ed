// Starts the servers of a node on one set of settings and says where they listen.
import { join } from "node:path";
import type { Log } from "../network/core.ts";
import type { ApiContext } from "./context.ts";
import { Authenticator, type RpcUser, removeCookie, writeCookie } from "./http/auth.ts";
import { FairQueue } from "./http/fair-queue.ts";
import { type HttpListener, listenHttp } from "./http/listener.ts";
import { handleRpc } from "./rpc/server.ts";
import { rpcDispatcher } from "./rpc/table.ts";

export interface ServeOptions {
  readonly rpc: { readonly host: string; readonly port: number };
  readonly users: readonly RpcUser[];
  /** Methods by user; users that are not named may call all. */
  readonly whitelist: ReadonlyMap<string, ReadonlySet<string>>;
  readonly hosts: readonly string[];
  readonly origins: readonly string[];
  /** Where the cookie goes: the network's folder. */
  readonly folder: string;
  readonly log: Log;
}

export interface Served {
  readonly rpc: { readonly host: string; readonly port: number };
  readonly cookie: string;
  close(): Promise<void>;
}

/** True for addresses of this machine and of private networks, whose clients may be lenient. */
function isPrivate(host: string): boolean {
  return /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|::1$|f[cd]|localhost$)/i.test(host);
}

export async function serve(context: ApiContext, options: ServeOptions): Promise<Served> {
  const { log } = options;
  const cookie = join(options.folder, ".cookie");
  const password = writeCookie(cookie, context.random);
  const queue = new FairQueue();
  const dispatcher = rpcDispatcher(context, {
    called: (method, code, ms) => log("debug", "call", { method, code, ms: Math.round(ms) }),
    failed: (method, error) => log("error", "a call failed", { method, error: String(error) }),
  });
  const parts = {
    dispatcher,
    authenticator: new Authenticator(context.random, password, options.users, options.whitelist),
    queue,
    gate: { hosts: options.hosts, origins: options.origins },
    rest: null,
    later: (ms: number, task: () => void): void => void setTimeout(task, ms),
    refused: (why: string): void => log("debug", "call refused", { why }),
  };
  let listener: HttpListener;
  try {
    listener = await listenHttp(
      { ...options.rpc, lenient: isPrivate(options.rpc.host) },
      (request, response) => handleRpc(parts, request, response),
    );
  } catch (error) {
    removeCookie(cookie);
    throw error;
  }
  const { host, port } = listener;
  return {
    rpc: { host, port },
    cookie,
    close: async () => {
      removeCookie(cookie);
      await listener.close();
    },
  };
}
