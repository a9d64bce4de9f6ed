// CHECKSIG, CHECKMULTISIG and CHECKSIGADD in each script version. Rules: Bitcoin Core's EvalChecksig
// and EvalScript (script/interpreter.cpp), BIP143, BIP146, BIP341, BIP342.
import type { Bytes } from "../../../base/bytes.ts";
import { parseDerLax } from "../../../crypto/der.ts";
import { FLAG } from "./flags.ts";
import {
  BASE,
  type Machine,
  MULTISIG_KEYS_MAX,
  OPERATIONS_MAX,
  TAPSCRIPT,
  WITNESS_V0,
} from "./machine.ts";
import { OP } from "./opcodes.ts";
import { pushOf, withoutPattern } from "./script-bytes.ts";
import type { ScriptError } from "./script-error.ts";
import { FALSE, scriptNumber, TRUE } from "./script-number.ts";
import { checkKeyEncoding, checkSignatureEncoding, isKeyForm } from "./signature-encoding.ts";

/** BIP342: what each signature takes from the budget that the witness's size gives. */
const WEIGHT_PER_SIGNATURE = 50;

/** CHECKSIG, CHECKSIGVERIFY and CHECKSIGADD. */
export function signatureOperation(m: Machine, opcode: number): ScriptError {
  if (opcode === OP.CHECKSIGADD) return signatureAdd(m);
  if (m.stack.length < 2) return "INVALID_STACK_OPERATION";
  const signature = m.peek(1);
  const key = m.peek(0);
  let valid = signature.length > 0;
  if (m.version === TAPSCRIPT) {
    const error = checkTapscriptSignature(m, signature, key);
    if (error !== "OK") return error;
  } else {
    const code = codeWithout(m, m.script.subarray(m.codeAt), signature);
    if (code === null) return "SIG_FINDANDDELETE";
    const error = checkEncodings(m, signature, key);
    if (error !== "OK") return error;
    valid = isEcdsaValid(m, signature, key, code);
    if (!valid && signature.length > 0 && m.has(FLAG.NULLFAIL)) return "NULLFAIL";
  }
  m.drop(2);
  if (opcode === OP.CHECKSIGVERIFY) return valid ? "OK" : "CHECKSIGVERIFY";
  m.stack.push(valid ? TRUE : FALSE);
  return "OK";
}

/** BIP342: adds one to a number when the signature is valid, none when it is empty. */
function signatureAdd(m: Machine): ScriptError {
  if (m.version !== TAPSCRIPT) return "BAD_OPCODE";
  if (m.stack.length < 3) return "INVALID_STACK_OPERATION";
  const signature = m.peek(2);
  const sum = m.number(1, FLAG.MINIMALDATA);
  if (Number.isNaN(sum)) return "SCRIPTNUM";
  const error = checkTapscriptSignature(m, signature, m.peek(0));
  if (error !== "OK") return error;
  m.drop(3);
  m.stack.push(scriptNumber(signature.length > 0 ? sum + 1 : sum));
  return "OK";
}

/** BIP342: an empty signature fails quietly, a wrong one fails the script. */
function checkTapscriptSignature(m: Machine, signature: Bytes, key: Bytes): ScriptError {
  if (signature.length > 0) {
    m.weightLeft -= WEIGHT_PER_SIGNATURE;
    if (m.weightLeft < 0) return "TAPSCRIPT_VALIDATION_WEIGHT";
  }
  if (key.length === 0) return "TAPSCRIPT_EMPTY_PUBKEY";
  if (key.length === 32) {
    return signature.length === 0 ? "OK" : checkSchnorr(m, signature, key, m.leafHash);
  }
  return m.has(FLAG.DISCOURAGE_UPGRADABLE_PUBKEYTYPE) ? "DISCOURAGE_UPGRADABLE_PUBKEYTYPE" : "OK";
}

/** BIP341: a signature by the 32-byte `key`, of a leaf or (null) of the key path. */
export function checkSchnorr(
  m: Machine,
  signature: Bytes,
  key: Bytes,
  leafHash: Bytes | null,
): ScriptError {
  if (signature.length !== 64 && signature.length !== 65) return "SCHNORR_SIG_SIZE";
  const hashType = signature.length === 64 ? 0 : signature[64]!;
  if (signature.length === 65 && hashType === 0) return "SCHNORR_SIG_HASHTYPE";
  const hash = m.hashes.taproot(m.inputIndex, hashType, m.annexHash, leafHash, m.codeSeparator);
  if (hash === null) return "SCHNORR_SIG_HASHTYPE";
  const plain = signature.length === 64 ? signature : signature.subarray(0, 64);
  return m.hashes.check.schnorr(key, plain, hash) ? "OK" : "SCHNORR_SIG";
}

