import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, hex, toDisplayHex, toHex } from "../base/bytes.ts";
import { chacha20Stream } from "./chacha20.ts";
import { MuHash } from "./muhash.ts";

function element(value: number): Bytes {
  const bytes = new Uint8Array(32);
  bytes[0] = value;
  return bytes;
}

test("ChaCha20 gives the published key stream of the zero key", () => {
  const out = chacha20Stream(new Uint8Array(32), 128);
  assert.equal(
    toHex(out),
    "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7" +
      "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586" +
      "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed" +
      "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
  );
});

test("Bitcoin Core's answer for 0 and 1 inserted and 2 removed", () => {
  const expected = "10d312b100cbd32ada024a6646e40d3482fcff103668d2625f10002a607d5863";
  const set = new MuHash().insert(element(0)).insert(element(1)).remove(element(2));
  assert.equal(toDisplayHex(set.digest()), expected);
  const other = new MuHash().remove(element(2)).insert(element(1));
  assert.equal(toDisplayHex(new MuHash().insert(element(0)).combine(other).digest()), expected);
});

test("the empty set, as Bitcoin Core reports it", () => {
  const expected = "dd5ad2a105c2d29495f577245c357409002329b9f4d6182c0af3dc2f462555c8";
  assert.equal(toDisplayHex(new MuHash().digest()), expected);
  const back = new MuHash().insert(element(7)).remove(element(7));
  assert.equal(toDisplayHex(back.digest()), expected);
});

test("order, grouping and encoding do not matter", () => {
  const steps = fc.array(fc.record({ value: fc.nat(255), add: fc.boolean() }), { maxLength: 12 });
  fc.assert(
    fc.property(steps, fc.nat(12), (list, cut) => {
      const apply = (set: MuHash, part: typeof list): MuHash => {
        for (const { value, add } of part) {
          if (add) set.insert(element(value));
          else set.remove(element(value));
        }
        return set;
      };
      const whole = apply(new MuHash(), list).digest();
      assert.deepEqual(apply(new MuHash(), [...list].reverse()).digest(), whole);
      const first = apply(new MuHash(), list.slice(0, cut));
      const stored = MuHash.decode(first.encode())!;
      assert.deepEqual(stored.combine(apply(new MuHash(), list.slice(cut))).digest(), whole);
    }),
    { numRuns: 25 },
  );
});

test("what encode() cannot have given is refused", () => {
  const good = new MuHash().insert(hex("00")).encode();
  assert.notEqual(MuHash.decode(good), null);
  assert.equal(MuHash.decode(good.subarray(1)), null);
  assert.equal(MuHash.decode(new Uint8Array(768).fill(0xff)), null);
  assert.equal(MuHash.decode(new Uint8Array(768)), null);
});
