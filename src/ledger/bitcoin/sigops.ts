// How many signature checks scripts may make, as blocks count them: in each script as it stands, in
// P2SH scripts (BIP16) and in witness scripts (BIP141). Rule: Bitcoin Core's GetTransactionSigOpCost
// (consensus/tx_verify.cpp) and CScript::GetSigOpCount.
import type { Bytes } from "../../base/bytes.ts";
import type { Coin } from "./coin.ts";
import { FLAG } from "./script/flags.ts";
import { MULTISIG_KEYS_MAX } from "./script/machine.ts";
import { OP, OP_1, OP_16 } from "./script/opcodes.ts";
import {
  isPushOnly,
  isScriptHash,
  lastPush,
  operationEnd,
  witnessVersion,
} from "./script/script-bytes.ts";
import {
  isCoinbase,
  type Transaction,
  type TransactionInput,
  witnessStack,
} from "./transaction.ts";

/** BIP141: what a signature check outside of witnesses costs. */
export const WITNESS_SCALE = 4;

/**
 * Signature checks in a script, up to where it is cut off. A CHECKMULTISIG counts as many as keys
 * there can be; if `accurate`, as the small number before it says.
 */
export function countSigops(script: Bytes, accurate: boolean): number {
  let count = 0;
  let previous = 0xff;
  for (let at = 0; at < script.length; ) {
    const opcode = script[at]!;
    at = operationEnd(script, at);
    if (at < 0) break;
    if (opcode === OP.CHECKSIG || opcode === OP.CHECKSIGVERIFY) count++;
    else if (opcode === OP.CHECKMULTISIG || opcode === OP.CHECKMULTISIGVERIFY) {
      const counted = accurate && previous >= OP_1 && previous <= OP_16;
      count += counted ? previous - OP_1 + 1 : MULTISIG_KEYS_MAX;
    }
    previous = opcode;
  }
  return count;
}

function scriptSigOf(transaction: Transaction, input: TransactionInput): Bytes {
  return transaction.bytes.subarray(input.scriptAt, input.scriptEnd);
}

/** The same for `bytes[at, end)`, not accurate; the usual outputs are told by their form. */
function countIn(bytes: Bytes, at: number, end: number): number {
  switch (end - at) {
    case 22:
      if (bytes[at] === 0 && bytes[at + 1] === 20) return 0;
      break;
    case 34:
      if ((bytes[at] === 0 || bytes[at] === OP_1) && bytes[at + 1] === 32) return 0;
      break;
    default:
  }
  return countSigops(bytes.subarray(at, end), false);
}

/** The checks in all scriptSigs and scriptPubKeys of the transaction itself. */
export function legacySigops({ bytes, inputs, outputs }: Transaction): number {
  let count = 0;
  for (const { scriptAt, scriptEnd } of inputs) {
    if (scriptEnd > scriptAt) count += countIn(bytes, scriptAt, scriptEnd);
  }
  for (const { scriptAt, scriptEnd } of outputs) count += countIn(bytes, scriptAt, scriptEnd);
  return count;
}

/** The checks in the scripts behind P2SH coins. */
export function scriptHashSigops(transaction: Transaction, coins: readonly Coin[]): number {
  if (isCoinbase(transaction)) return 0;
  let count = 0;
  for (let index = 0; index < transaction.inputs.length; index++) {
    if (!isScriptHash(coins[index]!.script)) continue;
    const scriptSig = scriptSigOf(transaction, transaction.inputs[index]!);
    if (isPushOnly(scriptSig)) count += countSigops(lastPush(scriptSig), true);
  }
  return count;
}

/** The checks behind one input's witness program, bare or in P2SH. */
export function witnessSigops(
  transaction: Transaction,
  input: TransactionInput,
  coin: Coin,
): number {
  let program = coin.script;
  if (witnessVersion(program) < 0) {
    if (!isScriptHash(program)) return 0;
    const scriptSig = scriptSigOf(transaction, input);
    if (!isPushOnly(scriptSig)) return 0;
    program = lastPush(scriptSig);
  }
  if (witnessVersion(program) !== 0) return 0;
  if (program.length === 22) return 1;
  if (program.length !== 34 || input.witnessCount === 0) return 0;
  return countSigops(witnessStack(transaction, input).at(-1)!, true);
}

/** What the transaction adds to its block's signature check cost. */
export function transactionSigopCost(
  transaction: Transaction,
  coins: readonly Coin[],
  flags: number,
): number {
  let cost = legacySigops(transaction) * WITNESS_SCALE;
  if (isCoinbase(transaction)) return cost;
  if ((flags & FLAG.P2SH) !== 0) cost += scriptHashSigops(transaction, coins) * WITNESS_SCALE;
  if ((flags & FLAG.WITNESS) === 0) return cost;
  for (let index = 0; index < transaction.inputs.length; index++) {
    cost += witnessSigops(transaction, transaction.inputs[index]!, coins[index]!);
  }
  return cost;
}
