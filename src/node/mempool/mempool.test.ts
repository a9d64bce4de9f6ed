import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { concatBytes, readU32, toHex, writeU32 } from "../../base/bytes.ts";
import { merkleRoot } from "../../crypto/merkle.ts";
import { encodeTransaction } from "../../ledger/bitcoin/encode.ts";
import { rawTransaction } from "../../ledger/bitcoin/transaction.ts";
import type { TransactionVerdict } from "../../ports/mempool.ts";
import { type OpenedChain, openChain } from "../chain/open.ts";
import type { BuiltTransaction } from "../generate-chain/build-transaction.ts";
import { corrupt, TestChain } from "../generate-chain/test-chain.ts";
import { nextFlags } from "./chain-link.ts";
import { type OpenedMempool, type OpenMempoolOptions, openMempool } from "./open-mempool.ts";

interface Node {
  readonly opened: OpenedChain;
  readonly mempool: OpenedMempool;
}

function scratch(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "pando-mempool-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function start(
  folder: string,
  chain: TestChain,
  options: Partial<OpenMempoolOptions> & { readonly hostCount?: number } = {},
): Promise<Node> {
  const opened = await openChain({
    folder,
    params: chain.params,
    partitionCount: 4,
    hostCount: options.hostCount ?? 1,
    verifierCount: 1,
    memoryMegabytes: 512,
    clock: () => chain.tip.time + 600,
    skipScripts: () => false,
  });
  const mempool = await openMempool(opened, { clock: () => chain.tip.time, ...options });
  return { opened, mempool };
}

async function stop({ mempool, opened }: Node): Promise<void> {
  await mempool.close();
  await opened.close();
}

const rawOf = (built: BuiltTransaction): Uint8Array => rawTransaction(built.transaction).slice();

const codeOf = (verdict: TransactionVerdict): string => (verdict.ok ? "ok" : verdict.code);

test("a transaction is admitted, mined and gone", async (context) => {
  const chain = new TestChain();
  const node = await start(scratch(context), chain);
  const { view } = node.mempool;
  const blocks = chain.mineMany(101);
  for (const block of blocks) await node.opened.chain.submit(block.bytes);
  const parent = chain.spend([blocks[0]!.reward], { outputs: 2 });
  const child = chain.spend([parent.created[0]!]);
  assert.equal(codeOf(await view.submit(rawOf(child))), "bad-txns-inputs-missingorspent");
  assert.equal(codeOf(await view.submit(rawOf(parent))), "ok");
  // The parked child comes in with its parent.
  await settled(node, 2);
  assert.equal(codeOf(await view.submit(rawOf(parent))), "txn-already-in-mempool");
  const entry = view.entry(child.transaction.txid)!;
  assert.deepEqual(entry.ancestors.count, 2);
  const template = await view.template();
  assert.deepEqual(
    template.transactions.map(({ txid, depends }) => [toHex(txid), depends]),
    [
      [toHex(parent.transaction.txid), []],
      [toHex(child.transaction.txid), [0]],
    ],
  );
  const block = chain.mine({ transactions: [parent, child] });
  assert.equal((await node.opened.chain.submit(block.bytes)).verdict, "connected");
  assert.equal(view.info().count, 0);
  assert.equal(codeOf(await view.submit(rawOf(parent))), "txn-already-known");
  await stop(node);
});

