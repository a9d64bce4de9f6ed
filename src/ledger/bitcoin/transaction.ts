// A transaction, decoded by offset: the raw bytes stay where they are (usually in their block), and
// the record says where each field lies. Formats: Bitcoin Core's primitives/transaction.h, BIP144.
import type { Bytes } from "../../base/bytes.ts";
import { Reader, type ReadFault } from "../../base/reader.ts";
import { hash256Into, hash256RangesInto } from "../../crypto/hash.ts";
import { hash256Batch } from "../../crypto/hash-lanes.ts";

/** An input; offsets point into the transaction's `bytes`. */
export interface TransactionInput {
  /** 36 bytes: txid in hash order, then the output index as u32. */
  readonly outpointAt: number;
  readonly previousIndex: number;
  readonly scriptAt: number;
  readonly scriptEnd: number;
  readonly sequence: number;
  /** First byte of the first witness item's length; items follow one another up to `witnessEnd`. */
  witnessAt: number;
  witnessEnd: number;
  witnessCount: number;
}

/** An output; `at` is where its 8-byte value begins. */
export interface TransactionOutput {
  readonly at: number;
  /** Base units; may be out of range (negative or above all money) until it has been checked. */
  readonly value: number;
  readonly scriptAt: number;
  readonly scriptEnd: number;
}

export interface Transaction {
  /** The buffer that holds it; the transaction is `bytes[start, end)`. */
  readonly bytes: Bytes;
  readonly start: number;
  readonly end: number;
  /** u32, as Bitcoin Core reads it since 28.0. */
  readonly version: number;
  readonly inputs: readonly TransactionInput[];
  readonly outputs: readonly TransactionOutput[];
  readonly lockTime: number;
  readonly hasWitness: boolean;
  /** Input count … last output: what both serialisations share. */
  readonly bodyAt: number;
  readonly bodyEnd: number;
  /** Hash order; all zero in a transaction that was read without hashing. */
  txid: Bytes;
  /** Hash order; the same array as `txid` where there is no witness. */
  wtxid: Bytes;
}

export type Decoded<T> =
  | { readonly ok: true; readonly value: T; readonly end: number }
  | { readonly ok: false; readonly code: ReadFault; readonly at: number };

/** The least bytes an input and an output take: they bound what a count may make us allocate. */
const INPUT_BYTES_MIN = 41;
const OUTPUT_BYTES_MIN = 9;

function readInputs(reader: Reader): TransactionInput[] {
  const count = reader.count(INPUT_BYTES_MIN);
  const inputs: TransactionInput[] = [];
  for (let index = 0; index < count && reader.fault === null; index++) {
    const outpointAt = reader.skip(32);
    const previousIndex = reader.u32();
    const scriptLength = reader.compactSize();
    const scriptAt = reader.skip(scriptLength);
    inputs.push({
      outpointAt,
      previousIndex,
      scriptAt,
      scriptEnd: scriptAt + scriptLength,
      sequence: reader.u32(),
      witnessAt: 0,
      witnessEnd: 0,
      witnessCount: 0,
    });
  }
  return inputs;
}

function readOutputs(reader: Reader): TransactionOutput[] {
  const count = reader.count(OUTPUT_BYTES_MIN);
  const outputs: TransactionOutput[] = [];
  for (let index = 0; index < count && reader.fault === null; index++) {
    const at = reader.at;
    const value = reader.i64();
    const scriptLength = reader.compactSize();
    const scriptAt = reader.skip(scriptLength);
    outputs.push({ at, value, scriptAt, scriptEnd: scriptAt + scriptLength });
  }
  return outputs;
}

/** Reads the witness stacks; false when every one of them is empty. */
function readWitnesses(reader: Reader, inputs: readonly TransactionInput[]): boolean {
  let some = false;
  for (const input of inputs) {
    const count = reader.count(1);
    input.witnessAt = reader.at;
    for (let item = 0; item < count && reader.fault === null; item++) {
      reader.skip(reader.compactSize());
    }
    input.witnessEnd = reader.at;
    input.witnessCount = count;
    if (count > 0) some = true;
  }
  return some;
}

/**
 * Decodes one transaction from `reader`; null when `reader.fault` says why not.
 * `allowWitness: false` reads the serialisation without BIP144; `withHashes: false` leaves the ids
 * zero, for verifiers that do not need them.
 */
export function readTransaction(
  reader: Reader,
  allowWitness = true,
  withHashes = true,
): Transaction | null {
  const start = reader.at;
  const version = reader.u32();
  let bodyAt = reader.at;
  let inputs = readInputs(reader);
  let outputs: TransactionOutput[] = [];
  let flags = 0;
  let bodyEnd: number;
  if (inputs.length === 0 && allowWitness && reader.fault === null) {
    flags = reader.u8();
    // Flag 0 is really "no outputs": an empty transaction, which the checks refuse.
    if (flags !== 0) {
      bodyAt = reader.at;
      inputs = readInputs(reader);
      outputs = readOutputs(reader);
    }
    bodyEnd = reader.at;
    if ((flags & 1) !== 0 && reader.fault === null) {
      flags ^= 1;
      if (!readWitnesses(reader, inputs)) reader.fail("superfluous-witness");
      else if (flags === 0) flags = -1;
    }
    if (flags > 0) reader.fail("unknown-transaction-flag");
  } else {
    outputs = readOutputs(reader);
    bodyEnd = reader.at;
  }
  const lockTime = reader.u32();
  if (reader.fault !== null) return null;
  const transaction: Transaction = {
    bytes: reader.bytes,
    start,
    end: reader.at,
    version,
    inputs,
    outputs,
    lockTime,
    hasWitness: flags === -1,
    bodyAt,
    bodyEnd,
    txid: NO_HASH,
    wtxid: NO_HASH,
  };
  if (withHashes) hashTransaction(transaction);
  return transaction;
}

