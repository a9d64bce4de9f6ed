import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, concatBytes } from "../../base/bytes.ts";
import { encodeTransaction } from "./encode.ts";
import { prepareSignatureHashes, type SignatureHashes } from "./sighash.ts";
import { hashKeyHashInputs } from "./sighash-batch.ts";
import { decodeTransaction } from "./transaction.ts";

const NOTHING = new Uint8Array(0);
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

const input = fc.record({
  txid: bytes32,
  index: fc.nat(5),
  sequence: fc.nat(0xffff_ffff),
  value: fc.nat(2 ** 31),
  program: fc.uint8Array({ minLength: 20, maxLength: 20 }),
  isKeyHash: fc.boolean(),
  hashType: fc.constantFrom(1, 1, 1, 2, 0x81),
  items: fc.constantFrom(1, 2, 2, 2, 3),
});
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

const OTHER_SCRIPT = new Uint8Array(22).fill(0x51);

function hashesOf(parts: Parts): SignatureHashes {
  const encoded = encodeTransaction({
    ...parts,
    inputs: parts.inputs.map(({ txid, index, sequence, hashType, items }) => {
      const signature = Uint8Array.of(...new Uint8Array(70).fill(0x30), hashType);
      const witness = [signature, new Uint8Array(33).fill(2), NOTHING].slice(0, items);
      return { txid, index, sequence, script: NOTHING, witness };
    }),
  });
  const decoded = decodeTransaction(encoded);
  assert.ok(decoded.ok);
  const coins = parts.inputs.map(({ value, program, isKeyHash }) => ({
    value,
    height: 1,
    coinbase: false,
    script: isKeyHash ? concatBytes(Uint8Array.of(0, 20), program) : OTHER_SCRIPT,
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
      hashKeyHashInputs(
        together.map((hashes, at) => ({ hashes, from: 0, to: all[at]!.inputs.length })),
      );
      const wanted = all.flatMap(({ inputs: own }) =>
        own.filter((one) => one.isKeyHash && one.items === 2 && one.hashType === 1),
      );
      for (const [at, parts] of all.entries()) {
        const alone = hashesOf(parts);
        for (const [index, one] of parts.inputs.entries()) {
          const isWanted = one.isKeyHash && one.items === 2 && one.hashType === 1;
          const expected = isWanted && wanted.length > 1;
          const found = together[at]!.keyHash(index);
          const hash = alone.witness(index, codeOf(one.program), 1);
          assert.deepEqual(found, expected ? hash : null);
          assert.deepEqual(together[at]!.witness(index, codeOf(one.program), 1), hash);
        }
      }
    }),
  );
});
