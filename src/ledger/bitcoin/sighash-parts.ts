// The parts of what is signed that all inputs of a transaction share: their lengths and messages.
// BIP143 hashes the first three, twice; BIP341 all five, once.
import { type Bytes, writeU32, writeU64 } from "../../base/bytes.ts";
import { compactSizeBytes } from "../../base/reader.ts";
import type { Coin } from "./coin.ts";
import { copyInto, copyScript } from "./sighash-writer.ts";
import type { Transaction } from "./transaction.ts";

export const PREVOUTS = 0;
export const SEQUENCES = 1;
export const OUTPUTS = 2;
export const AMOUNTS = 3;
export const SCRIPTS = 4;
export type Part =
  | typeof PREVOUTS
  | typeof SEQUENCES
  | typeof OUTPUTS
  | typeof AMOUNTS
  | typeof SCRIPTS;

/** Writes one part at `out[from]` and returns the offset behind it. */
type Writer = (
  out: Bytes,
  from: number,
  transaction: Transaction,
  coins: readonly Coin[],
) => number;

function outputBytes({ outputs, bodyEnd }: Transaction): number {
  return bodyEnd - (outputs[0]?.at ?? bodyEnd);
}

function scriptBytes(coins: readonly Coin[]): number {
  let size = 0;
  for (const { script } of coins) size += compactSizeBytes(script.length) + script.length;
  return size;
}

const writePrevouts: Writer = (out, from, { bytes, inputs }) => {
  let at = from;
  for (const input of inputs) {
    at = copyInto(out, at, bytes, input.outpointAt, input.outpointAt + 36);
  }
  return at;
};

const writeSequences: Writer = (out, from, { inputs }) => {
  let at = from;
  for (const input of inputs) {
    writeU32(out, at, input.sequence);
    at += 4;
  }
  return at;
};

const writeOutputs: Writer = (out, from, transaction) => {
  const { bytes, bodyEnd } = transaction;
  return copyInto(out, from, bytes, bodyEnd - outputBytes(transaction), bodyEnd);
};

const writeAmounts: Writer = (out, from, _transaction, coins) => {
  let at = from;
  for (const coin of coins) {
    writeU64(out, at, coin.value);
    at += 8;
  }
  return at;
};

const writeScripts: Writer = (out, from, _transaction, coins) => {
  let at = from;
  for (const { script } of coins) at = copyScript(out, at, script);
  return at;
};

export function partBytes(part: Part, transaction: Transaction, coins: readonly Coin[]): number {
  switch (part) {
    case PREVOUTS:
      return transaction.inputs.length * 36;
    case SEQUENCES:
      return transaction.inputs.length * 4;
    case OUTPUTS:
      return outputBytes(transaction);
    case AMOUNTS:
      return coins.length * 8;
    case SCRIPTS:
      return scriptBytes(coins);
  }
}

const WRITERS = [writePrevouts, writeSequences, writeOutputs, writeAmounts, writeScripts] as const;

export function writerOf(part: Part): Writer {
  return WRITERS[part];
}
