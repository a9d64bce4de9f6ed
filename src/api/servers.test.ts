// REST, the feed and the operations listener, over real sockets.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { WebSocket } from "ws";
import { smallContext } from "../../test/support/small-api.ts";
import { spend } from "../../test/support/small-chain.ts";
import { type SmallNode, smallNode } from "../../test/support/small-node.ts";
import { ManualClock, MemoryNet } from "../../test/support/world.ts";
import { toDisplayHex, toHex } from "../base/bytes.ts";
import { scriptAddress } from "../ledger/bitcoin/address.ts";
import { decodeBlock } from "../ledger/bitcoin/block.ts";
import { REGTEST } from "../ledger/bitcoin/networks.ts";
import { decodeTransaction } from "../ledger/bitcoin/transaction.ts";
import { resolveConfig } from "../node/config/resolve.ts";
import { Log } from "../node/log.ts";
import { Metrics } from "../node/metrics.ts";
import { FEED_HISTORY_MAX } from "./limits.ts";
import type { ReadyCheck } from "./operations/handler.ts";
import { exposureFault, type Servers, serverPorts, startServers } from "./servers.ts";

interface Started {
  readonly node: SmallNode;
  readonly servers: Servers;
  readonly folder: string;
  readonly checks: ReadyCheck[];
  readonly log: Log;
}

function configOf(flags: Record<string, string[]>) {
  const all = { network: ["regtest"], "rpc-port": ["0"], ...flags };
  const { config, faults } = resolveConfig({
    flags: new Map(Object.entries(all)),
    environment: {},
    file: null,
  });
  assert.deepEqual(faults, []);
  return config;
}

async function start(context: TestContext, flags: Record<string, string[]> = {}): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), "pando-servers-"));
  const clock = new ManualClock();
  const node = await smallNode(clock, new MemoryNet(), "1.0.0.1");
  const checks: ReadyCheck[] = [];
  const log = new Log({
    level: "error",
    role: "node",
    now: () => clock.now(),
    write: () => {},
    readable: false,
  });
  const servers = await startServers({
    context: smallContext(node, clock, { warmup: null, stopped: false }),
    config: configOf(flags),
    log,
    metrics: new Metrics(),
    folder,
    users: ["# nobody", ""],
    checks: () => checks,
    version: () => ({ version: "0" }),
  });
  context.after(async () => {
    await servers.close();
    await node.network.stop();
    assert.ok(!existsSync(join(folder, ".cookie")), "the cookie is removed");
    rmSync(folder, { recursive: true });
  });
  return { node, servers, folder, checks, log };
}

async function firstCoinbase(node: SmallNode): Promise<Uint8Array> {
  const decoded = decodeBlock((await node.chain.blockBytes(node.chain.headerAt(1)!.hash))!);
  assert.ok(decoded.ok);
  return decoded.value.transactions[0]!.txid;
}

test("the cookie opens JSON-RPC and nobody else can read it", async (context) => {
  const { servers, folder } = await start(context);
  const path = join(folder, ".cookie");
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const cookie = readFileSync(path, "utf8");
  assert.match(cookie, /^__cookie__:[0-9a-f]{64}$/);
  const response = await fetch(`http://127.0.0.1:${servers.rpc.port}/`, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(cookie).toString("base64")}` },
    body: '{"method":"getblockcount"}',
  });
  assert.deepEqual(await response.json(), { result: 0, error: null, id: null });
});

test("REST gives the same in three formats", async (context) => {
  const { servers, node } = await start(context, { rest: ["true"] });
  await node.chain.extend(3);
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${servers.rpc.port}/rest/${path}`);
    return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
  };
  const tip = node.chain.tip();
  const hash = toDisplayHex(tip.hash);
  const raw = (await node.chain.blockBytes(tip.hash))!;
  assert.equal(toHex((await get(`block/${hash}.bin`)).body), toHex(raw));
  assert.equal((await get(`block/${hash}.hex`)).body.toString(), `${toHex(raw)}\n`);
  const json = (path: string) => get(path).then(({ body }) => JSON.parse(body.toString()));
  assert.equal((await json(`block/notxdetails/${hash}.json`)).height, 3);
  assert.equal((await json(`block/${hash}.json`)).tx[0].vin.length, 1);
  const genesis = toDisplayHex(node.chain.headerAt(0)!.hash);
  assert.equal((await get(`headers/${genesis}.bin?count=9`)).body.length, 4 * 80);
  assert.equal((await get(`headers/2/${genesis}.bin`)).body.length, 2 * 80);
  assert.equal((await json("blockhashbyheight/3.json")).blockhash, hash);
  assert.equal((await json("chaininfo.json")).blocks, 3);
  assert.equal((await json("mempool/info.json")).size, 0);
  const txid = toDisplayHex(await firstCoinbase(node));
  assert.equal((await json(`tx/${txid}.json`)).confirmations, 3);
  const outs = await json(`getutxos/checkmempool/${txid}-0/${txid}-7.json`);
  assert.deepEqual([outs.bitmap, outs.utxos[0].value, outs.chainHeight], ["10", 50, 3]);
  assert.equal((await get(`getutxos/${txid}-0.bin`)).body.length, 4 + 32 + 2 + 1 + 8 + 8 + 2);
  const wrong: [string, number][] = [
    ["block/ab.json", 400],
    [`block/${"00".repeat(32)}.json`, 404],
    [`block/${hash}.xml`, 404],
    ["blockhashbyheight/9.json", 404],
    ["headers/0/x.bin", 400],
    ["nothing.json", 404],
    ["mempool/info.bin", 404],
  ];
  for (const [path, status] of wrong) assert.equal((await get(path)).status, status, path);
});

