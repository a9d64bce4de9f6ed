// A bounded HTTP listener: sizes, times and sockets have limits, replies have an exact length. The
// lenient form takes what some clients of Bitcoin Core send (bare line feeds, no Host) and is only
// for addresses of this machine or its private network, because leniency behind a proxy invites
// request smuggling.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  BODY_BYTES_MAX,
  HEADER_BYTES_MAX,
  IDLE_MS_MAX,
  REQUEST_MS_MAX,
  SOCKETS_MAX,
} from "../limits.ts";

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly lenient: boolean;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface HttpListener {
  readonly host: string;
  readonly port: number;
  readonly server: Server;
  close(): Promise<void>;
}

export function listenHttp(options: ListenerOptions, handler: Handler): Promise<HttpListener> {
  const server = createServer(
    {
      insecureHTTPParser: options.lenient,
      requireHostHeader: !options.lenient,
      maxHeaderSize: HEADER_BYTES_MAX,
      keepAliveTimeout: IDLE_MS_MAX,
      requestTimeout: REQUEST_MS_MAX,
      headersTimeout: REQUEST_MS_MAX,
      noDelay: true,
    },
    handler,
  );
  server.maxConnections = SOCKETS_MAX;
  server.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.removeListener("error", reject);
      const { address, port } = server.address() as AddressInfo;
      resolve({ host: address, port, server, close: () => closeServer(server) });
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    server.closeIdleConnections();
    server.closeAllConnections();
  });
}

/** The request's body, or the status with which to refuse it. */
export function readBody(request: IncomingMessage): Promise<string | number> {
  return new Promise((resolve) => {
    if (Number(request.headers["content-length"] ?? 0) > BODY_BYTES_MAX) {
      resolve(413);
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > BODY_BYTES_MAX) {
        request.removeAllListeners("data");
        resolve(413);
      } else chunks.push(chunk);
    });
    request.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    request.on("error", () => resolve(400));
    request.on("close", () => resolve(400));
  });
}

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends a whole reply of known length. */
export function reply(response: ServerResponse, { status, type, body, headers }: Reply): void {
  if (response.destroyed || response.writableEnded) return;
  const bytes = typeof body === "string" ? Buffer.from(body, "utf8") : body;
  const length = status === 204 ? {} : { "Content-Length": String(bytes.length) };
  const kind = bytes.length === 0 ? {} : { "Content-Type": type };
  response.writeHead(status, { ...kind, ...length, ...headers });
  response.end(bytes);
}

export function replyText(response: ServerResponse, status: number, text: string): void {
  reply(response, { status, type: "text/plain", body: text });
}
