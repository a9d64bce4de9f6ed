import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { readJsonVector, readVector, vectorFile } from "../../../test/read-vector.ts";
import { type Bytes, concatBytes, toDisplayHex, toHex, writeU32 } from "../../base/bytes.ts";
import { networkByName, REGTEST } from "../../ledger/bitcoin/networks.ts";
import type { BlockEdits } from "../generate-chain/build-block.ts";
import type { BuiltTransaction } from "../generate-chain/build-transaction.ts";
import { type ChainBlock, corrupt, TestChain } from "../generate-chain/test-chain.ts";
import { type SpentCoin, spentRecord } from "./spent.ts";
import { unpack } from "./unpack.ts";
import { type VerifyBlockAnswer, type VerifyBlockRequest, verifyBlock } from "./verify-block.ts";

const chain = new TestChain();
const rewards = chain.mineMany(110).map(({ reward }) => reward!);

function spentOf(
  block: ChainBlock,
  edit: (coin: SpentCoin, at: number) => SpentCoin = (coin) => coin,
): Bytes {
  const coins = block.built.flatMap((built) => built.coins);
  return concatBytes(...coins.map((coin, at) => spentRecord(edit(coin, at))));
}

function request(block: ChainBlock, more: Partial<VerifyBlockRequest> = {}): VerifyBlockRequest {
  return {
    params: REGTEST,
    height: block.height,
    medianTime: block.parent!.medianTime,
    block: block.bytes,
    spent: spentOf(block),
    threads: 1,
    ...more,
  };
}

async function answer(
  block: ChainBlock,
  more: Partial<VerifyBlockRequest> = {},
): Promise<VerifyBlockAnswer> {
  const result = await verifyBlock(request(block, more));
  assert.ok(result.ok, result.ok ? "" : result.fault);
  return result.answer;
}

async function fault(block: ChainBlock, more: Partial<VerifyBlockRequest>): Promise<string> {
  const result = await verifyBlock(request(block, more));
  assert.ok(!result.ok, "the files should not fit");
  return `${result.file}: ${result.fault}`;
}

function mine(transactions: readonly BuiltTransaction[], edits: BlockEdits = {}): ChainBlock {
  return chain.mine({ transactions, edits, advance: false });
}

async function reason(block: ChainBlock): Promise<string | null> {
  return (await answer(block)).reason;
}

const parent = chain.spend([rewards[0]!], { outputs: 3 });
const child = chain.spend(parent.created.slice(0, 2));

test("a block with a chain of transactions inside is valid, and nothing is left unchecked", async () => {
  const block = mine([parent, child]);
  const { hash: _hash, ...rest } = await answer(block);
  assert.deepEqual(rest, {
    valid: true,
    reason: null,
    detail: null,
    height: 111,
    network: "regtest",
    transactions: 3,
    inputs: 3,
    fees: 2000,
    unchecked: [],
  });
});

test("every kind of output can be spent", async () => {
  for (const kind of ["p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr"] as const) {
    const split = chain.spend([rewards[1]!], { outputs: 2, kind });
    const block = mine([split, chain.spend(split.created)]);
    assert.equal(await reason(block), null, kind);
  }
});

test("a changed signature is found, with Bitcoin Core's sentence", async () => {
  const cases = {
    p2wpkh: "Script evaluated without error but finished with a false/empty top stack element",
    p2tr: "Invalid Schnorr signature",
  };
  for (const kind of ["p2wpkh", "p2tr"] as const) {
    const split = chain.spend([rewards[1]!], { outputs: 2, kind });
    const block = mine([split, corrupt(chain.spend(split.created))]);
    const { reason, detail } = await answer(block);
    assert.equal(reason, `mandatory-script-verify-flag-failed (${cases[kind]})`);
    assert.equal(detail, "input 0 of transaction 2");
  }
});

test("coins must be there: once, before, and with that index", async () => {
  const missing = "bad-txns-inputs-missingorspent";
  assert.equal(await reason(mine([parent, child, chain.spend(child.coins)])), missing);
  assert.equal(await reason(mine([child, parent])), missing);
  const beyond = chain.spend([{ ...parent.created[0]!, index: 3 }]);
  assert.equal(await reason(mine([parent, beyond])), missing);
  assert.equal(
    await reason(mine([chain.spend([rewards[2]!]), chain.spend([rewards[2]!])])),
    missing,
  );
});

