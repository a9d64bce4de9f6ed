// The forms of output scripts that relay policy knows (Bitcoin Core's Solver, script/solver.cpp).
import type { Bytes } from "../../../base/bytes.ts";
import { OP, OP_1, OP_16 } from "../script/opcodes.ts";
import {
  isMinimalPush,
  isPushOnly,
  isScriptHash,
  operationEnd,
  pushLength,
  witnessVersion,
} from "../script/script-bytes.ts";

export type ScriptForm =
  | "nonstandard"
  | "pubkey"
  | "pubkeyhash"
  | "scripthash"
  | "multisig"
  | "nulldata"
  | "anchor"
  | "witness-keyhash"
  | "witness-scripthash"
  | "taproot"
  | "witness-unknown";

/** True for the program that anybody may spend, pay to anchor: OP_1 and the two bytes 4e73. */
function isAnchor(script: Bytes): boolean {
  return script.length === 4 && script[0] === OP_1 && script[2] === 0x4e && script[3] === 0x73;
}

function witnessForm(script: Bytes, version: number): ScriptForm {
  if (version === 0) {
    if (script.length === 22) return "witness-keyhash";
    return script.length === 34 ? "witness-scripthash" : "nonstandard";
  }
  if (version === 1 && script.length === 34) return "taproot";
  return isAnchor(script) ? "anchor" : "witness-unknown";
}

function isKeySize(length: number, first: number): boolean {
  if (length === 33) return first === 2 || first === 3;
  return length === 65 && (first === 4 || first === 6 || first === 7);
}

function isPayToKey(script: Bytes): boolean {
  const length = script.length - 2;
  return (
    script[script.length - 1] === OP.CHECKSIG &&
    script[0] === length &&
    isKeySize(length, script[1]!)
  );
}

function isPayToKeyHash(script: Bytes): boolean {
  return (
    script.length === 25 &&
    script[0] === OP.DUP &&
    script[1] === OP.HASH160 &&
    script[2] === 20 &&
    script[23] === OP.EQUALVERIFY &&
    script[24] === OP.CHECKSIG
  );
}

/** The number that an operation pushes, if it is one of 1 … 20, minimally; else -1. */
function keyCountAt(script: Bytes, at: number): number {
  const opcode = script[at]!;
  if (opcode >= OP_1 && opcode <= OP_16) return opcode - OP_1 + 1;
  if (opcode !== 1) return -1;
  const value = script[at + 1]!;
  return isMinimalPush(script.subarray(at + 1, at + 2), 1) && value <= 20 ? value : -1;
}

/** "m of n" with n keys, or null. */
export function multisig(script: Bytes): { readonly needed: number; readonly keys: number } | null {
  if (script.length < 3 || script[script.length - 1] !== OP.CHECKMULTISIG) return null;
  const needed = keyCountAt(script, 0);
  if (needed < 1) return null;
  let at = operationEnd(script, 0);
  let keys = 0;
  while (at > 0 && at < script.length) {
    const length = pushLength(script, at);
    const end = operationEnd(script, at);
    if (end < 0 || !isKeySize(length, script[end - length] ?? 0)) break;
    if (!isMinimalPush(script.subarray(end - length, end), script[at]!)) return null;
    keys++;
    at = end;
  }
  if (at < 0 || at >= script.length) return null;
  const said = keyCountAt(script, at);
  if (said !== keys || needed > keys) return null;
  return operationEnd(script, at) === script.length - 1 ? { needed, keys } : null;
}

export function scriptForm(script: Bytes): ScriptForm {
  if (isScriptHash(script)) return "scripthash";
  const version = witnessVersion(script);
  if (version >= 0) return witnessForm(script, version);
  if (script[0] === OP.RETURN && isPushOnly(script.subarray(1))) return "nulldata";
  if (isPayToKey(script)) return "pubkey";
  if (isPayToKeyHash(script)) return "pubkeyhash";
  return multisig(script) === null ? "nonstandard" : "multisig";
}
