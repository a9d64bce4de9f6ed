import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bytesEqual } from "../../base/bytes.ts";
import { decodeBlock, readHeader } from "./block.ts";
import { encodeBlock, encodeHeader, encodeTransaction } from "./encode.ts";
import { decodeTransaction, rawTransaction, strippedBytes, witnessStack } from "./transaction.ts";

/** Objects as the decoder makes them. */
const PLAIN = { noNullPrototype: true };
const script = fc.uint8Array({ maxLength: 300 });
const word = fc.integer({ min: 0, max: 0xffffffff });
const input = fc.record(
  {
    txid: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    index: word,
    script,
    sequence: word,
    witness: fc.array(script, { maxLength: 3 }),
  },
  PLAIN,
);
const output = fc.record(
  { value: fc.integer({ min: 0, max: 2_100_000_000_000_000 }), script },
  PLAIN,
);
const transaction = fc.record(
  {
    version: word,
    inputs: fc.array(input, { minLength: 1, maxLength: 4 }),
    outputs: fc.array(output, { minLength: 1, maxLength: 4 }),
    lockTime: word,
  },
  PLAIN,
);

test("what is written decodes to the same fields", () => {
  fc.assert(
    fc.property(transaction, (fields) => {
      const bytes = encodeTransaction(fields);
      const decoded = decodeTransaction(bytes);
      assert.ok(decoded.ok && decoded.end === bytes.length);
      const { value } = decoded;
      assert.equal(value.version, fields.version);
      assert.equal(value.lockTime, fields.lockTime);
      const view = (from: number, to: number) => bytes.slice(from, to);
      const inputs = value.inputs.map((one) => ({
        txid: view(one.outpointAt, one.outpointAt + 32),
        index: one.previousIndex,
        script: view(one.scriptAt, one.scriptEnd),
        sequence: one.sequence,
        witness: witnessStack(value, one).map((item) => item.slice()),
      }));
      assert.deepEqual(inputs, fields.inputs);
      const outputs = value.outputs.map((one) => ({
        value: one.value,
        script: view(one.scriptAt, one.scriptEnd),
      }));
      assert.deepEqual(outputs, fields.outputs);
    }),
  );
});

test("without witnesses the size is the stripped size, and the id the same", () => {
  fc.assert(
    fc.property(transaction, (fields) => {
      const full = decodeTransaction(encodeTransaction(fields));
      const inputs = fields.inputs.map((one) => ({ ...one, witness: [] }));
      const stripped = decodeTransaction(encodeTransaction({ ...fields, inputs }));
      assert.ok(full.ok && stripped.ok);
      assert.equal(rawTransaction(stripped.value).length, strippedBytes(full.value));
      assert.deepEqual(stripped.value.txid, full.value.txid);
      assert.equal(bytesEqual(full.value.txid, full.value.wtxid), !full.value.hasWitness);
    }),
  );
});

test("a block of many transactions decodes to them", () => {
  const header = encodeHeader({
    version: -2,
    previous: new Uint8Array(32).fill(1),
    merkleRoot: new Uint8Array(32).fill(2),
    time: 0xfffffff0,
    bits: 0x207fffff,
    nonce: 7,
  });
  const fields = readHeader(header);
  assert.deepEqual([fields.version, fields.time, fields.nonce], [-2, 0xfffffff0, 7]);
  const raw = encodeTransaction({
    version: 1,
    inputs: [{ txid: new Uint8Array(32), index: 0, script: header, sequence: 0, witness: [] }],
    outputs: [{ value: 0, script: header }],
    lockTime: 0,
  });
  const bytes = encodeBlock(header, new Array(300).fill(raw));
  const block = decodeBlock(bytes);
  assert.ok(block.ok && block.end === bytes.length);
  assert.equal(block.value.transactions.length, 300);
});
