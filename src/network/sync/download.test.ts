// Blocks that come early wait for those before them, and none of them waits for good: not when the
// parent comes another way, not when the chain lets one go, not when nobody wants the branch any more.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  beat,
  type LoneNode,
  loneNode,
  type SmallNode,
  smallNode,
} from "../../../test/support/small-node.ts";
import { type Stranger, stranger } from "../../../test/support/stranger.ts";
import { ManualClock, MemoryNet, settle } from "../../../test/support/world.ts";
import { type Bytes, concatBytes, toHex } from "../../base/bytes.ts";
import { readHeader } from "../../ledger/bitcoin/block.ts";
import { FUTURE_SECONDS_MAX } from "../../ledger/bitcoin/limits.ts";
import { REGTEST } from "../../ledger/bitcoin/networks.ts";
import { BLOCK_STALL_MS, HEADERS_TIMEOUT_MS } from "../limits.ts";
import type { NetworkOptions } from "../options.ts";
import type { Message } from "../wire/messages.ts";

const REGTEST_GENESIS_SECONDS = readHeader(REGTEST.genesis.slice(0, 80)).time;

interface World extends LoneNode {
  readonly source: SmallNode;
}

/** A node without a block, and a chain of `blocks` that nobody has told it of. */
async function world(
  context: TestContext,
  blocks: number,
  more: Partial<NetworkOptions> = {},
): Promise<World> {
  const { clock, net, node } = await loneNode(context, more);
  const source = await smallNode(clock, net, "1.0.0.2");
  context.after(() => source.network.stop());
  await source.chain.extend(blocks);
  const until = (done: () => boolean, ms = 100): Promise<void> =>
    settle(done, () => beat(clock, [node, source], ms));
  return { clock, net, node, source, until };
}

function headersOf({ chain }: SmallNode, from: number, to: number): Message {
  const headers: Bytes[] = [];
  for (let height = from; height <= to; height++) headers.push(chain.headerAt(height)!.bytes);
  return { type: "headers", headers: concatBytes(...headers) };
}

async function blockOf({ chain }: SmallNode, height: number): Promise<Bytes> {
  return (await chain.blockBytes(chain.headerAt(height)!.hash))!;
}

/** A peer that tells all headers, and of whose blocks the test decides. */
async function teller(
  { net, node, source }: Pick<World, "net" | "node" | "source">,
  from: string,
): Promise<Stranger> {
  const { height } = source.chain.tip();
  return await stranger(net, from, node.host, (message, self) => {
    if (message.type === "getheaders") self.send(headersOf(source, 1, height));
  });
}

const asked = ({ heard }: Stranger): string[] =>
  heard.flatMap((message) =>
    message.type === "getdata" ? message.items.map(({ hash }) => toHex(hash)) : [],
  );

test("a block whose parent the operator has submitted waits no longer", async (context) => {
  const w = await world(context, 2);
  const peer = await teller(w, "7.1.0.1");
  await w.until(() => asked(peer).length === 2);
  peer.send({ type: "block", bytes: await blockOf(w.source, 2) });
  await w.until(() => w.node.network.downloadState.waiting === 1);
  await w.node.chain.acceptBlock(await blockOf(w.source, 1));
  await w.until(() => w.node.chain.tip().height === 2);
  assert.equal(w.node.network.downloadState.waiting, 0);
});

/** A peer spoils the first of three blocks; the chain keeps the second, which was behind it. */
async function spoilt(w: World): Promise<void> {
  const liar = await teller(w, "7.1.0.1");
  await w.until(() => asked(liar).length === 3);
  const first = await blockOf(w.source, 1);
  const bytes = first.slice();
  bytes[bytes.length - 1]! ^= 1;
  let release = (): void => {};
  w.node.chain.slow = new Promise((resolve) => {
    release = resolve;
  });
  liar.send({ type: "block", bytes });
  liar.send({ type: "block", bytes: await blockOf(w.source, 2) });
  await w.until(() => liar.closed);
  release();
  assert.equal(w.node.chain.orphans.size, 1);
}

test("a block behind one that the chain had kept itself is handed on when that follows", async (context) => {
  const w = await world(context, 3);
  await spoilt(w);
  const honest = await teller(w, "7.2.0.1");
  await w.until(() => asked(honest).length >= 2);
  honest.send({ type: "block", bytes: await blockOf(w.source, 3) });
  await w.until(() => w.node.network.downloadState.waiting === 1);
  honest.send({ type: "block", bytes: await blockOf(w.source, 1) });
  await w.until(() => w.node.chain.tip().height === 3);
});

test("a block that the chain has let go is asked for again", async (context) => {
  const w = await world(context, 3);
  await spoilt(w);
  w.node.chain.orphans.clear();
  w.node.network.addNode(w.source.host);
  await w.until(() => w.node.chain.tip().height === 3);
});

