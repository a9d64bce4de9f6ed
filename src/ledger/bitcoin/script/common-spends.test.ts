import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, concatBytes } from "../../../base/bytes.ts";
import { hash160 } from "../../../crypto/hash.ts";
import { publicKeyCreate, signEcdsa, signSchnorr } from "../../../crypto/secp256k1.ts";
import type { Coin } from "../coin.ts";
import { encodeTransaction, type NewInput } from "../encode.ts";
import { prepareSignatureHashes, type SignatureHashes } from "../sighash.ts";
import { hashUsualInputs } from "../sighash-batch.ts";
import { decodeTransaction, type Transaction } from "../transaction.ts";
import { isCommonSpend } from "./common-spends.ts";
import { FLAG, FLAGS_ALL, FLAGS_CONSENSUS, FLAGS_STANDARD, fillFlags } from "./flags.ts";
import { pushOf } from "./script-bytes.ts";
import { runInput, verifyInput } from "./verify.ts";

const NOTHING = new Uint8Array(0);
const SECRET = new Uint8Array(32).fill(7);
const KEY = publicKeyCreate(SECRET);
const KEY_HASH = hash160(KEY);
const PROGRAM = Uint8Array.of(0, 20, ...KEY_HASH);

type Form = "p2wpkh" | "p2sh-p2wpkh" | "p2pkh" | "p2tr";
const FORMS: readonly Form[] = ["p2wpkh", "p2sh-p2wpkh", "p2pkh", "p2tr"];

const SCRIPTS: Readonly<Record<Form, Bytes>> = {
  p2wpkh: PROGRAM,
  "p2sh-p2wpkh": Uint8Array.of(0xa9, 20, ...hash160(PROGRAM), 0x87),
  p2pkh: Uint8Array.of(0x76, 0xa9, 20, ...KEY_HASH, 0x88, 0xac),
  // Any key is an output key; this one has no tweak.
  p2tr: Uint8Array.of(0x51, 32, ...KEY.subarray(1)),
};
const CODE = SCRIPTS.p2pkh;

function coinOf(form: Form): Coin {
  return { value: 5000, script: SCRIPTS[form], height: 1, coinbase: false };
}

function transactionOf(inputs: readonly Pick<NewInput, "script" | "witness">[]): Transaction {
  const decoded = decodeTransaction(
    encodeTransaction({
      version: 2,
      lockTime: 0,
      inputs: inputs.map((input, index) => ({
        ...input,
        txid: new Uint8Array(32).fill(index + 1),
        index,
        sequence: 0xfffffffe,
      })),
      outputs: [{ value: 1000, script: PROGRAM }],
    }),
  );
  assert.ok(decoded.ok);
  return decoded.value;
}

function der(compact: Bytes): Bytes {
  const integers = [compact.subarray(0, 32), compact.subarray(32)].map((half) => {
    const first = half.findIndex((byte) => byte !== 0);
    const digits = half.subarray(first);
    const body = digits[0]! >= 0x80 ? Uint8Array.of(0, ...digits) : digits;
    return Uint8Array.of(2, body.length, ...body);
  });
  const body = concatBytes(...integers);
  return Uint8Array.of(0x30, body.length, ...body);
}

function unlock(form: Form, hashes: SignatureHashes, index: number, hashType: number) {
  if (form === "p2tr") {
    const hash = hashes.taproot(index, hashType, null, null, 0xffffffff)!;
    const type = hashType === 0 ? NOTHING : Uint8Array.of(hashType);
    return { script: NOTHING, witness: [concatBytes(signSchnorr(SECRET, hash), type)] };
  }
  const type = hashType === 0 ? 1 : hashType;
  const legacy = form === "p2pkh";
  const hash = legacy ? hashes.legacy(index, CODE, type) : hashes.witness(index, CODE, type);
  const signature = Uint8Array.of(...der(signEcdsa(SECRET, hash)), type);
  if (legacy) return { script: concatBytes(pushOf(signature), pushOf(KEY)), witness: [] };
  const script = form === "p2wpkh" ? NOTHING : pushOf(PROGRAM);
  return { script, witness: [signature, KEY] };
}

interface Spend {
  readonly transaction: Transaction;
  readonly coins: readonly Coin[];
}

