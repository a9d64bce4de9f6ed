import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { spend } from "../../test/support/small-chain.ts";
import { beat, type SmallNode, smallNode } from "../../test/support/small-node.ts";
import { stranger } from "../../test/support/stranger.ts";
import { ManualClock, MemoryNet, seededRandom, settle } from "../../test/support/world.ts";
import { buildBlock, extraNonce } from "../api/mining/build.ts";
import { type Bytes, bytesEqual, toHex } from "../base/bytes.ts";
import { decodeBlock } from "../ledger/bitcoin/block.ts";
import { REGTEST } from "../ledger/bitcoin/networks.ts";
import { decodeTransaction } from "../ledger/bitcoin/transaction.ts";
import type { Stream } from "../ports/stream.ts";
import { BLOCK_STALL_MS } from "./limits.ts";
import { tcp } from "./tcp.ts";
import { NETWORK_ID } from "./wire/address.ts";
import { encodeMessage } from "./wire/encode.ts";
import { encodeEnvelope } from "./wire/envelope.ts";
import { INVENTORY, type Message } from "./wire/messages.ts";

interface World {
  readonly clock: ManualClock;
  readonly net: MemoryNet;
  readonly nodes: SmallNode[];
  node(host: string, connect?: readonly string[]): Promise<SmallNode>;
  until(done: () => boolean, ms?: number): Promise<void>;
}

function world(context: TestContext): World {
  const clock = new ManualClock();
  const net = new MemoryNet();
  const nodes: SmallNode[] = [];
  context.after(async () => {
    for (const { network } of nodes) await network.stop();
  });
  return {
    clock,
    net,
    nodes,
    node: async (host, connect = []) => {
      const node = await smallNode(clock, net, host, connect);
      nodes.push(node);
      return node;
    },
    until: (done, ms = 100) => settle(done, () => beat(clock, nodes, ms)),
  };
}

const same = (a: SmallNode, b: SmallNode): boolean =>
  bytesEqual(a.chain.tip().hash, b.chain.tip().hash);

const readyPeers = (node: SmallNode): number =>
  [...node.network.peers.values()].filter((peer) => peer.ready).length;

function txidOf(raw: Bytes): Bytes {
  const decoded = decodeTransaction(raw);
  assert.ok(decoded.ok);
  return decoded.value.txid;
}

/** The outpoint of the coinbase of block `height`. */
async function coinbaseOf(
  node: SmallNode,
  height: number,
): Promise<{ txid: Bytes; index: number }> {
  const bytes = await node.chain.blockBytes(node.chain.headerAt(height)!.hash);
  const decoded = decodeBlock(bytes!);
  assert.ok(decoded.ok);
  return { txid: decoded.value.transactions[0]!.txid, index: 0 };
}

test("a peer follows another from its first block, and both ways after that", async (context) => {
  const { node, until } = world(context);
  const a = await node("1.0.0.1");
  await a.chain.extend(120);
  const b = await node("2.0.0.1", ["1.0.0.1"]);
  await until(() => same(a, b));
  await a.chain.extend(1);
  await until(() => same(a, b));
  assert.equal(b.chain.tip().height, 121);
  await b.chain.extend(2);
  await until(() => same(a, b));
  assert.equal(a.chain.tip().height, 123);
  assert.match(b.network.why, /in step with 1 peer/);
});

test("blocks come from several peers at once", async (context) => {
  const { node, until } = world(context);
  const sources = [await node("1.0.0.1"), await node("2.0.0.1"), await node("3.0.0.1")];
  for (let height = 1; height <= 300; height++) {
    const block = sources[0]!.chain.mine();
    for (const { chain } of sources) await chain.acceptBlock(block);
  }
  const late = await node(
    "4.0.0.1",
    sources.map(({ host }) => host),
  );
  let most = 0;
  await until(() => {
    const busy = [...late.network.peers.values()].filter((peer) => peer.blocksInFlight.size > 0);
    most = Math.max(most, busy.length);
    return same(late, sources[0]!);
  });
  assert.equal(most, 3);
  for (const peer of late.network.peers.values()) {
    assert.ok((peer.receivedPerMessage.get("block") ?? 0) > 0, `peer ${peer.id} sent blocks`);
  }
});

