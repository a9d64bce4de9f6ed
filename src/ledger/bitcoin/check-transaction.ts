// What a transaction shows by itself, without any coin or height (Bitcoin Core's CheckTransaction,
// consensus/tx_check.cpp). The first failing check names the reason, so the order is part of it.
import { compareBytes, rangeEqual, readU32 } from "../../base/bytes.ts";
import { BLOCK_WEIGHT_MAX, isMoney, MONEY_MAX, WITNESS_SCALE } from "./limits.ts";
import { isCoinbase, isNullOutpoint, strippedBytes, type Transaction } from "./transaction.ts";
import { ACCEPTED, reject, type Verdict } from "./verdict.ts";

const OUTPOINT_BYTES = 36;
const COINBASE_SCRIPT_BYTES_MIN = 2;
const COINBASE_SCRIPT_BYTES_MAX = 100;
/** Up to here comparing all pairs is cheaper than sorting; beyond, an attacker would choose it. */
const PAIRWISE_INPUTS_MAX = 12;

function checkOutputs(transaction: Transaction): Verdict {
  let sum = 0;
  for (const { value } of transaction.outputs) {
    if (value < 0) return reject("bad-txns-vout-negative");
    if (value > MONEY_MAX) return reject("bad-txns-vout-toolarge");
    sum += value;
    if (!isMoney(sum)) return reject("bad-txns-txouttotal-toolarge");
  }
  return ACCEPTED;
}

function hasDuplicatePair({ bytes, inputs }: Transaction): boolean {
  for (let a = 1; a < inputs.length; a++) {
    const aAt = inputs[a]!.outpointAt;
    const head = readU32(bytes, aAt);
    for (let b = 0; b < a; b++) {
      const bAt = inputs[b]!.outpointAt;
      if (readU32(bytes, bAt) === head && rangeEqual(bytes, aAt, bytes, bAt, OUTPOINT_BYTES)) {
        return true;
      }
    }
  }
  return false;
}

/** True when two inputs name the same coin (CVE-2018-17144). */
function hasDuplicateInput(transaction: Transaction): boolean {
  const { bytes, inputs } = transaction;
  if (inputs.length <= PAIRWISE_INPUTS_MAX) return hasDuplicatePair(transaction);
  const outpoints = inputs.map(({ outpointAt }) =>
    bytes.subarray(outpointAt, outpointAt + OUTPOINT_BYTES),
  );
  outpoints.sort(compareBytes);
  for (let index = 1; index < outpoints.length; index++) {
    if (compareBytes(outpoints[index - 1]!, outpoints[index]!) === 0) return true;
  }
  return false;
}

function checkInputs(transaction: Transaction): Verdict {
  if (isCoinbase(transaction)) {
    const { scriptAt, scriptEnd } = transaction.inputs[0]!;
    const length = scriptEnd - scriptAt;
    const fits = length >= COINBASE_SCRIPT_BYTES_MIN && length <= COINBASE_SCRIPT_BYTES_MAX;
    return fits ? ACCEPTED : reject("bad-cb-length");
  }
  if (hasDuplicateInput(transaction)) return reject("bad-txns-inputs-duplicate");
  for (let index = 0; index < transaction.inputs.length; index++) {
    if (isNullOutpoint(transaction, index)) return reject("bad-txns-prevout-null");
  }
  return ACCEPTED;
}

/** Judges a transaction, coinbase or not, by itself. */
export function checkTransaction(transaction: Transaction): Verdict {
  if (transaction.inputs.length === 0) return reject("bad-txns-vin-empty");
  if (transaction.outputs.length === 0) return reject("bad-txns-vout-empty");
  if (strippedBytes(transaction) * WITNESS_SCALE > BLOCK_WEIGHT_MAX) {
    return reject("bad-txns-oversize");
  }
  const outputs = checkOutputs(transaction);
  return outputs.ok ? checkInputs(transaction) : outputs;
}
