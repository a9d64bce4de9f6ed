import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, concatBytes, toHex, writeU32, writeU64 } from "../../base/bytes.ts";
import { compactSizeBytes, writeCompactSize } from "../../base/reader.ts";
import { hash256, sha256, taggedHash } from "../../crypto/hash.ts";
import type { Coin } from "./coin.ts";
import { encodeTransaction, type NewTransaction } from "./encode.ts";
import { prepareSignatureHashes } from "./sighash.ts";
import { decodeTransaction, type Transaction } from "./transaction.ts";

const NOTHING = new Uint8Array(0);

function transactionOf(parts: NewTransaction): Transaction {
  const decoded = decodeTransaction(encodeTransaction(parts));
  assert.ok(decoded.ok);
  return decoded.value;
}

// The rules once more, as plainly as they can be written: each message is put together whole.

function u32(value: number): Bytes {
  const bytes = new Uint8Array(4);
  writeU32(bytes, 0, value);
  return bytes;
}

function sized(bytes: Bytes): Bytes {
  const head = new Uint8Array(compactSizeBytes(bytes.length));
  writeCompactSize(head, 0, bytes.length);
  return concatBytes(head, bytes);
}

function outpoint({ txid, index }: NewTransaction["inputs"][number]): Bytes {
  return concatBytes(txid, u32(index));
}

function output(value: number, script: Bytes): Bytes {
  const amount = new Uint8Array(8);
  writeU64(amount, 0, value);
  return concatBytes(amount, sized(script));
}

function plainLegacy(parts: NewTransaction, index: number, code: Bytes, hashType: number): Bytes {
  const kind = hashType & 0x1f;
  const alone = (hashType & 0x80) !== 0;
  if (kind === 3 && index >= parts.outputs.length) return Uint8Array.of(1, ...new Uint8Array(31));
  const inputs = parts.inputs
    .map((input, at) => ({
      ...input,
      script: at === index ? code : NOTHING,
      sequence: at !== index && (kind === 2 || kind === 3) ? 0 : input.sequence,
      witness: [],
    }))
    .filter((_, at) => !alone || at === index);
  const blank = { value: -1, script: NOTHING };
  const outputs =
    kind === 2
      ? []
      : kind === 3
        ? parts.outputs.slice(0, index + 1).map((own, at) => (at === index ? own : blank))
        : parts.outputs;
  return hash256(concatBytes(encodeTransaction({ ...parts, inputs, outputs }), u32(hashType)));
}

function plainWitness(
  parts: NewTransaction,
  coin: Coin,
  index: number,
  code: Bytes,
  hashType: number,
): Bytes {
  const zeros = new Uint8Array(32);
  const kind = hashType & 0x1f;
  const alone = (hashType & 0x80) !== 0;
  const some = kind === 2 || kind === 3;
  const input = parts.inputs[index]!;
  const outputs = parts.outputs.map(({ value, script }) => output(value, script));
  const own = outputs[index];
  const amount = new Uint8Array(8);
  writeU64(amount, 0, coin.value);
  return hash256(
    concatBytes(
      u32(parts.version),
      alone ? zeros : hash256(concatBytes(...parts.inputs.map(outpoint))),
      alone || some
        ? zeros
        : hash256(concatBytes(...parts.inputs.map(({ sequence }) => u32(sequence)))),
      outpoint(input),
      sized(code),
      amount,
      u32(input.sequence),
      !some ? hash256(concatBytes(...outputs)) : kind === 3 && own ? hash256(own) : zeros,
      u32(parts.lockTime),
      u32(hashType),
    ),
  );
}

function plainTaproot(
  parts: NewTransaction,
  coins: readonly Coin[],
  index: number,
  hashType: number,
  annex: Bytes | null,
  leaf: Bytes | null,
): Bytes {
  const alone = (hashType & 0x80) !== 0;
  const kind = hashType === 0 ? 1 : hashType & 3;
  const input = parts.inputs[index]!;
  const outputs = parts.outputs.map(({ value, script }) => output(value, script));
  const amounts = coins.map(({ value }) => output(value, NOTHING).subarray(0, 8));
  const pieces = [Uint8Array.of(0, hashType), u32(parts.version), u32(parts.lockTime)];
  if (!alone) {
    pieces.push(
      sha256(concatBytes(...parts.inputs.map(outpoint))),
      sha256(concatBytes(...amounts)),
      sha256(concatBytes(...coins.map(({ script }) => sized(script)))),
      sha256(concatBytes(...parts.inputs.map(({ sequence }) => u32(sequence)))),
    );
  }
  if (kind === 1) pieces.push(sha256(concatBytes(...outputs)));
  pieces.push(Uint8Array.of((leaf === null ? 0 : 2) | (annex === null ? 0 : 1)));
  if (alone) {
    const { value, script } = coins[index]!;
    pieces.push(outpoint(input), output(value, script), u32(input.sequence));
  } else pieces.push(u32(index));
  if (annex !== null) pieces.push(annex);
  if (kind === 3) pieces.push(sha256(outputs[index]!));
  if (leaf !== null) pieces.push(leaf, Uint8Array.of(0), u32(5));
  return taggedHash("TapSighash", ...pieces);
}