test("what is refused says why", async (context) => {
  const chain = new TestChain();
  const node = await start(scratch(context), chain);
  const { view } = node.mempool;
  const blocks = chain.mineMany(101);
  for (const block of blocks) await node.opened.chain.submit(block.bytes);
  const coin = blocks[0]!.reward;
  const first = chain.spend([coin], { fee: 1_000 });
  assert.equal(
    codeOf(await view.submit(rawOf(chain.spend([coin], { fee: 1 })))),
    "min relay fee not met",
  );
  assert.match(
    codeOf(await view.submit(rawOf(corrupt(first)))),
    /^mempool-script-verify-flag-failed/,
  );
  assert.equal(
    codeOf(await view.submit(rawOf(chain.spend([blocks[5]!.reward])))),
    "bad-txns-premature-spend-of-coinbase",
  );
  const burning = encodeTransaction({
    version: 2,
    lockTime: 0,
    inputs: [
      {
        txid: new Uint8Array(32).fill(1),
        index: 0,
        script: new Uint8Array(0),
        sequence: 0xffffffff,
        witness: [],
      },
    ],
    outputs: [{ value: 700, script: Uint8Array.of(0x6a) }],
  });
  assert.equal(codeOf(await view.submit(burning, { burnMax: 699 })), "max-burn-exceeded");
  assert.notEqual(codeOf(await view.submit(burning, { burnMax: 700 })), "max-burn-exceeded");
  assert.equal(codeOf(await view.submit(rawOf(first))), "ok");
  const poor = chain.spend([coin], { fee: 1_001, outputs: 1 });
  assert.equal(codeOf(await view.submit(rawOf(poor))), "insufficient fee");
  const rich = chain.spend([coin], { fee: 5_000 });
  assert.equal(codeOf(await view.submit(rawOf(rich), { dry: true })), "ok");
  assert.equal(codeOf(await view.submit(rawOf(rich))), "ok");
  await view.save();
  assert.deepEqual(
    [...view.entries()].map(({ txid }) => toHex(txid)),
    [toHex(rich.transaction.txid)],
  );
  await stop(node);
});

test("what is known of one witness is not believed of another", async (context) => {
  const chain = new TestChain();
  const node = await start(scratch(context), chain);
  const { view } = node.mempool;
  const blocks = chain.mineMany(101);
  for (const block of blocks) await node.opened.chain.submit(block.bytes);
  const good = chain.spend([blocks[0]!.reward]);
  const bad = corrupt(good);
  assert.deepEqual(bad.transaction.txid, good.transaction.txid);
  const verdicts = await Promise.all([good, bad].map((one) => view.submit(rawOf(one))));
  assert.deepEqual(verdicts.map(codeOf), ["ok", "busy"]);
  const { cache } = node.opened.chain.connector;
  const flags = nextFlags(node.opened.chain, node.opened.chain.tipId);
  assert.ok(cache.has(good.transaction.wtxid, flags));
  assert.ok(!cache.has(bad.transaction.wtxid, flags));
  assert.equal(codeOf(await view.submit(rawOf(bad))), "txn-same-nonwitness-data-in-mempool");
  // The other way round: a witness that fails takes nobody else with it.
  const later = chain.spend([blocks[1]!.reward], { fee: 2_000 });
  chain.mine();
  await node.opened.chain.submit(chain.tip.bytes);
  const again = await Promise.all([corrupt(later), later].map((one) => view.submit(rawOf(one))));
  assert.match(codeOf(again[0]!), /^mempool-script-verify-flag-failed/);
  assert.equal(codeOf(again[1]!), "busy");
  assert.equal(codeOf(await view.submit(rawOf(later))), "ok");
  await stop(node);
});

