// What strangers can do to the network code, and what it costs them: floods, gossip, silence.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { spend } from "../../test/support/small-chain.ts";
import { beat, loneNode, type SmallNode, smallNode } from "../../test/support/small-node.ts";
import { type Stranger, stranger } from "../../test/support/stranger.ts";
import { ManualClock, MemoryNet, seededRandom, settle } from "../../test/support/world.ts";
import { type Bytes, concatBytes, hex, writeU32 } from "../base/bytes.ts";
import { REGTEST } from "../ledger/bitcoin/networks.ts";
import { decodeTransaction } from "../ledger/bitcoin/transaction.ts";
import { addressOf, groupOf } from "./addresses/address-text.ts";
import { PLANNER_DEFAULTS } from "./connect/planner.ts";
import {
  HEADERS_TIMEOUT_MS,
  OFFENDER_WAIT_MS,
  ORPHAN_COUNT_MAX,
  UNASKED_FIRST,
  UNASKED_PER_SECOND,
  UNASKED_TOTAL_BURST,
  UNASKED_TOTAL_PER_SECOND,
} from "./limits.ts";
import { encodeEnvelope } from "./wire/envelope.ts";
import { INVENTORY, type Message } from "./wire/messages.ts";

test("a hundred peers that send rubbish are gone, and an honest one is served meanwhile", async (context) => {
  const { net, node, until } = await loneNode(context);
  const honest = await stranger(net, "9.9.0.1", node.host);
  await until(() => honest.heard.some(({ type }) => type === "ping"));
  const rubbish: Bytes[] = [
    encodeEnvelope(REGTEST.magic, "headers", Uint8Array.of(0xff)),
    encodeEnvelope(REGTEST.magic, "addr", Uint8Array.of(0xfd, 0xff, 0xff)),
    encodeEnvelope(REGTEST.magic, "tx", new Uint8Array(50)),
    seededRandom(3).bytes(500),
  ];
  const crowd: Stranger[] = [];
  for (let index = 0; index < 100; index++) {
    const one = await stranger(net, `7.${index}.0.1`, node.host);
    for (let left = 20; left > 0; left--) one.raw(rubbish[index % rubbish.length]!);
    crowd.push(one);
  }
  honest.send({ type: "ping", nonce: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]) });
  await until(() => crowd.every(({ closed }) => closed));
  await until(() => honest.heard.some((message) => message.type === "pong"));
  assert.equal(honest.closed, false);
  assert.equal(node.network.peers.size, 1);
  assert.ok(node.network.bans.isDiscouraged("7.5.0.1"));
});

test("who was shut out and comes back waits a second, unread; others do not", async (context) => {
  const { clock, net, node, until } = await loneNode(context);
  const offender = await stranger(net, "7.1.0.1", node.host);
  offender.raw(new Uint8Array(500).fill(7));
  await until(() => offender.closed);
  const begun = clock.elapsed();
  const again = await stranger(net, "7.1.0.1", node.host);
  again.raw(new Uint8Array(500).fill(7));
  const other = await stranger(net, "7.2.0.1", node.host);
  await until(() => other.heard.some(({ type }) => type === "verack"));
  assert.deepEqual([again.heard.length, again.closed], [0, false]);
  const bound = node.network.bounds.find(({ name }) => name === "waiting-connections");
  assert.equal(bound?.used, 1);
  await until(() => again.closed);
  assert.ok(clock.elapsed() - begun >= OFFENDER_WAIT_MS);
  assert.equal(node.network.peers.size, 1);
});

test("orphans without end stay within their bound", async (context) => {
  const { clock, net, node, until } = await loneNode(context);
  await node.chain.extend(1);
  const flood = await stranger(net, "7.1.0.1", node.host);
  const count = 600;
  const begun = clock.elapsed();
  for (let index = 0; index < count; index++) {
    const parent = new Uint8Array(32).fill(9);
    writeU32(parent, 0, index);
    flood.send({ type: "tx", bytes: spend([{ txid: parent, index: 0 }], [1_000]) });
  }
  const { statistics } = node.network;
  await until(() => statistics.transactionsReceived === count);
  await until(() => statistics.orphansDropped === count - ORPHAN_COUNT_MAX);
  assert.equal(node.network.orphanCount, ORPHAN_COUNT_MAX);
  // Nobody asked for them: they are read slowly, and none is lost.
  const seconds = (clock.elapsed() - begun) / 1000;
  assert.ok(seconds >= (count - UNASKED_FIRST) / UNASKED_PER_SECOND - 1, `${seconds} seconds`);
  assert.equal(flood.closed, false);
});

