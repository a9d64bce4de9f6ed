// Transactions of the registry from random coins: nothing is lost, fees are what was asked for, and
// every output number in the operation is that of the output it means.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hex, toHex } from "../../base/bytes.ts";
import { sha256 } from "../../crypto/hash.ts";
import { decodeTransaction, transactionWeight } from "../../ledger/bitcoin/transaction.ts";
import { operationOf } from "../../planes/consensus/qpos/operations.ts";
import type { OwnedCoin } from "../generate-chain/build-transaction.ts";
import { keyFromSeed, OUTPUT_KINDS } from "../generate-chain/keys.ts";
import { type StakerKeys, signKeyOf } from "./key-file.ts";
import {
  buildExit,
  buildRegister,
  buildSweep,
  RESERVE,
  type RegistryBuilt,
} from "./registry-transactions.ts";

const CHAIN = "c0".repeat(32);
const owner = keyFromSeed("owner", 0);
const fund = keyFromSeed("fund", 0);
const keys: StakerKeys = {
  id: null,
  signSecret: toHex(sha256(Uint8Array.of(1))),
  revealSecret: "22".repeat(32),
  ownerSecret: toHex(owner.secret),
};

const kind = fc.constantFrom(...OUTPUT_KINDS);
const coin = fc.record({ kind, value: fc.integer({ min: 600, max: 3_000_000 }) });
const feeRate = fc.integer({ min: 1, max: 50 });

function coinsOf(
  values: readonly { kind: OwnedCoin["kind"]; value: number }[],
  key = fund,
): OwnedCoin[] {
  return values.map(({ kind: of, value }, index) => ({
    txid: sha256(Uint8Array.of(index)),
    index,
    value,
    script: key.scripts[of],
    height: 1,
    coinbase: false,
    kind: of,
    key,
  }));
}

interface Outputs {
  readonly values: readonly number[];
  readonly scripts: readonly Uint8Array[];
  readonly virtualSize: number;
}

/** The outputs of a built transaction, whose sums must be right. */
function outputsOf(built: RegistryBuilt & { ok: true }, rate: number): Outputs {
  const decoded = decodeTransaction(built.raw);
  assert.ok(decoded.ok);
  const { bytes, outputs, inputs, txid } = decoded.value;
  assert.deepEqual(txid, built.txid);
  assert.equal(inputs.length, built.coins.length);
  const values = outputs.map(({ value }) => value);
  const given = built.coins.reduce((sum, { value }) => sum + value, 0);
  assert.equal(given, values.reduce((sum, value) => sum + value, 0) + built.fee);
  const virtualSize = Math.ceil(transactionWeight(decoded.value) / 4);
  assert.ok(built.fee >= rate * virtualSize, `${built.fee} for ${virtualSize} bytes at ${rate}`);
  const scripts = outputs.map(({ scriptAt, scriptEnd }) => bytes.slice(scriptAt, scriptEnd));
  return { values, scripts, virtualSize };
}

test("REGISTER: the bond is output 0, the reserve output 1, and the rest comes back", () => {
  let built = 0;
  const payout = fc.constantFrom(null, fund.scripts.p2pkh);
  const bond = fc.integer({ min: 1_000, max: 6_000_000 });
  fc.assert(
    fc.property(
      fc.array(coin, { maxLength: 6 }),
      bond,
      payout,
      feeRate,
      (list, units, to, rate) => {
        const coins = coinsOf(list);
        const change = { key: fund, kind: "p2wpkh" } as const;
        const made = buildRegister({
          chainId: CHAIN,
          keys,
          owner,
          bond: units,
          payout: to,
          coins,
          change,
          feeRate: rate,
        });
        if (!made.ok) {
          assert.equal(
            made.have,
            list.reduce((sum, { value }) => sum + value, 0),
          );
          assert.ok(made.need > made.have || list.length === 0);
          return;
        }
        built++;
        const { values, scripts, virtualSize } = outputsOf(made, rate);
        assert.deepEqual(values.slice(0, 3), [units, RESERVE, 0]);
        for (const at of [0, 1]) assert.deepEqual(scripts[at], owner.scripts.p2wpkh);
        const operation = operationOf(scripts);
        assert.ok(operation?.op === "register");
        assert.deepEqual(
          [operation.bondOutput, operation.flags, operation.operatorOutput],
          [0, 1, 255],
        );
        assert.equal(operation.signKey, signKeyOf(keys.signSecret));
        if (to === null) assert.equal(operation.payoutOutput, 255);
        else assert.deepEqual(scripts[operation.payoutOutput], to);
        const plain = to === null ? 3 : 4;
        assert.equal(values.length, made.change === 0 ? plain : plain + 1);
        if (made.change > 0)
          assert.deepEqual([values.at(-1), scripts.at(-1)], [made.change, fund.scripts.p2wpkh]);
        // Signatures vary by a byte an input, and change that is not worth an output goes to the fee.
        const most = rate * (virtualSize + 3 * made.coins.length + 40) + 1_000;
        assert.ok(made.fee <= most, `${made.fee} is more than ${most}`);
      },
    ),
    { numRuns: 150 },
  );
  assert.ok(built > 20, `${built} were built`);
});

test("EXIT and sweep: the owner's coins go in, the operation or everything comes out", () => {
  fc.assert(
    fc.property(fc.array(coin, { minLength: 1, maxLength: 4 }), feeRate, (list, rate) => {
      const coins = coinsOf(list, owner);
      const change = { key: owner, kind: "p2wpkh" } as const;
      const exit = buildExit({ coins, change, feeRate: rate }, 7);
      if (exit.ok) {
        const { scripts } = outputsOf(exit, rate);
        assert.deepEqual(operationOf(scripts), { op: "exit", id: 7 });
        assert.deepEqual(exit.coins[0]!.script, coins[0]!.script, "the first input is the owner's");
      }
      const sweep = buildSweep(coins, fund.scripts.p2tr, rate);
      if (!sweep.ok) return;
      const { values, scripts } = outputsOf(sweep, rate);
      assert.deepEqual(scripts, [fund.scripts.p2tr]);
      assert.ok(values[0]! >= 1_000);
    }),
    { numRuns: 60 },
  );
});

test("without coins nothing is built, and the need is told", () => {
  const change = { key: owner, kind: "p2wpkh" } as const;
  const exit = buildExit({ coins: [], change, feeRate: 2 }, 7);
  assert.deepEqual(exit, { ok: false, code: "too-little", have: 0, need: 1_000 });
  assert.ok(!buildSweep(coinsOf([{ kind: "p2wpkh", value: 600 }]), hex("51"), 2).ok);
});
