// Whether an input may spend its coin: runs scriptSig, scriptPubKey, and what P2SH (BIP16), witness
// programs (BIP141) and taproot (BIP341) put behind them. It never throws on bad input and never
// looks anything up. Rule: Bitcoin Core's VerifyScript (script/interpreter.cpp).
import { assert } from "../../../base/assert.ts";
import { type Bytes, bytesEqual, concatBytes, rangeEqual } from "../../../base/bytes.ts";
import { compactSizeBytes } from "../../../base/reader.ts";
import { sha256 } from "../../../crypto/hash.ts";
import type { Coin } from "../coin.ts";
import type { SignatureHashes } from "../sighash.ts";
import {
  ANNEX_TAG,
  annexHash,
  controlKey,
  controlTweak,
  isControlSize,
  LEAF_MASK,
  LEAF_TAPSCRIPT,
  leafHash,
} from "../taproot.ts";
import { type Transaction, witnessStack } from "../transaction.ts";
import { isCommonSpend } from "./common-spends.ts";
import { FLAG } from "./flags.ts";
import { runScript } from "./interpreter.ts";
import {
  BASE,
  ITEM_BYTES_MAX,
  Machine,
  type ScriptVersion,
  STACK_ITEMS_MAX,
  TAPSCRIPT,
  WITNESS_V0,
} from "./machine.ts";
import { isSuccess, OP } from "./opcodes.ts";
import { isPushOnly, isScriptHash, operationEnd, pushOf, witnessVersion } from "./script-bytes.ts";
import type { ScriptError } from "./script-error.ts";
import { isTrue } from "./script-number.ts";
import { checkSchnorr } from "./signature-operations.ts";

/** BIP342: what the budget for signatures has beyond the witness's size. */
const WEIGHT_OFFSET = 50;

/**
 * "OK" when input `inputIndex` of `transaction` may spend `coins[inputIndex]` under `flags`, else
 * why not. `coins` has the coin of every input; `hashes` was prepared for both.
 */
export function verifyInput(
  transaction: Transaction,
  inputIndex: number,
  coins: readonly Coin[],
  flags: number,
  hashes: SignatureHashes,
): ScriptError {
  assert(
    hashes.transaction === transaction && hashes.coins === coins,
    "hashes of this transaction",
  );
  return isCommonSpend(hashes, inputIndex, flags) ? "OK" : runInput(hashes, inputIndex, flags);
}

/** The same answer by the interpreter alone. */
export function runInput(hashes: SignatureHashes, inputIndex: number, flags: number): ScriptError {
  const { transaction, coins } = hashes;
  const input = transaction.inputs[inputIndex]!;
  const scriptSig = transaction.bytes.subarray(input.scriptAt, input.scriptEnd);
  const script = coins[inputIndex]!.script;
  if ((flags & FLAG.SIGPUSHONLY) !== 0 && !isPushOnly(scriptSig)) return "SIG_PUSHONLY";
  const m = new Machine(hashes, inputIndex, flags);
  const sigError = runScript(m, scriptSig, BASE);
  if (sigError !== "OK") return sigError;
  const toScriptHash = m.has(FLAG.P2SH) && isScriptHash(script);
  const pushed = toScriptHash ? m.stack.slice() : null;
  const error = runToTrue(m, script, BASE);
  if (error !== "OK") return error;
  let program = m.has(FLAG.WITNESS) && witnessVersion(script) >= 0;
  if (program) {
    if (scriptSig.length !== 0) return "WITNESS_MALLEATED";
    const programError = verifyProgram(m, script, false);
    if (programError !== "OK") return programError;
  }
  if (pushed !== null) {
    if (!isPushOnly(scriptSig)) return "SIG_PUSHONLY";
    const redeem = pushed.pop()!;
    m.stack.splice(0, m.stack.length, ...pushed);
    const redeemError = runToTrue(m, redeem, BASE);
    if (redeemError !== "OK") return redeemError;
    if (m.has(FLAG.WITNESS) && witnessVersion(redeem) >= 0) {
      program = true;
      if (!bytesEqual(scriptSig, pushOf(redeem))) return "WITNESS_MALLEATED_P2SH";
      const programError = verifyProgram(m, redeem, true);
      if (programError !== "OK") return programError;
    }
  }
  if (m.has(FLAG.CLEANSTACK) && !program && m.stack.length !== 1) return "CLEANSTACK";
  if (m.has(FLAG.WITNESS) && !program && input.witnessCount > 0) return "WITNESS_UNEXPECTED";
  return "OK";
}

/** Runs a script that must leave something true on top. */
function runToTrue(m: Machine, script: Bytes, version: ScriptVersion): ScriptError {
  const error = runScript(m, script, version);
  if (error !== "OK") return error;
  return m.stack.length > 0 && isTrue(m.peek(0)) ? "OK" : "EVAL_FALSE";
}

