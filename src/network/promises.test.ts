// What docs/internals/network.md promises about strangers and no other test shows: silence, haste,
// peers that do not take what they asked for, many connections of one machine, greedy orphans, bans
// that outlive the process.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { temporaryFolder } from "../../test/support/run.ts";
import { spend } from "../../test/support/small-chain.ts";
import { beat, loneNode } from "../../test/support/small-node.ts";
import { type Stranger, stranger, versionMessage } from "../../test/support/stranger.ts";
import { settle } from "../../test/support/world.ts";
import { type Bytes, writeU32 } from "../base/bytes.ts";
import { REGTEST } from "../ledger/bitcoin/networks.ts";
import { decodeTransaction, type Transaction } from "../ledger/bitcoin/transaction.ts";
import type { Stream, StreamHandlers } from "../ports/stream.ts";
import {
  INBOUND_PER_HOST_MAX,
  MESSAGE_BYTES_MAX,
  MESSAGES_BURST,
  MESSAGES_PER_SECOND,
  ORPHAN_COUNT_MAX,
  ORPHAN_MS_MAX,
  PING_EVERY_MS,
  PONG_MS_MAX,
  RECEIVE_CHUNK_BYTES,
  RECEIVE_QUEUE_BYTES,
  SEND_BYTES_MAX,
  SEND_PAUSE_BYTES,
} from "./limits.ts";
import { Orphanage } from "./relay/orphanage.ts";
import { encodeMessage } from "./wire/encode.ts";
import { encodeEnvelope } from "./wire/envelope.ts";
import type { Message } from "./wire/messages.ts";

const answering = (message: Message, self: Stranger): void => {
  if (message.type === "ping") self.send({ type: "pong", nonce: message.nonce });
};

const count = ({ heard }: Stranger, type: Message["type"]): number =>
  heard.filter((message) => message.type === type).length;

test("who answers no ping is let go after twenty minutes, who answers stays", async (context) => {
  const { clock, net, node, until } = await loneNode(context);
  const silent = await stranger(net, "7.1.0.1", node.host);
  const lively = await stranger(net, "7.2.0.1", node.host, answering);
  await until(() => count(silent, "ping") === 1 && count(lively, "ping") === 1);
  for (let passed = 0; passed < PONG_MS_MAX; passed += PING_EVERY_MS) {
    clock.advance(PING_EVERY_MS);
    const before = count(lively, "ping");
    await until(() => count(lively, "ping") > before);
  }
  clock.advance(PING_EVERY_MS);
  await until(() => silent.closed);
  assert.equal(node.network.statistics.farewells.get("ping-timeout"), 1);
  assert.equal(lively.closed, false);
  assert.equal(count(silent, "ping"), 1, "one question at a time");
});

test("who sends too fast is read no faster, and nothing is lost", async (context) => {
  const { clock, net, node, until } = await loneNode(context);
  const hasty = await stranger(net, "7.1.0.1", node.host);
  await until(() => count(hasty, "ping") === 1);
  const sent = MESSAGES_BURST + 3_000;
  for (let number = 0; number < sent; number++) {
    const nonce = new Uint8Array(8);
    writeU32(nonce, 0, number);
    hasty.send({ type: "ping", nonce });
  }
  // Time stands still: what was saved up is spent, and no more.
  await settle(() => count(hasty, "pong") >= MESSAGES_BURST - 10);
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(count(hasty, "pong") <= MESSAGES_BURST);
  const [peer] = node.network.peers.values();
  const most = RECEIVE_QUEUE_BYTES + RECEIVE_CHUNK_BYTES;
  assert.ok(peer!.waitingBytes > 0 && peer!.waitingBytes <= most, `${peer!.waitingBytes} wait`);
  const before = count(hasty, "pong");
  clock.advance(1_000);
  beat(clock, [node], 0);
  await settle(() => count(hasty, "pong") >= before + MESSAGES_PER_SECOND - 10);
  await until(() => count(hasty, "pong") === sent, 500);
  assert.equal(hasty.closed, false);
});

/** A stream that takes nothing until it is told to. */
class StuckStream implements Stream {
  readonly remote = { host: "7.7.0.1", port: 1_000 };
  readonly local = { host: "1.0.0.1", port: REGTEST.port };
  pendingBytes = 0;
  sent = 0;
  closed = false;
  handlers: StreamHandlers | null = null;
  open(handlers: StreamHandlers): void {
    this.handlers = handlers;
  }
  send(bytes: Bytes): void {
    this.sent += 1;
    this.pendingBytes += bytes.length;
  }
  paused = false;
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  close(): void {
    this.closed = true;
  }
}

