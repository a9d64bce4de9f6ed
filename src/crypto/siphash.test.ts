import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Bytes } from "../base/bytes.ts";
import { siphash13Into, siphash24Hash32Into, siphash24Into } from "./siphash.ts";

const MASK = (1n << 64n) - 1n;
const rotate = (value: bigint, by: bigint): bigint =>
  ((value << by) | (value >> (64n - by))) & MASK;

/** The definition, on 64-bit integers. */
function plain(c: number, d: number, key: readonly [bigint, bigint], bytes: Bytes): bigint {
  let [v0, v1] = [key[0] ^ 0x736f6d6570736575n, key[1] ^ 0x646f72616e646f6dn];
  let [v2, v3] = [key[0] ^ 0x6c7967656e657261n, key[1] ^ 0x7465646279746573n];
  const rounds = (count: number): void => {
    for (let round = 0; round < count; round++) {
      v0 = (v0 + v1) & MASK;
      v1 = rotate(v1, 13n) ^ v0;
      v0 = rotate(v0, 32n);
      v2 = (v2 + v3) & MASK;
      v3 = rotate(v3, 16n) ^ v2;
      v0 = (v0 + v3) & MASK;
      v3 = rotate(v3, 21n) ^ v0;
      v2 = (v2 + v1) & MASK;
      v1 = rotate(v1, 17n) ^ v2;
      v2 = rotate(v2, 32n);
    }
  };
  const padded = new Uint8Array((Math.floor(bytes.length / 8) + 1) * 8);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length;
  const view = new DataView(padded.buffer);
  for (let at = 0; at < padded.length; at += 8) {
    const word = view.getBigUint64(at, true);
    v3 ^= word;
    rounds(c);
    v0 ^= word;
  }
  v2 ^= 0xffn;
  rounds(d);
  return v0 ^ v1 ^ v2 ^ v3;
}

const KEY = new Uint32Array([0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c]);
const BIG_KEY = [0x0706050403020100n, 0x0f0e0d0c0b0a0908n] as const;
const out = new Uint32Array(2);
const result = (): bigint => BigInt(out[0]!) | (BigInt(out[1]!) << 32n);

test("SipHash-2-4 gives the published answers for 00 01 02 ...", () => {
  const answers: [number, bigint][] = [
    [0, 0x726fdb47dd0e0e31n],
    [1, 0x74f839c593dc67fdn],
    [8, 0x93f5f5799a932462n],
    [15, 0xa129ca6149be45e5n],
    [16, 0x3f2acc7f57c29bdbn],
    [18, 0x4bc1b3f0968dd39cn],
    [32, 0x7127512f72f27ccen],
  ];
  for (const [length, answer] of answers) {
    const bytes = Uint8Array.from({ length }, (_, at) => at);
    siphash24Into(KEY, bytes, 0, length, out);
    assert.equal(result(), answer, `${length} bytes`);
    assert.equal(plain(2, 4, BIG_KEY, bytes), answer, "the plain one");
  }
});

test("SipHash-1-3 gives the published answer for no bytes", () => {
  siphash13Into(KEY, new Uint8Array(0), 0, 0, out);
  assert.equal(result(), 0xabac0158050fc4dcn);
});

test("both equal the definition for any key, bytes and place", () => {
  const word = fc.bigInt({ min: 0n, max: MASK });
  fc.assert(
    fc.property(
      word,
      word,
      fc.uint8Array({ maxLength: 80 }),
      fc.nat(20),
      (low, high, bytes, at) => {
        const key = new Uint32Array(new BigUint64Array([low, high]).buffer);
        const from = Math.min(at, bytes.length);
        const message = bytes.subarray(from);
        siphash24Into(key, bytes, from, message.length, out);
        assert.equal(result(), plain(2, 4, [low, high], message));
        siphash13Into(key, bytes, from, message.length, out);
        assert.equal(result(), plain(1, 3, [low, high], message));
        if (message.length < 32) return;
        siphash24Hash32Into(key, bytes, from, out);
        assert.equal(result(), plain(2, 4, [low, high], message.subarray(0, 32)));
      },
    ),
  );
});
