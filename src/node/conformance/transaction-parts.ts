// Transactions put together from parts, as the vectors and tests give them. The formats are those of
// ledger/bitcoin/transaction.ts (BIP144).
import { assert } from "../../base/assert.ts";
import { type Bytes, concatBytes, writeU32, writeU64 } from "../../base/bytes.ts";
import { compactSizeBytes, writeCompactSize } from "../../base/reader.ts";
import {
  decodeTransaction,
  type Transaction,
  witnessStack,
} from "../../ledger/bitcoin/transaction.ts";

export interface InputParts {
  /** 36 bytes. */
  readonly outpoint: Bytes;
  readonly script: Bytes;
  readonly sequence: number;
  readonly witness: readonly Bytes[];
}

export interface TransactionParts {
  readonly version: number;
  readonly inputs: readonly InputParts[];
  /** Each whole: value, length, script. */
  readonly outputs: readonly Bytes[];
  readonly lockTime: number;
}

function u32(value: number): Bytes {
  const bytes = new Uint8Array(4);
  writeU32(bytes, 0, value);
  return bytes;
}

function size(value: number): Bytes {
  const bytes = new Uint8Array(compactSizeBytes(value));
  writeCompactSize(bytes, 0, value);
  return bytes;
}

function sized(bytes: Bytes): Bytes {
  return concatBytes(size(bytes.length), bytes);
}

/** One output, serialised. */
export function outputBytes(value: number, script: Bytes): Bytes {
  const amount = new Uint8Array(8);
  writeU64(amount, 0, value);
  return concatBytes(amount, sized(script));
}

/** The parts of a decoded transaction. */
export function partsOf(transaction: Transaction): TransactionParts {
  const { bytes, version, lockTime } = transaction;
  return {
    version,
    lockTime,
    inputs: transaction.inputs.map((input) => ({
      outpoint: bytes.slice(input.outpointAt, input.outpointAt + 36),
      script: bytes.slice(input.scriptAt, input.scriptEnd),
      sequence: input.sequence,
      witness: witnessStack(transaction, input),
    })),
    outputs: transaction.outputs.map(({ at, scriptEnd }) => bytes.slice(at, scriptEnd)),
  };
}

/** The transaction that the parts make; there must be an input. */
export function buildTransaction(parts: TransactionParts): Transaction {
  assert(parts.inputs.length > 0, "a transaction is built with inputs");
  const witnessed = parts.inputs.some(({ witness }) => witness.length > 0);
  const pieces: Bytes[] = [u32(parts.version)];
  if (witnessed) pieces.push(new Uint8Array([0, 1]));
  pieces.push(size(parts.inputs.length));
  for (const { outpoint, script, sequence } of parts.inputs) {
    pieces.push(outpoint, sized(script), u32(sequence));
  }
  pieces.push(size(parts.outputs.length), ...parts.outputs);
  if (witnessed) {
    for (const { witness } of parts.inputs) {
      pieces.push(size(witness.length), ...witness.map(sized));
    }
  }
  pieces.push(u32(parts.lockTime));
  const decoded = decodeTransaction(concatBytes(...pieces));
  assert(decoded.ok, "what was encoded decodes");
  return decoded.value;
}