/** A node, and a peer of it over a stream that takes nothing. */
async function stuckPeer(context: TestContext) {
  let accept: (stream: Stream) => void = () => {};
  const transport = {
    connect: () => Promise.reject(new Error("nobody")),
    listen: async (at: { host: string; port: number }, take: (stream: Stream) => void) => {
      accept = take;
      return { local: at, close: async () => {} };
    },
    resolve: async () => [],
  };
  const { clock, node } = await loneNode(context, { transport });
  const stuck = new StuckStream();
  accept(stuck);
  const say = async (message: Message): Promise<void> => {
    stuck.handlers!.data(encodeEnvelope(REGTEST.magic, message.type, encodeMessage(message)));
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  await say(versionMessage());
  await say({ type: "verack" });
  return { clock, node, stuck, say };
}

test("two peers that both wait for their answers to be taken read one another", async (context) => {
  const { clock, node, stuck } = await stuckPeer(context);
  const chunk = new Uint8Array(RECEIVE_CHUNK_BYTES);
  const give = (bytes: number): number => {
    let given = 0;
    for (; given < bytes && !stuck.paused; given += chunk.length) stuck.handlers!.data(chunk);
    return given;
  };
  // More than it reads ahead comes before its own answer begins to wait.
  stuck.pendingBytes = 0;
  give(RECEIVE_QUEUE_BYTES * 2);
  assert.equal(stuck.paused, true);
  stuck.pendingBytes = SEND_PAUSE_BYTES + 1;
  beat(clock, [node]);
  await settle(() => !stuck.paused);
  // What a peer that waits itself may have for us: up to its pause, and one message more.
  const most = SEND_PAUSE_BYTES + MESSAGE_BYTES_MAX;
  const given = give(most * 2);
  assert.ok(given >= most - RECEIVE_QUEUE_BYTES * 2 && given < most + chunk.length * 2, `${given}`);
});

test("who does not take what it asked for: its requests wait, then it is dropped", async (context) => {
  const { clock, node, stuck, say } = await stuckPeer(context);
  const nonce = new Uint8Array(8);
  const before = stuck.sent;
  await say({ type: "ping", nonce });
  assert.equal(stuck.sent, before + 1);
  stuck.pendingBytes = SEND_PAUSE_BYTES + 1;
  await say({ type: "ping", nonce });
  assert.equal(stuck.sent, before + 1, "the request waits");
  stuck.pendingBytes = 0;
  stuck.handlers!.drained();
  await settle(() => stuck.sent === before + 2);
  stuck.pendingBytes = SEND_BYTES_MAX + 1;
  // What we send by ourselves meets the second bound.
  clock.advance(PING_EVERY_MS);
  const [peer] = node.network.peers.values();
  peer!.pingNonce = null;
  beat(clock, [node], 0);
  await settle(() => stuck.closed);
  assert.equal(node.network.statistics.farewells.get("send-overflow"), 1);
});

test("one machine has few of the places", async (context) => {
  const { net, node, until } = await loneNode(context);
  const crowd: Stranger[] = [];
  for (let number = 0; number < INBOUND_PER_HOST_MAX + 3; number++) {
    crowd.push(await stranger(net, "7.1.0.1", node.host));
  }
  await until(() => crowd.filter(({ closed }) => closed).length === 3);
  assert.equal(node.network.peers.size, INBOUND_PER_HOST_MAX);
  assert.equal(node.network.statistics.connectionsRefused, 3);
  await stranger(net, "7.2.0.1", node.host);
  await until(() => node.network.peers.size === INBOUND_PER_HOST_MAX + 1);
});

function orphan(number: number): Transaction {
  const parent = new Uint8Array(32).fill(9);
  writeU32(parent, 0, number);
  const decoded = decodeTransaction(spend([{ txid: parent, index: 0 }], [1_000]));
  assert.ok(decoded.ok);
  return decoded.value;
}

test("the peer that fills most of the orphans loses its oldest; all are forgotten in time", () => {
  const orphanage = new Orphanage();
  const modest = orphan(0);
  orphanage.add(modest, 1, 0);
  const greedy = Array.from({ length: ORPHAN_COUNT_MAX + 20 }, (_, at) => orphan(at + 1));
  for (const one of greedy) orphanage.add(one, 2, 1);
  assert.equal(orphanage.size, ORPHAN_COUNT_MAX);
  assert.ok(orphanage.has(modest.wtxid), "the modest peer keeps its own");
  assert.equal(orphanage.has(greedy[0]!.wtxid), false);
  assert.ok(orphanage.has(greedy.at(-1)!.wtxid));
  assert.equal(orphanage.dropped, 21);
  orphanage.add(orphan(9_999), 3, ORPHAN_MS_MAX + 1);
  assert.equal(orphanage.size, 1, "the others are too old");
});

test("bans hold over a restart, and so does the address book", async (context) => {
  const folder = temporaryFolder();
  const first = await loneNode(context, { folder });
  const until = Math.floor(first.clock.now() / 1000) + 10_000;
  assert.ok(first.node.network.ban("7.1.0.0/16", until));
  await first.node.network.stop();
  const again = await loneNode(context, { folder });
  const banned = await stranger(again.net, "7.1.2.3", again.node.host);
  await again.until(() => banned.closed);
  const other = await stranger(again.net, "7.2.2.3", again.node.host);
  await again.until(() => count(other, "ping") === 1);
  assert.equal(again.node.network.book.state().key.length, 32);
  const { key } = first.node.network.book.state();
  assert.deepEqual(again.node.network.book.state().key, key, "its buckets stay where they were");
});
