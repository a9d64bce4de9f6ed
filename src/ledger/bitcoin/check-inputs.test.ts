import assert from "node:assert/strict";
import { test } from "node:test";
import { checkInputs } from "./check-inputs.ts";
import type { Coin } from "./coin.ts";
import { encodeTransaction } from "./encode.ts";
import { MONEY_MAX } from "./limits.ts";
import { decodeTransaction, type Transaction } from "./transaction.ts";

const NOTHING = new Uint8Array(0);

function spend(inputCount: number, out: number): Transaction {
  const inputs = Array.from({ length: inputCount }, (_, index) => ({
    txid: new Uint8Array(32).fill(7),
    index,
    script: NOTHING,
    sequence: 0,
    witness: [],
  }));
  const outputs = [{ value: out, script: NOTHING }];
  const decoded = decodeTransaction(
    encodeTransaction({ version: 1, inputs, outputs, lockTime: 0 }),
  );
  assert.ok(decoded.ok);
  return decoded.value;
}

const coin = (value: number, height = 1, coinbase = false): Coin => ({
  value,
  script: NOTHING,
  height,
  coinbase,
});

function code(out: number, coins: readonly (Coin | null)[], height = 1000): string | number {
  const verdict = checkInputs(spend(coins.length, out), coins, height);
  return verdict.ok ? verdict.fee : verdict.code;
}

test("what goes in and does not come out is the fee", () => {
  assert.equal(code(70, [coin(60), coin(50)]), 40);
  assert.equal(code(70, [coin(70)]), 0);
  assert.equal(code(71, [coin(70)]), "bad-txns-in-belowout");
});

test("every coin must be there, before anything else is looked at", () => {
  const young = coin(10, 1000, true);
  assert.equal(code(1, [young, null]), "bad-txns-inputs-missingorspent");
  const verdict = checkInputs(spend(1, 1), [null], 5);
  assert.ok(!verdict.ok && verdict.consequence === "missing");
});

test("a coinbase is spent a hundred blocks later at the earliest", () => {
  assert.equal(code(1, [coin(10, 901, true)], 1000), "bad-txns-premature-spend-of-coinbase");
  assert.equal(code(1, [coin(10, 900, true)], 1000), 9);
  assert.equal(code(1, [coin(10, 999, false)], 1000), 9);
});

test("the values of the coins and their sum stay within all money", () => {
  assert.equal(code(0, [coin(MONEY_MAX + 1)]), "bad-txns-inputvalues-outofrange");
  assert.equal(code(0, [coin(MONEY_MAX), coin(1)]), "bad-txns-inputvalues-outofrange");
  assert.equal(code(0, [coin(MONEY_MAX)]), MONEY_MAX);
});