test("a coinbase must be a hundred blocks old; what is unknown is listed", async () => {
  const young = mine([chain.spend([rewards[11]!])]);
  assert.equal(await reason(young), "bad-txns-premature-spend-of-coinbase");
  assert.equal(await reason(mine([chain.spend([rewards[10]!])])), null);
  const listed = async (edit: (coin: SpentCoin) => SpentCoin) =>
    (await answer(young, { spent: spentOf(young, edit) })).unchecked;
  const line =
    "bad-txns-premature-spend-of-coinbase: height or coinbase mark of 1 coins is unknown";
  assert.deepEqual(await listed((coin) => ({ ...coin, height: null })), [line]);
  assert.deepEqual(await listed((coin) => ({ ...coin, coinbase: null })), [line]);
  assert.deepEqual(await listed((coin) => ({ ...coin, coinbase: null, height: 11 })), []);
  assert.deepEqual(await listed((coin) => ({ ...coin, coinbase: false, height: null })), []);
});

test("money: no more out than in, no more reward than subsidy and fees", async () => {
  assert.equal(
    await reason(mine([chain.spend([rewards[3]!], { fee: -1 })])),
    "bad-txns-in-belowout",
  );
  assert.equal(await reason(mine([parent], { extraReward: 1 })), "bad-cb-amount");
  assert.equal(await reason(mine([parent], { extraReward: -1 })), null);
  const later = mine([parent]);
  // The subsidy is that of the height.
  const { params } = request(later);
  const short = { ...params, halvingInterval: 50 };
  assert.equal((await answer(later, { params: short })).reason, "bad-cb-amount");
});

test("relative locks in blocks are judged by the heights of the coins, or listed", async () => {
  const locked = (sequence: number) => mine([chain.spend([rewards[5]!], { sequence })]);
  // The coin is of height 6, the block of height 111.
  assert.equal(await reason(locked(105)), null);
  assert.equal(await reason(locked(106)), "bad-txns-nonfinal");
  const block = locked(106);
  const unknown = spentOf(block, (coin) => ({ ...coin, coinbase: false, height: null }));
  const { valid, unchecked } = await answer(block, { spent: unknown });
  assert.equal(valid, true);
  assert.match(unchecked.join(), /^bad-txns-nonfinal: relative locks in blocks of 1 /);
  const seconds = await answer(locked((1 << 22) | 1));
  assert.match(seconds.unchecked.join(), /^bad-txns-nonfinal: relative locks in seconds of 1 /);
});

test("lock times are judged by the median time, or listed without it", async () => {
  const { medianTime } = chain.tip;
  const lock = (lockTime: number) =>
    mine([chain.spend([rewards[5]!], { lockTime, sequence: 0xfffffffe })]);
  assert.equal(await reason(lock(medianTime)), "bad-txns-nonfinal");
  assert.equal(await reason(lock(medianTime - 1)), null);
  const { valid, unchecked } = await answer(lock(medianTime), { medianTime: null });
  assert.equal(valid, true);
  assert.deepEqual(
    unchecked.map((line) => line.split(":")[0]),
    ["time-too-old", "bad-txns-nonfinal"],
  );
  // Later than the block's own time it cannot be open, whatever the median.
  const late = await answer(lock(chain.tip.time + 601), { medianTime: null });
  assert.equal(late.reason, "bad-txns-nonfinal");
  const block = mine([]);
  assert.equal((await answer(block, { medianTime: block.time })).reason, "time-too-old");
});

test("rules of the block alone come before its list of coins is looked at", async () => {
  const nothing = { spent: new Uint8Array(0) };
  const wrong = mine([parent], { merkleRoot: new Uint8Array(32) });
  assert.equal((await answer(wrong, nothing)).reason, "bad-txnmrklroot");
  const height = mine([parent]);
  assert.equal((await answer(height, { ...nothing, height: 112 })).reason, "bad-cb-height");
  const version = mine([parent], { version: 3 });
  assert.equal((await answer(version, nothing)).reason, "bad-version(0x00000003)");
});