/**
 * Script code without the signature, which could not have signed itself (before witnesses only);
 * null where CONST_SCRIPTCODE forbids that it is there at all.
 */
function codeWithout(m: Machine, code: Bytes, signature: Bytes): Bytes | null {
  if (m.version !== BASE || signature.length >= code.length) return code;
  const rest = withoutPattern(code, pushOf(signature));
  return rest !== code && m.has(FLAG.CONST_SCRIPTCODE) ? null : rest;
}

function checkEncodings(m: Machine, signature: Bytes, key: Bytes): ScriptError {
  const error = checkSignatureEncoding(signature, m.flags);
  return error === "OK" ? checkKeyEncoding(key, m.flags, m.version) : error;
}

function isEcdsaValid(m: Machine, signature: Bytes, key: Bytes, code: Bytes): boolean {
  if (signature.length === 0 || !isKeyForm(key)) return false;
  const last = signature.length - 1;
  const compact = parseDerLax(signature.subarray(0, last));
  if (compact === null) return false;
  const hashType = signature[last]!;
  const hash =
    m.version === WITNESS_V0
      ? m.hashes.witness(m.inputIndex, code, hashType)
      : m.hashes.legacy(m.inputIndex, code, hashType);
  return m.hashes.check.ecdsa(key, compact, hash);
}

/** CHECKMULTISIG and CHECKMULTISIGVERIFY: dummy, signatures, their count, keys, their count. */
export function multisignatureOperation(m: Machine, opcode: number): ScriptError {
  if (m.version === TAPSCRIPT) return "TAPSCRIPT_CHECKMULTISIG";
  const items = m.stack.length;
  if (items < 1) return "INVALID_STACK_OPERATION";
  const keys = m.number(0, FLAG.MINIMALDATA);
  if (Number.isNaN(keys)) return "SCRIPTNUM";
  if (keys < 0 || keys > MULTISIG_KEYS_MAX) return "PUBKEY_COUNT";
  m.operations += keys;
  if (m.operations > OPERATIONS_MAX) return "OP_COUNT";
  if (items < keys + 2) return "INVALID_STACK_OPERATION";
  const signatures = m.number(keys + 1, FLAG.MINIMALDATA);
  if (Number.isNaN(signatures)) return "SCRIPTNUM";
  if (signatures < 0 || signatures > keys) return "SIG_COUNT";
  // One item more than needed is taken: a mistake of the first version that became a rule.
  if (items < keys + signatures + 3) return "INVALID_STACK_OPERATION";
  const error = matchSignatures(m, keys, signatures);
  const valid = error === "OK";
  if (!valid && error !== "EVAL_FALSE") return error;
  if (!valid && m.has(FLAG.NULLFAIL)) {
    for (let index = 0; index < signatures; index++) {
      if (m.peek(keys + 2 + index).length > 0) return "NULLFAIL";
    }
  }
  m.drop(keys + signatures + 2);
  if (m.has(FLAG.NULLDUMMY) && m.peek(0).length > 0) return "SIG_NULLDUMMY";
  m.drop(1);
  if (opcode === OP.CHECKMULTISIGVERIFY) return valid ? "OK" : "CHECKMULTISIGVERIFY";
  m.stack.push(valid ? TRUE : FALSE);
  return "OK";
}

/**
 * Pairs signatures with keys, both from the top, each key tried once: "OK" when every signature has
 * found its key, EVAL_FALSE when that has become impossible. The order decides which encodings are
 * looked at, so it is part of the rule.
 */
function matchSignatures(m: Machine, keys: number, signatures: number): ScriptError {
  let code: Bytes | null = m.script.subarray(m.codeAt);
  for (let index = 0; index < signatures; index++) {
    code = codeWithout(m, code, m.peek(keys + 2 + index));
    if (code === null) return "SIG_FINDANDDELETE";
  }
  let signaturesDone = 0;
  for (let key = 0; signaturesDone < signatures; key++) {
    if (signatures - signaturesDone > keys - key) return "EVAL_FALSE";
    const signature = m.peek(keys + 2 + signaturesDone);
    const publicKey = m.peek(1 + key);
    const error = checkEncodings(m, signature, publicKey);
    if (error !== "OK") return error;
    if (isEcdsaValid(m, signature, publicKey, code)) signaturesDone++;
  }
  return "OK";
}