test("the mempool survives a restart, a reorganisation and a conflicting block", async (context) => {
  const chain = new TestChain();
  const folder = scratch(context);
  let node = await start(folder, chain);
  const blocks = chain.mineMany(102);
  for (const block of blocks) await node.opened.chain.submit(block.bytes);
  const fork = chain.tip;
  const a = chain.spend([blocks[0]!.reward], { outputs: 2 });
  const b = chain.spend([blocks[1]!.reward], { outputs: 2 });
  const c = chain.spend([a.created[0]!]);
  for (const built of [a, b, c]) {
    assert.equal(codeOf(await node.mempool.view.submit(rawOf(built))), "ok");
  }
  await stop(node);
  node = await start(folder, chain);
  assert.equal(node.mempool.view.info().count, 3);
  const mined = chain.mine({ transactions: [a, b] });
  await node.opened.chain.submit(mined.bytes);
  assert.deepEqual(
    [...node.mempool.view.entries()].map(({ txid }) => txid),
    [c.transaction.txid],
  );
  // The rival branch spends b's coin otherwise and leaves a out.
  const rivalSpend = chain.spend([blocks[1]!.reward], { fee: 7_777 });
  const rival = chain.mine({ parent: fork, transactions: [rivalSpend] });
  const rival2 = chain.mine({ parent: rival });
  await node.opened.chain.submit(rival.bytes);
  assert.equal((await node.opened.chain.submit(rival2.bytes)).verdict, "connected");
  await settled(node, 2);
  const ids = new Set([...node.mempool.view.entries()].map(({ txid }) => toHex(txid)));
  assert.deepEqual(ids, new Set([toHex(a.transaction.txid), toHex(c.transaction.txid)]));
  const template = await node.mempool.view.template();
  assert.equal(template.transactions.length, 2);
  await stop(node);
});

test("partitions in several threads agree", async (context) => {
  const chain = new TestChain();
  const folder = scratch(context);
  let node = await start(folder, chain, { hostCount: 3 });
  const blocks = chain.mineMany(104);
  const fan = chain.spend([blocks[0]!.reward], { outputs: 60 });
  blocks.push(chain.mine({ transactions: [fan] }));
  for (const block of blocks) await node.opened.chain.submit(block.bytes);
  const parents = Array.from({ length: 20 }, (_, number) =>
    chain.spend([fan.created[number * 2]!, fan.created[number * 2 + 1]!], { outputs: 2 }),
  );
  const children = parents.map((parent, number) =>
    chain.spend([parent.created[0]!, parents[(number + 1) % 20]!.created[1]!]),
  );
  const { view } = node.mempool;
  // Children first: they wait for parents that lie in other threads.
  const verdicts = await Promise.all(
    [...children, ...parents].map((one) => view.submit(rawOf(one))),
  );
  assert.ok(verdicts.slice(20).every(({ ok }) => ok));
  await settled(node, 40);
  const rivals = parents
    .slice(0, 3)
    .map((_, number) => chain.spend([fan.created[number * 2]!], { fee: 50_000 }));
  for (const rival of rivals) assert.equal(codeOf(await view.submit(rawOf(rival))), "ok");
  // Each rival drives out a parent and the two children that spend it; neighbours share one.
  await settled(node, 40 + 3 - 3 - 4);
  const kept = new Set([...view.entries()].map(({ txid }) => toHex(txid)));
  await stop(node);
  // Another number of threads: what the old journals hold is taken over.
  node = await start(folder, chain, { hostCount: 2 });
  assert.deepEqual(new Set([...node.mempool.view.entries()].map(({ txid }) => toHex(txid))), kept);
  const template = await node.mempool.view.template();
  assert.equal(template.transactions.length, kept.size);
  const mined = [...rivals, ...parents.slice(3), ...children].filter(({ transaction }) =>
    kept.has(toHex(transaction.txid)),
  );
  const { verdict, reason } = await node.opened.chain.submit(
    chain.mine({ transactions: mined }).bytes,
  );
  assert.equal(verdict, "connected", reason ?? "");
  await settled(node, 0);
  await stop(node);
});

