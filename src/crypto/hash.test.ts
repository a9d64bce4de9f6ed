import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, concatBytes, hex, toHex } from "../base/bytes.ts";
import {
  hash160,
  hash160Into,
  hash256,
  hash256Into,
  hash256RangesInto,
  ripemd160,
  sha1,
  sha256,
  sha256Into,
  taggedHash,
  taggedMidstate,
} from "./hash.ts";
import {
  SHORT_MAX,
  Sha256,
  shortHash160Into,
  shortHash256Into,
  shortSha256Into,
} from "./sha256.ts";

const plain = (name: string, bytes: Bytes): Bytes =>
  new Uint8Array(createHash(name).update(bytes).digest());
const plainTwice = (bytes: Bytes): Bytes => plain("sha256", plain("sha256", bytes));
const plain160 = (bytes: Bytes): Bytes => plain("ripemd160", plain("sha256", bytes));

/** Bytes that look random and are the same in every run. */
function noise(length: number, seed: number): Bytes {
  let state = seed | 1;
  return Uint8Array.from({ length }, () => {
    state = Math.imul(state, 0x915f77f5) + 0x6a09e667;
    return state >>> 24;
  });
}

type Into = (out: Bytes, at: number, bytes: Bytes, from: number, to: number) => void;

/** Checks `into` on `message` inside a larger buffer, and that it writes nothing but the digest. */
function checkInto(into: Into, expected: Bytes, message: Bytes): void {
  const bytes = concatBytes(noise(3, 1), message, noise(5, 2));
  const out = new Uint8Array(40).fill(0xee);
  into(out, 4, bytes, 3, 3 + message.length);
  const around = concatBytes(out.subarray(0, 4), out.subarray(4 + expected.length));
  assert.equal(toHex(out.subarray(4, 4 + expected.length)), toHex(expected), `${message.length}`);
  assert.ok(around.every((byte) => byte === 0xee));
}

test("published answers", () => {
  const abc = new TextEncoder().encode("abc");
  assert.equal(
    toHex(sha256(abc)),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  assert.equal(toHex(ripemd160(abc)), "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
  assert.equal(toHex(sha1(abc)), "a9993e364706816aba3e25717850c26c9cd0d89d");
  assert.equal(
    toHex(hash256(new TextEncoder().encode("hello"))),
    "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50",
  );
  const generator = hex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
  assert.equal(toHex(hash160(generator)), "751e76e8199196d454941c45d1b3a323f1433bd6");
});

test("every length to 300 and some beyond equals node:crypto, through every door", () => {
  const lengths = Array.from({ length: 301 }, (_, at) => at);
  for (const length of [...lengths, 447, 448, 1000, 4031, 4032, SHORT_MAX - 1, SHORT_MAX]) {
    const message = noise(length, length);
    checkInto(shortSha256Into, plain("sha256", message), message);
    checkInto(shortHash256Into, plainTwice(message), message);
    checkInto(shortHash160Into, plain160(message), message);
    checkInto(sha256Into, plain("sha256", message), message);
    checkInto(hash256Into, plainTwice(message), message);
    checkInto(hash160Into, plain160(message), message);
    assert.deepEqual(sha256(message), plain("sha256", message));
    assert.deepEqual(hash256(message), plainTwice(message));
    assert.deepEqual(hash160(message), plain160(message));
  }
});

test("long messages", () => {
  for (const length of [SHORT_MAX + 1, 65_535, 1_000_003]) {
    const message = noise(length, length);
    assert.deepEqual(sha256(message), plain("sha256", message));
    assert.deepEqual(hash256(message), plainTwice(message));
    assert.deepEqual(hash160(message), plain160(message));
    assert.deepEqual(new Sha256().update(message).digest(), plain("sha256", message));
  }
});

test("three ranges are hashed as if they were one", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 900 }),
      fc.array(fc.nat(), { minLength: 6, maxLength: 6 }),
      (bytes, cuts) => {
        const [a, aEnd, b, bEnd, c, cEnd] = cuts
          .map((cut) => cut % (bytes.length + 1))
          .sort((x, y) => x - y) as [number, number, number, number, number, number];
        const whole = [bytes.slice(a, aEnd), bytes.slice(b, bEnd), bytes.slice(c, cEnd)];
        const out = new Uint8Array(34);
        hash256RangesInto(out, 1, bytes, a, aEnd, b, bEnd, c, cEnd);
        assert.deepEqual(out.slice(1, 33), plainTwice(concatBytes(...whole)));
      },
    ),
  );
});

test("a stream in any pieces equals the whole, and may be read and copied on the way", () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 12 });
  fc.assert(
    fc.property(pieces, fc.nat(12), fc.nat(5000), (parts, split, extra) => {
      const stream = new Sha256();
      const all = [...parts, noise(extra, extra)];
      let copied: Sha256 | null = null;
      all.forEach((part, index) => {
        if (index === split) copied = stream.clone();
        stream.update(concatBytes(noise(2, 9), part, noise(2, 9)), 2, 2 + part.length);
        assert.deepEqual(stream.digest(), plain("sha256", concatBytes(...all.slice(0, index + 1))));
      });
      const out = new Uint8Array(33);
      stream.digestTwiceInto(out, 1);
      assert.deepEqual(out.slice(1), plainTwice(concatBytes(...all)));
      const before = copied as Sha256 | null;
      if (before === null) return;
      assert.deepEqual(before.digest(), plain("sha256", concatBytes(...all.slice(0, split))));
      before.copyFrom(stream);
      assert.deepEqual(before.digest(), stream.digest());
      assert.deepEqual(before.reset().digest(), plain("sha256", new Uint8Array(0)));
    }),
  );
});

test("tagged hashes, and their midstates are not consumed", () => {
  const tag = plain("sha256", new TextEncoder().encode("TapBranch"));
  for (const length of [0, 32, 64, 65, 500]) {
    const message = noise(length, 5);
    const expected = plain("sha256", concatBytes(tag, tag, message));
    assert.deepEqual(
      taggedHash("TapBranch", message.subarray(0, 10), message.subarray(10)),
      expected,
    );
    assert.deepEqual(taggedMidstate("TapBranch").clone().update(message).digest(), expected);
  }
});