const U32 = fc.nat(0xffffffff);
const SCRIPT = fc.uint8Array({ maxLength: 300 });
const VALUE = fc.nat(2_100_000_000_000_000);

function partsArbitrary(inputsMax: number): fc.Arbitrary<NewTransaction> {
  return fc.record({
    version: U32,
    lockTime: U32,
    inputs: fc.array(
      fc.record({
        txid: fc.uint8Array({ minLength: 32, maxLength: 32 }),
        index: U32,
        script: SCRIPT,
        sequence: U32,
        witness: fc.array(SCRIPT, { maxLength: 2 }),
      }),
      { minLength: 1, maxLength: inputsMax },
    ),
    outputs: fc.array(fc.record({ value: VALUE, script: SCRIPT }), { maxLength: 4 }),
  });
}

const HASH_TYPE = fc.oneof(
  fc.constantFrom(1, 2, 3, 0x81, 0x82, 0x83),
  fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
);

/** Scripts without CODESEPARATOR, so that the plain rule needs no parsing: data only. */
const CODE = fc.uint8Array({ maxLength: 70 }).map((data) => Uint8Array.of(data.length, ...data));

test("legacy: short and long transactions, any order of inputs, agree with the plain rule", () => {
  fc.assert(
    fc.property(
      fc.oneof(partsArbitrary(5), partsArbitrary(250)),
      fc.array(fc.tuple(fc.nat(), CODE, HASH_TYPE), { minLength: 1, maxLength: 12 }),
      (parts, asked) => {
        const hashes = prepareSignatureHashes(transactionOf(parts), []);
        for (const [which, code, hashType] of asked) {
          const index = which % parts.inputs.length;
          const plain = toHex(plainLegacy(parts, index, code, hashType));
          assert.equal(toHex(hashes.legacy(index, code, hashType)), plain);
          // Asked again, with another type of the same kind, and the first once more.
          const other = hashType ^ 0x40;
          const plainOther = toHex(plainLegacy(parts, index, code, other));
          assert.equal(toHex(hashes.legacy(index, code, other)), plainOther);
          assert.equal(toHex(hashes.legacy(index, code, hashType)), plain);
        }
      },
    ),
    { numRuns: 150 },
  );
});

test("legacy: a long transaction in order, backwards and in every way of hashing", () => {
  const parts: NewTransaction = {
    version: 1,
    lockTime: 7,
    inputs: Array.from({ length: 300 }, (_, at) => ({
      txid: new Uint8Array(32).fill(at),
      index: at,
      script: NOTHING,
      sequence: at * 1000,
      witness: [],
    })),
    outputs: Array.from({ length: 300 }, (_, at) => ({ value: at, script: Uint8Array.of(at) })),
  };
  const hashes = prepareSignatureHashes(transactionOf(parts), []);
  const code = Uint8Array.of(0x51);
  for (const index of [0, 1, 2, 150, 299, 298, 3, 3]) {
    for (const type of [1, 2, 3, 0x81, 0x82, 0x83, 0, 0x21, 0xc3]) {
      assert.deepEqual(
        hashes.legacy(index, code, type),
        plainLegacy(parts, index, code, type),
        `input ${index}, type ${type}`,
      );
    }
  }
});

test("legacy: CODESEPARATORs are left out of the script code, their bytes in pushes are not", () => {
  const parts: NewTransaction = {
    version: 1,
    lockTime: 0,
    inputs: [{ txid: new Uint8Array(32), index: 0, script: NOTHING, sequence: 0, witness: [] }],
    outputs: [],
  };
  const hashes = prepareSignatureHashes(transactionOf(parts), []);
  const code = Uint8Array.of(0xab, 0x51, 0xab, 1, 0xab, 0xab);
  const plain = plainLegacy(parts, 0, Uint8Array.of(0x51, 1, 0xab), 1);
  assert.deepEqual(hashes.legacy(0, code, 1), plain);
});

test("BIP143 and BIP341 agree with the plain rule", () => {
  fc.assert(
    fc.property(
      partsArbitrary(6),
      fc.array(fc.record({ value: VALUE, script: SCRIPT }), { minLength: 6, maxLength: 6 }),
      fc.nat(),
      CODE,
      HASH_TYPE,
      fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: null }),
      fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: null }),
      (parts, spent, which, code, hashType, annex, leaf) => {
        const coins = parts.inputs.map((_, at) => ({ ...spent[at]!, height: 1, coinbase: false }));
        const index = which % parts.inputs.length;
        const hashes = prepareSignatureHashes(transactionOf(parts), coins);
        const plain = plainWitness(parts, coins[index]!, index, code, hashType);
        assert.deepEqual(hashes.witness(index, code, hashType), plain);
        for (const type of [0, 1, 2, 3, 0x81, 0x82, 0x83]) {
          const hash = hashes.taproot(index, type, annex, leaf, 5);
          if ((type & 3) === 3 && index >= parts.outputs.length) assert.equal(hash, null);
          else assert.deepEqual(hash, plainTaproot(parts, coins, index, type, annex, leaf));
        }
        for (const type of [4, 0x80, 0x84, 255]) {
          assert.equal(hashes.taproot(index, type, annex, leaf, 5), null);
        }
      },
    ),
    { numRuns: 300 },
  );
});