test("where blocks take everything they are built of segments", async (context) => {
  const chain = new TestChain();
  const node = await start(scratch(context), chain, { segmentBits: 2 });
  const blocks = chain.mineMany(103);
  const fan = chain.spend([blocks[0]!.reward], { outputs: 40 });
  blocks.push(chain.mine({ transactions: [fan] }));
  for (const block of blocks) await node.opened.chain.submit(block.bytes);
  const { view } = node.mempool;
  const parents = fan.created.map((coin) => chain.spend([coin]));
  const children = parents.slice(0, 15).map(({ created }) => chain.spend(created));
  for (const built of [...parents, ...children]) {
    assert.equal(codeOf(await view.submit(rawOf(built))), "ok");
  }
  const { assembled } = (await view.assemble())!;
  assert.equal(assembled.count, 56, "the coinbase's place and all 55");
  assert.ok(assembled.segments.some(({ isSealed }) => isSealed));
  const template = await view.template();
  assert.equal(template.transactions.length, 55);
  assert.equal(view.statistics.invalidTemplates, 0);
  const ids = concatBytes(new Uint8Array(32), ...template.transactions.map(({ txid }) => txid));
  assert.deepEqual(assembled.txRoot, merkleRoot(ids, 56).root);
  await stop(node);
});

test("what a reorganisation restores stands first, in the order of its old blocks", async (context) => {
  const chain = new TestChain();
  const node = await start(scratch(context), chain, { segmentBits: 2, hostCount: 2 });
  const { view } = node.mempool;
  const blocks = chain.mineMany(102);
  const fan = chain.spend([blocks[0]!.reward], { outputs: 20 });
  blocks.push(chain.mine({ transactions: [fan] }));
  for (const block of blocks) await node.opened.chain.submit(block.bytes);
  const fork = chain.tip;
  const spends = fan.created.map((coin) => chain.spend([coin]));
  const children = spends.slice(0, 12).map(({ created }) => chain.spend(created));
  const late = children.slice(0, 6).map(({ created }) => chain.spend(created));
  const first = chain.mine({ transactions: spends });
  const second = chain.mine({ transactions: children });
  for (const block of [first, second]) await node.opened.chain.submit(block.bytes);
  for (const built of late) assert.equal(codeOf(await view.submit(rawOf(built))), "ok");
  let rival = fork;
  for (let height = 0; height < 3; height++) {
    rival = chain.mine({ parent: rival });
    await node.opened.chain.submit(rival.bytes);
  }
  await settled(node, 38);
  const template = await view.template();
  const ids = template.transactions.map(({ txid }) => toHex(txid));
  const idsOf = (all: readonly BuiltTransaction[]): string[] =>
    all.map(({ transaction }) => toHex(transaction.txid));
  assert.deepEqual(ids.slice(0, 32), [...idsOf(spends), ...idsOf(children)]);
  assert.deepEqual(new Set(ids.slice(32)), new Set(idsOf(late)));
  assert.equal(template.segments?.bits, 2);
  assert.equal(view.statistics.invalidTemplates, 0);
  await stop(node);
});

test("what a sealed segment holds may be replaced; logs outlast a restart and a block", async (context) => {
  const chain = new TestChain();
  const folder = scratch(context);
  const options = { segmentBits: 2, hostCount: 2 };
  let node = await start(folder, chain, options);
  const blocks = chain.mineMany(103);
  const fan = chain.spend([blocks[0]!.reward], { outputs: 60 });
  blocks.push(chain.mine({ transactions: [fan] }));
  for (const block of blocks) await node.opened.chain.submit(block.bytes);
  const spends = fan.created.slice(0, 50).map((coin) => chain.spend([coin]));
  for (const built of spends) {
    assert.equal(codeOf(await node.mempool.view.submit(rawOf(built))), "ok");
  }
  const seals = async (): Promise<number> =>
    (await node.mempool.view.assemble())!.assembled.segments.filter(({ isSealed }) => isSealed)
      .length;
  const before = await seals();
  assert.ok(before >= 4, `${before} sealed segments`);
  for (let at = 0; at < spends.length; at += 3) {
    const rival = chain.spend([fan.created[at]!], { fee: 20_000 });
    assert.equal(codeOf(await node.mempool.view.submit(rawOf(rival))), "ok");
    spends[at] = rival;
  }
  assert.ok((await seals()) < before, "a segment that loses one is none any more");
  const template = await node.mempool.view.template();
  assert.equal(template.transactions.length, 50);
  await stop(node);
  node = await start(folder, chain, options);
  assert.equal((await node.mempool.view.assemble())!.entries.length, 50);
  await node.opened.chain.submit(chain.mine({ transactions: spends.slice(0, 30) }).bytes);
  assert.equal((await node.mempool.view.assemble())!.entries.length, 20);
  const rest = fan.created.slice(50).map((coin) => chain.spend([coin]));
  for (const built of rest) {
    assert.equal(codeOf(await node.mempool.view.submit(rawOf(built))), "ok");
  }
  assert.equal((await node.mempool.view.template()).transactions.length, 30);
  assert.equal(node.mempool.view.statistics.invalidTemplates, 0);
  await stop(node);
});