test("a full disk stops the download, says so, and it goes on when there is room", async (context) => {
  const { node, until } = world(context);
  const a = await node("1.0.0.1");
  await a.chain.extend(20);
  const b = await node("2.0.0.1", ["1.0.0.1"]);
  // Full before anything was asked for, and again while blocks are on their way.
  for (const height of [0, 5]) {
    await until(() => b.chain.tip().height >= height && readyPeers(b) === 1, 1);
    b.chain.full = "less than 48 MiB are free";
    const stood = b.chain.tip().height;
    let beats = 0;
    await until(() => beats++ > 50);
    assert.equal(b.chain.tip().height, stood);
    assert.equal(b.network.why, "less than 48 MiB are free");
    assert.equal(readyPeers(b), 1, "it is nobody's fault");
    b.chain.full = null;
  }
  await until(() => same(a, b));
});

test("a longer branch takes over on both sides", async (context) => {
  const { node, until } = world(context);
  const a = await node("1.0.0.1");
  const b = await node("2.0.0.1");
  await a.chain.extend(5, 1);
  await b.chain.extend(9, 2);
  a.network.addNode("2.0.0.1");
  await until(() => same(a, b));
  assert.equal(a.chain.tip().height, 9);
});

test("a transaction reaches everyone, a child before its parent too", async (context) => {
  const { node, until } = world(context);
  const a = await node("1.0.0.1");
  await a.chain.extend(3);
  const b = await node("2.0.0.1", ["1.0.0.1"]);
  const c = await node("3.0.0.1", ["2.0.0.1"]);
  await until(() => same(a, c) && readyPeers(b) === 2);
  const parent = spend([await coinbaseOf(a, 1)], [4_999_000_000]);
  const child = spend([{ txid: txidOf(parent), index: 0 }], [4_998_000_000]);
  assert.ok((await a.mempool.submit(parent)).ok);
  await until(() => c.mempool.has(txidOf(parent)));
  assert.ok((await c.mempool.submit(child)).ok);
  await until(() => a.mempool.has(txidOf(child)));
});

test("what nobody asked for is announced again to who came later", async (context) => {
  const { node, until } = world(context);
  const a = await node("1.0.0.1");
  await a.chain.extend(3);
  const raw = spend([await coinbaseOf(a, 1)], [4_999_000_000]);
  assert.ok((await a.mempool.submit(raw)).ok);
  a.mempool.broadcast(txidOf(raw));
  const b = await node("2.0.0.1", ["1.0.0.1"]);
  await until(() => same(a, b) && readyPeers(b) === 1);
  assert.equal(a.mempool.unbroadcast().length, 1);
  assert.equal(b.mempool.has(txidOf(raw)), false, "a new peer is not told of everything");
  await until(() => b.mempool.has(txidOf(raw)), 10_000);
  assert.equal(a.mempool.unbroadcast().length, 0);
  assert.equal(b.mempool.unbroadcast().length, 0, "what came from a peer is not ours to spread");
});

test("an orphan waits for the parents that are asked of its sender", async (context) => {
  const w = world(context);
  const a = await w.node("1.0.0.1");
  await a.chain.extend(3);
  const parent = spend([await coinbaseOf(a, 1)], [4_999_000_000]);
  const child = spend([{ txid: txidOf(parent), index: 0 }], [4_998_000_000]);
  const seen: string[] = [];
  const puppet = await puppetFor(w, a, (message) => {
    seen.push(message.type);
    if (message.type === "getdata") {
      assert.deepEqual(message.items[0]!.hash, txidOf(parent));
      puppet.send({ type: "tx", bytes: parent });
    }
  });
  puppet.send({ type: "tx", bytes: child });
  await w.until(() => a.mempool.has(txidOf(child)));
  assert.ok(seen.includes("getdata"));
  assert.equal(a.network.orphanCount, 0);
});

