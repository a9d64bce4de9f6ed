// A transaction as JSON (Bitcoin Core's TxToUniv), and the coins beside it where they are known.
import { type Bytes, toDisplayHex, toHex } from "../../base/bytes.ts";
import type { AddressParams } from "../../ledger/bitcoin/params.ts";
import {
  isCoinbase,
  rawTransaction,
  type Transaction,
  type TransactionInput,
  type TransactionOutput,
  transactionWeight,
  witnessStack,
} from "../../ledger/bitcoin/transaction.ts";
import type { ConfirmedCoin } from "../../ports/coins.ts";
import { Amount, type Json, type JsonObject } from "../json/value.ts";
import { lockJson, scriptAssembly } from "./script.ts";

export interface TransactionShape {
  readonly params: AddressParams;
  /** The coins it spends, in order; null where they are not known. */
  readonly spent: readonly ConfirmedCoin[] | null;
  /** Show the coins, not only the fee that follows from them. */
  readonly withCoins: boolean;
  readonly withHex: boolean;
}

function coinJson(coin: ConfirmedCoin, params: AddressParams): JsonObject {
  return {
    generated: coin.coinbase,
    height: coin.height,
    value: new Amount(coin.value),
    scriptPubKey: lockJson(coin.script, params),
  };
}

function inputJson(
  transaction: Transaction,
  input: TransactionInput,
  index: number,
  shape: TransactionShape,
): JsonObject {
  const { bytes } = transaction;
  const script = bytes.subarray(input.scriptAt, input.scriptEnd);
  const stack = witnessStack(transaction, input);
  const witness = stack.length === 0 ? undefined : stack.map((item) => toHex(item));
  const { sequence } = input;
  if (isCoinbase(transaction)) return { coinbase: toHex(script), txinwitness: witness, sequence };
  const coin = shape.withCoins ? shape.spent?.[index] : undefined;
  return {
    txid: toDisplayHex(bytes, input.outpointAt, input.outpointAt + 32),
    vout: input.previousIndex,
    scriptSig: { asm: scriptAssembly(script, true), hex: toHex(script) },
    txinwitness: witness,
    prevout: coin === undefined ? undefined : coinJson(coin, shape.params),
    sequence,
  };
}

function outputScript({ bytes }: Transaction, { scriptAt, scriptEnd }: TransactionOutput): Bytes {
  return bytes.subarray(scriptAt, scriptEnd);
}

/** Fee in base units, when every spent coin is known. */
function feeOf(transaction: Transaction, spent: readonly ConfirmedCoin[] | null): number | null {
  if (spent === null || isCoinbase(transaction)) return null;
  let fee = 0;
  for (const { value } of spent) fee += value;
  for (const { value } of transaction.outputs) fee -= value;
  return fee;
}

export function transactionJson(transaction: Transaction, shape: TransactionShape): JsonObject {
  const weight = transactionWeight(transaction);
  const fee = feeOf(transaction, shape.spent);
  return {
    txid: toDisplayHex(transaction.txid),
    hash: toDisplayHex(transaction.wtxid),
    version: transaction.version,
    size: transaction.end - transaction.start,
    vsize: Math.ceil(weight / 4),
    weight,
    locktime: transaction.lockTime,
    vin: transaction.inputs.map((input, index) => inputJson(transaction, input, index, shape)),
    vout: transaction.outputs.map(
      (output, n): Json => ({
        value: new Amount(output.value),
        n,
        scriptPubKey: lockJson(outputScript(transaction, output), shape.params),
      }),
    ),
    fee: fee === null ? undefined : new Amount(fee),
    hex: shape.withHex ? toHex(rawTransaction(transaction)) : undefined,
  };
}
