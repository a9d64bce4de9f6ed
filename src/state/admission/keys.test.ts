import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareBytes, readU32BE, toHex, writeU32, writeU32BE } from "../../base/bytes.ts";
import { Writer } from "../../base/writer.ts";
import {
  keyFromHex,
  keyHex,
  outpointIndex,
  outpointKey,
  outpointKeyAt,
  outpointTxid,
  storedOutpointKey,
  txidInto,
  txidKey,
} from "./keys.ts";

const id = fc.uint8Array({ minLength: 32, maxLength: 32 });
const index = fc.nat(0xffffffff);

test("keys name their bytes in every form", () => {
  fc.assert(
    fc.property(id, index, fc.nat(9), (txid, number, at) => {
      const key = outpointKey(txidKey(txid), number);
      const wire = new Uint8Array(at + 36);
      wire.set(txid, at);
      writeU32(wire, at + 32, number);
      assert.equal(outpointKeyAt(wire, at), key);
      const out = new Writer();
      out.key(key);
      const stored = out.take();
      assert.equal(stored.length, 36);
      assert.equal(readU32BE(stored, 32), number);
      assert.equal(storedOutpointKey(stored, 0), key);
      assert.equal(outpointTxid(key), txidKey(txid));
      assert.equal(outpointIndex(key), number);
      const back = new Uint8Array(32);
      txidInto(back, 0, key);
      assert.deepEqual(back, Uint8Array.from(txid));
      assert.equal(keyHex(key), toHex(stored));
      assert.equal(keyFromHex(keyHex(key)), key);
    }),
  );
});

test("keys sort as their bytes do, outpoints of one transaction by index", () => {
  const bytesOf = (txid: Uint8Array, number: number): Uint8Array => {
    const bytes = new Uint8Array(36);
    bytes.set(txid);
    writeU32BE(bytes, 32, number);
    return bytes;
  };
  // Few different bytes, so that long common beginnings come up.
  const close = fc.array(fc.constantFrom(0, 1, 127, 128, 216, 255), {
    minLength: 32,
    maxLength: 32,
  });
  fc.assert(
    fc.property(close, index, close, index, (a, i, b, j) => {
      const [left, right] = [Uint8Array.from(a), Uint8Array.from(b)];
      const one = outpointKey(txidKey(left), i);
      const other = outpointKey(txidKey(right), j);
      const order = one < other ? -1 : one > other ? 1 : 0;
      assert.equal(order, Math.sign(compareBytes(bytesOf(left, i), bytesOf(right, j))));
    }),
  );
});