/** A signed transaction with one input of each form, input 0 paired with the only output. */
function signed(forms: readonly Form[], hashType: number): Spend {
  const coins = forms.map(coinOf);
  const bare = transactionOf(forms.map(() => ({ script: NOTHING, witness: [] })));
  const hashes = prepareSignatureHashes(bare, coins);
  return {
    transaction: transactionOf(
      forms.map((form, index) => unlock(form, hashes, index, index > 0 ? 1 : hashType)),
    ),
    coins,
  };
}

test("every common form is recognised, under consensus and policy flags", () => {
  for (const hashType of [0, 1, 2, 3, 0x81, 0x82, 0x83]) {
    for (const form of FORMS) {
      const { transaction, coins } = signed([form, ...FORMS], hashType);
      const hashes = prepareSignatureHashes(transaction, coins);
      for (let index = 0; index < coins.length; index++) {
        for (const flags of [FLAGS_CONSENSUS, FLAGS_STANDARD, FLAGS_ALL]) {
          assert.ok(isCommonSpend(hashes, index, flags), `${form} ${hashType} ${index}`);
          assert.equal(runInput(hashes, index, flags), "OK");
        }
      }
    }
  }
});

/** Signatures are taken as good unless their hash says otherwise: the forms are what is tested. */
const LENIENT = {
  ecdsa: (_key: Bytes, signature: Bytes): boolean => signature[5]! % 4 !== 0,
  schnorr: (_key: Bytes, signature: Bytes): boolean => signature[5]! % 4 !== 0,
  tweak: (): boolean => true,
};

test("what is recognised the interpreter accepts, whatever is changed and under all flags", () => {
  const spends = FORMS.flatMap((form) => [0, 1, 3, 0x83].map((type) => signed([form], type)));
  let recognised = 0;
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: spends.length - 1 }),
      fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 }),
      fc.option(fc.tuple(fc.nat(40), fc.nat(255)), { freq: 3 }),
      fc.nat(FLAGS_ALL),
      (which, edits, scriptEdit, randomFlags) => {
        const { transaction, coins } = spends[which]!;
        const bytes = transaction.bytes.slice();
        for (const [at, value] of edits) bytes[at % bytes.length] = value;
        const decoded = decodeTransaction(bytes);
        if (!decoded.ok || decoded.value.inputs.length !== 1) return;
        const script = coins[0]!.script.slice();
        if (scriptEdit !== null) script[scriptEdit[0] % script.length] = scriptEdit[1];
        const changed = [{ ...coins[0]!, script }];
        for (const flags of [FLAGS_CONSENSUS, fillFlags(randomFlags)]) {
          const hashes = prepareSignatureHashes(decoded.value, changed, LENIENT);
          const prepared = prepareSignatureHashes(decoded.value, changed, LENIENT);
          // Twice the same input: a single one is not hashed together with others.
          const range = { hashes: prepared, from: 0, to: 1 };
          hashUsualInputs([range, range]);
          const isCommon = isCommonSpend(hashes, 0, flags);
          assert.equal(isCommonSpend(prepared, 0, flags), isCommon);
          if (!isCommon) continue;
          recognised++;
          assert.equal(runInput(hashes, 0, flags), "OK");
        }
      },
    ),
    { numRuns: 3000 },
  );
  assert.ok(recognised > 300, `only ${recognised} cases took the short way`);
});

test("each single flag alone, with what it needs, gives the same answer both ways", () => {
  for (const form of FORMS) {
    const { transaction, coins } = signed([form], 1);
    const hashes = prepareSignatureHashes(transaction, coins);
    for (const flag of Object.values(FLAG)) {
      const flags = fillFlags(flag);
      assert.equal(
        verifyInput(transaction, 0, coins, flags, hashes),
        runInput(hashes, 0, flags),
        `${form} ${flags}`,
      );
    }
  }
});

test("a wrong signature, key or hash type is refused with the interpreter's reason", () => {
  const { transaction, coins } = signed(["p2wpkh"], 1);
  const bytes = transaction.bytes.slice();
  const { witnessAt } = transaction.inputs[0]!;
  bytes[witnessAt + 20]! ^= 1;
  const decoded = decodeTransaction(bytes);
  assert.ok(decoded.ok);
  const hashes = prepareSignatureHashes(decoded.value, coins);
  assert.equal(verifyInput(decoded.value, 0, coins, FLAGS_CONSENSUS, hashes), "EVAL_FALSE");
  assert.equal(verifyInput(decoded.value, 0, coins, FLAGS_STANDARD, hashes), "NULLFAIL");
});
