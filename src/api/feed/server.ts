// The feed over WebSocket. Read-only. On this machine no password is needed, only a known Host and
// Origin; from elsewhere the same users as for JSON-RPC.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { AddressParams } from "../../ledger/bitcoin/params.ts";
import { isLoopback } from "../../network/addresses/address-text.ts";
import type { Authenticator } from "../http/auth.ts";
import { type GateOptions, gate } from "../http/gate.ts";
import type { HttpListener } from "../http/listener.ts";
import { FEED_CLIENTS_MAX, FEED_MESSAGE_BYTES_MAX } from "../limits.ts";
import type { Feed } from "./feed.ts";
import { FeedSession } from "./session.ts";

export interface FeedServerParts {
  readonly feed: Feed;
  readonly params: AddressParams;
  readonly authenticator: Authenticator;
  readonly gate: GateOptions;
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function refusal(parts: FeedServerParts, request: IncomingMessage): string | null {
  if (gate(request, parts.gate) !== null) return "403 Forbidden";
  const remote = (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  const known = isLoopback(remote) || parts.authenticator.identify(request.headers.authorization);
  return known ? null : "401 Unauthorized";
}

/** Answers upgrades on `listener`; returns how to stop. */
export function serveFeed(listener: HttpListener, parts: FeedServerParts): () => void {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: FEED_MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
    clientTracking: true,
  });
  listener.server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => {});
    const full = server.clients.size >= FEED_CLIENTS_MAX;
    const wrong = full ? "503 Service Unavailable" : refusal(parts, request);
    if (wrong !== null) refuse(socket, wrong);
    else server.handleUpgrade(request, socket, head, (client) => attach(parts, client));
  });
  return () => {
    for (const client of server.clients) client.close(1001, "stopping");
    server.close();
  };
}

function attach({ feed, params }: FeedServerParts, client: WebSocket): void {
  const session = new FeedSession(
    feed,
    {
      get pendingBytes() {
        return client.bufferedAmount;
      },
      send: (text) => client.send(text),
      close: (code, reason) => client.close(code, reason),
    },
    params,
  );
  const stop = feed.listen(session);
  client.on("message", (data, isBinary) => {
    if (isBinary) client.close(1003, "text only");
    else void session.receive(String(data));
  });
  client.on("close", stop);
  // An error is always followed by "close".
  client.on("error", () => {});
}
