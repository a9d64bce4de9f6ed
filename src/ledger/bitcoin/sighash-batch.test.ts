import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, concatBytes } from "../../base/bytes.ts";
import { hash160 } from "../../crypto/hash.ts";
import { encodeTransaction } from "./encode.ts";
import { prepareSignatureHashes, type SignatureHashes } from "./sighash.ts";
import { hashUsualInputs } from "./sighash-batch.ts";
import { decodeTransaction } from "./transaction.ts";

const NOTHING = new Uint8Array(0);
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

const input = fc.record({
  txid: bytes32,
  index: fc.nat(5),
  sequence: fc.nat(0xffff_ffff),
  value: fc.nat(2 ** 31),
  program: bytes32,
  form: fc.constantFrom("key hash", "key hash", "key path", "key path", "other"),
  isUsual: fc.constantFrom(true, true, true, false),
  /** The coin names the key. */
  isOwn: fc.boolean(),
});

const KEY = new Uint8Array(33).fill(2);
// Some parts are longer than what is hashed together.
const inputs = fc.oneof(
  fc.array(input, { minLength: 1, maxLength: 6 }),
  fc.array(input, { minLength: 27, maxLength: 30 }),
);
const transaction = fc.record({
  version: fc.nat(3),
  lockTime: fc.nat(0xffff_ffff),
  inputs,
  outputs: fc.array(
    fc.record({ value: fc.nat(2 ** 31), script: fc.uint8Array({ maxLength: 60 }) }),
    { minLength: 1, maxLength: 4 },
  ),
});

type Parts = typeof transaction extends fc.Arbitrary<infer T> ? T : never;

type Input = Parts["inputs"][number];

function keyHashOf({ program, isOwn }: Input): Bytes {
  return isOwn ? hash160(KEY) : program.subarray(0, 20);
}

function scriptOf(one: Input): Bytes {
  const { form, program } = one;
  if (form === "key path") return concatBytes(Uint8Array.of(0x51, 32), program);
  return concatBytes(Uint8Array.of(form === "key hash" ? 0 : 0x51, 20), keyHashOf(one));
}

/** Its last byte is the hash type of a signature in DER, which is 1 when it is usual. */
function witnessOf({ form, isUsual }: Input): Bytes[] {
  if (form === "key path") return [new Uint8Array(isUsual ? 64 : 65).fill(1)];
  const signature = Uint8Array.of(...new Uint8Array(70).fill(0x30), isUsual ? 1 : 0x81);
  return [signature, KEY];
}

function signedBy(hashes: SignatureHashes, one: Input, index: number): Bytes | null {
  const { form } = one;
  if (form === "key path") return hashes.taproot(index, 0, null, null, 0xffffffff);
  return form === "other" ? null : hashes.witness(index, codeOf(keyHashOf(one)), 1);
}

function hashesOf(parts: Parts): SignatureHashes {
  const encoded = encodeTransaction({
    ...parts,
    inputs: parts.inputs.map((one) => ({ ...one, script: NOTHING, witness: witnessOf(one) })),
  });
  const decoded = decodeTransaction(encoded);
  assert.ok(decoded.ok);
  const coins = parts.inputs.map((one) => ({
    value: one.value,
    height: 1,
    coinbase: false,
    script: scriptOf(one),
  }));
  return prepareSignatureHashes(decoded.value, coins);
}

function codeOf(program: Bytes): Bytes {
  return concatBytes(Uint8Array.of(0x76, 0xa9, 20), program, Uint8Array.of(0x88, 0xac));
}

test("hashes made together are those made one by one, and only where they are used", () => {
  fc.assert(
    fc.property(fc.array(transaction, { minLength: 1, maxLength: 2 }), (all) => {
      const together = all.map(hashesOf);
      hashUsualInputs(
        together.map((hashes, at) => ({ hashes, from: 0, to: all[at]!.inputs.length })),
      );
      const wanted = all.flatMap((parts) => parts.inputs.filter((one) => one.isUsual));
      for (const [at, parts] of all.entries()) {
        const alone = hashesOf(parts);
        for (const [index, one] of parts.inputs.entries()) {
          const ofItsForm = wanted.filter(({ form }) => form === one.form).length;
          const hash = signedBy(alone, one, index);
          const found = together[at]!.usual(index);
          const isTogether = one.isUsual && ofItsForm > 1;
          assert.deepEqual(found, isTogether ? hash : null);
          const isKnown = isTogether && one.form === "key hash" && one.isOwn;
          assert.equal(together[at]!.hasOwnKey(index), isKnown);
          assert.deepEqual(signedBy(together[at]!, one, index), hash);
        }
      }
    }),
  );
});
