// Headers of little work over the wire: an honest peer's are kept once it has shown the work of all
// of them, a liar's never, and nobody holds the count up for good.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  type LoneNode,
  loneNode,
  type SmallNode,
  smallNode,
} from "../../../test/support/small-node.ts";
import { type Stranger, stranger } from "../../../test/support/stranger.ts";
import { concatBytes, toHex } from "../../base/bytes.ts";
import type { ChainHeader } from "../../ports/chain.ts";
import { HEADERS_TIMEOUT_MS, PRESYNC_INBOUND_MAX } from "../limits.ts";
import type { Message } from "../wire/messages.ts";

const BOUNDS = { period: 5, bufferCount: 60, messageCount: 20 };

interface World extends LoneNode {
  /** Has the headers that strangers serve. */
  readonly source: SmallNode;
}

/** A node that keeps no branch of fewer than `blocks` blocks. */
async function world(context: TestContext, blocks: number): Promise<World> {
  const lone = await loneNode(context, { presyncBounds: BOUNDS });
  const source = await smallNode(lone.clock, lone.net, "1.0.0.2");
  context.after(() => source.network.stop());
  const { chain } = lone.node;
  chain.far = true;
  chain.workMin = chain.tip().work * BigInt(blocks + 1);
  return { ...lone, source };
}

/** Answers getheaders with up to a message of headers of the branch that ends in `tip()`. */
function serving(source: SmallNode, tip: () => ChainHeader) {
  return (message: Message, self: Stranger): void => {
    if (message.type !== "getheaders") return;
    const { chain } = source;
    const branch = tip();
    let height = 0;
    for (const hash of message.locator) {
      const known = chain.header(hash);
      if (known === null || chain.ancestor(branch, known.height) !== known) continue;
      height = known.height;
      break;
    }
    const headers = [];
    while (headers.length < BOUNDS.messageCount && height < branch.height) {
      headers.push(chain.ancestor(branch, ++height)!.bytes);
    }
    self.send({ type: "headers", headers: concatBytes(...headers) });
  };
}

const known = (node: SmallNode, header: ChainHeader): boolean =>
  node.chain.header(header.hash) !== null;

test("a branch with the work is fetched twice and kept, and what comes later at once", async (context) => {
  const { net, node, source, until } = await world(context, 180);
  await source.chain.extend(250);
  const asked: number[] = [];
  const answer = serving(source, () => source.chain.tip());
  const peer = await stranger(net, "9.9.0.1", node.host, (message, self) => {
    if (message.type === "getheaders") asked.push(node.chain.bestHeader().height);
    answer(message, self);
  });
  await until(() => known(node, source.chain.tip()));
  assert.equal(toHex(node.chain.bestHeader().hash), toHex(source.chain.tip().hash));
  const nothing = asked.filter((height) => height === 0).length;
  assert.ok(nothing >= 10, "nothing was kept before the work was shown");
  assert.deepEqual(node.network.presyncs, { count: 0, bytes: 0 });
  const before = peer.heard.length;
  await source.chain.extend(1);
  peer.send({ type: "headers", headers: source.chain.tip().bytes });
  await until(() => known(node, source.chain.tip()));
  const since = peer.heard.slice(before).filter(({ type }) => type === "getheaders");
  assert.equal(since.length, 0);
  assert.equal(peer.closed, false);
});

test("a branch without the work leaves nothing behind, however often it comes", async (context) => {
  const { net, node, source, until } = await world(context, 180);
  await source.chain.extend(170);
  const peers: Stranger[] = [];
  for (let number = 0; number < 20; number++) {
    const answer = serving(source, () => source.chain.tip());
    peers.push(await stranger(net, `9.${number}.0.1`, node.host, answer));
  }
  await until(() => (node.network.statistics.faults.get("presync-too-little-work") ?? 0) >= 8);
  assert.equal(node.chain.bestHeader().height, 0);
  assert.ok(source.chain.tips().every((tip) => !known(node, tip)));
  assert.equal(known(node, source.chain.headerAt(1)!), false);
  // It is no fault to be behind.
  assert.ok(peers.every(({ closed }) => !closed));
});

test("another branch the second time: dropped from the count, nothing of it kept", async (context) => {
  const { net, node, source, until } = await world(context, 180);
  await source.chain.extend(200);
  const good = source.chain.tip();
  let other = source.chain.headerAt(0)!;
  for (let number = 0; number < 170; number++) {
    const block = source.chain.mine([], other, 5);
    const verdict = source.chain.acceptHeaders(block.slice(0, 80));
    assert.ok(verdict.ok && verdict.last !== null);
    other = verdict.last;
  }
  const reasons = new Set<string>();
  const liar = await stranger(net, "9.9.0.1", node.host, (message, self) => {
    const { reason, peer } = node.network.waiting;
    reasons.add(`${reason} ${peer?.id}`);
    const isAgain = reason === "headers-again";
    serving(source, () => (isAgain ? other : good))(message, self);
  });
  await until(() => (node.network.statistics.faults.get("presync-changed") ?? 0) > 0);
  assert.ok(reasons.has("headers-counted 0") && reasons.has("headers-again 0"));
  assert.equal(node.chain.bestHeader().height, 0);
  assert.equal(known(node, source.chain.ancestor(other, 1)!), false);
  assert.deepEqual(node.network.presyncs, { count: 0, bytes: 0 });
  liar.send({ type: "ping", nonce: new Uint8Array(8) });

  // An honest one afterwards is not hindered.
  await stranger(
    net,
    "9.8.0.1",
    node.host,
    serving(source, () => good),
  );
  await until(() => known(node, good), 1_000);
});

test("counts of those that dialled us are few, and a silent one loses its place", async (context) => {
  const { clock, net, node, source, until } = await world(context, 180);
  node.chain.far = false;
  await source.chain.extend(200);
  const first = concatBytes(
    ...Array.from({ length: 20 }, (_, at) => source.chain.headerAt(at + 1)!.bytes),
  );
  const peers: Stranger[] = [];
  for (let number = 0; number < 30; number++) {
    const one = await stranger(net, `9.${number}.0.1`, node.host);
    one.send({ type: "headers", headers: first });
    peers.push(one);
  }
  await until(() => (node.network.statistics.faults.get("low-work-headers") ?? 0) >= 30);
  assert.equal(node.network.presyncs.count, PRESYNC_INBOUND_MAX);
  clock.advance(HEADERS_TIMEOUT_MS);
  await until(() => node.network.presyncs.count === 0);
  await until(() => peers.filter(({ closed }) => closed).length >= PRESYNC_INBOUND_MAX);
});
