// Bonds may not be spent while the registry holds them, nor in the block that registers them; and a
// body that is not what the header names is refused without a word about the block.
import assert from "node:assert/strict";
import { test } from "node:test";
import { genesisOf, stakedBlock, stakedTest } from "../../../test/support/staked-blocks.ts";
import { hex } from "../../base/bytes.ts";
import { type Block, decodeBlock } from "../../ledger/bitcoin/block.ts";
import {
  checkStakedBody,
  checkStakedCommitments,
} from "../../ledger/bitcoin/check-staked-block.ts";
import { operationScript } from "../../planes/consensus/qpos/operations.ts";
import { STATUS } from "../../planes/consensus/qpos/record.ts";
import { type Registry, recordsOf, registryOf } from "../../planes/consensus/qpos/registry.ts";
import { type BuiltTransaction, buildTransaction } from "../generate-chain/build-transaction.ts";
import { bondsOf, spendsBond } from "./bonds.ts";

const made = stakedTest();
const { registry } = made.network.genesis;

function blockOf(...transactions: BuiltTransaction[]): Block {
  const { bytes } = stakedBlock(genesisOf(made), { slot: 1, transactions });
  const decoded = decodeBlock(bytes, 0, bytes.length, "staked");
  assert.ok(decoded.ok);
  return decoded.value;
}

const coin = made.faucet[0]!;
const bond = { ...coin, index: 1 };
const payment = { value: 1_000, kind: coin.kind, key: coin.key };

function withStatus(status: number, penalty: number): Registry {
  const records = [...recordsOf(registry)];
  records[1] = { ...records[1]!, status: status as typeof STATUS.free, penalty };
  return registryOf(records);
}

test("a bond is free only when its staker is, with nothing to pay", () => {
  const block = blockOf(buildTransaction({ coins: [bond], payments: [payment] }));
  for (const status of Object.values(STATUS)) {
    for (const penalty of [0, 1]) {
      const held = status !== STATUS.free || penalty > 0;
      const bonds = bondsOf(withStatus(status, penalty));
      assert.equal(spendsBond(block, bonds), held, `status ${status}, penalty ${penalty}`);
    }
  }
  const other = blockOf(buildTransaction({ coins: [coin], payments: [payment] }));
  assert.ok(!spendsBond(other, bondsOf(registry)));
});

test("the bond of a registration cannot be spent in its own block, other outputs can", () => {
  const script = operationScript({
    op: "register",
    bondOutput: 1,
    payoutOutput: 255,
    operatorOutput: 255,
    flags: 1,
    signKey: "11".repeat(32),
    commit: "22".repeat(32),
  });
  const registration = buildTransaction({
    coins: [coin],
    payments: [payment, payment],
    otherOutputs: [{ value: 0, script }],
  });
  const spend = (at: number): BuiltTransaction =>
    buildTransaction({
      coins: [registration.created[at]!],
      payments: [{ ...payment, value: 900 }],
    });
  const bonds = bondsOf(registry);
  assert.ok(spendsBond(blockOf(registration, spend(1)), bonds));
  assert.ok(!spendsBond(blockOf(registration, spend(0)), bonds));
});

test("a body that its header does not name is refused as changed on the way", () => {
  const spend = buildTransaction({ coins: [coin], payments: [payment] });
  const good = blockOf(spend);
  assert.deepEqual(checkStakedCommitments(good), { ok: true });
  const edited = (at: number): Block => {
    const bytes = good.bytes.slice();
    bytes[at]! ^= 1;
    const decoded = decodeBlock(bytes, 0, bytes.length, "staked");
    assert.ok(decoded.ok);
    return decoded.value;
  };
  const cases: readonly (readonly [number, string])[] = [
    [36, "bad-txnmrklroot"],
    [92, "bad-blk-count"],
    [96, "bad-witness-root"],
    [good.end - 1, "bad-txnmrklroot"],
  ];
  for (const [at, code] of cases) {
    const verdict = checkStakedCommitments(edited(at));
    assert.ok(!verdict.ok && verdict.code === code && verdict.consequence === "mutated", code);
  }
});

test("size, height and payments due are judged in the block's place", () => {
  const due = [
    { value: 5, script: "51" },
    { value: 6, script: "52" },
  ];
  const { bytes } = stakedBlock(genesisOf(made), { slot: 1, due });
  const decoded = decodeBlock(bytes, 0, bytes.length, "staked");
  assert.ok(decoded.ok);
  const wanted = due.map(({ value, script }) => ({ value, script: hex(script) }));
  const context = { height: 1, medianTimePast: 0, due: wanted, blockBytesMax: bytes.length };
  const code = (change: Partial<typeof context>): string => {
    const verdict = checkStakedBody(decoded.value, { ...context, ...change });
    return verdict.ok ? "ok" : verdict.code;
  };
  assert.equal(code({}), "ok");
  assert.equal(code({ due: wanted.slice(0, 1) }), "ok");
  assert.equal(code({ due: [...wanted].reverse() }), "bad-cb-due");
  assert.equal(code({ due: [{ value: 5, script: hex("52") }] }), "bad-cb-due");
  assert.equal(code({ height: 2 }), "bad-cb-height");
  assert.equal(code({ blockBytesMax: bytes.length - 1 }), "bad-blk-length");
});
