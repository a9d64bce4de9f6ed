// CHECKLOCKTIMEVERIFY (BIP65), CHECKSEQUENCEVERIFY (BIP112), and the NOPs kept for other upgrades.
import type { Transaction } from "../transaction.ts";
import { FLAG } from "./flags.ts";
import type { Machine } from "./machine.ts";
import { OP } from "./opcodes.ts";
import type { ScriptError } from "./script-error.ts";

/** Lock times below are heights, the others are times. */
const LOCK_TIME_THRESHOLD = 500_000_000;
const SEQUENCE_FINAL = 0xffffffff;
/** BIP68: the bit that switches relative locks off, the one for time, and the bits of the value. */
const SEQUENCE_DISABLED = 0x8000_0000;
const SEQUENCE_TIME = 0x0040_0000;
const SEQUENCE_MASK = 0x0040_ffff;
const LOCK_BYTES_MAX = 5;

/** Runs an operation from NOP1 on. */
export function lockOperation(m: Machine, opcode: number): ScriptError {
  if (opcode < OP.NOP1 || opcode > OP.NOP10) return "BAD_OPCODE";
  if (opcode === OP.CHECKLOCKTIMEVERIFY) {
    return m.has(FLAG.CHECKLOCKTIMEVERIFY) ? checkLockTime(m) : "OK";
  }
  if (opcode === OP.CHECKSEQUENCEVERIFY) {
    return m.has(FLAG.CHECKSEQUENCEVERIFY) ? checkSequence(m) : "OK";
  }
  return m.has(FLAG.DISCOURAGE_UPGRADABLE_NOPS) ? "DISCOURAGE_UPGRADABLE_NOPS" : "OK";
}

function checkLockTime(m: Machine): ScriptError {
  if (m.stack.length < 1) return "INVALID_STACK_OPERATION";
  const lock = m.number(0, FLAG.MINIMALDATA, LOCK_BYTES_MAX);
  if (Number.isNaN(lock)) return "SCRIPTNUM";
  if (lock < 0) return "NEGATIVE_LOCKTIME";
  const { transaction } = m.hashes;
  const { sequence } = transaction.inputs[m.inputIndex]!;
  return lockTimeReached(transaction, sequence, lock) ? "OK" : "UNSATISFIED_LOCKTIME";
}

function lockTimeReached(transaction: Transaction, sequence: number, lock: number): boolean {
  const { lockTime } = transaction;
  if (lockTime < LOCK_TIME_THRESHOLD !== lock < LOCK_TIME_THRESHOLD) return false;
  // A final input switches the transaction's lock time off.
  return lock <= lockTime && sequence !== SEQUENCE_FINAL;
}

function checkSequence(m: Machine): ScriptError {
  if (m.stack.length < 1) return "INVALID_STACK_OPERATION";
  const lock = m.number(0, FLAG.MINIMALDATA, LOCK_BYTES_MAX);
  if (Number.isNaN(lock)) return "SCRIPTNUM";
  if (lock < 0) return "NEGATIVE_LOCKTIME";
  const low = lock % 0x1_0000_0000;
  if (low >= SEQUENCE_DISABLED) return "OK";
  const { transaction } = m.hashes;
  const { sequence } = transaction.inputs[m.inputIndex]!;
  if (transaction.version < 2 || sequence >= SEQUENCE_DISABLED) return "UNSATISFIED_LOCKTIME";
  const wanted = low & SEQUENCE_MASK;
  const given = sequence & SEQUENCE_MASK;
  if (wanted < SEQUENCE_TIME !== given < SEQUENCE_TIME) return "UNSATISFIED_LOCKTIME";
  return wanted <= given ? "OK" : "UNSATISFIED_LOCKTIME";
}