const NO_HASH: Bytes = new Uint8Array(32);

/** Computes the ids of a transaction from its bytes. */
function hashTransaction(transaction: Transaction): void {
  const { bytes, start, end, bodyAt, bodyEnd } = transaction;
  transaction.txid = new Uint8Array(32);
  transaction.wtxid = transaction.txid;
  if (!transaction.hasWitness) {
    hash256Into(transaction.txid, 0, bytes, start, end);
    return;
  }
  transaction.wtxid = new Uint8Array(32);
  hash256RangesInto(transaction.txid, 0, bytes, start, start + 4, bodyAt, bodyEnd, end - 4, end);
  hash256Into(transaction.wtxid, 0, bytes, start, end);
}

/** The ids of many transactions of one buffer, several hashes at a time. */
export function hashTransactions(bytes: Bytes, transactions: readonly Transaction[]): void {
  const count = transactions.length;
  const stripped = new Uint32Array(count * 6);
  const whole = new Uint32Array(count * 2);
  let witnesses = 0;
  for (let number = 0; number < count; number++) {
    const { start, end, bodyAt, bodyEnd, hasWitness } = transactions[number]!;
    const at = number * 6;
    stripped[at] = start;
    stripped[at + 1] = hasWitness ? start + 4 : end;
    if (!hasWitness) continue;
    stripped[at + 2] = bodyAt;
    stripped[at + 3] = bodyEnd;
    stripped[at + 4] = end - 4;
    stripped[at + 5] = end;
    whole[witnesses * 2] = start;
    whole[witnesses * 2 + 1] = end;
    witnesses += 1;
  }
  const txids = new Uint8Array(count * 32);
  hash256Batch(bytes, stripped, txids, 3);
  const wtxids = new Uint8Array(witnesses * 32);
  hash256Batch(bytes, whole.subarray(0, witnesses * 2), wtxids);
  let next = 0;
  for (let number = 0; number < count; number++) {
    const transaction = transactions[number]!;
    transaction.txid = txids.subarray(number * 32, number * 32 + 32);
    transaction.wtxid = transaction.txid;
    if (!transaction.hasWitness) continue;
    transaction.wtxid = wtxids.subarray(next, next + 32);
    next += 32;
  }
}

/** Decodes the transaction that fills `bytes` from `at`; trailing bytes are the caller's business. */
export function decodeTransaction(bytes: Bytes, at = 0, allowWitness = true): Decoded<Transaction> {
  const reader = new Reader(bytes, at);
  const value = readTransaction(reader, allowWitness);
  if (value === null) return { ok: false, code: reader.fault ?? "truncated", at: reader.at };
  return { ok: true, value, end: reader.at };
}

/** Size without the witness, in bytes. */
export function strippedBytes(transaction: Transaction): number {
  return transaction.hasWitness
    ? 8 + transaction.bodyEnd - transaction.bodyAt
    : transaction.end - transaction.start;
}

/** BIP141 weight: three times the size without the witness plus the size with it. */
export function transactionWeight(transaction: Transaction): number {
  return strippedBytes(transaction) * 3 + transaction.end - transaction.start;
}

/** True when the transaction has the one null outpoint of a coinbase. */
export function isCoinbase(transaction: Transaction): boolean {
  return transaction.inputs.length === 1 && isNullOutpoint(transaction, 0);
}

/** True when input `index` names no coin: 32 zero bytes and index 2^32-1. */
export function isNullOutpoint(transaction: Transaction, index: number): boolean {
  const input = transaction.inputs[index]!;
  if (input.previousIndex !== 0xffffffff) return false;
  for (let at = 0; at < 32; at++) {
    if (transaction.bytes[input.outpointAt + at] !== 0) return false;
  }
  return true;
}

/** The witness stack of an input, bottom first; views of the transaction's bytes. */
export function witnessStack(transaction: Transaction, input: TransactionInput): Bytes[] {
  const reader = new Reader(transaction.bytes, input.witnessAt, input.witnessEnd);
  const items: Bytes[] = [];
  for (let item = 0; item < input.witnessCount; item++) {
    const length = reader.compactSize();
    const at = reader.skip(length);
    items.push(transaction.bytes.subarray(at, at + length));
  }
  return items;
}

/** The transaction's own bytes, with its witness: a view. */
export function rawTransaction(transaction: Transaction): Bytes {
  return transaction.bytes.subarray(transaction.start, transaction.end);
}

/** The serialisation without the witness: a copy, unless there is none. */
export function strippedTransaction(transaction: Transaction): Bytes {
  if (!transaction.hasWitness) return rawTransaction(transaction);
  const { bytes, start, end, bodyAt, bodyEnd } = transaction;
  const out = new Uint8Array(strippedBytes(transaction));
  out.set(bytes.subarray(start, start + 4), 0);
  out.set(bytes.subarray(bodyAt, bodyEnd), 4);
  out.set(bytes.subarray(end - 4, end), out.length - 4);
  return out;
}