/** BIP141: the witness against the program that `script` is. */
function verifyProgram(m: Machine, script: Bytes, inScriptHash: boolean): ScriptError {
  const { transaction } = m.hashes;
  const witness = witnessStack(transaction, transaction.inputs[m.inputIndex]!);
  const version = witnessVersion(script);
  const length = script.length - 2;
  if (version === 0) {
    if (length === 32) return verifyScriptHash(m, script, witness);
    return length === 20 ? verifyKeyHash(m, script, witness) : "WITNESS_PROGRAM_WRONG_LENGTH";
  }
  if (version === 1 && length === 32 && !inScriptHash) {
    return m.has(FLAG.TAPROOT) ? verifyTaproot(m, script.subarray(2), witness) : "OK";
  }
  if (version === 1 && !inScriptHash && isAnchor(script)) return "OK";
  return m.has(FLAG.DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM)
    ? "DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM"
    : "OK";
}

/** The output that anyone may spend to raise a fee: OP_1 push-2 4e73. */
function isAnchor(script: Bytes): boolean {
  return script.length === 4 && script[2] === 0x4e && script[3] === 0x73;
}

function verifyScriptHash(m: Machine, program: Bytes, witness: Bytes[]): ScriptError {
  const script = witness.pop();
  if (script === undefined) return "WITNESS_PROGRAM_WITNESS_EMPTY";
  if (!rangeEqual(sha256(script), 0, program, 2, 32)) return "WITNESS_PROGRAM_MISMATCH";
  return runWitness(m, script, witness, WITNESS_V0);
}

const KEY_HASH_HEAD: Bytes = new Uint8Array([OP.DUP, OP.HASH160]);
const KEY_HASH_TAIL: Bytes = new Uint8Array([OP.EQUALVERIFY, OP.CHECKSIG]);

function verifyKeyHash(m: Machine, program: Bytes, witness: Bytes[]): ScriptError {
  if (witness.length !== 2) return "WITNESS_PROGRAM_MISMATCH";
  const script = concatBytes(KEY_HASH_HEAD, program.subarray(1), KEY_HASH_TAIL);
  return runWitness(m, script, witness, WITNESS_V0);
}

/** BIP341. */
function verifyTaproot(m: Machine, outputKey: Bytes, witness: Bytes[]): ScriptError {
  const last = witness.at(-1);
  if (last === undefined) return "WITNESS_PROGRAM_WITNESS_EMPTY";
  if (witness.length >= 2 && last[0] === ANNEX_TAG) {
    m.annexHash = annexHash(last);
    witness.pop();
  }
  if (witness.length === 1) return checkSchnorr(m, witness[0]!, outputKey, null);
  const control = witness.pop()!;
  const script = witness.pop()!;
  if (!isControlSize(control.length)) return "TAPROOT_WRONG_CONTROL_SIZE";
  const leafVersion = control[0]! & LEAF_MASK;
  m.leafHash = leafHash(leafVersion, script);
  const parity = (control[0]! & 1) === 1 ? 1 : 0;
  const tweak = controlTweak(control, m.leafHash);
  if (!m.hashes.check.tweak(controlKey(control), tweak, outputKey, parity)) {
    return "WITNESS_PROGRAM_MISMATCH";
  }
  if (leafVersion === LEAF_TAPSCRIPT) return runTapscript(m, script, witness);
  return m.has(FLAG.DISCOURAGE_UPGRADABLE_TAPROOT_VERSION)
    ? "DISCOURAGE_UPGRADABLE_TAPROOT_VERSION"
    : "OK";
}

/** BIP342. */
function runTapscript(m: Machine, script: Bytes, witness: Bytes[]): ScriptError {
  for (let at = 0; at < script.length; ) {
    if (isSuccess(script[at]!)) {
      return m.has(FLAG.DISCOURAGE_OP_SUCCESS) ? "DISCOURAGE_OP_SUCCESS" : "OK";
    }
    at = operationEnd(script, at);
    if (at < 0) return "BAD_OPCODE";
  }
  if (witness.length > STACK_ITEMS_MAX) return "STACK_SIZE";
  const { witnessAt, witnessEnd, witnessCount } = m.hashes.transaction.inputs[m.inputIndex]!;
  m.weightLeft = compactSizeBytes(witnessCount) + witnessEnd - witnessAt + WEIGHT_OFFSET;
  return runWitness(m, script, witness, TAPSCRIPT);
}

/** Runs a script on what is left of the witness; it must leave exactly one item, and that true. */
function runWitness(
  m: Machine,
  script: Bytes,
  items: readonly Bytes[],
  version: ScriptVersion,
): ScriptError {
  m.stack.length = 0;
  for (const item of items) {
    if (item.length > ITEM_BYTES_MAX) return "PUSH_SIZE";
    m.stack.push(item);
  }
  const error = runScript(m, script, version);
  if (error !== "OK") return error;
  if (m.stack.length !== 1) return "CLEANSTACK";
  return isTrue(m.peek(0)) ? "OK" : "EVAL_FALSE";
}
