// Signed transactions over coins whose keys we hold.

import { assert } from "../../base/assert.ts";
import type { Bytes } from "../../base/bytes.ts";
import { Reader } from "../../base/reader.ts";
import type { Coin } from "../../ledger/bitcoin/coin.ts";
import { encodeTransaction, type NewInput, type NewOutput } from "../../ledger/bitcoin/encode.ts";
import { prepareSignatureHashes } from "../../ledger/bitcoin/sighash.ts";
import { readTransaction, type Transaction } from "../../ledger/bitcoin/transaction.ts";
import { type Key, type OutputKind, type Unlocking, unlock } from "./keys.ts";

/** A coin that we can spend. */
export interface OwnedCoin extends Coin {
  readonly txid: Bytes;
  readonly index: number;
  readonly kind: OutputKind;
  readonly key: Key;
}

/** An output to one of our keys. */
export interface Payment {
  readonly value: number;
  readonly kind: OutputKind;
  readonly key: Key;
}

/** A transaction with what its block and its children need. */
export interface BuiltTransaction {
  readonly transaction: Transaction;
  /** The coins that it spends, in their order. */
  readonly coins: readonly OwnedCoin[];
  readonly fee: number;
  /** Its outputs that pay our keys, as coins of the height given to `buildTransaction`. */
  readonly created: readonly OwnedCoin[];
}

export interface TransactionPlan {
  readonly coins: readonly OwnedCoin[];
  readonly payments: readonly Payment[];
  /** Outputs behind the payments that pay none of our keys. */
  readonly otherOutputs?: readonly NewOutput[];
  /** Height of the block that the transaction is for; only its created coins show it. */
  readonly height?: number;
  readonly version?: number;
  readonly lockTime?: number;
  /** One for all inputs, or one each. */
  readonly sequence?: number | readonly number[];
}

const NOTHING: Bytes = new Uint8Array(0);
const LOCKED: Unlocking = { script: NOTHING, witness: [] };

/** Decodes bytes that we wrote ourselves. */
export function decodeOwn(bytes: Bytes): Transaction {
  const reader = new Reader(bytes);
  const transaction = readTransaction(reader);
  assert(transaction !== null && reader.at === bytes.length, "what we encode decodes");
  return transaction;
}

function newInputs(plan: TransactionPlan, unlocking: readonly Unlocking[]): NewInput[] {
  const { sequence = 0xffffffff } = plan;
  return plan.coins.map(({ txid, index }, at) => ({
    txid,
    index,
    sequence: typeof sequence === "number" ? sequence : sequence[at]!,
    ...(unlocking[at] ?? LOCKED),
  }));
}

/** Builds and signs the transaction of a plan; a plan may break rules, and is then built as it is. */
export function buildTransaction(plan: TransactionPlan): BuiltTransaction {
  const { coins, payments, otherOutputs = [], version = 2, lockTime = 0, height = 0 } = plan;
  const outputs = [
    ...payments.map(({ value, kind, key }) => ({ value, script: key.scripts[kind] })),
    ...otherOutputs,
  ];
  const encode = (unlocking: readonly Unlocking[]): Transaction =>
    decodeOwn(
      encodeTransaction({ version, lockTime, outputs, inputs: newInputs(plan, unlocking) }),
    );
  const hashes = prepareSignatureHashes(encode([]), coins);
  const transaction = encode(coins.map(({ kind, key }, index) => unlock(kind, key, hashes, index)));
  let fee = 0;
  for (const { value } of coins) fee += value;
  for (const { value } of outputs) fee -= value;
  const created = payments.map((payment, index) => ({
    ...payment,
    txid: transaction.txid,
    index,
    script: payment.key.scripts[payment.kind],
    height,
    coinbase: false,
  }));
  return { transaction, coins, fee, created };
}