test("a withheld block costs no more than its peer: nothing is fetched over and over meanwhile", async (context) => {
  // Room for about five blocks, and sixty to come.
  const w = await world(context, 60, { blockBytesMax: 1_000 });
  const { source } = w;
  const peer = await stranger(w.net, "7.1.0.1", w.node.host, (message, self) => {
    if (message.type === "getheaders") self.send(headersOf(source, 1, 60));
    if (message.type !== "getdata") return;
    for (const { hash } of message.items) {
      const { height } = source.chain.header(hash)!;
      if (height > 1)
        void blockOf(source, height).then((bytes) => self.send({ type: "block", bytes }));
    }
  });
  const begun = w.clock.elapsed();
  await w.until(() => peer.closed);
  assert.equal(w.node.network.statistics.farewells.get("stalled"), 1);
  const ms = w.clock.elapsed() - begun;
  assert.ok(ms < 5_000, `it was let go after ${ms} ms`);
  const requests = asked(peer).length;
  assert.ok(requests < 60, `${requests} blocks were asked for`);
  w.node.network.addNode(source.host);
  await w.until(() => w.node.chain.tip().height === 60);
});

test("blocks of a branch that nobody follows any more give their room back", async (context) => {
  const w = await world(context, 12);
  const { node, source } = w;
  const other = await smallNode(w.clock, w.net, "1.0.0.3");
  context.after(() => other.network.stop());
  await other.chain.extend(8, 1);
  const peer = await stranger(w.net, "7.1.0.1", node.host, (message, self) => {
    if (message.type === "getheaders") self.send(headersOf(other, 1, 8));
  });
  await w.until(() => asked(peer).length === 8);
  for (const height of [3, 4, 5]) {
    peer.send({ type: "block", bytes: await blockOf(other, height) });
  }
  await w.until(() => node.network.downloadState.waiting === 3);
  node.network.addNode(source.host);
  await w.until(() => node.chain.tip().height === 12);
  await w.until(() => node.network.downloadState.waitingBytes === 0);
});

test("a peer whose chain ends below our best header is asked for what it has", async (context) => {
  const w = await world(context, 20);
  const { node, source } = w;
  const late = await smallNode(w.clock, w.net, "1.0.0.3");
  context.after(() => late.network.stop());
  for (let height = 1; height <= 10; height++) {
    await late.chain.acceptBlock(await blockOf(source, height));
  }
  // Somebody tells all headers and leaves.
  const teller = await stranger(w.net, "7.1.0.1", node.host, (message, self) => {
    if (message.type === "getheaders") self.send(headersOf(source, 1, 20));
  });
  await w.until(() => node.chain.bestHeader().height === 20);
  node.network.disconnect(teller.closed ? -1 : [...node.network.peers.keys()][0]!);
  await w.until(() => teller.closed);
  node.network.addNode(late.host);
  await settle(
    () => node.chain.tip().height === 10,
    () => beat(w.clock, [node, late], 100),
  );
});

test("a peer that leaves a question for headers unanswered is asked again", async (context) => {
  const w = await world(context, 2);
  let answers = false;
  const peer = await stranger(w.net, "7.1.0.1", w.node.host, (message, self) => {
    if (message.type === "getheaders" && answers) self.send(headersOf(w.source, 1, 2));
  });
  const questions = (): number => peer.heard.filter(({ type }) => type === "getheaders").length;
  await w.until(() => questions() === 1);
  answers = true;
  w.clock.advance(HEADERS_TIMEOUT_MS);
  await w.until(() => w.node.chain.bestHeader().height === 2);
  assert.equal(peer.closed, false);
});

test("headers from the future are asked for again when their time has come", async (context) => {
  const clock = new ManualClock((REGTEST_GENESIS_SECONDS - FUTURE_SECONDS_MAX + 90) * 1_000);
  const net = new MemoryNet();
  const node = await smallNode(clock, net, "1.0.0.1");
  const source = await smallNode(new ManualClock(), net, "1.0.0.2");
  context.after(() => Promise.all([node.network.stop(), source.network.stop()]));
  // A minute apart: the second is half a minute too early.
  await source.chain.extend(2);
  await teller({ net, node, source }, "7.1.0.1");
  const until = (done: () => boolean): Promise<void> =>
    settle(done, () => beat(clock, [node], 1_000));
  await until(() => node.chain.bestHeader().height === 2);
  assert.ok(clock.elapsed() >= 30_000);
});

test("who has a better header and keeps its block holds up nobody", async (context) => {
  const w = await world(context, 6);
  const { node, source } = w;
  for (let height = 1; height <= 3; height++) {
    await node.chain.acceptBlock(await blockOf(source, height));
  }
  const other = await smallNode(w.clock, w.net, "1.0.0.3");
  context.after(() => other.network.stop());
  await other.chain.extend(9, 1);
  const withholder = await stranger(w.net, "7.1.0.1", node.host, (message, self) => {
    if (message.type === "getheaders") self.send(headersOf(other, 1, 9));
  });
  await w.until(() => asked(withholder).length > 0);
  const begun = w.clock.elapsed();
  // It tells its headers when it is asked, and nothing in compact form.
  const honest = await stranger(w.net, "7.2.0.1", node.host, (message, self) => {
    if (message.type === "getheaders") self.send(headersOf(source, 1, 6));
    if (message.type !== "getdata") return;
    for (const { hash } of message.items) {
      void blockOf(source, source.chain.header(hash)!.height).then((bytes) =>
        self.send({ type: "block", bytes }),
      );
    }
  });
  await w.until(() => node.chain.tip().height === 6);
  assert.ok(w.clock.elapsed() - begun < 2 * BLOCK_STALL_MS);
  assert.equal(withholder.closed, false, "it may yet send them");
  assert.equal(honest.closed, false);
});
