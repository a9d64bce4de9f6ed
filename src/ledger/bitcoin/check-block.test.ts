import assert from "node:assert/strict";
import { test } from "node:test";
import { readVector } from "../../../test/read-vector.ts";
import { concatBytes, hex } from "../../base/bytes.ts";
import type { BlockEdits } from "../../node/generate-chain/build-block.ts";
import type { BuiltTransaction } from "../../node/generate-chain/build-transaction.ts";
import { TestChain } from "../../node/generate-chain/test-chain.ts";
import { type Block, decodeBlock } from "./block.ts";
import {
  blockWeight,
  checkBlock,
  checkBlockAtHeight,
  heightScript,
  strippedBlockBytes,
} from "./check-block.ts";
import { encodeTransaction } from "./encode.ts";
import { BLOCK_WEIGHT_MAX } from "./limits.ts";
import { MAIN, REGTEST } from "./networks.ts";
import type { Params } from "./params.ts";
import { decodeTransaction, type Transaction } from "./transaction.ts";
import type { Consequence } from "./verdict.ts";

const chain = new TestChain();
const blocks = chain.mineMany(105);
const coin = (index: number) => blocks[index]!.reward;
const spent: BuiltTransaction[] = chain.spendInChain(coin(0), 4);

function judge(block: Block, params: Params = REGTEST): [string, Consequence | ""] {
  const alone = checkBlock(block, params);
  const { height, medianTime } = chain.tip;
  const verdict = alone.ok ? checkBlockAtHeight(block, params, height + 1, medianTime) : alone;
  return verdict.ok ? ["ok", ""] : [verdict.code, verdict.consequence];
}

/** The answer to a block on the tip with `edits` and, by default, four transactions. */
function code(edits: BlockEdits, transactions: readonly BuiltTransaction[] = spent): string {
  return judge(chain.mine({ transactions, edits, advance: false }).block)[0];
}

/** Bytes that no rule looks at, as a transaction of the given size with these output scripts. */
function bulk(scripts: readonly Uint8Array[]): Transaction {
  const decoded = decodeTransaction(
    encodeTransaction({
      version: 1,
      inputs: [
        { txid: new Uint8Array(32).fill(5), index: 0, script: hex(""), sequence: 0, witness: [] },
      ],
      outputs: scripts.map((script) => ({ value: 0, script })),
      lockTime: 0,
    }),
  );
  assert.ok(decoded.ok);
  return decoded.value;
}

test("a block without edits passes", () => {
  assert.equal(code({}), "ok");
  assert.equal(code({}, []), "ok");
});

test("each broken rule is named", () => {
  const cases: [string, BlockEdits][] = [
    ["high-hash", { work: false }],
    ["bad-txnmrklroot", { merkleRoot: new Uint8Array(32) }],
    ["bad-cb-missing", { edit: (list) => list.slice(1) }],
    ["bad-cb-multiple", { edit: (list) => [...list, list[0]!] }],
    ["bad-cb-height", { coinbaseScript: hex("0101") }],
    ["bad-cb-length", { coinbaseScript: hex("00") }],
    ["bad-witness-merkle-match", { commitment: "wrong" }],
    ["bad-witness-nonce-size", { coinbaseWitness: [] }],
    ["bad-witness-nonce-size", { coinbaseWitness: [new Uint8Array(31)] }],
    ["bad-witness-nonce-size", { coinbaseWitness: [new Uint8Array(32), new Uint8Array(32)] }],
    ["unexpected-witness", { commitment: "none" }],
  ];
  for (const [wanted, edits] of cases) assert.equal(code(edits), wanted);
});

test("a witness on the coinbase alone is unexpected too without a commitment", () => {
  const edits: BlockEdits = { commitment: "none", coinbaseWitness: [new Uint8Array(32)] };
  assert.equal(code(edits, []), "unexpected-witness");
  assert.equal(code({ commitment: "none" }, []), "ok");
});

test("a repeated tail with the same root is named as such, and blames the bytes only", () => {
  // Five transactions; the last is hashed with itself, so its copy changes nothing (CVE-2012-2459).
  const repeat = (list: readonly Transaction[]) => [...list, list.at(-1)!];
  const block = chain.mine({ transactions: spent, edits: { edit: repeat }, advance: false }).block;
  const honest = chain.mine({ transactions: spent, advance: false }).block;
  assert.equal(block.transactions.length, 6);
  assert.equal(honest.transactions.length, 5);
  assert.deepEqual(judge(block), ["bad-txns-duplicate", "mutated"]);
});

test("consequences: what the hash covers is invalid, what it does not cover is mutated", () => {
  const consequence = (edits: BlockEdits) =>
    judge(chain.mine({ transactions: spent, edits, advance: false }).block)[1];
  assert.equal(consequence({ merkleRoot: new Uint8Array(32) }), "mutated");
  assert.equal(consequence({ commitment: "wrong" }), "mutated");
  assert.equal(consequence({ coinbaseWitness: [] }), "mutated");
  assert.equal(consequence({ commitment: "none" }), "mutated");
  assert.equal(consequence({ work: false }), "invalid");
  assert.equal(consequence({ coinbaseScript: hex("0101") }), "invalid");
});

