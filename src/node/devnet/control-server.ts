// The running devnet's end of `pando devnet status`, `partition` and the others: HTTP on loopback,
// one JSON object each way, for whoever can read the token in the state folder.
import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { removeControl, writeControl } from "./control-file.ts";

export interface Command {
  readonly name: string;
  readonly words: readonly string[];
}

export type CommandAnswer =
  | { readonly ok: true; readonly text: string; readonly data: unknown }
  | { readonly ok: false; readonly why: string };

const BODY_BYTES_MAX = 64 * 1024;
const TOKEN_BYTES = 24;

function readBody(request: IncomingMessage): Promise<string | null> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    request.on("data", (part: Buffer) => {
      bytes += part.length;
      if (bytes <= BODY_BYTES_MAX) parts.push(part);
    });
    request.on("error", () => resolve(null));
    request.on("end", () => {
      resolve(bytes <= BODY_BYTES_MAX ? Buffer.concat(parts).toString("utf8") : null);
    });
  });
}

function parseCommand(text: string | null): Command | null {
  try {
    const value = JSON.parse(text ?? "") as Partial<Command>;
    const { name, words } = value;
    if (typeof name !== "string" || !Array.isArray(words)) return null;
    return { name, words: words.map(String) };
  } catch {
    return null;
  }
}

function isAllowed(request: IncomingMessage, token: string): boolean {
  const given = Buffer.from(request.headers.authorization ?? "");
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function reply(response: ServerResponse, status: number, answer: CommandAnswer): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(answer)}\n`);
}

export class ControlServer {
  readonly #server: Server;
  readonly #folder: string;

  private constructor(server: Server, folder: string) {
    this.#server = server;
    this.#folder = folder;
  }

  static async open(
    folder: string,
    run: (command: Command) => Promise<CommandAnswer>,
  ): Promise<ControlServer> {
    const token = randomBytes(TOKEN_BYTES).toString("hex");
    const server = createServer((request, response) => {
      void (async () => {
        const body = await readBody(request);
        if (!isAllowed(request, token)) {
          reply(response, 401, { ok: false, why: "the token is wrong" });
          return;
        }
        const command = parseCommand(body);
        if (command === null) reply(response, 400, { ok: false, why: "no command" });
        else reply(response, 200, await run(command));
      })();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    writeControl(folder, { port, token, pid: process.pid });
    return new ControlServer(server, folder);
  }

  async close(): Promise<void> {
    removeControl(this.#folder);
    this.#server.closeIdleConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}
