// Arithmetic and logic on numbers of up to four bytes. Rule: Bitcoin Core's EvalScript.
import { FLAG } from "./flags.ts";
import type { Machine } from "./machine.ts";
import { OP } from "./opcodes.ts";
import type { ScriptError } from "./script-error.ts";
import { FALSE, scriptNumber, TRUE } from "./script-number.ts";

/** Runs an operation from RESERVED1 to WITHIN. */
export function arithmeticOperation(m: Machine, opcode: number): ScriptError {
  if (opcode === OP.WITHIN) return within(m);
  if (opcode <= OP.RESERVED2) return "BAD_OPCODE";
  return opcode <= OP["0NOTEQUAL"] ? oneOperand(m, opcode) : twoOperands(m, opcode);
}

function oneOperand(m: Machine, opcode: number): ScriptError {
  if (m.stack.length < 1) return "INVALID_STACK_OPERATION";
  const value = m.number(0, FLAG.MINIMALDATA);
  if (Number.isNaN(value)) return "SCRIPTNUM";
  m.stack[m.stack.length - 1] = scriptNumber(resultOfOne(opcode, value));
  return "OK";
}

function resultOfOne(opcode: number, value: number): number {
  switch (opcode) {
    case OP["1ADD"]:
      return value + 1;
    case OP["1SUB"]:
      return value - 1;
    case OP.NEGATE:
      return -value;
    case OP.ABS:
      return Math.abs(value);
    case OP.NOT:
      return value === 0 ? 1 : 0;
    default: // 0NOTEQUAL
      return value === 0 ? 0 : 1;
  }
}

function twoOperands(m: Machine, opcode: number): ScriptError {
  if (m.stack.length < 2) return "INVALID_STACK_OPERATION";
  const a = m.number(1, FLAG.MINIMALDATA);
  const b = m.number(0, FLAG.MINIMALDATA);
  if (Number.isNaN(a) || Number.isNaN(b)) return "SCRIPTNUM";
  m.drop(2);
  const result = resultOfTwo(opcode, a, b);
  if (opcode === OP.NUMEQUALVERIFY) return result === 0 ? "NUMEQUALVERIFY" : "OK";
  m.stack.push(scriptNumber(result));
  return "OK";
}

function resultOfTwo(opcode: number, a: number, b: number): number {
  switch (opcode) {
    case OP.ADD:
      return a + b;
    case OP.SUB:
      return a - b;
    case OP.MIN:
      return Math.min(a, b);
    case OP.MAX:
      return Math.max(a, b);
    default:
      return compare(opcode, a, b) ? 1 : 0;
  }
}

function compare(opcode: number, a: number, b: number): boolean {
  switch (opcode) {
    case OP.BOOLAND:
      return a !== 0 && b !== 0;
    case OP.BOOLOR:
      return a !== 0 || b !== 0;
    case OP.NUMNOTEQUAL:
      return a !== b;
    case OP.LESSTHAN:
      return a < b;
    case OP.GREATERTHAN:
      return a > b;
    case OP.LESSTHANOREQUAL:
      return a <= b;
    case OP.GREATERTHANOREQUAL:
      return a >= b;
    default: // NUMEQUAL, NUMEQUALVERIFY
      return a === b;
  }
}

/** WITHIN: least <= value < bound. */
function within(m: Machine): ScriptError {
  if (m.stack.length < 3) return "INVALID_STACK_OPERATION";
  const value = m.number(2, FLAG.MINIMALDATA);
  const least = m.number(1, FLAG.MINIMALDATA);
  const bound = m.number(0, FLAG.MINIMALDATA);
  if (Number.isNaN(value + least + bound)) return "SCRIPTNUM";
  m.drop(3);
  m.stack.push(least <= value && value < bound ? TRUE : FALSE);
  return "OK";
}
