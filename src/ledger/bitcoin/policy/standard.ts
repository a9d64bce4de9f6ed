// Which transactions are relayed: Bitcoin Core's standardness rules (policy/policy.cpp, version 31),
// without the coins they spend and with them. The first failing check names the reason.
import type { Bytes } from "../../../base/bytes.ts";
import { compactSizeBytes } from "../../../base/reader.ts";
import type { Coin } from "../coin.ts";
import {
  isPushOnly,
  isScriptHash,
  isUnspendable,
  lastPush,
  witnessVersion,
} from "../script/script-bytes.ts";
import { countSigops } from "../sigops.ts";
import { ANNEX_TAG, LEAF_MASK, LEAF_TAPSCRIPT } from "../taproot.ts";
import {
  strippedBytes,
  type Transaction,
  type TransactionInput,
  type TransactionOutput,
  transactionWeight,
  witnessStack,
} from "../transaction.ts";
import {
  DATA_BYTES_MAX,
  DUST_FEE_RATE,
  DUST_OUTPUTS_MAX,
  LEGACY_SIGOPS_MAX,
  SCRIPT_HASH_SIGOPS_MAX,
  SCRIPT_SIG_BYTES_MAX,
  STRIPPED_BYTES_MIN,
  TAPSCRIPT_ITEM_BYTES_MAX,
  TRANSACTION_WEIGHT_MAX,
  VERSION_MAX,
  WITNESS_ITEM_BYTES_MAX,
  WITNESS_ITEMS_MAX,
  WITNESS_SCRIPT_BYTES_MAX,
} from "./limits.ts";
import { multisig, scriptForm } from "./script-form.ts";

/** Bytes that spending an output takes: with a witness, and without. */
const SPEND_WITNESS_BYTES = 67;
const SPEND_BYTES = 148;
const MULTISIG_KEYS_MAX = 3;

/** Below this value an output costs more to spend than it is worth. */
export function dustThreshold(script: Bytes): number {
  if (isUnspendable(script, 0, script.length)) return 0;
  const spend = witnessVersion(script) >= 0 ? SPEND_WITNESS_BYTES : SPEND_BYTES;
  const size = 8 + compactSizeBytes(script.length) + script.length + spend;
  return Math.floor((DUST_FEE_RATE * size) / 1000);
}

const scriptOf = (transaction: Transaction, output: TransactionOutput): Bytes =>
  transaction.bytes.subarray(output.scriptAt, output.scriptEnd);

/** Places of the outputs that are dust. */
export function dustOutputs(transaction: Transaction): number[] {
  const found: number[] = [];
  transaction.outputs.forEach((output, index) => {
    if (output.value < dustThreshold(scriptOf(transaction, output))) found.push(index);
  });
  return found;
}

export function dustCount(transaction: Transaction): number {
  return dustOutputs(transaction).length;
}

/** The most that one output makes unspendable for ever, base units. */
export function burntValue({ bytes, outputs }: Transaction): number {
  let units = 0;
  for (const { value, scriptAt, scriptEnd } of outputs) {
    if (isUnspendable(bytes, scriptAt, scriptEnd)) units = Math.max(units, value);
  }
  return units;
}

/** Why a transaction is not relayed, by itself; null when it is. */
export function standardFault(transaction: Transaction): string | null {
  if (transaction.version < 1 || transaction.version > VERSION_MAX) return "version";
  if (transactionWeight(transaction) > TRANSACTION_WEIGHT_MAX) return "tx-size";
  for (const { scriptAt, scriptEnd } of transaction.inputs) {
    if (scriptEnd === scriptAt) continue;
    if (scriptEnd - scriptAt > SCRIPT_SIG_BYTES_MAX) return "scriptsig-size";
    if (!isPushOnly(transaction.bytes.subarray(scriptAt, scriptEnd))) {
      return "scriptsig-not-pushonly";
    }
  }
  const outputs = outputsFault(transaction);
  if (outputs !== null) return outputs;
  return strippedBytes(transaction) < STRIPPED_BYTES_MIN ? "tx-size-small" : null;
}

