// A stop under load: what was told is kept, whoever waits is answered or cut off, and the process says
// that it stopped in time. A second signal ends it at once, which costs no more than kill -9 does.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type FloodLoad, feedBlocks, makeLoad, WirePeer } from "../support/flood.ts";
import { type NodeProcess, startNode } from "../support/node-process.ts";
import { root, temporaryFolder } from "../support/run.ts";
import { watchdog } from "../support/watchdog.ts";

const LOAD: FloodLoad = makeLoad({ honest: 600, chains: 0, chainLength: 0, conflicts: 0 });
/** Blocks of regtest between two halvings. */
const HALVING = 150;
const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

interface Told {
  readonly transactions: string[];
  readonly blocks: string[];
}

interface Busy {
  readonly node: NodeProcess;
  readonly told: Told;
  /** Ends when nothing answers any more. */
  readonly working: Promise<unknown>;
}

/** A node with clients that submit, mine, wait for a block, and a peer that is just there. */
async function busyNode(context: TestContext, folder: string): Promise<Busy> {
  const node = await startNode({ context, folder });
  await feedBlocks(node, LOAD);
  const told: Told = { transactions: [], blocks: [] };
  const honest = [...LOAD.honest];
  const submitting = async (): Promise<void> => {
    for (let next = honest.pop(); next !== undefined; next = honest.pop()) {
      told.transactions.push(await node.rpc<string>("sendrawtransaction", next));
    }
  };
  const mining = async (): Promise<void> => {
    for (;;) told.blocks.push(...(await node.rpc<string[]>("generatetoaddress", 1, ADDRESS)));
  };
  const waiting = async (): Promise<void> => {
    for (;;) await node.rpc("waitforblockheight", 1_000_000, 0);
  };
  const peer = await WirePeer.connect(node.where.p2p!.port);
  const tasks = [submitting, submitting, submitting, submitting, mining, waiting];
  const working = Promise.allSettled([...tasks.map((task) => task()), peer.ended]);
  while (told.transactions.length < 50 || told.blocks.length < 3) {
    await node.rpc("getblockcount");
  }
  return { node, told, working };
}

/** Everything that was told is there after another start, and the coins are those of its chain. */
async function nothingLost(context: TestContext, folder: string, told: Told): Promise<void> {
  const again = await startNode({ context, folder });
  const mempool = new Set(await again.rpc<string[]>("getrawmempool"));
  const confirmed = new Set<string>();
  const height = await again.rpc<number>("getblockcount");
  const hashes = new Set<string>();
  for (let at = LOAD.blocks.length + 1; at <= height; at++) {
    const hash = await again.rpc<string>("getblockhash", at);
    hashes.add(hash);
    const block = await again.rpc<{ tx: string[] }>("getblock", hash);
    for (const txid of block.tx) confirmed.add(txid);
  }
  for (const hash of told.blocks) assert.ok(hashes.has(hash), `block ${hash}`);
  for (const txid of told.transactions) {
    assert.ok(mempool.has(txid) || confirmed.has(txid), `transaction ${txid}`);
  }
  const { total_amount: amount } = await again.rpc<{ total_amount: number }>("gettxoutsetinfo");
  let minted = 0;
  for (let at = 1; at <= height; at++) minted += 50 / 2 ** Math.floor(at / HALVING);
  // Fees go to the miners: no coin is destroyed, none made.
  assert.ok(Math.abs(amount - minted) < 1e-6, `${amount} of ${minted}`);
  assert.equal((await again.stop()).code, 0);
}

const messages = (node: NodeProcess): string[] =>
  node.stderr
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => (JSON.parse(line) as { msg: string }).msg);

test("one signal under load: it says that it stopped, in time, and nothing told is lost", async (context) => {
  const folder = join(temporaryFolder(), "data");
  const { node, told, working } = await busyNode(context, folder);
  node.signal("SIGTERM");
  assert.deepEqual(await node.ended, { code: 0, signal: null });
  await working;
  const said = messages(node);
  assert.deepEqual(said.slice(-2), ["stopping", "stopped"]);
  // What it says, and exits on, when five seconds were not enough.
  assert.ok(!said.some((text) => text.startsWith("the stop took too long")));
  await nothingLost(context, folder, told);
});

test("a second signal ends it at once, and nothing told is lost either", async (context) => {
  const folder = join(temporaryFolder(), "data");
  const { node, told, working } = await busyNode(context, folder);
  // Of two kinds, since two of one may arrive as one.
  node.signal("SIGTERM");
  node.signal("SIGINT");
  assert.deepEqual(await node.ended, { code: 130, signal: null });
  await working;
  assert.ok(!messages(node).includes("stopped"));
  await nothingLost(context, folder, told);
});

/** A node whose start does not end: its servers never listen. */
const HANGS = `
const { runNode } = await import(process.argv[1] + "/dist/src/node/lifecycle.js");
const { NodeClock } = await import(process.argv[1] + "/dist/src/node/clock.js");
const { Log } = await import(process.argv[1] + "/dist/src/node/log.js");
const { REGTEST } = await import(process.argv[1] + "/dist/src/ledger/bitcoin/networks.js");
setInterval(() => {}, 1_000);
await runNode({
  params: REGTEST, folder: process.argv[2], partitionCount: 1, verifierCount: 1,
  memoryMegabytes: 512, reserveBytes: 0, mempool: null, userAgent: "/test/", staked: null,
  peers: { bind: null, connect: [], addNode: [], dnsSeeds: false, external: [], blocksOnly: true },
  clock: new NodeClock(), version: "0", haltHeight: -1, ready: () => {},
  log: new Log({ level: "info", role: "test", now: () => Date.now(), readable: false,
    write: (line) => process.stderr.write(line) }),
  startServers: () => new Promise(() => process.stdout.write("starting\\n")),
});
`;

test("a start that is asked to stop does not go on for longer than a stop may take", async (context) => {
  watchdog(context, 60_000);
  const words = ["--input-type=module", "-e", HANGS, root, join(temporaryFolder(), "data")];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "pipe"] });
  context.after(() => child.kill("SIGKILL"));
  let said = "";
  child.stderr.on("data", (text: Buffer) => {
    said += text.toString();
  });
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [1, null]);
  assert.match(said, /the stop took too long/);
});
