// Streams over TCP. No delay, keep-alive; a broken socket is a closed one.
import { resolve4, resolve6 } from "node:dns/promises";
import { type AddressInfo, createServer, connect as open, type Socket } from "node:net";
import type { Bytes } from "../base/bytes.ts";
import type { Endpoint, Listener, Stream, StreamHandlers, Transport } from "../ports/stream.ts";

function endpoint(host: string | undefined, port: number | undefined): Endpoint {
  // An IPv4 peer of a dual-stack listener.
  const plain = host?.startsWith("::ffff:") && host.includes(".") ? host.slice(7) : host;
  return { host: plain ?? "", port: port ?? 0 };
}

class TcpStream implements Stream {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.remote = endpoint(socket.remoteAddress, socket.remotePort);
    this.local = endpoint(socket.localAddress, socket.localPort);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    // An error is always followed by "close", which is what we act on.
    socket.on("error", () => {});
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  open(handlers: StreamHandlers): void {
    const socket = this.#socket;
    socket.on("data", (chunk: Buffer) => handlers.data(chunk));
    socket.on("drain", () => handlers.drained());
    if (socket.destroyed) handlers.closed();
    else socket.once("close", () => handlers.closed());
    socket.resume();
  }

  send(bytes: Bytes): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }
}

function connect(to: Endpoint, timeoutMs: number): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const socket = open({ host: to.host, port: to.port });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(timeoutMs, () => fail(new Error("no connection in time")));
    socket.once("error", fail);
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.removeListener("error", fail);
      socket.pause();
      resolve(new TcpStream(socket));
    });
  });
}

function listen(at: Endpoint, accept: (stream: Stream) => void): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const sockets = new Set<Socket>();
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      accept(new TcpStream(socket));
    });
    server.once("error", reject);
    server.listen({ host: at.host, port: at.port }, () => {
      server.removeListener("error", reject);
      const { address, port } = server.address() as AddressInfo;
      const close = (): Promise<void> =>
        new Promise((done) => {
          server.close(() => done());
          for (const socket of sockets) socket.destroy();
        });
      resolve({ local: endpoint(address, port), close });
    });
  });
}

async function resolveName(name: string): Promise<string[]> {
  const found = await Promise.allSettled([resolve4(name), resolve6(name)]);
  return found.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
}

export const tcp: Transport = { connect, listen, resolve: resolveName };
