// The operations that move, copy, measure and compare items. Rule: Bitcoin Core's EvalScript.
import { type Bytes, bytesEqual } from "../../../base/bytes.ts";
import { FLAG } from "./flags.ts";
import type { Machine } from "./machine.ts";
import { OP } from "./opcodes.ts";
import type { ScriptError } from "./script-error.ts";
import { FALSE, isTrue, scriptNumber, TRUE } from "./script-number.ts";

/** How many items each operation from TOALTSTACK to EQUALVERIFY needs. */
const NEEDS: readonly number[] = neededItems();

function neededItems(): number[] {
  const needs = new Array<number>(256).fill(0);
  const groups: [number, number[]][] = [
    [1, [OP.TOALTSTACK, OP.IFDUP, OP.DROP, OP.DUP, OP.SIZE]],
    [2, [OP["2DROP"], OP["2DUP"], OP.NIP, OP.OVER, OP.PICK, OP.ROLL, OP.SWAP, OP.TUCK]],
    [2, [OP.EQUAL, OP.EQUALVERIFY]],
    [3, [OP["3DUP"], OP.ROT]],
    [4, [OP["2OVER"], OP["2SWAP"]]],
    [6, [OP["2ROT"]]],
  ];
  for (const [count, opcodes] of groups) for (const opcode of opcodes) needs[opcode] = count;
  return needs;
}

/** Runs an operation from TOALTSTACK to EQUALVERIFY. */
export function stackOperation(m: Machine, opcode: number): ScriptError {
  const stack = m.stack;
  const count = stack.length;
  if (count < NEEDS[opcode]!) return "INVALID_STACK_OPERATION";
  switch (opcode) {
    case OP.DUP:
      stack.push(stack[count - 1]!);
      return "OK";
    case OP.DROP:
      stack.pop();
      return "OK";
    case OP.SWAP:
      swap(stack, count - 2, count - 1);
      return "OK";
    case OP.OVER:
      stack.push(stack[count - 2]!);
      return "OK";
    case OP.NIP:
      stack[count - 2] = stack.pop()!;
      return "OK";
    case OP.TUCK:
      stack.push(stack[count - 1]!);
      swap(stack, count - 2, count - 1);
      return "OK";
    case OP.IFDUP:
      if (isTrue(stack[count - 1]!)) stack.push(stack[count - 1]!);
      return "OK";
    case OP.DEPTH:
      stack.push(scriptNumber(count));
      return "OK";
    case OP.SIZE:
      stack.push(scriptNumber(stack[count - 1]!.length));
      return "OK";
    case OP.EQUAL:
    case OP.EQUALVERIFY:
      return equal(stack, opcode);
    case OP.PICK:
    case OP.ROLL:
      return pickOrRoll(m, opcode);
    case OP.TOALTSTACK:
      m.alternative.push(stack.pop()!);
      return "OK";
    case OP.FROMALTSTACK:
      if (m.alternative.length === 0) return "INVALID_ALTSTACK_OPERATION";
      stack.push(m.alternative.pop()!);
      return "OK";
    default:
      return severalItems(stack, opcode);
  }
}

/** The operations on two or three items at once. */
function severalItems(stack: Bytes[], opcode: number): ScriptError {
  const count = stack.length;
  switch (opcode) {
    case OP["2DROP"]:
      stack.length = count - 2;
      return "OK";
    case OP["2DUP"]:
      stack.push(stack[count - 2]!, stack[count - 1]!);
      return "OK";
    case OP["3DUP"]:
      stack.push(stack[count - 3]!, stack[count - 2]!, stack[count - 1]!);
      return "OK";
    case OP["2OVER"]:
      stack.push(stack[count - 4]!, stack[count - 3]!);
      return "OK";
    case OP["2SWAP"]:
      swap(stack, count - 4, count - 2);
      swap(stack, count - 3, count - 1);
      return "OK";
    case OP.ROT:
      swap(stack, count - 3, count - 2);
      swap(stack, count - 2, count - 1);
      return "OK";
    case OP["2ROT"]:
      swap(stack, count - 6, count - 4);
      swap(stack, count - 5, count - 3);
      swap(stack, count - 4, count - 2);
      swap(stack, count - 3, count - 1);
      return "OK";
    default:
      return "BAD_OPCODE";
  }
}

function swap(stack: Bytes[], a: number, b: number): void {
  const item = stack[a]!;
  stack[a] = stack[b]!;
  stack[b] = item;
}

function equal(stack: Bytes[], opcode: number): ScriptError {
  const same = bytesEqual(stack.pop()!, stack.pop()!);
  if (opcode === OP.EQUALVERIFY) return same ? "OK" : "EQUALVERIFY";
  stack.push(same ? TRUE : FALSE);
  return "OK";
}

function pickOrRoll(m: Machine, opcode: number): ScriptError {
  const depth = m.number(0, FLAG.MINIMALDATA);
  if (Number.isNaN(depth)) return "SCRIPTNUM";
  m.drop(1);
  const stack = m.stack;
  if (depth < 0 || depth >= stack.length) return "INVALID_STACK_OPERATION";
  const index = stack.length - 1 - depth;
  const item = stack[index]!;
  if (opcode === OP.ROLL) stack.splice(index, 1);
  stack.push(item);
  return "OK";
}
