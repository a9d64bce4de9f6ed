// The chain as a peer drives it: headers first, then blocks; what is refused and who is to blame;
// events in order; and the coins of the tip.
import assert from "node:assert/strict";
import { cpSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryFolder } from "../../../test/support/run.ts";
import { concatBytes, toHex } from "../../base/bytes.ts";
import type { ChainEvent, ChainHeader } from "../../ports/chain.ts";
import type { FoundCoin } from "../../ports/coins.ts";
import { blocksOnlyCoins } from "../blocks-only.ts";
import { type ChainBlock, corrupt, TestChain } from "../generate-chain/test-chain.ts";
import { type OpenedChain, openChain } from "./open.ts";
import { type HeaderBounds, NodeChainView } from "./view.ts";

const FAR = 2_000_000_000;

interface Opened {
  readonly opened: OpenedChain;
  readonly view: NodeChainView;
  readonly events: ChainEvent[];
  now: number;
}

async function open(
  context: TestContext,
  chain: TestChain,
  bounds?: HeaderBounds,
  folder: string = join(temporaryFolder(), "data"),
): Promise<Opened> {
  const state = { now: FAR, events: [] as ChainEvent[] };
  const opened = await openChain({
    folder,
    params: chain.params,
    partitionCount: 3,
    verifierCount: 1,
    memoryMegabytes: 512,
    clock: () => node.now,
    skipScripts: () => false,
  });
  const view = new NodeChainView(opened.chain, () => node.now, bounds);
  const node: Opened = Object.assign(state, { opened, view });
  view.subscribe((event) => state.events.push(event));
  context.after(() => opened.close());
  return node;
}

const headersOf = (blocks: readonly ChainBlock[]): Uint8Array =>
  concatBytes(...blocks.map((block) => block.bytes.subarray(0, 80)));

const hex = (header: ChainHeader): string => toHex(header.hash);

test("headers first: the best header runs ahead, the tip follows with the blocks", async (context) => {
  const chain = new TestChain();
  const blocks = chain.mineMany(30);
  const { view, events } = await open(context, chain);
  const verdict = view.acceptHeaders(headersOf(blocks));
  assert.ok(verdict.ok);
  assert.equal(verdict.added, 30);
  assert.equal(hex(verdict.last!), toHex(chain.tip.hash));
  assert.equal(view.bestHeader().height, 30);
  assert.equal(view.tip().height, 0);
  assert.equal(view.standing(blocks[4]!.hash), "headers-only");
  assert.equal(view.hasBlock(blocks[4]!.hash), false);
  assert.equal(view.headerAt(5), null, "it is not active");
  assert.equal(view.ancestor(view.bestHeader(), 5), view.header(blocks[4]!.hash));
  const again = view.acceptHeaders(headersOf(blocks.slice(10, 20)));
  assert.ok(again.ok);
  assert.equal(again.added, 0);
  assert.equal(again.last?.height, 20);

  const verdicts = await Promise.all(blocks.map((block) => view.acceptBlock(block.bytes)));
  assert.ok(verdicts.every((one) => one.ok && one.state === "connected"));
  assert.equal(view.tip(), view.bestHeader(), "the same object");
  assert.equal(view.standing(blocks[4]!.hash), "active");
  assert.deepEqual(await view.blockBytes(blocks[4]!.hash), blocks[4]!.bytes.slice());
  assert.deepEqual(view.tips(), [view.tip()]);
  const connected = events.flatMap((event) => (event.kind === "tip" ? event.connected : []));
  assert.deepEqual(
    connected.map(({ height }) => height),
    blocks.map(({ height }) => height),
  );
});

test("what is wrong with headers, and whether their sender is to blame", async (context) => {
  const chain = new TestChain();
  const node = await open(context, chain);
  const { view } = node;
  const [first, second, third] = chain.mineMany(3);
  const refused = (headers: Uint8Array): string => {
    const verdict = view.acceptHeaders(headers);
    return verdict.ok ? "ok" : `${verdict.code}${verdict.punish ? " punished" : ""}`;
  };
  assert.equal(refused(headersOf([second!])), "prev-blk-not-found");
  const weak = first!.bytes.slice(0, 80);
  do weak[76]!++;
  while (refused(weak) === "ok");
  assert.equal(refused(weak), "high-hash punished");
  const hard = chain.mine({ parent: first!, bits: 0x1f7fffff, advance: false });
  assert.equal(refused(headersOf([first!, hard])), "bad-diffbits punished");
  assert.equal(view.header(first!.hash)?.height, 1, "what stood before it was good");
  const old = chain.mine({ parent: second!, time: chain.genesis.time, advance: false });
  assert.equal(refused(headersOf([second!, old])), "time-too-old punished");
  node.now = third!.time - 3 * 3600;
  assert.equal(refused(headersOf([third!])), "time-too-new");
  node.now = FAR;
  assert.equal(refused(headersOf([third!])), "ok");
  assert.equal(refused(new Uint8Array()), "ok");
});

