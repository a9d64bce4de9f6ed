// Blocks between work and verdict: peers hear of them before they are judged, and ask at once. None
// is refused for that, none is vouched for, and who was refused nevertheless asks again.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { spend } from "../../../test/support/small-chain.ts";
import { type LoneNode, loneNode, smallNode } from "../../../test/support/small-node.ts";
import { type Stranger, stranger } from "../../../test/support/stranger.ts";
import { concatBytes } from "../../base/bytes.ts";
import { decodeBlock } from "../../ledger/bitcoin/block.ts";
import { compactBlock } from "../compact/build.ts";
import { JUDGED_MS_MAX, NOT_FOUND_MS, PARTIAL_BLOCKS_MAX } from "../limits.ts";
import { INVENTORY, type Message } from "../wire/messages.ts";

async function told(context: TestContext): Promise<LoneNode> {
  const world = await loneNode(context);
  await world.node.chain.extend(3);
  return world;
}

const heard = ({ heard: all }: Stranger, type: Message["type"]): boolean =>
  all.some((message) => message.type === type);

/** A peer that wants new blocks in compact form, unasked, and has all headers so far. */
async function follower({ net, node, until }: LoneNode): Promise<Stranger> {
  const peer = await stranger(net, "7.1.0.1", node.host);
  peer.send({ type: "sendcmpct", highBandwidth: true, version: 2 });
  const locator = [node.chain.headerAt(0)!.hash];
  peer.send({ type: "getheaders", protocol: 70016, locator, stop: new Uint8Array(32) });
  await until(() => heard(peer, "headers"));
  return peer;
}

/** Gives the node a block whose verdict waits for `release`. */
function slowBlock({ node }: LoneNode) {
  let release = (): void => {};
  node.chain.slow = new Promise((resolve) => {
    release = resolve;
  });
  const bytes = node.chain.mine([], node.chain.tip(), 0);
  const verdict = node.chain.acceptBlock(bytes);
  const { hash } = node.chain.bestHeader();
  return { hash, bytes, verdict, release: () => release() };
}

test("a block asked for while it is judged is sent when it is found good", async (context) => {
  const world = await told(context);
  const peer = await follower(world);
  const block = slowBlock(world);
  await world.until(() => heard(peer, "cmpctblock"));
  peer.send({ type: "getdata", items: [{ kind: INVENTORY.witnessBlock, hash: block.hash }] });
  peer.send({ type: "getblocktxn", block: block.hash, indexes: [0] });
  // Its transactions come at once: in that form nobody vouches for them.
  await world.until(() => heard(peer, "blocktxn"));
  assert.ok(!heard(peer, "notfound") && !heard(peer, "block"));
  block.release();
  await world.until(() => heard(peer, "block"), 0);
  const found = peer.heard.find((message) => message.type === "block");
  assert.deepEqual(found, { type: "block", bytes: block.bytes });
  assert.equal(heard(peer, "notfound"), false);
});

test("a verdict that does not come in time is not waited for any longer", async (context) => {
  const world = await told(context);
  const peer = await follower(world);
  const block = slowBlock(world);
  await world.until(() => heard(peer, "cmpctblock"));
  peer.send({ type: "getdata", items: [{ kind: INVENTORY.witnessBlock, hash: block.hash }] });
  const begun = world.clock.elapsed();
  await world.until(() => heard(peer, "notfound"), 500);
  assert.ok(world.clock.elapsed() - begun > JUDGED_MS_MAX);
  assert.equal(world.node.network.statistics.verdictsLate, 1);
  block.release();
  await block.verdict;
  peer.send({ type: "getdata", items: [{ kind: INVENTORY.witnessBlock, hash: block.hash }] });
  await world.until(() => heard(peer, "block"));
});

test("a peer that did not have its block yet is asked again", async (context) => {
  const world = await told(context);
  const { node, until, clock } = world;
  const source = await smallNode(clock, world.net, "1.0.0.2");
  context.after(() => source.network.stop());
  await source.chain.extend(5);
  const headers = [1, 2, 3, 4, 5].map((height) => source.chain.headerAt(height)!.bytes);
  let refusals = 3;
  const asked: number[] = [];
  const serve = async (message: Message, self: Stranger): Promise<void> => {
    if (message.type === "getheaders") {
      self.send({ type: "headers", headers: concatBytes(...headers) });
    }
    if (message.type !== "getdata") return;
    if (refusals > 0) {
      refusals--;
      asked.push(clock.elapsed());
      self.send({ type: "notfound", items: message.items });
      return;
    }
    for (const { hash } of message.items) {
      self.send({ type: "block", bytes: (await source.chain.blockBytes(hash))! });
    }
  };
  await stranger(world.net, "7.1.0.1", node.host, (message, self) => void serve(message, self));
  await until(() => node.chain.tip().height === 5, 100);
  assert.deepEqual(node.chain.tip().hash, source.chain.tip().hash);
  // Less and less often.
  const pauses = asked.slice(1).map((at, before) => at - asked[before]!);
  assert.ok(pauses[0]! >= NOT_FOUND_MS && pauses[1]! >= 2 * NOT_FOUND_MS, pauses.join(" "));
  assert.ok(node.network.statistics.blocksNotFound >= 3);
});

test("a block that came whole in compact form is not asked for", async (context) => {
  const world = await told(context);
  const { node, until } = world;
  const peer = await follower(world);
  const decoded = decodeBlock(node.chain.mine([], node.chain.tip(), 7));
  assert.ok(decoded.ok);
  peer.send(compactBlock(decoded.value, new Uint8Array(8)));
  await until(() => node.chain.tip().height === 4);
  peer.send({ type: "ping", nonce: new Uint8Array(8) });
  await until(() => heard(peer, "pong"));
  assert.equal(heard(peer, "getdata"), false);
});

test("beyond the places for blocks under reconstruction a block is asked for whole", async (context) => {
  const world = await told(context);
  const { node, until } = world;
  const peer = await follower(world);
  const parent = node.chain.tip();
  for (let number = 0; number <= PARTIAL_BLOCKS_MAX; number++) {
    const foreign = spend([{ txid: new Uint8Array(32).fill(number + 1), index: 0 }], [1_000]);
    const decoded = decodeBlock(node.chain.mine([foreign], parent, number + 1));
    assert.ok(decoded.ok);
    peer.send(compactBlock(decoded.value, new Uint8Array(8)));
  }
  await until(() => heard(peer, "getdata"));
  const asked = peer.heard.filter(({ type }) => type === "getblocktxn").length;
  assert.equal(asked, PARTIAL_BLOCKS_MAX);
  const whole = peer.heard.flatMap((message) => (message.type === "getdata" ? message.items : []));
  assert.deepEqual(
    whole.map(({ kind }) => kind),
    [INVENTORY.witnessBlock],
  );
});
