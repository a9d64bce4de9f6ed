// A candidate from a transaction's raw bytes: what admission needs of it, as the records want it. The
// bytes have been decoded before, so a failure here is our own mistake.

import { assert } from "../../base/assert.ts";
import type { Bytes } from "../../base/bytes.ts";
import { Reader } from "../../base/reader.ts";
import { readTransaction, type Transaction } from "../../ledger/bitcoin/transaction.ts";
import { outpointKeyAt, type Txid } from "./keys.ts";
import type { Candidate } from "./records.ts";

/** Longest script that can be spent: longer ones make no coin (Bitcoin Core's IsUnspendable). */
const SCRIPT_BYTES_MAX = 10_000;
const OP_RETURN = 0x6a;

/** The candidate of `raw`, whose bytes it keeps; `size` in virtual bytes. */
export function candidateOf(raw: Bytes, txid: Txid, size: number): Candidate {
  const transaction = readTransaction(new Reader(raw), true, false);
  assert(transaction !== null, "a candidate's bytes decode");
  return candidateFrom(transaction, raw, txid, size);
}

/** The same from a decoded transaction; `raw` are its own bytes. */
export function candidateFrom(
  transaction: Transaction,
  raw: Bytes,
  txid: Txid,
  size: number,
): Candidate {
  const { bytes, version, lockTime } = transaction;
  const inputs = transaction.inputs.map(({ outpointAt, sequence }) => ({
    outpoint: outpointKeyAt(bytes, outpointAt),
    sequence,
  }));
  const outputs = transaction.outputs.map(({ value, scriptAt, scriptEnd }) => ({
    value,
    script: bytes.slice(scriptAt, scriptEnd),
    spendable: !isUnspendable(bytes, scriptAt, scriptEnd),
  }));
  return { txid, version, lockTime, inputs, outputs, size, raw };
}

function isUnspendable(bytes: Bytes, from: number, to: number): boolean {
  return (to > from && bytes[from] === OP_RETURN) || to - from > SCRIPT_BYTES_MAX;
}