test("headers on an invalid block are refused; on one that the operator refused nobody is punished", async (context) => {
  const chain = new TestChain();
  const { view, opened } = await open(context, chain);
  const [first] = chain.mineMany(1);
  const bad = chain.mine({ edits: { extraReward: 1 }, advance: false });
  const onBad = chain.mine({ parent: bad, advance: false });
  const onOnBad = chain.mine({ parent: onBad, advance: false });
  await view.acceptBlock(first!.bytes);
  assert.ok(view.acceptHeaders(headersOf([bad, onBad])).ok);
  assert.equal(view.bestHeader().height, 3);
  const verdict = await view.acceptBlock(bad.bytes);
  assert.deepEqual(verdict, { ok: false, code: "bad-cb-amount", debug: null, permanent: true });
  assert.equal(view.standing(onBad.hash), "invalid");
  assert.equal(view.bestHeader(), view.tip(), "the best header is found again");
  const known = { ok: false, code: "duplicate-invalid", punish: true };
  assert.deepEqual(view.acceptHeaders(headersOf([onBad])), known);
  const child = { ok: false, code: "bad-prevblk", punish: true };
  assert.deepEqual(view.acceptHeaders(headersOf([onOnBad])), child);

  const [second, third] = chain.mineMany(2);
  await view.acceptBlock(second!.bytes);
  assert.ok(await opened.chain.invalidate(second!.hash));
  assert.equal(view.tip().height, 1);
  assert.deepEqual(view.acceptHeaders(headersOf([third!])), { ...child, punish: false });
  assert.ok(await opened.chain.reconsider(second!.hash));
  assert.equal(hex(view.tip()), toHex(second!.hash));
  assert.ok(view.acceptHeaders(headersOf([third!])).ok);
});

test("verdicts on blocks: side, orphan, duplicate, and bytes that are bad where the block is not", async (context) => {
  const chain = new TestChain();
  const { view } = await open(context, chain);
  const blocks = chain.mineMany(103);
  await Promise.all(blocks.map((block) => view.acceptBlock(block.bytes)));
  const spend = chain.spend([blocks[0]!.reward], { outputs: 2 });
  const good = chain.mine({ transactions: [spend] });
  const mutated = good.bytes.slice();
  mutated[mutated.length - 10]! ^= 1;
  const judged = await view.acceptBlock(mutated);
  assert.ok(!judged.ok && !judged.permanent, "another peer may send it unspoilt");
  const text = async (block: ChainBlock): Promise<string> => {
    const verdict = await view.acceptBlock(block.bytes);
    return verdict.ok ? verdict.state : `${verdict.code}${verdict.permanent ? " for good" : ""}`;
  };
  assert.equal(await text(good), "connected");
  assert.equal(await text(good), "duplicate");
  const rival = chain.mine({ parent: blocks.at(-1)!, advance: false });
  assert.equal(await text(rival), "side");
  assert.equal(view.standing(rival.hash), "stored");
  const lone = chain.mine({
    parent: chain.mine({ parent: rival, advance: false }),
    advance: false,
  });
  assert.equal(await text(lone), "orphan");
  const script = chain.mine({ transactions: [corrupt(chain.spend([blocks[1]!.reward]))] });
  assert.match(await text(script), /^mandatory-script-verify-flag-failed .* for good$/);
  assert.equal(view.tips().length, 3, "the tip, the rival and the invalid block");
});

