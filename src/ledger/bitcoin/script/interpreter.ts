// Hot: the loop that runs one script, and its conditions. It decides what every script version and
// every flag allows before an operation runs; the operations themselves are in the files beside
// this one. Rule: Bitcoin Core's EvalScript (script/interpreter.cpp), BIP342.
import { type Bytes, readU16, readU32 } from "../../../base/bytes.ts";
import { arithmeticOperation } from "./arithmetic-operations.ts";
import { FLAG } from "./flags.ts";
import { hashOperation } from "./hash-operations.ts";
import { lockOperation } from "./lock-operations.ts";
import {
  BASE,
  ITEM_BYTES_MAX,
  type Machine,
  OPERATIONS_MAX,
  SCRIPT_BYTES_MAX,
  type ScriptVersion,
  STACK_ITEMS_MAX,
  TAPSCRIPT,
  WITNESS_V0,
} from "./machine.ts";
import { isDisabled, OP, OP_16 } from "./opcodes.ts";
import { isMinimalPush, smallNumber } from "./script-bytes.ts";
import type { ScriptError } from "./script-error.ts";
import { FALSE, isTrue, singleByte } from "./script-number.ts";
import { multisignatureOperation, signatureOperation } from "./signature-operations.ts";
import { stackOperation } from "./stack-operations.ts";

/** Runs `script` on the machine's stack; "OK" says only that it ran to its end. */
export function runScript(m: Machine, script: Bytes, version: ScriptVersion): ScriptError {
  if (version !== TAPSCRIPT && script.length > SCRIPT_BYTES_MAX) return "SCRIPT_SIZE";
  m.begin(script, version);
  const end = script.length;
  const minimal = m.has(FLAG.MINIMALDATA);
  let at = 0;
  for (let position = 0; at < end; position++) {
    const opcode = script[at++]!;
    if (opcode <= OP.PUSHDATA4) {
      let length = opcode;
      if (opcode >= OP.PUSHDATA1) {
        const width = opcode === OP.PUSHDATA1 ? 1 : opcode === OP.PUSHDATA2 ? 2 : 4;
        if (width > end - at) return "BAD_OPCODE";
        length =
          width === 1 ? script[at]! : width === 2 ? readU16(script, at) : readU32(script, at);
        at += width;
      }
      if (length > end - at) return "BAD_OPCODE";
      if (length > ITEM_BYTES_MAX) return "PUSH_SIZE";
      if (m.firstFalse < 0) {
        const item = itemOf(script, at, length);
        if (minimal && !isMinimalPush(item, opcode)) return "MINIMALDATA";
        m.stack.push(item);
      }
      at += length;
    } else {
      if (opcode > OP_16) {
        if (version !== TAPSCRIPT && ++m.operations > OPERATIONS_MAX) return "OP_COUNT";
        if (isDisabled(opcode)) return "DISABLED_OPCODE";
        if (opcode === OP.CODESEPARATOR && version === BASE && m.has(FLAG.CONST_SCRIPTCODE)) {
          return "OP_CODESEPARATOR";
        }
      }
      if (m.firstFalse < 0 || (opcode >= OP.IF && opcode <= OP.ENDIF)) {
        m.at = at;
        m.position = position;
        const error = runOperation(m, opcode);
        if (error !== "OK") return error;
      }
    }
    if (m.stack.length + m.alternative.length > STACK_ITEMS_MAX) return "STACK_SIZE";
  }
  return m.conditions === 0 ? "OK" : "UNBALANCED_CONDITIONAL";
}

function itemOf(script: Bytes, at: number, length: number): Bytes {
  if (length > 1) return script.subarray(at, at + length);
  return length === 0 ? FALSE : singleByte(script[at]!);
}

function runOperation(m: Machine, opcode: number): ScriptError {
  if (opcode <= OP_16) {
    if (opcode === OP.RESERVED) return "BAD_OPCODE";
    m.stack.push(smallNumber(opcode));
    return "OK";
  }
  if (opcode <= OP.RETURN) return flowOperation(m, opcode);
  if (opcode <= OP.EQUALVERIFY) return stackOperation(m, opcode);
  if (opcode <= OP.WITHIN) return arithmeticOperation(m, opcode);
  if (opcode <= OP.HASH256) return hashOperation(m, opcode);
  switch (opcode) {
    case OP.CODESEPARATOR:
      m.codeAt = m.at;
      m.codeSeparator = m.position;
      return "OK";
    case OP.CHECKSIG:
    case OP.CHECKSIGVERIFY:
    case OP.CHECKSIGADD:
      return signatureOperation(m, opcode);
    case OP.CHECKMULTISIG:
    case OP.CHECKMULTISIGVERIFY:
      return multisignatureOperation(m, opcode);
    default:
      return lockOperation(m, opcode);
  }
}

function flowOperation(m: Machine, opcode: number): ScriptError {
  switch (opcode) {
    case OP.NOP:
      return "OK";
    case OP.IF:
    case OP.NOTIF:
      return openCondition(m, opcode);
    case OP.ELSE:
      if (m.conditions === 0) return "UNBALANCED_CONDITIONAL";
      if (m.firstFalse < 0) m.firstFalse = m.conditions - 1;
      else if (m.firstFalse === m.conditions - 1) m.firstFalse = -1;
      return "OK";
    case OP.ENDIF:
      if (m.conditions === 0) return "UNBALANCED_CONDITIONAL";
      m.conditions--;
      if (m.firstFalse === m.conditions) m.firstFalse = -1;
      return "OK";
    case OP.VERIFY:
      if (m.stack.length < 1) return "INVALID_STACK_OPERATION";
      if (!isTrue(m.peek(0))) return "VERIFY";
      m.drop(1);
      return "OK";
    case OP.RETURN:
      return "OP_RETURN";
    default:
      return "BAD_OPCODE";
  }
}

/** IF and NOTIF: within a false condition only counted. */
function openCondition(m: Machine, opcode: number): ScriptError {
  if (m.firstFalse < 0) {
    if (m.stack.length < 1) return "INVALID_STACK_OPERATION";
    const item = m.peek(0);
    const minimal = item.length === 0 || (item.length === 1 && item[0] === 1);
    if (!minimal && m.version === TAPSCRIPT) return "TAPSCRIPT_MINIMALIF";
    if (!minimal && m.version === WITNESS_V0 && m.has(FLAG.MINIMALIF)) return "MINIMALIF";
    m.drop(1);
    if (isTrue(item) === (opcode === OP.NOTIF)) m.firstFalse = m.conditions;
  }
  m.conditions++;
  return "OK";
}
