// Transactions taken apart and put together again, as the vectors and tests change them.
import { assert } from "../../base/assert.ts";
import { encodeTransaction, type NewTransaction } from "../../ledger/bitcoin/encode.ts";
import {
  decodeTransaction,
  type Transaction,
  witnessStack,
} from "../../ledger/bitcoin/transaction.ts";

/** The parts of a decoded transaction. */
export function partsOf(transaction: Transaction): NewTransaction {
  const { bytes, version, lockTime } = transaction;
  return {
    version,
    lockTime,
    inputs: transaction.inputs.map((input) => ({
      txid: bytes.slice(input.outpointAt, input.outpointAt + 32),
      index: input.previousIndex,
      script: bytes.slice(input.scriptAt, input.scriptEnd),
      sequence: input.sequence,
      witness: witnessStack(transaction, input),
    })),
    outputs: transaction.outputs.map(({ value, scriptAt, scriptEnd }) => ({
      value,
      script: bytes.slice(scriptAt, scriptEnd),
    })),
  };
}

/** The transaction that the parts make; there must be an input. */
export function buildTransaction(parts: NewTransaction): Transaction {
  assert(parts.inputs.length > 0, "a transaction is built with inputs");
  const decoded = decodeTransaction(encodeTransaction(parts));
  assert(decoded.ok, "what was encoded decodes");
  return decoded.value;
}
