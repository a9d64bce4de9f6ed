// The operations that hash the top item. Rule: Bitcoin Core's EvalScript.
import type { Bytes } from "../../../base/bytes.ts";
import { hash160, hash256, ripemd160, sha1, sha256 } from "../../../crypto/hash.ts";
import type { Machine } from "./machine.ts";
import { OP } from "./opcodes.ts";
import type { ScriptError } from "./script-error.ts";

/** Runs an operation from RIPEMD160 to HASH256. */
export function hashOperation(m: Machine, opcode: number): ScriptError {
  const top = m.stack.length - 1;
  if (top < 0) return "INVALID_STACK_OPERATION";
  m.stack[top] = hashBy(opcode, m.stack[top]!);
  return "OK";
}

function hashBy(opcode: number, item: Bytes): Bytes {
  switch (opcode) {
    case OP.RIPEMD160:
      return ripemd160(item);
    case OP.SHA1:
      return sha1(item);
    case OP.SHA256:
      return sha256(item);
    case OP.HASH160:
      return hash160(item);
    default: // HASH256
      return hash256(item);
  }
}