test("a reorganisation is one event, newest and oldest first", async (context) => {
  const chain = new TestChain();
  const { view, events, opened } = await open(context, chain);
  const common = chain.mineMany(2);
  const left = chain.mineMany(2);
  let right = common.at(-1)!;
  const branch = [1, 2, 3].map(() => {
    right = chain.mine({ parent: right, advance: false });
    return right;
  });
  for (const block of [...common, ...left, ...branch]) await view.acceptBlock(block.bytes);
  const last = events.at(-1);
  assert.ok(last?.kind === "tip");
  assert.deepEqual(
    last.disconnected.map(hex),
    [...left].reverse().map((b) => toHex(b.hash)),
  );
  assert.deepEqual(
    last.connected.map(hex),
    branch.map((b) => toHex(b.hash)),
  );
  assert.equal(last.tip, view.tip());
  assert.equal(view.standing(left[1]!.hash), "valid-fork");

  const rival = chain.mine({ parent: branch[1]!, advance: false });
  await view.acceptBlock(rival.bytes);
  assert.equal(view.tip(), last.tip, "the first seen stays");
  assert.ok(await opened.chain.precious(rival.hash));
  assert.equal(hex(view.tip()), toHex(rival.hash));
  assert.ok(await opened.chain.precious(left[1]!.hash), "less work: nothing happens");
  assert.equal(hex(view.tip()), toHex(rival.hash));
  assert.equal(await opened.chain.precious(new Uint8Array(32)), false);
});

test("a block is seen before it is connected, once the download is over", async (context) => {
  const chain = new TestChain();
  const node = await open(context, chain);
  const [first, second] = chain.mineMany(2);
  assert.equal(node.view.initialDownload(), true);
  await node.view.acceptBlock(first!.bytes);
  assert.equal(node.view.initialDownload(), true, "the tip is old");
  node.now = first!.time + 3600;
  assert.equal(node.view.initialDownload(), false);
  node.now = FAR;
  assert.equal(node.view.initialDownload(), false, "once over, over");
  await node.view.acceptBlock(second!.bytes);
  assert.deepEqual(
    node.events.map(({ kind }) => kind),
    ["tip", "seen", "tip"],
  );
  const seen = node.events[1];
  assert.ok(seen?.kind === "seen");
  assert.deepEqual(seen.bytes, second!.bytes.slice());
});

test("cheap headers fill neither memory nor disk", async (context) => {
  const chain = new TestChain();
  const { view, opened } = await open(context, chain, { beside: 40 });
  const blocks = chain.mineMany(200);
  await Promise.all(blocks.map((block) => view.acceptBlock(block.bytes)));
  const end = opened.files.index.end.offset;
  const count = opened.chain.index.count;
  const refused = { ok: false, code: "too-little-chainwork", punish: false };
  const far = headersOf(chain.mineMany(30, blocks[9]!));
  for (let turn = 0; turn < 20; turn++) assert.deepEqual(view.acceptHeaders(far), refused);
  assert.deepEqual([opened.files.index.end.offset, opened.chain.index.count], [end, count]);
  const shown = view.headerWorkMin();
  assert.ok(view.acceptHeaders(far, shown).ok, "what they lead to has shown its work");

  const near = headersOf(chain.mineMany(10, blocks[180]!));
  assert.ok(view.acceptHeaders(near).ok, "near the tip's work");
  const full = { ok: false, code: "too-many-headers", punish: false };
  const more = headersOf(chain.mineMany(5, blocks[185]!));
  assert.deepEqual(view.acceptHeaders(more), full);
  assert.deepEqual(view.acceptHeaders(headersOf(chain.mineMany(1, blocks[20]!)), shown), full);
  const better = headersOf(chain.mineMany(30, blocks[190]!));
  assert.ok(view.acceptHeaders(better).ok, "the best branch is never refused");
  assert.equal(view.bestHeader().height, 221);
  assert.deepEqual(view.acceptHeaders(more), full, "and does not count");
});

test("a network's least work holds before we have any", async (context) => {
  const chain = new TestChain();
  const params = { ...chain.params, minimumWork: 100n };
  const node = await open(context, Object.assign(Object.create(chain) as TestChain, { params }));
  const headers = headersOf(chain.mineMany(60));
  assert.equal(node.view.headerWorkMin(), 100n);
  const short = node.view.acceptHeaders(headers.subarray(0, 40 * 80));
  assert.deepEqual(short, { ok: false, code: "too-little-chainwork", punish: false });
  assert.ok(node.view.acceptHeaders(headers).ok);
});

