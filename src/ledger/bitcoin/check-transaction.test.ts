import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { writeU32 } from "../../base/bytes.ts";
import { checkTransaction } from "./check-transaction.ts";
import { encodeTransaction, type NewInput, type NewOutput } from "./encode.ts";
import { MONEY_MAX } from "./limits.ts";
import { decodeTransaction } from "./transaction.ts";

function txid(number: number): Uint8Array {
  const bytes = new Uint8Array(32);
  writeU32(bytes, 28, number);
  return bytes;
}

function input(number: number, edit: Partial<NewInput> = {}): NewInput {
  const script = new Uint8Array(2);
  return { txid: txid(number), index: 0, script, sequence: 0, witness: [], ...edit };
}

const NULL_INPUT: NewInput = input(0, { index: 0xffffffff });
const OUTPUT: NewOutput = { value: 1, script: new Uint8Array(0) };

function codeOf(bytes: Uint8Array): string {
  const transaction = decodeTransaction(bytes);
  assert.ok(transaction.ok);
  const verdict = checkTransaction(transaction.value);
  return verdict.ok ? "ok" : verdict.code;
}

function code(inputs: readonly NewInput[], outputs: readonly NewOutput[] = [OUTPUT]): string {
  return codeOf(encodeTransaction({ version: 1, inputs, outputs, lockTime: 0 }));
}

const values = (...amounts: number[]): NewOutput[] =>
  amounts.map((value) => ({ value, script: new Uint8Array(0) }));

test("a transaction has inputs and outputs", () => {
  assert.equal(code([input(1)]), "ok");
  assert.equal(code([], []), "bad-txns-vin-empty");
  assert.equal(code([input(1)], []), "bad-txns-vout-empty");
});

test("without its witness it is no larger than a block", () => {
  const body = (bytes: number) =>
    values(0).map((out) => ({ ...out, script: new Uint8Array(bytes) }));
  // 8 + 1 + 43 + 1 + 8 + 5 bytes stand beside the script.
  assert.equal(code([input(1)], body(1_000_000 - 66)), "ok");
  assert.equal(code([input(1)], body(1_000_000 - 65)), "bad-txns-oversize");
  const witness = [new Uint8Array(1_000_000)];
  assert.equal(code([input(1, { witness })], body(1_000_000 - 66)), "ok");
});

test("amounts and their running sum stay within all money", () => {
  assert.equal(code([input(1)], values(MONEY_MAX)), "ok");
  assert.equal(code([input(1)], values(MONEY_MAX + 1)), "bad-txns-vout-toolarge");
  assert.equal(code([input(1)], values(MONEY_MAX, 1)), "bad-txns-txouttotal-toolarge");
  assert.equal(code([input(1)], values(MONEY_MAX, 0)), "ok");
  const bytes = encodeTransaction({
    version: 1,
    inputs: [input(1)],
    outputs: values(1),
    lockTime: 0,
  });
  const valueAt = bytes.length - 4 - 1 - 8;
  bytes.fill(0xff, valueAt, valueAt + 8);
  assert.equal(codeOf(bytes), "bad-txns-vout-negative");
  bytes[valueAt + 7] = 0x7f;
  assert.equal(codeOf(bytes), "bad-txns-vout-toolarge");
});

test("the overflow of August 2010 (CVE-2010-5139) is refused", () => {
  const bytes = encodeTransaction({
    version: 1,
    inputs: [input(1)],
    outputs: values(0, 0),
    lockTime: 0,
  });
  // Two outputs of 92233720368.54277039 coins.
  for (const valueAt of [bytes.length - 22, bytes.length - 13]) {
    bytes.set([0x2f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], valueAt);
  }
  assert.equal(codeOf(bytes), "bad-txns-vout-toolarge");
});

test("no two inputs name the same coin", () => {
  for (const count of [2, 3, 12, 13, 200]) {
    const inputs = Array.from({ length: count }, (_, number) => input(number + 1));
    assert.equal(code(inputs), "ok", `${count}`);
    assert.equal(code([...inputs.slice(1), inputs.at(-1)!]), "bad-txns-inputs-duplicate");
    assert.equal(code([...inputs, input(1, { index: 1 })]), "ok");
  }
});

test("duplicates are found wherever they stand", () => {
  const outpoint = fc.tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 3 }));
  fc.assert(
    fc.property(fc.array(outpoint, { minLength: 2, maxLength: 30 }), (outpoints) => {
      const inputs = outpoints.map(([number, index]) => input(number, { index }));
      const distinct = new Set(outpoints.map(String)).size === outpoints.length;
      assert.equal(code(inputs), distinct ? "ok" : "bad-txns-inputs-duplicate");
    }),
  );
});

test("only a coinbase has a null outpoint", () => {
  assert.equal(code([NULL_INPUT]), "ok");
  assert.equal(code([NULL_INPUT, input(1)]), "bad-txns-prevout-null");
  assert.equal(code([input(1), input(2), input(3), NULL_INPUT]), "bad-txns-prevout-null");
  // Two of them are the same coin twice first.
  assert.equal(code([NULL_INPUT, NULL_INPUT, input(1)]), "bad-txns-inputs-duplicate");
  assert.equal(code([input(0)]), "ok");
});

test("a coinbase script has 2 to 100 bytes", () => {
  const coinbase = (bytes: number) => code([{ ...NULL_INPUT, script: new Uint8Array(bytes) }]);
  assert.equal(coinbase(1), "bad-cb-length");
  assert.equal(coinbase(2), "ok");
  assert.equal(coinbase(100), "ok");
  assert.equal(coinbase(101), "bad-cb-length");
});