test("a list that is not one of the block is named, not judged", async () => {
  const block = mine([parent, child]);
  const spent = spentOf(block);
  const cut = "spent: the coin of input 1 of transaction 2 is cut off or malformed";
  assert.equal(await fault(block, { spent: spent.subarray(0, spent.length - 1) }), cut);
  const surplus = concatBytes(spent, new Uint8Array(3));
  assert.match(await fault(block, { spent: surplus }), /^spent: 3 bytes are left/);
  const mark = spent.slice();
  mark[4] = 2;
  assert.match(await fault(block, { spent: mark }), /coinbase mark of input 0 of transaction 1/);
  const edited = (change: Partial<SpentCoin>, index: number) =>
    fault(block, {
      spent: spentOf(block, (coin, at) => (at === index ? { ...coin, ...change } : coin)),
    });
  assert.match(await edited({ value: 1 }, 1), /made in the block itself, with another value$/);
  assert.match(await edited({ script: new Uint8Array(1) }, 2), /with another script$/);
  assert.match(await edited({ height: 5 }, 1), /with another height$/);
  assert.match(await edited({ coinbase: true }, 1), /with another coinbase mark$/);
  assert.match(await edited({ height: 111 }, 0), /has height 111, not below 111$/);
  const unknown = spentOf(block, (coin, at) =>
    at > 0 ? { ...coin, height: null, coinbase: null } : coin,
  );
  assert.deepEqual((await answer(block, { spent: unknown })).unchecked, []);
});

test("bytes that are no block are named", async () => {
  const block = mine([]);
  const cut = await answer(block, { block: block.bytes.subarray(0, 100) });
  assert.deepEqual([cut.valid, cut.reason], [false, "block-decode-failed"]);
  assert.equal(cut.hash, toDisplayHex(block.hash));
  const nothing = await answer(block, { block: block.bytes.subarray(0, 79) });
  assert.equal(nothing.hash, null);
  const longer = concatBytes(block.bytes, new Uint8Array(1));
  assert.match(await fault(block, { block: longer }), /^block: has 1 bytes behind/);
});

test("several threads find the same first failure as one", async () => {
  const split = chain.spend([rewards[6]!], { outputs: 2500, kind: "p2tr" });
  const early = corrupt(chain.spend(split.created.slice(0, 1200), { kind: "p2tr" }));
  const late = corrupt(chain.spend(split.created.slice(1200), { kind: "p2tr" }));
  const block = mine([split, early, late]);
  const one = await answer(block, { threads: 1 });
  assert.equal(one.detail, "input 0 of transaction 2");
  assert.deepEqual(await answer(block, { threads: 2 }), one);
  const rest = [split, chain.spend(split.created.slice(0, 1200), { kind: "p2tr" })];
  assert.equal(
    (await answer(mine([...rest, late]), { threads: 2 })).detail,
    "input 0 of transaction 3",
  );
  assert.equal((await answer(mine(rest), { threads: 2 })).valid, true);
});

test("files may be raw, hex or gzip", () => {
  const raw = Uint8Array.of(0xf9, 0xbe, 0, 1, 2, 255);
  assert.deepEqual(unpack(raw), raw);
  const text = new TextEncoder().encode(`${toHex(raw).slice(0, 5)}\n${toHex(raw).slice(5)}\n`);
  assert.deepEqual(unpack(text), raw);
  assert.deepEqual(unpack(new Uint8Array(gzipSync(raw))), raw);
  assert.deepEqual(unpack(new Uint8Array(gzipSync(text))), raw);
  assert.equal(unpack(new Uint8Array(gzipSync(raw)).subarray(0, 15)), null);
  assert.deepEqual(unpack(new Uint8Array(0)), new Uint8Array(0));
});

interface BlockEntry {
  readonly file: string;
  readonly spent: string | null;
  readonly network: string;
  readonly height: number;
  readonly hash: string;
  readonly inputs: number | null;
}

test("every real block with its coins is valid, and not with a coin changed", async (context) => {
  const index = readJsonVector<readonly BlockEntry[]>(context, "blocks/index.json");
  if (index === null) return;
  const entries = index.filter(({ spent }) => spent !== null);
  assert.equal(entries.length, 5);
  for (const entry of entries) {
    const block = readVector(context, entry.file);
    const path = vectorFile(context, entry.spent!);
    if (block === null || path === null) return;
    const spent = new Uint8Array(readFileSync(path));
    const params = networkByName(entry.network)!;
    const base = { params, height: entry.height, medianTime: null, block, spent };
    const result = await verifyBlock(base);
    assert.ok(result.ok);
    const { valid, reason, hash, inputs } = result.answer;
    assert.deepEqual([valid, reason, hash, inputs], [true, null, entry.hash, entry.inputs]);
    // The first coin's value falls to nothing.
    const poor = spent.slice();
    writeU32(poor, 5, 0);
    writeU32(poor, 9, 0);
    const changed = await verifyBlock({ ...base, spent: poor });
    assert.ok(!changed.ok || !changed.answer.valid, entry.file);
  }
});
