// Our script interpreter beside one that nobody here wrote, bcoin's: random spends, the same answer.
// PANDO_FUZZ says how many, PANDO_FUZZ_SEED from which seed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bytes, toHex } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { sha256 } from "../../src/crypto/hash.ts";
import { encodeTransaction, type NewTransaction } from "../../src/ledger/bitcoin/encode.ts";
import { flagsText } from "../../src/ledger/bitcoin/script/flags.ts";
import { verifyInput } from "../../src/ledger/bitcoin/script/verify.ts";
import { prepareSignatureHashes } from "../../src/ledger/bitcoin/sighash.ts";
import { decodeTransaction } from "../../src/ledger/bitcoin/transaction.ts";
import { FUZZ_SEED } from "../fuzz/runs.ts";
import { foreignMissing, loadBcoin } from "../support/bcoin.ts";
import { type ScriptCase, ScriptCases } from "../support/script-cases.ts";

/** As much of bcoin as is used. */
interface ForeignTransaction {
  readonly inputs: readonly { readonly script: object; readonly witness: object }[];
  signatureHash(index: number, code: object, value: number, type: number, version: number): Bytes;
}
interface ForeignScript {
  fromRaw(raw: Uint8Array): object;
  verify(
    input: object,
    witness: object,
    output: object,
    transaction: ForeignTransaction,
    index: number,
    value: number,
    flags: number,
  ): void;
}
interface Foreign {
  readonly Script: ForeignScript;
  readonly TX: { fromRaw(raw: Uint8Array): ForeignTransaction };
  readonly secp256k1: { publicKeyConvert(key: Uint8Array, compress: boolean): Bytes };
}

const COUNT = Math.min(1_000_000, Number(process.env["PANDO_FUZZ"] ?? 2_000));

const readTransaction = ({ TX }: Foreign, transaction: NewTransaction): ForeignTransaction =>
  TX.fromRaw(Buffer.from(encodeTransaction(transaction)));

function theirAnswer(foreign: Foreign, one: ScriptCase): string {
  const { Script } = foreign;
  const transaction = readTransaction(foreign, one.transaction);
  const { script, witness } = transaction.inputs[one.index]!;
  const output = Script.fromRaw(Buffer.from(one.script));
  try {
    Script.verify(script, witness, output, transaction, one.index, one.value, one.flags);
    return "OK";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

function ourAnswer(one: ScriptCase): string {
  const decoded = decodeTransaction(encodeTransaction(one.transaction));
  assert.ok(decoded.ok);
  const coin = { value: one.value, script: one.script, height: 1, coinbase: false };
  const coins = one.transaction.inputs.map(() => coin);
  const hashes = prepareSignatureHashes(decoded.value, coins);
  return verifyInput(decoded.value, one.index, coins, one.flags, hashes);
}

/** Names that Bitcoin Core has changed since, or has for what bcoin tells otherwise; ours first. */
const ALIKE = new Set([
  "SCRIPTNUM UNKNOWN_ERROR",
  "INVALID_STACK_OPERATION UNBALANCED_CONDITIONAL",
  "CLEANSTACK EVAL_FALSE",
]);

const missing = foreignMissing();
const skip = missing === null ? false : `SKIPPED: ${missing}`;

test("random spends have the same answer from bcoin's interpreter", { skip }, () => {
  const foreign = loadBcoin() as Foreign;
  const seen = new Map<string, number>();
  const random = new Prng(sha256(new TextEncoder().encode(`scripts ${FUZZ_SEED}`)));
  const cases = new ScriptCases(
    random,
    (transaction, index, code, value, type, version) =>
      new Uint8Array(
        readTransaction(foreign, transaction).signatureHash(
          index,
          foreign.Script.fromRaw(Buffer.from(code)),
          value,
          type,
          version,
        ),
      ),
    (key) => new Uint8Array(foreign.secp256k1.publicKeyConvert(Buffer.from(key), false)),
  );
  for (let number = 0; number < COUNT; number++) {
    const one = cases.next();
    const ours = ourAnswer(one);
    const theirs = theirAnswer(foreign, one);
    seen.set(ours, (seen.get(ours) ?? 0) + 1);
    if (ours === theirs || ALIKE.has(`${ours} ${theirs}`)) continue;
    const raw = toHex(encodeTransaction(one.transaction));
    assert.fail(
      `case ${number} of PANDO_FUZZ_SEED=${FUZZ_SEED}: ${ours}, from bcoin ${theirs}: input ${one.index} of ${raw}, coin ${one.value} ${toHex(one.script)}, flags ${flagsText(one.flags)}`,
    );
  }
  assert.ok(seen.get("OK")! > COUNT / 20, "enough of them are good");
  assert.ok(seen.size > 20, `and bad in many ways: ${[...seen.keys()].join(" ")}`);
});
