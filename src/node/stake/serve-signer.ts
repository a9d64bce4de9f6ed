// `pando signer`: keys and guards in a process of their own, asked over a unix socket that only its
// owner can open. Requests are done one after another; each is answered before the next is read.
import { chmodSync, existsSync, lstatSync, unlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { SignerStaker } from "../../ports/staking.ts";
import { connectTo } from "./connect-signer.ts";
import type { GuardedKeys } from "./guarded-keys.ts";
import { Lines, lineFields, requestOf, type SignerRequest } from "./signer-wire.ts";

/** Nodes at once: one, its successor during a restart, and a watcher or two. */
const CLIENTS_MAX = 8;

/** What a signer tells its operator. */
export type SignerReport = (text: string) => void;

function answer(keys: GuardedKeys, request: SignerRequest, report: SignerReport): object {
  switch (request.do) {
    case "stakers":
      return { ok: true, chainId: keys.chainId, stakers: keys.stakers, waiting: keys.waiting };
    case "persist": {
      const { stakerId, actRound, voteTarget } = request.guard;
      const ok = keys.persist(request.guard);
      if (!ok) report(`staker ${stakerId}: no guard for round ${actRound}, vote ${voteTarget}`);
      return { ok };
    }
    case "sign": {
      const signature = keys.sign(request.stakerId, request.request);
      if (signature !== null) return { ok: true, signature };
      report(`staker ${request.stakerId}: refused to sign a ${request.request.what}`);
      return { ok: false };
    }
    case "adopt": {
      const { signKey, stakerId } = request;
      const staker = adopted(keys, request, report);
      report(`key ${signKey} ${staker === null ? "was not taken for" : "is"} staker ${stakerId}`);
      return staker === null ? { ok: false } : { ok: true, staker };
    }
  }
}

/** A disk that is full or failing is told of and ends nothing: the node asks again. */
function adopted(
  keys: GuardedKeys,
  { signKey, stakerId, produced }: SignerRequest & { readonly do: "adopt" },
  report: SignerReport,
): SignerStaker | null {
  try {
    return keys.adopt(signKey, stakerId, produced);
  } catch (error) {
    report(`staker ${stakerId}: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

function serve(keys: GuardedKeys, socket: Socket, report: SignerReport): void {
  const lines = new Lines();
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  socket.on("data", (text: string) => {
    const complete = lines.add(text);
    if (complete === null) {
      socket.destroy();
      return;
    }
    for (const line of complete) {
      const fields = lineFields(line);
      const request = fields === null ? null : requestOf(fields);
      const said = request === null ? { ok: false } : answer(keys, request, report);
      socket.write(`${JSON.stringify({ id: fields?.["id"] ?? null, ...said })}\n`);
    }
  });
}

export interface SignerServer {
  close(): Promise<void>;
}

/** Removes the socket of a signer that died; refuses what is no socket, or answers. */
async function makeRoom(path: string): Promise<string | null> {
  if (!existsSync(path)) return null;
  if (!lstatSync(path).isSocket()) return `${path} exists and is no socket`;
  const socket = await connectTo(path, 1_000);
  if (socket !== null) {
    socket.destroy();
    return `another signer listens on ${path}`;
  }
  unlinkSync(path);
  return null;
}

export type SignerServing =
  | { readonly ok: true; readonly server: SignerServer }
  | { readonly ok: false; readonly why: string };

/** Listens on `path`, mode 0600. */
export async function serveSigner(
  keys: GuardedKeys,
  path: string,
  report: SignerReport,
): Promise<SignerServing> {
  const why = await makeRoom(path);
  if (why !== null) return { ok: false, why };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    serve(keys, socket, report);
  });
  server.maxConnections = CLIENTS_MAX;
  const failed = await listen(server, path);
  if (failed !== null) return { ok: false, why: failed };
  chmodSync(path, 0o600);
  return { ok: true, server: { close: () => closeServer(server, sockets) } };
}

/** Null, or why it cannot listen. The mode is narrow from the first moment on. */
function listen(server: Server, path: string): Promise<string | null> {
  return new Promise((resolve) => {
    server.once("error", (error) => resolve(`cannot listen on ${path}: ${error.message}`));
    const before = process.umask(0o177);
    server.listen(path, () => resolve(null));
    process.umask(before);
  });
}

function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  return new Promise((resolve) => server.close(() => resolve()));
}