function outputsFault(transaction: Transaction): string | null {
  let dataLeft = DATA_BYTES_MAX;
  let dust = 0;
  for (const output of transaction.outputs) {
    const script = scriptOf(transaction, output);
    const form = scriptForm(script);
    if (form === "nonstandard") return "scriptpubkey";
    if (form === "multisig" && multisig(script)!.keys > MULTISIG_KEYS_MAX) return "scriptpubkey";
    if (output.value < dustThreshold(script)) dust++;
    if (form !== "nulldata") continue;
    if (script.length > dataLeft) return "datacarrier";
    dataLeft -= script.length;
  }
  return dust > DUST_OUTPUTS_MAX ? "dust" : null;
}

/** Why it is not relayed, knowing the coins it spends. */
export function standardInputsFault(
  transaction: Transaction,
  coins: readonly Coin[],
): string | null {
  if (!areInputsStandard(transaction, coins)) return "bad-txns-nonstandard-inputs";
  if (!transaction.hasWitness) return null;
  const standard = transaction.inputs.every((input, index) =>
    isWitnessStandard(transaction, input, coins[index]!.script),
  );
  return standard ? null : "bad-witness-nonstandard";
}

function areInputsStandard(transaction: Transaction, coins: readonly Coin[]): boolean {
  let sigops = 0;
  for (let index = 0; index < coins.length; index++) {
    const { scriptAt, scriptEnd } = transaction.inputs[index]!;
    const scriptSig = transaction.bytes.subarray(scriptAt, scriptEnd);
    const { script } = coins[index]!;
    const form = scriptForm(script);
    if (form === "nonstandard" || form === "witness-unknown") return false;
    sigops += countSigops(scriptSig, true);
    if (form !== "scripthash") {
      sigops += countSigops(script, true);
      continue;
    }
    if (scriptSig.length === 0 || !isPushOnly(scriptSig)) return false;
    const inner = countSigops(lastPush(scriptSig), true);
    if (inner > SCRIPT_HASH_SIGOPS_MAX) return false;
    sigops += inner;
  }
  return sigops <= LEGACY_SIGOPS_MAX;
}

function isWitnessStandard(
  transaction: Transaction,
  input: TransactionInput,
  script: Bytes,
): boolean {
  if (input.witnessCount === 0) return true;
  let program = script;
  if (scriptForm(program) === "anchor") return false;
  const wrapped = isScriptHash(program);
  if (wrapped) {
    const scriptSig = transaction.bytes.subarray(input.scriptAt, input.scriptEnd);
    if (scriptSig.length === 0 || !isPushOnly(scriptSig)) return false;
    program = lastPush(scriptSig);
  }
  const version = witnessVersion(program);
  if (version < 0) return false;
  const stack = witnessStack(transaction, input);
  if (version === 0 && program.length === 34) return isScriptSpendStandard(stack);
  if (version === 1 && program.length === 34 && !wrapped) return isTaprootSpendStandard(stack);
  return true;
}

function isScriptSpendStandard(stack: readonly Bytes[]): boolean {
  if (stack.at(-1)!.length > WITNESS_SCRIPT_BYTES_MAX) return false;
  const items = stack.slice(0, -1);
  if (items.length > WITNESS_ITEMS_MAX) return false;
  return items.every((item) => item.length <= WITNESS_ITEM_BYTES_MAX);
}

function isTaprootSpendStandard(stack: readonly Bytes[]): boolean {
  if (stack.length === 0) return false;
  const last = stack.at(-1)!;
  if (stack.length >= 2 && last.length > 0 && last[0] === ANNEX_TAG) return false;
  if (stack.length === 1) return true;
  if (last.length === 0) return false;
  if ((last[0]! & LEAF_MASK) !== LEAF_TAPSCRIPT) return true;
  return stack.slice(0, -2).every((item) => item.length <= TAPSCRIPT_ITEM_BYTES_MAX);
}