test("chains have an end", async (context) => {
  const chain = new TestChain();
  const node = await start(scratch(context), chain, { ancestorCountMax: 5 });
  const blocks = chain.mineMany(101);
  for (const block of blocks) await node.opened.chain.submit(block.bytes);
  const links = chain.spendInChain(blocks[0]!.reward, 8);
  const codes: string[] = [];
  for (const link of links) codes.push(codeOf(await node.mempool.view.submit(rawOf(link))));
  const long = "too-long-mempool-chain";
  const missing = "bad-txns-inputs-missingorspent";
  assert.deepEqual(codes, ["ok", "ok", "ok", "ok", "ok", "ok", long, missing]);
  await stop(node);
});

test("an ancestor reached on many ways counts once", async (context) => {
  const chain = new TestChain();
  const node = await start(scratch(context), chain);
  const blocks = chain.mineMany(101);
  for (const block of blocks) await node.opened.chain.submit(block.bytes);
  // 20 diamonds, one upon the other: on the way down there are a million paths.
  const top = chain.spend([blocks[0]!.reward], { outputs: 2 });
  let [left, right] = top.created;
  const all: BuiltTransaction[] = [top];
  for (let diamond = 0; diamond < 20; diamond++) {
    const sides = [chain.spend([left!]), chain.spend([right!])];
    const below = chain.spend(
      sides.flatMap(({ created }) => created),
      { outputs: 2 },
    );
    all.push(...sides, below);
    [left, right] = below.created;
  }
  for (const built of all) assert.equal(codeOf(await node.mempool.view.submit(rawOf(built))), "ok");
  const last = node.mempool.view.entry(all.at(-1)!.transaction.txid);
  assert.equal(last?.ancestors.count, 61);
  await stop(node);
});

test("floods of double spends and of orphans cost little and leave nothing", async (context) => {
  const chain = new TestChain();
  const node = await start(scratch(context), chain);
  const { view } = node.mempool;
  const blocks = chain.mineMany(102);
  for (const block of blocks) await node.opened.chain.submit(block.bytes);
  const first = chain.spend([blocks[0]!.reward], { fee: 100_000 });
  assert.equal(codeOf(await view.submit(rawOf(first))), "ok");
  // Different amounts, the signature no longer fits: it must not even be looked at.
  const spends = Array.from({ length: 1_000 }, (_, number) => {
    const raw = rawOf(first);
    const { at } = first.transaction.outputs[0]!;
    writeU32(
      raw,
      at - first.transaction.start,
      readU32(raw, at - first.transaction.start) + number + 1,
    );
    return raw;
  });
  const refusals = await Promise.all(spends.map((raw) => view.submit(raw)));
  assert.deepEqual(new Set(refusals.map(codeOf)), new Set(["insufficient fee"]));
  const orphans = Array.from({ length: 6_000 }, (_, number) => {
    const raw = rawOf(first);
    writeU32(raw, first.transaction.inputs[0]!.outpointAt - first.transaction.start, number + 1);
    return raw;
  });
  for (let from = 0; from < orphans.length; from += 2_000) {
    const some = orphans.slice(from, from + 2_000).map((raw) => view.submit(raw));
    for (const verdict of await Promise.all(some)) {
      assert.ok(["bad-txns-inputs-missingorspent", "busy"].includes(codeOf(verdict)));
    }
  }
  assert.equal(codeOf(await view.submit(rawOf(chain.spend([blocks[1]!.reward])))), "ok");
  assert.equal(view.info().count, 2);
  await stop(node);
});