test("an empty block has no coinbase, and before that a wrong length", () => {
  assert.equal(code({ edit: () => [] }), "bad-blk-length");
});

test("a transaction's own fault is the block's", () => {
  const twice = chain.spend([coin(1), coin(1)]);
  assert.equal(code({}, [twice]), "bad-txns-inputs-duplicate");
});

test("20,000 legacy signature operations are allowed, one more is not", () => {
  const script = (count: number) => new Uint8Array(count).fill(0xac);
  const at = (count: number) => code({ edit: (list) => [...list, bulk([script(count)])] }, []);
  // The commitment does not cover what is added behind it, so the first passing answer is that.
  assert.equal(at(20_000), "bad-witness-merkle-match");
  assert.equal(at(20_001), "bad-blk-sigops");
});

test("size without witness: one million bytes; weight: four million", () => {
  const filled = (bytes: number) =>
    code({ edit: (list) => [...list, bulk([new Uint8Array(bytes)])] }, []);
  const base = chain.mine({ advance: false }).block;
  // Beside the script the transaction has 66 bytes; the coinbase's tag grows by a digit at most.
  const left = (BLOCK_WEIGHT_MAX - blockWeight(base)) / 4 - 66;
  assert.equal(filled(Math.ceil(left) + 20), "bad-blk-length");
  assert.equal(filled(Math.floor(left) - 20), "bad-witness-merkle-match");
  // Room for the coinbase's bulk beside forty transactions, and their witnesses on top.
  const transactions = chain.spendInChain(coin(3), 40);
  const padded = (bytes: number) => {
    const coinbaseOutputs = [{ value: 0, script: new Uint8Array(bytes) }];
    return chain.mine({ transactions, edits: { coinbaseOutputs }, advance: false }).block;
  };
  const beside = strippedBlockBytes(padded(100_000)) - 100_000;
  const full = padded(1_000_000 - beside - 10);
  assert.ok(blockWeight(full) > BLOCK_WEIGHT_MAX, `${blockWeight(full)}`);
  assert.equal(judge(full)[0], "bad-blk-weight");
  const over = Math.ceil((blockWeight(full) - BLOCK_WEIGHT_MAX) / 4);
  assert.equal(judge(padded(1_000_000 - beside - 20 - over))[0], "ok");
});

test("lock times: against the median time where BIP113 holds, else against the block's", () => {
  const { medianTime } = chain.tip;
  const at = (lockTime: number, sequence = 0) =>
    chain.mine({ transactions: [chain.spend([coin(4)], { lockTime, sequence })], advance: false })
      .block;
  assert.equal(judge(at(medianTime))[0], "bad-txns-nonfinal");
  assert.equal(judge(at(medianTime, 0xffffffff))[0], "ok");
  assert.equal(judge(at(medianTime - 1))[0], "ok");
  assert.equal(judge(at(106))[0], "bad-txns-nonfinal");
  assert.equal(judge(at(105))[0], "ok");
  const late = { ...REGTEST, activation: { ...REGTEST.activation, csv: 1000 } };
  assert.equal(judge(at(medianTime), late)[0], "ok");
});

test("before their heights BIP34 and BIP141 ask for nothing", () => {
  const early = { ...REGTEST, activation: { ...REGTEST.activation, bip34: 107, segwit: 107 } };
  const block = (edits: BlockEdits) => chain.mine({ edits, advance: false }).block;
  assert.equal(judge(block({ coinbaseScript: hex("0101"), commitment: "none" }), early)[0], "ok");
  assert.equal(judge(block({}), early)[0], "unexpected-witness");
});

test("heights are pushed as numbers", () => {
  const cases: [number, string][] = [
    [0, "00"],
    [1, "51"],
    [16, "60"],
    [17, "0111"],
    [127, "017f"],
    [128, "028000"],
    [32_767, "02ff7f"],
    [32_768, "03008000"],
    [227_931, "035b7a03"],
    [8_388_608, "0400008000"],
  ];
  for (const [height, script] of cases) assert.deepEqual(heightScript(height), hex(script));
});

test("the last of several commitments counts", () => {
  const script = concatBytes(hex("6a24aa21a9ed"), new Uint8Array(32));
  const before = { coinbaseOutputs: [{ value: 0, script }] };
  assert.equal(code(before), "ok");
  // Without the right one behind it, the wrong one is the last.
  assert.equal(
    code({ ...before, commitment: "none", coinbaseWitness: [new Uint8Array(32)] }),
    "bad-witness-merkle-match",
  );
});

test("real blocks with and without their sizes at the limit pass by themselves", (context) => {
  for (const [name, height] of [
    ["blocks/main-413567.raw", 413_567],
    ["blocks/main-574200.raw", 574_200],
    ["p2p/block-main-426884.raw", 426_884],
  ] as const) {
    const bytes = readVector(context, name);
    if (bytes === null) return;
    const block = decodeBlock(bytes);
    assert.ok(block.ok);
    assert.deepEqual(checkBlock(block.value, MAIN), { ok: true }, name);
    // The median time is not known; the block's own is later.
    const { time } = block.value.header;
    assert.deepEqual(checkBlockAtHeight(block.value, MAIN, height, time), { ok: true }, name);
  }
});