test("the parents of an orphan are asked of whoever announces it, not of its sender alone", async (context) => {
  const w = world(context);
  const a = await w.node("1.0.0.1");
  await a.chain.extend(3);
  const parent = spend([await coinbaseOf(a, 1)], [4_999_000_000]);
  const child = spend([{ txid: txidOf(parent), index: 0 }], [4_998_000_000]);
  const decoded = decodeTransaction(child);
  assert.ok(decoded.ok);
  const features = [{ type: "wtxidrelay" }] as const;
  // It gives a child and keeps the parent to itself.
  const silent = await stranger(w.net, "7.1.0.1", a.host, () => {}, features);
  silent.send({ type: "tx", bytes: child });
  await w.until(() => a.network.orphanCount === 1);
  const honest = await stranger(
    w.net,
    "7.2.0.1",
    a.host,
    (message, self) => {
      if (message.type === "getdata") self.send({ type: "tx", bytes: parent });
    },
    features,
  );
  const items = [{ kind: INVENTORY.witnessId, hash: decoded.value.wtxid }];
  honest.send({ type: "inv", items });
  // The sender has its minute; after it the next one is asked.
  await w.until(() => a.mempool.has(txidOf(child)), 1_000);
  assert.equal(a.network.orphanCount, 0);
});

test("new blocks travel in compact form and are rebuilt from the mempool", async (context) => {
  const { node, until } = world(context);
  const a = await node("1.0.0.1");
  await a.chain.extend(3);
  const b = await node("2.0.0.1", ["1.0.0.1"]);
  await until(() => same(a, b));
  const raw = spend([await coinbaseOf(a, 1)], [4_999_000_000]);
  assert.ok((await a.mempool.submit(raw)).ok);
  await until(() => b.mempool.has(txidOf(raw)));
  await a.chain.acceptBlock(a.chain.mine([raw]));
  await until(() => same(a, b));
  const { statistics } = b.network;
  assert.equal(statistics.compactComplete, 1, "asked for in compact form, nothing was missing");
  // Having been first, `a` may now send the next one unasked.
  await until(() => [...a.network.peers.values()].some((peer) => peer.highBandwidthFrom));
  const secret = spend([await coinbaseOf(a, 2)], [4_999_000_000]);
  await a.chain.acceptBlock(a.chain.mine([secret]));
  await until(() => same(a, b));
  assert.equal(statistics.compactAsked, 1, "one transaction was asked for");
  const [peer] = [...b.network.peers.values()];
  assert.ok((peer!.sentPerMessage.get("getblocktxn") ?? 0) > 0);
});

test("blocks are served in every form that a peer may ask for", async (context) => {
  const w = world(context);
  const a = await w.node("1.0.0.1");
  await a.chain.extend(20);
  const raw = spend([await coinbaseOf(a, 1)], [4_999_000_000]);
  assert.ok((await a.mempool.submit(raw)).ok);
  const block = buildBlock(
    await a.mempool.template(),
    Uint8Array.of(0x51),
    extraNonce(1),
    REGTEST.work,
    1e6,
  )!;
  assert.ok((await a.chain.acceptBlock(block)).ok);
  const { hash } = a.chain.tip();
  const old = a.chain.headerAt(5)!.hash;
  const heard: Message[] = [];
  const puppet = await puppetFor(w, a, (message) => heard.push(message));
  const ask = async (message: Message, type: string): Promise<Message> => {
    heard.length = 0;
    puppet.send(message);
    await w.until(() => heard.some((one) => one.type === type));
    return heard.find((one) => one.type === type)!;
  };
  const get = (kind: number, id: Bytes): Message => ({
    type: "getdata",
    items: [{ kind, hash: id }],
  });
  assert.deepEqual(await ask(get(INVENTORY.witnessBlock, hash), "block"), {
    type: "block",
    bytes: block,
  });
  const plain = await ask(get(INVENTORY.block, hash), "block");
  assert.ok(plain.type === "block");
  const stripped = decodeBlock(plain.bytes);
  assert.ok(stripped.ok && stripped.end === plain.bytes.length);
  assert.ok(!stripped.value.transactions[0]!.hasWitness);
  assert.deepEqual(stripped.value.header.hash, hash);
  await ask(get(INVENTORY.compactBlock, hash), "cmpctblock");
  await ask(get(INVENTORY.compactBlock, old), "block");
  await ask(get(INVENTORY.witnessBlock, new Uint8Array(32)), "notfound");
  await ask(get(INVENTORY.witnessTransaction, new Uint8Array(32)), "notfound");
  const some = await ask({ type: "getblocktxn", block: hash, indexes: [1] }, "blocktxn");
  assert.deepEqual(some.type === "blocktxn" ? some.transactions : [], [raw]);
  await ask({ type: "getblocktxn", block: old, indexes: [0] }, "block");
  const locate = (type: "getheaders" | "getblocks", stop: Bytes): Message => ({
    type,
    protocol: 70016,
    locator: [old],
    stop,
  });
  const headers = await ask(locate("getheaders", a.chain.headerAt(9)!.hash), "headers");
  assert.equal(headers.type === "headers" ? headers.headers.length : 0, 4 * 80);
  const hashes = await ask(locate("getblocks", new Uint8Array(32)), "inv");
  assert.equal(hashes.type === "inv" ? hashes.items.length : 0, 16);
  puppet.send({ type: "getblocktxn", block: hash, indexes: [2] });
  await w.until(() => puppet.closed);
});

