// A running `pando start` in a process of its own, and how to talk to it.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { root } from "./run.ts";

export interface Where {
  readonly network: string;
  readonly pid: number;
  readonly rpc: { readonly host: string; readonly port: number };
  readonly p2p: { readonly host: string; readonly port: number } | null;
  readonly operations: { readonly host: string; readonly port: number };
  readonly cookie: string;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class RpcFailure extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(`${message} (${code})`);
    this.code = code;
  }
}

interface Reply {
  readonly result: unknown;
  readonly error: { readonly code: number; readonly message: string } | null;
}

export class NodeProcess {
  readonly where: Where;
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #stderr: string[];
  readonly #authorization: string;

  constructor(where: Where, child: ChildProcess, ended: Promise<Ended>, stderr: string[]) {
    this.where = where;
    this.#child = child;
    this.ended = ended;
    this.#stderr = stderr;
    const cookie = readFileSync(where.cookie, "utf8");
    this.#authorization = `Basic ${Buffer.from(cookie).toString("base64")}`;
  }

  get stderr(): string {
    return this.#stderr.join("");
  }

  /** The peer address, for --connect of another. */
  get peer(): string {
    return `${this.where.p2p?.host}:${this.where.p2p?.port}`;
  }

  /** `user:password` of the cookie. */
  get credentials(): readonly [user: string, password: string] {
    const [user = "", password = ""] = readFileSync(this.where.cookie, "utf8").split(":");
    return [user, password];
  }

  rpc<T = unknown>(method: string, ...params: unknown[]): Promise<T> {
    const body = JSON.stringify({ id: 1, method, params });
    const { host, port } = this.where.rpc;
    return new Promise((resolve, reject) => {
      const headers = { authorization: this.#authorization, "content-type": "application/json" };
      const call = request({ host, port, method: "POST", path: "/", headers }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        response.on("end", () => {
          if (!text.startsWith("{")) {
            reject(new Error(`${method}: HTTP ${response.statusCode} ${text}`));
            return;
          }
          const { result, error } = JSON.parse(text) as Reply;
          if (error === null) resolve(result as T);
          else reject(new RpcFailure(error.code, `${method}: ${error.message}`));
        });
      });
      call.on("error", (error) => reject(new Error(`${method}: ${error.message}`)));
      call.end(body);
    });
  }

  /** Resident memory, from Linux; null elsewhere. */
  get residentBytes(): number | null {
    try {
      const status = readFileSync(`/proc/${this.where.pid}/status`, "utf8");
      const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
      return kilobytes === undefined ? null : Number(kilobytes) * 1024;
    } catch {
      return null;
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async stop(): Promise<Ended> {
    this.signal("SIGTERM");
    return await this.ended;
  }

  async kill(): Promise<Ended> {
    this.signal("SIGKILL");
    return await this.ended;
  }
}

export interface StartOptions {
  /** Ends the process with the test. */
  readonly context: Pick<TestContext, "after">;
  readonly folder: string;
  readonly flags?: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
  /** No file may be longer than this many blocks of the shell: a full disk for everybody. */
  readonly fileBlocksMax?: number;
}

/** Starts a regtest node on free ports; resolves when it says that it is ready. */
export function startNode({
  context,
  folder,
  flags = [],
  environment = {},
  fileBlocksMax,
}: StartOptions): Promise<NodeProcess> {
  const words = ["start", "--network", "regtest", "--data-dir", folder, "--json"];
  const ports = ["--rpc-port", "0", "--p2p-port", "0"];
  const program = [process.execPath, join(root, "bin", "pando")];
  const limit = fileBlocksMax === undefined ? "" : `ulimit -f ${fileBlocksMax}; `;
  const child = spawn(
    "sh",
    ["-c", `${limit}exec "$@"`, "sh", ...program, ...words, ...ports, ...flags],
    { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] },
  );
  context.after(() => child.kill("SIGKILL"));
  const stderr: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr.push(text));
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => {
      resolve({ code, signal });
    });
  });
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", (line) => {
      resolve(new NodeProcess(JSON.parse(line) as Where, child, ended, stderr));
    });
    void ended.then(({ code }) => reject(new Error(`ended with ${code}: ${stderr.join("")}`)));
    child.once("error", reject);
  });
}

/**
 * Asks again until `done`; for what two processes do between them, where no event can be waited
 * for. Fails after `seconds` with the last answer.
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T>,
  done: (answer: T) => boolean,
  seconds = 60,
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (done(answer)) return answer;
    if (performance.now() > end) {
      throw new Error(`waited ${seconds} s for ${what}; last: ${JSON.stringify(answer)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Waits until both are on the same tip, of at least `height`. */
export async function inStep(a: NodeProcess, b: NodeProcess, height: number): Promise<string> {
  const wanted = await a.rpc<string>("getbestblockhash");
  await until(
    `height ${height} on both`,
    async () => [
      await a.rpc<string>("getbestblockhash"),
      await b.rpc<string>("getbestblockhash"),
      await b.rpc<number>("getblockcount"),
    ],
    ([left, right, count]) => left === right && Number(count) >= height,
  );
  return wanted;
}