test("REST is off unless asked for", async (context) => {
  const { servers } = await start(context);
  const response = await fetch(`http://127.0.0.1:${servers.rpc.port}/rest/chaininfo.json`);
  assert.equal(response.status, 404);
});

/** A client of the feed that gathers what it hears. */
class Client {
  readonly socket: WebSocket;
  readonly heard: Record<string, never>[] = [];
  closed: number | null = null;
  #wake: () => void = () => {};

  constructor(port: number, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers });
    this.socket.on("message", (data) => {
      this.heard.push(JSON.parse(String(data)) as Record<string, never>);
      this.#wake();
    });
    this.socket.on("close", (code) => {
      this.closed = code;
      this.#wake();
    });
    this.socket.on("error", () => {});
  }

  async open(): Promise<this> {
    await new Promise((resolve, reject) => {
      this.socket.once("open", resolve);
      this.socket.once("error", reject);
    });
    return this;
  }

  send(value: unknown): void {
    this.socket.send(JSON.stringify(value));
  }

  /** The next message that passes. */
  async until(
    passes: (message: Record<string, unknown>) => boolean,
  ): Promise<Record<string, never>> {
    for (;;) {
      const at = this.heard.findIndex((message) => passes(message));
      if (at >= 0) return this.heard.splice(0, at + 1).at(-1)!;
      if (this.closed !== null) throw new Error(`closed with ${this.closed}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

test("the feed: a snapshot, then differences, and no gap after a reconnect", async (context) => {
  const { servers, node } = await start(context);
  await node.chain.extend(2);
  const { port } = servers.feedListener;
  const client = await new Client(port).open();
  client.send({ subscribe: ["blocks", "transactions"] });
  const snapshot = await client.until(({ type }) => type === "snapshot");
  assert.deepEqual(
    (snapshot["data"] as unknown as { height: number }[]).map(({ height }) => height),
    [2, 1, 0],
  );
  await node.chain.extend(1);
  const event = await client.until(({ type }) => type === "event");
  assert.deepEqual([event["channel"], at(event, "data", "height")], ["blocks", 3]);
  client.socket.close();
  await node.chain.extend(2);
  const again = await new Client(port).open();
  again.send({ subscribe: ["blocks"], cursor: event["cursor"] });
  assert.equal(at(await again.until(({ type }) => type === "event"), "data", "height"), 4);
  assert.equal(at(await again.until(({ type }) => type === "event"), "data", "height"), 5);
  const late = await new Client(port).open();
  late.send({ subscribe: ["blocks"], cursor: "another-1" });
  assert.equal((await late.until(() => true))["lost"], true, "a snapshot that says so");
  late.send("[]");
  assert.equal((await late.until(({ type }) => type !== "event"))["type"], "error");
});

test("the feed: transactions and addresses that a client follows", async (context) => {
  const { servers, node } = await start(context);
  await node.chain.extend(3);
  const script = Uint8Array.of(0, 20, ...new Uint8Array(20).fill(7));
  const address = scriptAddress(script, REGTEST.address);
  const input = { txid: await firstCoinbase(node), index: 0 };
  const raw = spend([input], [4_999_000_000], script);
  const decoded = decodeTransaction(raw);
  assert.ok(decoded.ok);
  const txid = toDisplayHex(decoded.value.txid);
  const client = await new Client(servers.feedListener.port).open();
  client.send({ track: { transactions: [txid], addresses: [address, "nope"] }, ping: 1 });
  assert.match(String((await client.until(({ type }) => type === "error"))["message"]), /nope/);
  await client.until(({ type }) => type === "pong");
  assert.ok((await node.mempool.submit(raw)).ok);
  const first = await client.until(({ type }) => type === "tracked");
  assert.deepEqual([first["txid"], first["state"], first["fee"]], [txid, "mempool", 0.01]);
  await node.chain.acceptBlock(node.chain.mine([raw]));
  const second = await client.until(({ type }) => type === "tracked");
  assert.deepEqual([second["state"], second["height"]], ["confirmed", 4]);
});

test("the feed counts what nobody can ask for, and keeps what somebody may come back for", async (context) => {
  const { servers, node } = await start(context);
  await node.chain.extend(3);
  const { history } = servers.feed!;
  const coin = { txid: await firstCoinbase(node), index: 0 };
  let missed: unknown = "never asked";
  const stop = node.mempool.subscribe(() => {
    missed = history.after(history.cursorOf(history.last - 1));
  });
  const first = await node.mempool.submit(spend([coin], [4_999_000_000]));
  assert.ok(first.ok);
  stop();
  assert.equal(missed, null, "it has a number, and is not kept");
  assert.deepEqual(history.after(history.cursor), []);
  const client = await new Client(servers.feedListener.port).open();
  client.send({ subscribe: ["transactions"] });
  const { cursor } = await client.until(({ type }) => type === "snapshot");
  client.socket.close();
  await node.mempool.submit(spend([{ txid: first.txid, index: 0 }], [4_998_000_000]));
  const again = await new Client(servers.feedListener.port).open();
  again.send({ subscribe: ["transactions"], cursor });
  assert.equal((await again.until(() => true))["type"], "event");
});

test("the feed carries channels of other parts", async (context) => {
  const { servers } = await start(context);
  servers.feed!.register("partitions", () => ({ count: 4 }));
  servers.feed!.publish("unknown", 1);
  const client = await new Client(servers.feedListener.port).open();
  client.send({ subscribe: ["partitions"] });
  assert.deepEqual((await client.until(() => true))["data"], { count: 4 });
  servers.feed!.publish("partitions", { moved: 7 });
  assert.deepEqual((await client.until(() => true))["data"], { moved: 7 });
});

test("the feed speaks mempool.space's dialect", async (context) => {
  const { servers, node } = await start(context);
  await node.chain.extend(1);
  const client = await new Client(servers.feedListener.port).open();
  client.send({ action: "want", data: ["blocks", "stats"] });
  const blocks = await client.until((message) => "blocks" in message);
  assert.equal((at(blocks, "blocks") as unknown[]).length, 2);
  await client.until((message) => "mempoolInfo" in message);
  await node.chain.extend(1);
  const block = await client.until((message) => "block" in message);
  assert.equal(at(block, "block", "height"), 2);
});

test("the feed keeps web pages out, and forgets old events", async (context) => {
  const { servers } = await start(context);
  const stranger = new Client(servers.feedListener.port, { origin: "http://evil.example" });
  await assert.rejects(stranger.open(), /403/);
  const { history } = servers.feed!;
  const first = history.add("blocks", 0);
  for (let left = FEED_HISTORY_MAX; left > 0; left--) history.add("blocks", 0);
  assert.equal(history.after(history.cursorOf(first.number)), null);
  assert.equal(history.after(history.cursorOf(history.add("blocks", 1).number - 1))?.length, 1);
  assert.equal(history.after(`${history.run}-999999999`), null);
});

test("operations: alive, ready or why not, figures, log levels", async (context) => {
  const { servers, checks, log } = await start(context);
  const base = `http://127.0.0.1:${servers.operations.port}`;
  const status = async (path: string) => (await fetch(base + path)).status;
  assert.equal(await status("/livez"), 200);
  assert.equal(await status("/readyz"), 200);
  checks.push({ component: "chain", reason: "the tip is 3 hours old", since: 0 });
  assert.equal(await status("/readyz"), 503);
  const verbose = await (await fetch(`${base}/readyz?verbose`)).json();
  assert.deepEqual(at(verbose, "checks", 0), {
    component: "chain",
    ok: false,
    reason: "the tip is 3 hours old",
    since: "1970-01-01T00:00:00.000Z",
  });
  const metrics = await (await fetch(`${base}/metrics`)).text();
  assert.match(metrics, /^pando_chain_height 0$/m);
  assert.match(metrics, /^pando_peers\{direction="in"\} 0$/m);
  assert.match(metrics, /^pando_sync_wait\{reason="no-peer"\} 1$/m);
  assert.match(metrics, /^pando_sync_wait\{reason="block"\} 0$/m);
  assert.match(metrics, /^pando_bound_max\{bound="orphans"\} 100$/m);
  assert.deepEqual(await (await fetch(`${base}/version`)).json(), { version: "0" });
  const put = (body: string) => fetch(`${base}/logspec`, { method: "PUT", body });
  assert.equal((await put('{"level":"loud"}')).status, 400);
  assert.equal((await put('{"level":"debug","module":"rpc","for":"5min"}')).status, 200);
  assert.deepEqual(log.spec(), { level: "error", modules: { rpc: "debug" } });
  assert.equal(await status("/nothing"), 404);
});

test("ports follow the network, and nothing listens beyond this machine unasked", () => {
  assert.deepEqual(serverPorts(configOf({ "rpc-port": ["-1"] })), {
    rpc: 18443,
    feed: 19443,
    operations: 20443,
  });
  assert.equal(exposureFault(configOf({})), null);
  assert.match(exposureFault(configOf({ "rpc-bind": ["0.0.0.0"] }))!, /rpc\.bind is 0\.0\.0\.0/);
  const told = { "rpc-bind": ["0.0.0.0"], "expose-without-tls": ["true"] };
  assert.equal(exposureFault(configOf(told)), null);
});

function at(value: unknown, ...path: (string | number)[]): unknown {
  let here = value;
  for (const step of path) here = (here as Record<string | number, unknown>)[step];
  return here;
}
