// One node of the devnet: `pando start` in a process of its own. The process holds the other end of
// a pipe as its standard input and stops when that closes, so nothing is left running when the
// supervisor dies in whatever way.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import { boundLog, logBytes, reasonIn } from "./bounded-log.ts";
import { RpcClient } from "./rpc-client.ts";

export type ChildState = "starting" | "up" | "stopping" | "down" | "failed";

/** What `pando start --json` says when it is ready. */
interface ReadyLine {
  readonly pid: number;
  readonly rpc: { readonly port: number };
  readonly p2p: { readonly port: number } | null;
  readonly cookie: string;
}

export interface ChildOptions {
  /** The program, e.g. bin/pando. */
  readonly program: string;
  /** The arguments of this start. */
  readonly words: readonly string[];
  readonly log: string;
}

/** Until a node answers, chain recovery included. */
const READY_MS_MAX = 60_000;
/** A node has five seconds to stop by itself. */
const STOP_MS_MAX = 10_000;

/** The environment without the user's own settings for nodes. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith("PANDO__"));
  return Object.fromEntries(entries);
}

export class NodeChild {
  state: ChildState = "down";
  /** Why it is not up, in one line; "" when it never was. */
  why = "";
  /** Answers only while the state is `up`. */
  rpc: RpcClient | null = null;
  /** The file with the password of its RPC; "" before it was up. */
  cookie = "";
  #child: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();
  readonly #log: string;
  /** The process ended although nobody asked it to. */
  onLost: (why: string) => void = () => {};

  constructor(log: string) {
    this.#log = log;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Resolves when the node answers, or has failed: see `state` and `why`. */
  async start({ program, words, log }: ChildOptions): Promise<void> {
    this.state = "starting";
    this.why = "";
    const from = logBytes(log);
    const descriptor = openSync(log, "a");
    const child = spawn(process.execPath, [program, ...words], {
      stdio: ["pipe", "pipe", descriptor],
      env: cleanEnvironment(),
      // Ctrl-C is for the supervisor, which stops the nodes in order.
      detached: true,
    });
    closeSync(descriptor);
    this.#child = child;
    child.stdin?.on("error", () => {});
    this.#ended = new Promise((resolve) => {
      child.once("error", (error) => this.#over(error.message, resolve));
      child.once("exit", (code, signal) => {
        const how = signal === null ? `ended with code ${code}` : `ended by ${signal}`;
        const said = code === 0 || signal !== null ? how : reasonIn(log, from);
        this.#over(said, resolve);
      });
    });
    const ready = await this.#firstLine(child);
    if (!this.#is("starting")) return;
    if (ready === null) {
      child.kill("SIGKILL");
      await this.#ended;
      this.#fail(`no answer within ${READY_MS_MAX / 1000} s`);
      return;
    }
    this.cookie = ready.cookie;
    this.rpc = this.#client(ready);
    if (this.rpc === null) await this.#ended;
    else this.state = "up";
  }

  /** Null: the node took its password with it, having ended right after it was ready. */
  #client({ rpc, cookie }: ReadyLine): RpcClient | null {
    try {
      return new RpcClient(rpc.port, cookie);
    } catch {
      return null;
    }
  }

  /** Asked by a function, because a state changes while we wait for something else. */
  #is(state: ChildState): boolean {
    return this.state === state;
  }

  #fail(why: string): void {
    this.state = "failed";
    this.why = why;
  }

  #over(why: string, resolve: () => void): void {
    const before = this.state;
    this.rpc?.close();
    this.rpc = null;
    this.#child = null;
    this.state = before === "starting" || before === "up" ? "failed" : "down";
    this.why = before === "stopping" ? "" : why;
    if (before === "up") this.onLost(why);
    resolve();
  }

  /** The ready line; null when there is none in time or the process ended. */
  #firstLine(child: ChildProcess): Promise<ReadyLine | null> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), READY_MS_MAX);
      const settle = (line: ReadyLine | null): void => {
        clearTimeout(timer);
        resolve(line);
      };
      createInterface({ input: child.stdout! }).once("line", (line) => {
        settle(line.startsWith("{") ? (JSON.parse(line) as ReadyLine) : null);
      });
      void this.#ended.then(() => settle(null));
    });
  }

  /** An orderly stop; by force when it takes too long. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.state = "stopping";
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
    await this.#ended;
    clearTimeout(force);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.state = "stopping";
    child.kill("SIGKILL");
    await this.#ended;
    this.why = "killed";
  }

  boundLog(): void {
    boundLog(this.#log);
  }
}
