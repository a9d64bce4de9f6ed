// A bcoin node in a process of its own (test/foreign/bcoin-peer.cjs), steered line by line.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { root } from "./run.ts";

const foreignFolder: string = join(root, "test", "foreign");

/** Why tests with foreign programs cannot run, or null when they can. */
export function foreignMissing(): string | null {
  if (existsSync(join(foreignFolder, "node_modules", "bcoin"))) return null;
  return "foreign clients are not installed: npm ci --ignore-scripts --prefix test/foreign";
}

/** Parts of bcoin for a comparison in this process; the caller says what it knows of them. */
export function loadBcoin(): unknown {
  return createRequire(join(foreignFolder, "package.json"))("./bcoin-parts.cjs");
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

export interface BcoinTip {
  readonly height: number;
  readonly hash: string;
  /** Segwit is active. */
  readonly witness: boolean;
}

export interface BcoinPeer {
  readonly agent: string;
  readonly handshake: boolean;
}

export class Bcoin {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout! });
    this.#lines.on("line", (line) => this.#waiting.shift()?.resolve(line));
    child.once("close", (code) => {
      for (const { reject } of this.#waiting) reject(new Error(`bcoin ended with ${code}`));
    });
  }

  static async start(): Promise<Bcoin> {
    const [port, http] = [await freePort(), await freePort()];
    const script = join(foreignFolder, "bcoin-peer.cjs");
    const child = spawn(process.execPath, [script, String(port), String(http)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const bcoin = new Bcoin(port, child);
    await bcoin.#next();
    return bcoin;
  }

  #next(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  async #ask<T>(question: object): Promise<T> {
    const answer = this.#next();
    this.#child.stdin!.write(`${JSON.stringify(question)}\n`);
    const parsed = JSON.parse(await answer) as T & { error?: string };
    if (parsed.error !== undefined) throw new Error(parsed.error);
    return parsed;
  }

  get peer(): string {
    return `127.0.0.1:${this.port}`;
  }

  connect(port: number): Promise<object> {
    return this.#ask({ do: "connect", host: "127.0.0.1", port });
  }

  /** Mines on the tip, or as a branch on the block `on`. */
  mine(count: number, on?: string): Promise<{ hash: string }> {
    return this.#ask({ do: "mine", count, ...(on === undefined ? {} : { on }) });
  }

  tip(): Promise<BcoinTip> {
    return this.#ask({ do: "tip" });
  }

  /** Hands it a transaction in hex, which it checks and relays. */
  async submit(hex: string): Promise<string> {
    return (await this.#ask<{ txid: string }>({ do: "submit", hex })).txid;
  }

  async mempool(): Promise<readonly string[]> {
    return (await this.#ask<{ txids: string[] }>({ do: "mempool" })).txids;
  }

  async peers(): Promise<readonly BcoinPeer[]> {
    return (await this.#ask<{ peers: BcoinPeer[] }>({ do: "peers" })).peers;
  }

  async hashAt(height: number): Promise<string | null> {
    return (await this.#ask<{ hash: string | null }>({ do: "hash", height })).hash;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