test("a silent peer that holds everyone up is let go", async (context) => {
  const w = world(context);
  const honest = await w.node("1.0.0.1");
  await honest.chain.extend(60);
  const late = await w.node("9.0.0.1");
  // It tells the headers and never sends a block.
  await puppetFor(w, late, (message, puppet) => {
    if (message.type !== "getheaders") return;
    const headers = new Uint8Array(60 * 80);
    for (let height = 1; height <= 60; height++) {
      headers.set(honest.chain.headerAt(height)!.bytes, (height - 1) * 80);
    }
    puppet.send({ type: "headers", headers });
  });
  await w.until(() => late.network.downloadState.inFlight === 16);
  assert.match(late.network.why, /waiting for block 1 from peer/);
  late.network.addNode("1.0.0.1");
  await w.until(() => same(late, honest), 500);
  assert.equal(late.network.statistics.farewells.get("stalled"), 1);
});

test("a block that does not come is asked of another, and its peer stays", async (context) => {
  const w = world(context);
  const honest = await w.node("1.0.0.1");
  await honest.chain.extend(1);
  const late = await w.node("9.0.0.1");
  const puppet = await puppetFor(w, late, (message, self) => {
    if (message.type !== "getheaders") return;
    self.send({ type: "headers", headers: honest.chain.headerAt(1)!.bytes });
  });
  await w.until(() => late.network.downloadState.inFlight === 1);
  late.network.addNode("1.0.0.1");
  const begun = w.clock.elapsed();
  await w.until(() => same(late, honest));
  assert.ok(w.clock.elapsed() - begun < 2 * BLOCK_STALL_MS);
  assert.equal(late.network.statistics.farewells.get("stalled"), undefined);
  assert.equal(puppet.closed, false);
});

test("damaged messages cost the connection at once", async (context) => {
  const w = world(context);
  const a = await w.node("1.0.0.1");
  const wrong: [string, Uint8Array][] = [
    ["inv", Uint8Array.of(0xff, 1, 2)],
    ["headers", Uint8Array.of(0xfd, 0xd1, 0x07)],
    ["cmpctblock", new Uint8Array(90)],
    ["tx", new Uint8Array(9)],
    ["block", new Uint8Array(20)],
  ];
  for (const [type, payload] of wrong) {
    const puppet = await puppetFor(w, a, () => {});
    puppet.raw(encodeEnvelope(REGTEST.magic, type, payload));
    await w.until(() => puppet.closed && readyPeers(a) === 0);
  }
  assert.equal(a.network.statistics.farewells.get("misbehaved"), wrong.length);
  const puppet = await puppetFor(w, a, () => {});
  puppet.raw(Uint8Array.of(1, 2, 3, 4));
  await w.until(() => readyPeers(a) === 0);
  assert.equal(a.network.statistics.farewells.get("protocol"), 1);
});

test("who does not greet in time is let go, and who meets itself notices", async (context) => {
  const w = world(context);
  const a = await w.node("1.0.0.1");
  const silent = await w.net.transport("7.7.7.7").connect({ host: "1.0.0.1", port: 18444 }, 1);
  let closed = false;
  silent.open({
    data: () => {},
    closed: () => {
      closed = true;
    },
    drained: () => {},
  });
  await w.until(() => closed);
  assert.equal(a.network.statistics.farewells.get("handshake-timeout"), 1);
  a.network.dialOnce("1.0.0.1");
  await w.until(() => a.network.statistics.farewells.get("self") === 1);
});

