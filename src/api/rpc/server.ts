// JSON-RPC over HTTP as Bitcoin Core's callers expect it: POST to /, Basic authentication, replies of
// exact length that end in a newline, and 503 with Retry-After instead of a closed door.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Authenticator, Identity } from "../http/auth.ts";
import type { FairQueue } from "../http/fair-queue.ts";
import { type GateOptions, gate } from "../http/gate.ts";
import { readBody, reply, replyText } from "../http/listener.ts";
import { RETRY_AFTER_SECONDS, WRONG_PASSWORD_MS } from "../limits.ts";
import type { Dispatcher } from "./dispatch.ts";
import type { Caller } from "./method.ts";

export interface RpcServerParts {
  readonly dispatcher: Dispatcher;
  readonly authenticator: Authenticator;
  readonly queue: FairQueue;
  readonly gate: GateOptions;
  /** Answers under /rest/; null when REST is off. */
  readonly rest: ((request: IncomingMessage, response: ServerResponse) => void) | null;
  /** Answers a wrong password late; `setTimeout` in the node. */
  readonly later: (ms: number, task: () => void) => void;
  refused(why: "host" | "password" | "method" | "size" | "busy"): void;
}

function unauthorised(response: ServerResponse): void {
  reply(response, {
    status: 401,
    type: "text/plain",
    body: "",
    headers: { "WWW-Authenticate": 'Basic realm="jsonrpc"' },
  });
}

function callerOf(identity: Identity, response: ServerResponse, queue: FairQueue): Caller {
  const gone = new AbortController();
  // Whoever has the whole answer has not gone; and an abort is dear.
  response.once("close", () => {
    if (!response.writableFinished) gone.abort();
  });
  return {
    allowed: identity.allowed,
    gone: gone.signal,
    outside: (wait) => queue.outside(wait),
  };
}

/** Handles one request to the RPC listener. */
export function handleRpc(
  parts: RpcServerParts,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const wrong = gate(request, parts.gate);
  if (wrong !== null) {
    parts.refused("host");
    replyText(response, 403, `${wrong}\n`);
    return;
  }
  const path = (request.url ?? "/").split("?")[0]!;
  if (parts.rest !== null && path.startsWith("/rest/")) {
    parts.rest(request, response);
    return;
  }
  if (path !== "/" && path !== "") {
    replyText(response, 404, "");
    return;
  }
  if (request.method !== "POST") {
    replyText(response, 405, "JSONRPC server handles only POST requests");
    return;
  }
  const identity = parts.authenticator.identify(request.headers.authorization);
  if (identity === null) {
    parts.refused("password");
    // A wrong password costs its sender time; an absent one is only asked for.
    const late = request.headers.authorization === undefined ? 0 : WRONG_PASSWORD_MS;
    if (late === 0) unauthorised(response);
    else parts.later(late, () => unauthorised(response));
    return;
  }
  void answer(parts, identity, request, response);
}

async function answer(
  parts: RpcServerParts,
  identity: Identity,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request);
  if (typeof body === "number") {
    parts.refused("size");
    replyText(response, body, "");
    return;
  }
  const caller = callerOf(identity, response, parts.queue);
  const client = `${identity.user} ${request.socket.remoteAddress ?? ""}`;
  const turn = parts.queue.run(client, () => parts.dispatcher.answer(body, caller));
  if (turn === null) {
    parts.refused("busy");
    reply(response, {
      status: 503,
      type: "text/plain",
      body: "Too many requests wait\n",
      headers: { "Retry-After": String(RETRY_AFTER_SECONDS) },
    });
    return;
  }
  const result = await turn;
  if (result.status === 403) parts.refused("method");
  reply(response, {
    status: result.status,
    type: "application/json",
    body: result.body ?? "",
  });
}
