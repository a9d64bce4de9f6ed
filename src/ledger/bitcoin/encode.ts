// Writing headers, transactions and blocks: the size first, one exact buffer, written once. What is
// written decodes to the same (transaction.ts, block.ts).
import { assert } from "../../base/assert.ts";
import { type Bytes, writeU32, writeU64 } from "../../base/bytes.ts";
import { compactSizeBytes, writeCompactSize } from "../../base/reader.ts";
import { HEADER_BYTES } from "./block.ts";

export interface NewInput {
  /** Hash order. */
  readonly txid: Bytes;
  readonly index: number;
  readonly script: Bytes;
  readonly sequence: number;
  readonly witness: readonly Bytes[];
}

export interface NewOutput {
  readonly value: number;
  readonly script: Bytes;
}

export interface NewTransaction {
  readonly version: number;
  readonly inputs: readonly NewInput[];
  readonly outputs: readonly NewOutput[];
  readonly lockTime: number;
}

export interface HeaderFields {
  readonly version: number;
  /** Hash order, as is `merkleRoot`. */
  readonly previous: Bytes;
  readonly merkleRoot: Bytes;
  readonly time: number;
  readonly bits: number;
  readonly nonce: number;
}

function sizedBytes(bytes: Bytes): number {
  return compactSizeBytes(bytes.length) + bytes.length;
}

function bodyBytes({ inputs, outputs }: NewTransaction): number {
  let size = compactSizeBytes(inputs.length) + compactSizeBytes(outputs.length);
  for (const { script } of inputs) size += 40 + sizedBytes(script);
  for (const { script } of outputs) size += 8 + sizedBytes(script);
  return size;
}

function witnessBytes(inputs: readonly NewInput[]): number {
  let size = 0;
  for (const { witness } of inputs) {
    size += compactSizeBytes(witness.length);
    for (const item of witness) size += sizedBytes(item);
  }
  return size;
}

function writeSized(out: Bytes, at: number, bytes: Bytes): number {
  const dataAt = writeCompactSize(out, at, bytes.length);
  out.set(bytes, dataAt);
  return dataAt + bytes.length;
}

function writeBody(out: Bytes, from: number, { inputs, outputs }: NewTransaction): number {
  let at = writeCompactSize(out, from, inputs.length);
  for (const { txid, index, script, sequence } of inputs) {
    out.set(txid, at);
    writeU32(out, at + 32, index);
    at = writeSized(out, at + 36, script);
    writeU32(out, at, sequence);
    at += 4;
  }
  at = writeCompactSize(out, at, outputs.length);
  for (const { value, script } of outputs) {
    writeU64(out, at, value);
    at = writeSized(out, at + 8, script);
  }
  return at;
}

/** The bytes of a transaction; with witnesses (BIP144) when an input has one. */
export function encodeTransaction(transaction: NewTransaction): Bytes {
  const { inputs } = transaction;
  const hasWitness = inputs.some(({ witness }) => witness.length > 0);
  const size = 8 + bodyBytes(transaction) + (hasWitness ? 2 + witnessBytes(inputs) : 0);
  const out = new Uint8Array(size);
  writeU32(out, 0, transaction.version);
  if (hasWitness) out[5] = 1;
  let at = writeBody(out, hasWitness ? 6 : 4, transaction);
  if (hasWitness) {
    for (const { witness } of inputs) {
      at = writeCompactSize(out, at, witness.length);
      for (const item of witness) at = writeSized(out, at, item);
    }
  }
  writeU32(out, at, transaction.lockTime);
  assert(at + 4 === size, "the size was computed exactly");
  return out;
}

/** The 80 bytes of a header. */
export function encodeHeader(header: HeaderFields): Bytes {
  const out = new Uint8Array(HEADER_BYTES);
  writeU32(out, 0, header.version);
  out.set(header.previous, 4);
  out.set(header.merkleRoot, 36);
  writeU32(out, 68, header.time);
  writeU32(out, 72, header.bits);
  writeU32(out, 76, header.nonce);
  return out;
}

/** The bytes of a block of raw transactions; `header` is all that stands before their count. */
export function encodeBlock(header: Bytes, transactions: readonly Bytes[]): Bytes {
  let size = header.length + compactSizeBytes(transactions.length);
  for (const transaction of transactions) size += transaction.length;
  const out = new Uint8Array(size);
  out.set(header, 0);
  let at = writeCompactSize(out, header.length, transactions.length);
  for (const transaction of transactions) {
    out.set(transaction, at);
    at += transaction.length;
  }
  return out;
}