/** Waits until the mempool has `count` entries: wakes and evictions go from thread to thread. */
async function settled({ mempool }: Node, count: number): Promise<void> {
  const { view } = mempool;
  if (view.info().count !== count) {
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${view.info().count} entries`)), 20_000);
      const stop = view.subscribe(() => {
        if (view.info().count !== count) return;
        clearTimeout(late);
        stop();
        resolve();
      });
    });
  }
  await view.save();
  assert.equal(view.info().count, count);
}

test("fees are learnt from the node's own blocks, and are known after a restart", async (context) => {
  const chain = new TestChain();
  const folder = scratch(context);
  let node = await start(folder, chain);
  const blocks = chain.mineMany(101);
  for (const block of blocks) await node.opened.chain.submit(block.bytes);
  const fan = chain.spend([blocks[0]!.reward], { outputs: 100 });
  await node.opened.chain.submit(chain.mine({ transactions: [fan] }).bytes);
  assert.deepEqual(node.mempool.view.estimateFee(2, false), { rate: null, blocks: 0 });
  let rate = 0;
  for (let round = 0; round < 20; round++) {
    const spends = fan.created
      .slice(round * 5, round * 5 + 5)
      .map((coin) => chain.spend([coin], { fee: 2_200 }));
    for (const spend of spends) {
      const verdict = await node.mempool.view.submit(rawOf(spend));
      assert.ok(verdict.ok);
      rate = Math.floor((verdict.fee * 1000) / verdict.size);
    }
    await node.opened.chain.submit(chain.mine({ transactions: spends }).bytes);
  }
  const learnt = node.mempool.view.estimateFee(2, false);
  assert.equal(learnt.blocks, 2);
  assert.ok(Math.abs(learnt.rate! - rate) <= 0.01 * rate, `${learnt.rate} is not near ${rate}`);
  assert.equal(node.mempool.view.estimateFee(1_008, true).blocks, 9);
  await stop(node);
  node = await start(folder, chain);
  assert.deepEqual(node.mempool.view.estimateFee(2, false), learnt);
  await stop(node);
});

test("what the operator sent counts as unbroadcast until a peer asks, also after a restart", async (context) => {
  const chain = new TestChain();
  const folder = scratch(context);
  let node = await start(folder, chain);
  const blocks = chain.mineMany(103);
  for (const block of blocks) await node.opened.chain.submit(block.bytes);
  const sent = blocks.slice(0, 3).map(({ reward }) => chain.spend([reward]));
  for (const built of sent)
    assert.equal(codeOf(await node.mempool.view.submit(rawOf(built))), "ok");
  assert.equal(node.mempool.view.info().unbroadcastCount, 0, "what peers sent is not");
  for (const { transaction } of sent) node.mempool.view.broadcast(transaction.txid);
  assert.equal(node.mempool.view.entry(sent[0]!.transaction.txid)!.unbroadcast, true);
  node.mempool.view.requested(sent[0]!.transaction.txid);
  assert.equal(node.mempool.view.entry(sent[0]!.transaction.txid)!.unbroadcast, false);
  await stop(node);
  node = await start(folder, chain);
  assert.deepEqual(
    new Set([...node.mempool.view.unbroadcast()].map(({ txid }) => toHex(txid))),
    new Set(sent.slice(1).map(({ transaction }) => toHex(transaction.txid))),
  );
  await node.opened.chain.submit(chain.mine({ transactions: [sent[1]!] }).bytes);
  assert.equal(node.mempool.view.info().unbroadcastCount, 1);
  await stop(node);
});
