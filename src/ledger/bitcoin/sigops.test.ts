import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bytes, concatBytes } from "../../base/bytes.ts";
import { hash160, sha256 } from "../../crypto/hash.ts";
import { encodeTransaction } from "./encode.ts";
import { FLAG } from "./script/flags.ts";
import { OP } from "./script/opcodes.ts";
import { pushOf } from "./script/script-bytes.ts";
import { countSigops, transactionSigopCost } from "./sigops.ts";
import { decodeTransaction } from "./transaction.ts";

const NOTHING = new Uint8Array(0);
const FLAGS = FLAG.P2SH | FLAG.WITNESS;
/** Two of three, as keys stand for nothing here. */
const MULTISIG = Uint8Array.of(0x52, 0x51, 0x51, 0x53, OP.CHECKMULTISIG);

function cost(
  coinScript: Bytes,
  scriptSig: Bytes,
  witness: readonly Bytes[] = [],
  flags = FLAGS,
  index = 0,
): number {
  const decoded = decodeTransaction(
    encodeTransaction({
      version: 1,
      lockTime: 0,
      inputs: [{ txid: new Uint8Array(32), index, script: scriptSig, sequence: 0, witness }],
      outputs: [{ value: 1, script: Uint8Array.of(OP.CHECKSIG) }],
    }),
  );
  assert.ok(decoded.ok);
  const coins = [{ value: 1, script: coinScript, height: 1, coinbase: false }];
  return transactionSigopCost(decoded.value, coins, flags);
}

test("a script's count: 20 a CHECKMULTISIG unless its number of keys is asked for", () => {
  assert.equal(countSigops(MULTISIG, false), 20);
  assert.equal(countSigops(MULTISIG, true), 3);
  assert.equal(countSigops(Uint8Array.of(OP.CHECKSIG, OP.CHECKSIGVERIFY), true), 2);
  assert.equal(countSigops(Uint8Array.of(2, OP.CHECKSIG, OP.CHECKSIG), true), 0);
  const cutOff = Uint8Array.of(OP.CHECKSIG, OP.PUSHDATA1);
  assert.equal(countSigops(cutOff, true), 1);
  assert.equal(countSigops(Uint8Array.of(OP.CHECKMULTISIGVERIFY), true), 20);
});

test("the cost of a transaction: own scripts and P2SH by four, witnesses by one", () => {
  const own = 4;
  const inScriptHash = Uint8Array.of(OP.HASH160, 20, ...hash160(MULTISIG), OP.EQUAL);
  assert.equal(cost(Uint8Array.of(OP.CHECKSIG), NOTHING), own);
  assert.equal(cost(inScriptHash, pushOf(MULTISIG)), own + 12);
  assert.equal(cost(inScriptHash, pushOf(MULTISIG), [], 0), own);
  const notOnlyPushes = concatBytes(Uint8Array.of(OP.NOP), pushOf(MULTISIG));
  assert.equal(cost(inScriptHash, notOnlyPushes), own);
  const keyHash = Uint8Array.of(0, 20, ...new Uint8Array(20));
  assert.equal(cost(keyHash, NOTHING), own + 1);
  const scriptHash = Uint8Array.of(0, 32, ...sha256(MULTISIG));
  assert.equal(cost(scriptHash, NOTHING, [MULTISIG]), own + 3);
  assert.equal(cost(scriptHash, NOTHING, [MULTISIG], FLAG.P2SH), own);
  assert.equal(cost(scriptHash, NOTHING), own);
  const nested = Uint8Array.of(OP.HASH160, 20, ...hash160(scriptHash), OP.EQUAL);
  assert.equal(cost(nested, pushOf(scriptHash), [MULTISIG]), own + 3);
  const taproot = Uint8Array.of(0x51, 32, ...new Uint8Array(32));
  assert.equal(cost(taproot, NOTHING, [MULTISIG]), own);
});

test("a coinbase has only its own scripts", () => {
  assert.equal(cost(MULTISIG, Uint8Array.of(OP.CHECKSIG), [], FLAGS, 0xffffffff), 8);
});
