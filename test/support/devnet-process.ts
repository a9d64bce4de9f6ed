// A `pando devnet` in a process of its own, and how a test asks it and its nodes.
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { sendCommand } from "../../src/node/devnet/control-client.ts";
import { RpcClient } from "../../src/node/devnet/rpc-client.ts";
import type { NodeRow, Snapshot } from "../../src/node/devnet/snapshot.ts";
import { until } from "./node-process.ts";
import { root } from "./run.ts";

export class DevnetProcess {
  readonly folder: string;
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #said: string[] = [];

  constructor(context: TestContext, folder: string, flags: readonly string[]) {
    this.folder = folder;
    const words = [join(root, "bin", "pando"), "devnet", "--state", folder, "--json", ...flags];
    this.#child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "pipe"] });
    context.after(() => this.#child.kill("SIGKILL"));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => this.#said.push(text));
    }
    this.ended = new Promise((resolve) => {
      this.#child.once("close", (code) => resolve(code));
    });
  }

  get said(): string {
    return this.#said.join("");
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** What `status --json` shows; null while the devnet does not answer. */
  async status(): Promise<Snapshot | null> {
    const answer = await sendCommand(this.folder, { name: "status", words: [] });
    return answer?.ok === true ? (answer.data as Snapshot) : null;
  }

  /** One of the commands; throws when the devnet says no. */
  async command(name: string, ...words: string[]): Promise<void> {
    const answer = await sendCommand(this.folder, { name, words });
    if (answer?.ok !== true) throw new Error(`${name}: ${answer?.why ?? "no answer"}`);
  }

  /** Asks until `done`; after `slots` slots of the devnet's own clock it fails with the last status. */
  async until(what: string, done: (now: Snapshot) => boolean, slots: number): Promise<Snapshot> {
    let first: number | null = null;
    let last: Snapshot | null = null;
    await until(
      what,
      async () => {
        last = (await this.status()) ?? last;
        if (last === null) return "no answer";
        first ??= last.nowMs;
        if (done(last)) return "done";
        const passed = (last.nowMs - first) / last.plan.slotMs;
        if (passed > slots) throw new Error(`${what}: ${slots} slots passed; ${brief(last)}`);
        return brief(last);
      },
      (answer) => answer === "done",
      600,
    );
    return last!;
  }
}

function brief({ nodes, fork, round, load, events }: Snapshot): string {
  const rows = nodes.map(
    ({ node, state, why, height, tip }) => `${node} ${state} ${why} ${height} ${tip?.slice(0, 8)}`,
  );
  const told = events.slice(-12).map(({ text }) => text);
  return JSON.stringify({ rows, round, fork, load, told });
}

/** RPC to one node of a devnet. */
export function rpcTo({ rpc, cookie }: NodeRow): RpcClient {
  return new RpcClient(Number(new URL(rpc).port), cookie);
}