test("who sends a transaction unasked behind a crowd that does is heard within seconds", async (context) => {
  const { clock, net, node, until } = await loneNode(context);
  await node.chain.extend(101);
  const [coin = ""] = node.chain.coins.keys();
  // One that is known, so that nobody is asked for anything.
  const bytes = spend([{ txid: hex(coin.slice(0, 64)), index: 0 }], [4_999_000_000]);
  const honest = await stranger(net, "9.9.0.1", node.host);
  await until(() => honest.heard.some(({ type }) => type === "verack"));
  const [crowd, each] = [2 * (UNASKED_TOTAL_PER_SECOND / UNASKED_PER_SECOND), 500];
  for (let from = 0; from < crowd; from++) {
    const one = await stranger(net, `7.${from}.0.1`, node.host);
    for (let left = each; left > 0; left--) one.send({ type: "tx", bytes });
  }
  const { statistics } = node.network;
  await until(() => statistics.transactionsReceived > 3 * UNASKED_TOTAL_BURST);
  const begun = clock.elapsed();
  honest.send({ type: "tx", bytes });
  honest.send({ type: "ping", nonce: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]) });
  await until(() => honest.heard.some(({ type }) => type === "pong"));
  const seconds = (clock.elapsed() - begun) / 1000;
  assert.ok(statistics.transactionsReceived < crowd * each, "the crowd has more to send");
  assert.ok(seconds < 3, `${seconds} seconds`);
});

test("while a crowd sends what nobody asked for, what was asked for is judged at once", async (context) => {
  const { clock, net, node, until } = await loneNode(context);
  await node.chain.extend(101);
  const [coin = ""] = node.chain.coins.keys();
  const wanted = spend([{ txid: hex(coin.slice(0, 64)), index: 0 }], [4_999_000_000]);
  const decoded = decodeTransaction(wanted);
  assert.ok(decoded.ok);
  const { txid } = decoded.value;
  for (let from = 0; from < 30; from++) {
    const one = await stranger(net, `7.${from}.0.1`, node.host);
    for (let index = 0; index < 300; index++) {
      const parent = new Uint8Array(32).fill(9);
      writeU32(parent, 0, from * 1_000 + index);
      one.send({ type: "tx", bytes: spend([{ txid: parent, index: 0 }], [1_000]) });
    }
  }
  const { statistics } = node.network;
  await until(() => statistics.transactionsReceived >= UNASKED_TOTAL_BURST);
  const honest = await stranger(net, "9.9.0.1", node.host);
  await until(() => honest.heard.some(({ type }) => type === "ping"));
  const before = statistics.transactionsReceived;
  const begun = clock.elapsed();
  honest.send({ type: "inv", items: [{ kind: INVENTORY.transaction, hash: txid }] });
  await until(() => honest.heard.some(({ type }) => type === "getdata"));
  const seconds = (clock.elapsed() - begun) / 1000;
  const crowd = statistics.transactionsReceived - before;
  assert.ok(crowd <= (seconds + 1) * UNASKED_TOTAL_PER_SECOND, `${crowd} in ${seconds} seconds`);
  honest.send({ type: "tx", bytes: wanted });
  // The clock stands: no token comes for anybody.
  await until(() => node.mempool.has(txid), 0);
});

test("headers without work, without order or without a parent", async (context) => {
  const { net, node, until } = await loneNode(context);
  const orderless = await stranger(net, "7.1.0.1", node.host);
  orderless.send({ type: "headers", headers: new Uint8Array(160) });
  await until(() => orderless.closed);
  const workless = await stranger(net, "7.2.0.1", node.host);
  const header = new Uint8Array(80).fill(1);
  header.set(node.chain.tip().hash, 4);
  workless.send({ type: "headers", headers: header });
  await until(() => workless.closed);
  assert.equal(node.network.statistics.faults.get("invalid-header"), 1);
  const parentless = await stranger(net, "7.3.0.1", node.host);
  for (let left = 16; left > 0; left--) {
    parentless.send({ type: "headers", headers: seededRandom(left).bytes(80) });
  }
  await until(() => parentless.closed);
});

test("an easy branch far behind our tip costs no memory", async (context) => {
  const { net, node, until } = await loneNode(context);
  const other = await smallNode(new ManualClock(), net, "3.0.0.1");
  context.after(() => other.network.stop());
  await node.chain.extend(200, 1);
  await other.chain.extend(57, 2);
  const headersTo = (height: number): Message => {
    const headers = new Uint8Array(height * 80);
    for (let at = 1; at <= height; at++) {
      headers.set(other.chain.headerAt(at)!.bytes, (at - 1) * 80);
    }
    return { type: "headers", headers };
  };
  const liar = await stranger(net, "7.1.0.1", node.host);
  liar.send(headersTo(55));
  await until(() => node.network.statistics.faults.get("low-work-headers") === 1);
  assert.equal(node.chain.header(other.chain.headerAt(1)!.hash), null);
  // One block within the threshold: kept.
  liar.send(headersTo(56));
  await until(() => node.chain.header(other.chain.headerAt(56)!.hash) !== null);
  assert.equal(liar.closed, false);
});