test("two peers follow one another over TCP", async (context) => {
  const clock = new ManualClock();
  const net = new MemoryNet();
  const at = { bind: { host: "127.0.0.1", port: 0 }, transport: tcp };
  const a = await smallNode(clock, net, "127.0.0.1", [], at);
  await a.chain.extend(30);
  const b = await smallNode(clock, net, "127.0.0.1", [], at);
  context.after(() => Promise.all([a.network.stop(), b.network.stop()]));
  b.network.addNode(`127.0.0.1:${a.network.local!.port}`);
  await settle(
    () => same(a, b),
    () => beat(clock, [a, b]),
  );
  await b.chain.extend(1);
  await settle(
    () => same(a, b),
    () => beat(clock, [a, b]),
  );
});

test("inbound places are limited, and the banned do not get one", async (context) => {
  const clock = new ManualClock();
  const net = new MemoryNet();
  const a = await smallNode(clock, net, "1.0.0.1", [], { inboundMax: 30 });
  context.after(() => a.network.stop());
  const streams: Stream[] = [];
  for (let index = 0; index < 60; index++) {
    const host = `5.${index}.0.1`;
    const stream = await net.transport(host).connect({ host: "1.0.0.1", port: 18444 }, 1);
    stream.open({ data: () => {}, closed: () => {}, drained: () => {} });
    streams.push(stream);
    clock.advance(10);
    assert.ok(a.network.peers.size <= 30);
  }
  assert.ok(a.network.ban("5.0.0.0/8", Math.floor(clock.now() / 1000) + 1_000));
  assert.equal(a.network.peers.size, 0);
  await net.transport("5.200.0.1").connect({ host: "1.0.0.1", port: 18444 }, 1);
  assert.equal(a.network.peers.size, 0);
  clock.advance(2_000_000);
  await net.transport("5.200.0.1").connect({ host: "1.0.0.1", port: 18444 }, 1);
  assert.equal(a.network.peers.size, 1);
});

test("a peer's requests beyond its budget do not count", async (context) => {
  const w = world(context);
  const a = await w.node("1.0.0.1");
  const puppet = await puppetFor(w, a, () => {});
  const inventory = Array.from({ length: 40_000 }, (_, index) => ({
    kind: 1,
    hash: Uint8Array.from({ length: 32 }, (_, at) => (index >>> (at * 8)) & 0xff),
  }));
  puppet.send({ type: "inv", items: inventory });
  puppet.send({ type: "inv", items: inventory.map((item) => ({ ...item, kind: 1 })) });
  puppet.send({ type: "ping", nonce: new Uint8Array(8) });
  await w.until(() => puppet.seen.includes("pong"));
  assert.ok(a.network.statistics.inventoryDropped >= 30_000, "most were dropped and counted");
});

interface Puppet {
  readonly seen: string[];
  readonly closed: boolean;
  send(message: Message): void;
  raw(bytes: Bytes): void;
}

/** A peer that the test plays: it has shaken hands when this returns. */
async function puppetFor(
  w: World,
  node: SmallNode,
  onMessage: (message: Message, puppet: Puppet) => void,
): Promise<Puppet> {
  const { FrameReader } = await import("./wire/envelope.ts");
  const { decodeMessage } = await import("./wire/decode.ts");
  const stream = await w.net.transport("8.8.8.8").connect({ host: node.host, port: 18444 }, 1);
  const reader = new FrameReader(REGTEST.magic);
  const state = { closed: false };
  const puppet: Puppet = {
    seen: [],
    get closed() {
      return state.closed;
    },
    send: (message) =>
      stream.send(encodeEnvelope(REGTEST.magic, message.type, encodeMessage(message))),
    raw: (bytes) => stream.send(bytes),
  };
  stream.open({
    data: (chunk) => {
      for (const { type, payload } of reader.push(chunk)) {
        const decoded = decodeMessage(type, payload);
        assert.ok(decoded.ok, `${type} ${toHex(payload)}`);
        puppet.seen.push(type);
        onMessage(decoded.message, puppet);
      }
    },
    closed: () => {
      state.closed = true;
    },
    drained: () => {},
  });
  puppet.send({
    type: "version",
    protocol: 70016,
    services: 9n,
    time: 0,
    receiverServices: 0n,
    receiver: { network: NETWORK_ID.ipv4, bytes: new Uint8Array(4), port: 0 },
    nonce: seededRandom(puppet.seen.length + 77).bytes(8),
    userAgent: "/puppet/",
    startHeight: 0,
    relay: true,
  });
  puppet.send({ type: "verack" });
  await w.until(() => puppet.seen.includes("ping"));
  return puppet;
}
