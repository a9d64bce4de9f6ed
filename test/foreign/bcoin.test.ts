// A peer that nobody here wrote: bcoin 1.0.2 from npm, in a process of its own, on regtest. It is
// installed by `npm ci --ignore-scripts` in test/foreign; without it these tests skip, and say so.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { bytesEqual, fromDisplayHex, toDisplayHex, toHex } from "../../src/base/bytes.ts";
import { decodeBlock } from "../../src/ledger/bitcoin/block.ts";
import { tcp } from "../../src/network/tcp.ts";
import { idsOf } from "../support/small-api.ts";
import { spend } from "../support/small-chain.ts";
import { type SmallNode, smallNode } from "../support/small-node.ts";
import { ManualClock, MemoryNet } from "../support/world.ts";

function repositoryRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}

const FOLDER = join(repositoryRoot(), "test", "foreign");

async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

class Bcoin {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #waiting: ((answer: Record<string, never>) => void)[] = [];

  private constructor(port: number) {
    this.port = port;
    this.#process = spawn(process.execPath, [join(FOLDER, "bcoin-node.cjs"), String(port)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#process.stdout! });
    this.#lines.on("line", (line) => {
      this.#waiting.shift()?.(JSON.parse(line) as Record<string, never>);
    });
  }

  static async start(context: TestContext): Promise<Bcoin> {
    const bcoin = new Bcoin(await freePort());
    context.after(() => {
      bcoin.#process.kill("SIGKILL");
    });
    await bcoin.#answer();
    return bcoin;
  }

  #answer(): Promise<Record<string, never>> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async ask<T>(command: string): Promise<T> {
    const answer = this.#answer();
    this.#process.stdin!.write(`${command}\n`);
    const value = await answer;
    assert.ok(!("error" in value), String(value["error"]));
    return value as T;
  }

  async tip(): Promise<{ height: number; hash: string }> {
    return this.ask("tip");
  }
}

/** Waits for something in another process: real time, generously bounded. */
async function until(what: string, done: () => Promise<boolean> | boolean): Promise<void> {
  const begun = Date.now();
  while (!(await done())) {
    if (Date.now() - begun > 60_000) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A clock that goes with the machine's, for a peer that has its own. */
class RealClock extends ManualClock {
  override now(): number {
    return Date.now();
  }
  override elapsed(): number {
    return performance.now();
  }
}

async function pando(context: TestContext): Promise<SmallNode> {
  const node = await smallNode(new RealClock(), new MemoryNet(), "127.0.0.1", [], {
    transport: tcp,
    bind: { host: "127.0.0.1", port: 0 },
  });
  const timer = setInterval(() => node.network.tick(), 50);
  context.after(async () => {
    clearInterval(timer);
    await node.network.stop();
  });
  return node;
}

const same = async (node: SmallNode, bcoin: Bcoin): Promise<boolean> =>
  (await bcoin.tip()).hash === toDisplayHex(node.chain.tip().hash);

const installed = existsSync(join(FOLDER, "node_modules", "bcoin"));
const skip = installed
  ? false
  : "SKIPPED: bcoin is not installed (npm ci --ignore-scripts in test/foreign)";

test("bcoin and Pando follow one another, through a reorganisation", { skip }, async (context) => {
  const bcoin = await Bcoin.start(context);
  await bcoin.ask("mine 120");
  const node = await pando(context);
  const name = `127.0.0.1:${bcoin.port}`;
  node.network.addNode(name);
  await until("Pando has bcoin's chain", () => same(node, bcoin));
  assert.equal(node.chain.tip().height, 120);

  await node.chain.extend(5);
  await until("bcoin has Pando's blocks", () => same(node, bcoin));
  assert.equal((await bcoin.tip()).height, 125);

  await bcoin.ask("mine 1");
  await until("Pando has bcoin's next block", () => same(node, bcoin));

  // Apart: two branches from 126, Pando's the longer one.
  node.network.removeNode(name);
  for (const peer of node.network.peers.values()) peer.close("operator");
  await bcoin.ask("mine 3");
  await node.chain.extend(5, 7);
  assert.equal((await bcoin.tip()).height, 129);
  await bcoin.ask(`dial ${node.network.local!.port}`);
  await until("bcoin left its branch", () => same(node, bcoin));
  assert.equal((await bcoin.tip()).height, 131);

  // And the other way.
  for (const peer of node.network.peers.values()) peer.close("operator");
  await node.chain.extend(1, 8);
  await bcoin.ask("mine 4");
  node.network.addNode(name);
  await until("Pando left its branch", () => same(node, bcoin));
  assert.equal(node.chain.tip().height, 135);
});

test("a newcomer syncs from Pando alone: bcoin with an empty chain", { skip }, async (context) => {
  const node = await pando(context);
  await node.chain.extend(250);
  const bcoin = await Bcoin.start(context);
  await bcoin.ask(`dial ${node.network.local!.port}`);
  await until("bcoin has Pando's chain", () => same(node, bcoin));
  assert.equal((await bcoin.tip()).height, 250);
});

test("transactions travel both ways, and blocks in compact form", { skip }, async (context) => {
  const bcoin = await Bcoin.start(context);
  const node = await pando(context);
  await node.chain.extend(103);
  await bcoin.ask(`dial ${node.network.local!.port}`);
  await until("bcoin has Pando's chain", () => same(node, bcoin));
  await bcoin.ask("mine 1");
  await until("Pando has bcoin's block", () => same(node, bcoin));
  const coinbase = async (height: number): Promise<Uint8Array> => {
    const bytes = await node.chain.blockBytes(node.chain.headerAt(height)!.hash);
    const decoded = decodeBlock(bytes!);
    assert.ok(decoded.ok);
    return decoded.value.transactions[0]!.txid;
  };
  const pay = async (height: number): Promise<Uint8Array> =>
    spend([{ txid: await coinbase(height), index: 0 }], [4_999_900_000]);
  const mempool = async (): Promise<string[]> =>
    (await bcoin.ask<{ txids: string[] }>("mempool")).txids;

  const ours = await pay(1);
  assert.ok((await node.mempool.submit(ours)).ok);
  const ourId = toDisplayHex(idsOf(ours).txid);
  await until("bcoin has Pando's transaction", async () => (await mempool()).includes(ourId));

  const theirs = await pay(2);
  const { txid } = await bcoin.ask<{ txid: string }>(`submit ${toHex(theirs)}`);
  const theirId = fromDisplayHex(txid)!;
  assert.ok(bytesEqual(theirId, idsOf(theirs).txid));
  await until("Pando has bcoin's transaction", () => node.mempool.has(theirId));

  await bcoin.ask("mine 1");
  await until("Pando has the block with both", () => same(node, bcoin));
  await until("and neither is unconfirmed", () => node.mempool.info().count === 0);
  await node.chain.extend(1);
  await until("bcoin follows", () => same(node, bcoin));
  const { peers } = await bcoin.ask<{ peers: { agent: string; handshake: boolean }[] }>("peers");
  assert.ok(peers.some(({ agent, handshake }) => handshake && agent.startsWith("/pando")));
  context.diagnostic(
    `compact: ${node.network.statistics.compactReceived} received, ${node.network.statistics.compactComplete} complete`,
  );
});