test("who is asked for headers and stays silent loses the task", async (context) => {
  const { clock, net, node, until } = await loneNode(context);
  node.chain.far = true;
  const silent = await stranger(net, "7.1.0.1", node.host);
  await until(() => silent.heard.some(({ type }) => type === "getheaders"));
  const other = await stranger(net, "7.2.0.1", node.host);
  await until(() => other.heard.some(({ type }) => type === "ping"));
  assert.ok(!other.heard.some(({ type }) => type === "getheaders"), "one at a time");
  assert.match(node.network.why, /waiting for headers behind 0 from peer/);
  clock.advance(HEADERS_TIMEOUT_MS);
  await until(() => silent.closed, 1_000);
  await until(() => other.heard.some(({ type }) => type === "getheaders"));
});

test("a sync that waits says in the log why, on whom and at which height, ever less often", async (context) => {
  const told: Record<string, unknown>[] = [];
  const clock = new ManualClock();
  const net = new MemoryNet();
  const node = await smallNode(clock, net, "1.0.0.1", [], {
    log: (_level, text, facts) => {
      if (text.startsWith("sync")) told.push({ text, ...facts });
    },
  });
  const source = await smallNode(clock, net, "1.0.0.2");
  context.after(() => Promise.all([node.network.stop(), source.network.stop()]));
  const until = (done: () => boolean): Promise<void> => settle(done, () => beat(clock, [node], 20));
  node.chain.far = true;
  await until(() => node.network.waiting.reason === "no-peer");
  for (let seconds = 0; seconds < 3_600; seconds++) beat(clock, [node], 1_000);
  const lines = told.length;
  assert.ok(lines >= 5 && lines <= 14, `${lines} lines in an hour`);
  assert.equal(told[0]!["reason"], "no-peer");

  const silent = await stranger(net, "7.1.0.1", node.host);
  await until(() => told.some(({ text }) => text === "sync goes on"));
  await until(() => node.network.waiting.reason === "headers");
  const { id } = [...node.network.peers.values()][0]!;
  for (let seconds = 0; seconds < 15; seconds++) beat(clock, [node], 1_000);
  const last = told.at(-1)!;
  assert.deepEqual(
    [last["reason"], last["peer"], last["height"], last["seconds"]],
    ["headers", id, 0, 10],
  );
  assert.match(String(last["why"]), /^waiting for headers behind 0 from peer \d+ \(7\.1\.0\.1/);

  await source.chain.extend(3);
  const headers = [1, 2, 3].map((height) => source.chain.headerAt(height)!.bytes);
  silent.send({ type: "headers", headers: concatBytes(...headers) });
  await until(() => node.network.waiting.reason === "block");
  const { peer, height, ms } = node.network.waiting;
  assert.deepEqual([peer?.id, height], [id, 1]);
  assert.ok(ms !== null && ms >= 0);
});

test("gossip is kept, little of it is passed on, and floods of it are not", async (context) => {
  const { clock, net, node, until } = await loneNode(context);
  const talker = await stranger(net, "7.1.0.1", node.host);
  const listener = await stranger(net, "8.1.0.1", node.host);
  await until(() => node.network.peers.size === 2 && listener.heard.length > 3);
  const time = Math.floor(clock.now() / 1000);
  const address = addressOf("55.1.2.3", 8333)!;
  talker.send({ type: "addr", addresses: [{ address, time, services: 9n }] });
  await until(() => listener.heard.some(({ type }) => type === "addr"));
  assert.equal(node.network.book.size, 1);
  const many = Array.from({ length: 1_000 }, (_, index) => ({
    address: addressOf(`60.${index >>> 8}.${index & 255}.1`, 8333)!,
    time,
    services: 9n,
  }));
  talker.send({ type: "addr", addresses: many });
  await until(() => node.network.statistics.addressesDropped >= 990);
  assert.ok(node.network.book.size < 15, "unasked addresses have a small budget");
  listener.send({ type: "getaddr" });
  listener.send({ type: "getaddr" });
  await until(() => listener.heard.filter(({ type }) => type === "addr").length >= 2);
});

test("outbound peers come from the seeds, each from a network of its own", async (context) => {
  const clock = new ManualClock();
  const net = new MemoryNet();
  const servers: SmallNode[] = [];
  for (let index = 1; index <= 12; index++) {
    servers.push(await smallNode(clock, net, `${20 + index}.1.0.1`));
    servers.push(await smallNode(clock, net, `${20 + index}.1.0.2`));
  }
  const hosts = servers.map(({ host }) => host);
  net.names.set("seed.test", hosts);
  const node = await smallNode(clock, net, "1.0.0.1", [], {
    identity: { ...REGTEST, seeds: ["seed.test"] },
    planner: PLANNER_DEFAULTS,
    dnsSeeds: true,
  });
  const all = [...servers, node];
  context.after(() => Promise.all(all.map(({ network }) => network.stop())));
  const outbound = () =>
    [...node.network.peers.values()].filter((peer) => peer.ready && !peer.inbound);
  await settle(
    () => outbound().length === 10,
    () => beat(clock, all, 200),
  );
  const kinds = outbound().map(({ kind }) => kind);
  assert.equal(kinds.filter((kind) => kind === "full").length, 8);
  assert.equal(kinds.filter((kind) => kind === "block-only").length, 2);
  const groups = outbound().map(({ address }) => groupOf(address!));
  assert.equal(new Set(groups).size, 10);
  // A feeler comes, sees and goes: one more address has answered.
  const before = node.network.book.triedCount;
  await settle(
    () => node.network.statistics.farewells.get("done") === 1,
    () => beat(clock, all, 20_000),
  );
  assert.ok(node.network.book.triedCount >= before);
  for (const { network } of servers) {
    for (const peer of network.peers.values()) {
      const relays = [...node.network.peers.values()].find(
        (one) => one.host === network.local!.host,
      );
      if (relays?.kind === "block-only") assert.equal(peer.version?.relay, false);
    }
  }
});

test("a branch whose blocks nobody has does not stop the one that somebody has", async (context) => {
  const { net, node, until } = await loneNode(context);
  const clock = new ManualClock();
  const honest = await smallNode(clock, net, "2.0.0.1");
  const hidden = await smallNode(clock, net, "3.0.0.1");
  context.after(() => Promise.all([honest.network.stop(), hidden.network.stop()]));
  await honest.chain.extend(10, 1);
  await hidden.chain.extend(20, 2);
  const liar = await stranger(net, "7.1.0.1", node.host, (message, self) => {
    if (message.type !== "getheaders") return;
    const headers = new Uint8Array(20 * 80);
    for (let height = 1; height <= 20; height++) {
      headers.set(hidden.chain.headerAt(height)!.bytes, (height - 1) * 80);
    }
    self.send({ type: "headers", headers });
  });
  await until(() => node.chain.bestHeader().height === 20);
  node.network.addNode("2.0.0.1");
  await until(() => liar.closed, 3_000);
  await settle(
    () => node.chain.tip().height === 10,
    () => beat(clock, [node, honest], 100),
  );
});

test("anchors of the last run are dialled first, for blocks only", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "pando-anchors-"));
  const clock = new ManualClock();
  const net = new MemoryNet();
  const servers: SmallNode[] = [];
  for (let index = 1; index <= 10; index++) {
    servers.push(await smallNode(clock, net, `${20 + index}.1.0.1`));
  }
  net.names.set(
    "seed.test",
    servers.map(({ host }) => host),
  );
  const options = {
    identity: { ...REGTEST, seeds: ["seed.test"] },
    planner: PLANNER_DEFAULTS,
    dnsSeeds: true,
    folder,
  };
  const first = await smallNode(clock, net, "1.0.0.1", [], options);
  const kinds = (node: SmallNode, kind: string) =>
    [...node.network.peers.values()].filter((peer) => peer.ready && peer.kind === kind);
  await settle(
    () => kinds(first, "block-only").length === 2,
    () => beat(clock, [...servers, first], 200),
  );
  const anchors = kinds(first, "block-only").map(({ host }) => host);
  first.network.ban("99.0.0.0/8", Math.floor(clock.now() / 1000) + 9_999);
  await first.network.stop();
  const second = await smallNode(clock, net, "1.0.0.1", [], options);
  context.after(async () => {
    await Promise.all([...servers, second].map(({ network }) => network.stop()));
    rmSync(folder, { recursive: true });
  });
  assert.equal(second.network.book.size, 10);
  assert.equal(second.network.bans.list(Math.floor(clock.now() / 1000)).length, 1);
  await settle(
    () => kinds(second, "block-only").length === 2,
    () => beat(clock, [...servers, second], 200),
  );
  const again = kinds(second, "block-only").map(({ host }) => host);
  assert.deepEqual(again.sort(), anchors.sort());
});
