// A peer that nobody here wrote: bcoin 1.0.2 from npm, in a process of its own, on regtest. It is
// installed by `npm ci --ignore-scripts` in test/foreign; without it these tests skip, and say so.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { bytesEqual, fromDisplayHex, toDisplayHex, toHex } from "../../src/base/bytes.ts";
import { decodeBlock } from "../../src/ledger/bitcoin/block.ts";
import { tcp } from "../../src/network/tcp.ts";
import { Bcoin, foreignMissing } from "../support/bcoin.ts";
import { idsOf } from "../support/small-api.ts";
import { spend } from "../support/small-chain.ts";
import { type SmallNode, smallNode } from "../support/small-node.ts";
import { ManualClock, MemoryNet } from "../support/world.ts";

async function start(context: TestContext): Promise<Bcoin> {
  const bcoin = await Bcoin.start();
  context.after(() => bcoin.kill());
  return bcoin;
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

const missing = foreignMissing();
const skip = missing === null ? false : `SKIPPED: ${missing}`;

test("bcoin and Pando follow one another, through a reorganisation", { skip }, async (context) => {
  const bcoin = await start(context);
  await bcoin.mine(120);
  const node = await pando(context);
  const name = `127.0.0.1:${bcoin.port}`;
  node.network.addNode(name);
  await until("Pando has bcoin's chain", () => same(node, bcoin));
  assert.equal(node.chain.tip().height, 120);

  await node.chain.extend(5);
  await until("bcoin has Pando's blocks", () => same(node, bcoin));
  assert.equal((await bcoin.tip()).height, 125);

  await bcoin.mine(1);
  await until("Pando has bcoin's next block", () => same(node, bcoin));

  // Apart: two branches from 126, Pando's the longer one.
  node.network.removeNode(name);
  for (const peer of node.network.peers.values()) peer.close("operator");
  await bcoin.mine(3);
  await node.chain.extend(5, 7);
  assert.equal((await bcoin.tip()).height, 129);
  await bcoin.connect(node.network.local!.port);
  await until("bcoin left its branch", () => same(node, bcoin));
  assert.equal((await bcoin.tip()).height, 131);

  // And the other way.
  for (const peer of node.network.peers.values()) peer.close("operator");
  await node.chain.extend(1, 8);
  await bcoin.mine(4);
  node.network.addNode(name);
  await until("Pando left its branch", () => same(node, bcoin));
  assert.equal(node.chain.tip().height, 135);
});

test("a newcomer syncs from Pando alone: bcoin with an empty chain", { skip }, async (context) => {
  const node = await pando(context);
  await node.chain.extend(250);
  const bcoin = await start(context);
  await bcoin.connect(node.network.local!.port);
  await until("bcoin has Pando's chain", () => same(node, bcoin));
  assert.equal((await bcoin.tip()).height, 250);
});

test("transactions travel both ways, and blocks in compact form", { skip }, async (context) => {
  const bcoin = await start(context);
  const node = await pando(context);
  await node.chain.extend(103);
  await bcoin.connect(node.network.local!.port);
  await until("bcoin has Pando's chain", () => same(node, bcoin));
  await bcoin.mine(1);
  await until("Pando has bcoin's block", () => same(node, bcoin));
  const coinbase = async (height: number): Promise<Uint8Array> => {
    const bytes = await node.chain.blockBytes(node.chain.headerAt(height)!.hash);
    const decoded = decodeBlock(bytes!);
    assert.ok(decoded.ok);
    return decoded.value.transactions[0]!.txid;
  };
  const pay = async (height: number): Promise<Uint8Array> =>
    spend([{ txid: await coinbase(height), index: 0 }], [4_999_900_000]);

  const ours = await pay(1);
  assert.ok((await node.mempool.submit(ours)).ok);
  const ourId = toDisplayHex(idsOf(ours).txid);
  await until("bcoin has Pando's transaction", async () => (await bcoin.mempool()).includes(ourId));

  const theirs = await pay(2);
  const theirId = fromDisplayHex(await bcoin.submit(toHex(theirs)))!;
  assert.ok(bytesEqual(theirId, idsOf(theirs).txid));
  await until("Pando has bcoin's transaction", () => node.mempool.has(theirId));

  await bcoin.mine(1);
  await until("Pando has the block with both", () => same(node, bcoin));
  await until("and neither is unconfirmed", () => node.mempool.info().count === 0);
  await node.chain.extend(1);
  await until("bcoin follows", () => same(node, bcoin));
  const peers = await bcoin.peers();
  assert.ok(peers.some(({ agent, handshake }) => handshake && agent.startsWith("/pando")));
  context.diagnostic(
    `compact: ${node.network.statistics.compactReceived} received, ${node.network.statistics.compactComplete} complete`,
  );
});
