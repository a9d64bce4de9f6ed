// A candidate from a transaction's raw bytes: what admission needs of it, as the records want it. The
// bytes have been decoded before, so a failure here is our own mistake.

import { assert } from "../../base/assert.ts";
import { type Bytes, readU32 } from "../../base/bytes.ts";
import { Reader } from "../../base/reader.ts";
import type { Transaction } from "../../ledger/bitcoin/transaction.ts";
import { outpointKeyAt, type Txid } from "./keys.ts";
import type { Candidate, CandidateInput, CandidateOutput } from "./records.ts";

/** Longest script that can be spent: longer ones make no coin (Bitcoin Core's IsUnspendable). */
const SCRIPT_BYTES_MAX = 10_000;
const OP_RETURN = 0x6a;

/** The candidate of `raw`, whose bytes it keeps; `size` in virtual bytes. */
export function candidateOf(raw: Bytes, txid: Txid, size: number): Candidate {
  // Hot: only what a candidate names is read; the witness is passed over.
  const reader = new Reader(raw);
  const version = reader.u32();
  let inputCount = reader.compactSize();
  if (inputCount === 0) {
    assert(reader.u8() === 1, "a candidate has inputs");
    inputCount = reader.compactSize();
  }
  const inputs: CandidateInput[] = [];
  for (let index = 0; index < inputCount; index++) {
    const outpoint = outpointKeyAt(raw, reader.skip(36));
    reader.skip(reader.compactSize());
    inputs.push({ outpoint, sequence: reader.u32() });
  }
  const outputs: CandidateOutput[] = [];
  for (let left = reader.compactSize(); left > 0; left--) {
    const value = reader.i64();
    const length = reader.compactSize();
    const from = reader.skip(length);
    const spendable = !isUnspendable(raw, from, from + length);
    outputs.push({ value, script: raw.slice(from, from + length), spendable });
  }
  assert(reader.fault === null, "a candidate's bytes decode");
  const lockTime = readU32(raw, raw.length - 4);
  return { txid, version, lockTime, inputs, outputs, size, raw };
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