test("headers without blocks are there after a restart, invalid ones as such", async (context) => {
  const chain = new TestChain();
  const folder = join(temporaryFolder(), "data");
  const first = await open(context, chain, undefined, folder);
  const blocks = chain.mineMany(30);
  const bad = chain.mine({ edits: { extraReward: 1 }, advance: false });
  const onBad = chain.mine({ parent: bad, advance: false });
  assert.ok(first.view.acceptHeaders(headersOf([...blocks, bad, onBad])).ok);
  for (const block of [...blocks, bad]) await first.view.acceptBlock(block.bytes);
  const ahead = chain.mineMany(50);
  assert.ok(first.view.acceptHeaders(headersOf(ahead)).ok);
  const side = chain.mineMany(7, blocks[25]!);
  assert.ok(first.view.acceptHeaders(headersOf(side)).ok);
  // What a kill leaves: the files as the kernel has them, nothing flushed.
  const killed = join(temporaryFolder(), "killed");
  cpSync(folder, killed, { recursive: true });
  rmSync(join(killed, "LOCK"), { force: true });
  const again = await open(context, chain, undefined, killed);
  assert.equal(again.opened.chain.index.count, first.opened.chain.index.count);
  assert.equal(hex(again.view.bestHeader()), toHex(ahead.at(-1)!.hash));
  assert.equal(again.view.standing(onBad.hash), "invalid");
  assert.equal(again.view.standing(side.at(-1)!.hash), "headers-only");
  assert.equal(again.view.tip().height, 30);
  for (const block of ahead) assert.ok((await again.view.acceptBlock(block.bytes)).ok);
  assert.equal(again.view.tip().height, 80);
});

test("wherever a cut ends the index, a start has the headers before it and goes on", async (context) => {
  const chain = new TestChain();
  const folder = join(temporaryFolder(), "data");
  const first = await open(context, chain, undefined, folder);
  const blocks = chain.mineMany(5);
  for (const block of blocks) await first.view.acceptBlock(block.bytes);
  await first.opened.chain.flush();
  const from = first.opened.files.index.end.offset;
  const ends: number[] = [from];
  const ahead = chain.mineMany(12);
  for (let at = 0; at < ahead.length; at += 3) {
    assert.ok(first.view.acceptHeaders(headersOf(ahead.slice(at, at + 3))).ok);
    ends.push(first.opened.files.index.end.offset);
  }
  const file = join("regtest", "index", "idx00000.pando");
  for (const cut of [from, ends[1]! - 1, ends[1]!, ends[2]! + 30, ends[4]! - 1]) {
    const torn = join(temporaryFolder(), "torn");
    cpSync(folder, torn, { recursive: true });
    rmSync(join(torn, "LOCK"), { force: true });
    truncateSync(join(torn, file), cut);
    const again = await open(context, chain, undefined, torn);
    const whole = ends.filter((end) => end <= cut).length - 1;
    assert.equal(again.view.bestHeader().height, 5 + whole * 3, `cut at ${cut}`);
    assert.ok(again.view.acceptHeaders(headersOf(ahead)).ok);
    for (const block of ahead) assert.ok((await again.view.acceptBlock(block.bytes)).ok);
    assert.equal(again.view.tip().height, 17);
  }
});

test("coins of the tip, whatever waits behind them", async (context) => {
  const chain = new TestChain();
  const { view, opened } = await open(context, chain);
  const coins = blocksOnlyCoins(opened);
  const blocks = chain.mineMany(101);
  const reward = blocks[0]!.reward!;
  const before = blocks.map((block) => view.acceptBlock(block.bytes));
  const asked = coins.coin(reward.txid, reward.index);
  const spend = chain.spend([reward], { outputs: 2 });
  const after = view.acceptBlock(chain.mine({ transactions: [spend] }).bytes);
  const coin = await asked;
  assert.deepEqual(
    { ...coin, script: toHex(coin!.script) },
    { value: reward.value, script: toHex(reward.script), height: 1, coinbase: true },
  );
  await Promise.all([...before, after]);
  assert.equal(await coins.coin(reward.txid, reward.index), null, "spent");
  const info = await coins.info(true);
  assert.equal(info.height, 102);
  assert.equal(info.coins, 102 - 1 + 2);
  assert.equal(info.amount, 102 * 50e8, "fees go to the miner");
  const found: FoundCoin[] = [];
  const script = toHex(blocks[1]!.reward!.script);
  const visited = await coins.scan(new Set([script]), (one) => found.push(one));
  assert.equal(visited, info.coins);
  assert.ok(found.length > 0 && found.every((one) => toHex(one.script) === script));
  assert.ok(found.some((one) => toHex(one.txid) === toHex(blocks[1]!.reward!.txid)));
});
