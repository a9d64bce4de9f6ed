// What the body of a block on a network of stakers must show without any coin. Its header commits to
// both trees and to the count itself, so there is no commitment in the coinbase, and its size is
// bounded by the network's own figure, not by weight (docs/internals/staked-node.md).
import { type Bytes, bytesEqual, rangeEqual, readU32 } from "../../base/bytes.ts";
import type { Block } from "./block.ts";
import { checkCoinbaseHeight, checkLockTimes } from "./check-block.ts";
import { checkTransaction } from "./check-transaction.ts";
import { checkMerkleRoot, witnessMerkleRoot } from "./merkle-commitment.ts";
import { isCoinbase } from "./transaction.ts";
import { ACCEPTED, reject, type Verdict } from "./verdict.ts";

const TX_COUNT_AT = 92;
const WITNESS_ROOT_AT = 96;

/**
 * Judges that these are the transactions that the header names. A fault says nothing about the block
 * itself: anybody can put other bytes behind a good header.
 */
export function checkStakedCommitments(block: Block): Verdict {
  const { header, transactions } = block;
  if (readU32(header.bytes, TX_COUNT_AT) !== transactions.length) {
    return reject("bad-blk-count", "header has another count", "mutated");
  }
  const root = checkMerkleRoot(block);
  if (!root.ok) return root;
  // The coinbase counts as zero in this tree: nothing would commit to its witness.
  if (transactions[0]?.hasWitness === true) {
    return reject("unexpected-witness", "witness in the coinbase", "mutated");
  }
  const witnesses = witnessMerkleRoot(transactions);
  if (!rangeEqual(header.bytes, WITNESS_ROOT_AT, witnesses, 0, 32)) {
    return reject("bad-witness-root", "witness root mismatch", "mutated");
  }
  return ACCEPTED;
}

/** A payment that the coinbase must make. */
export interface DuePayment {
  readonly value: number;
  readonly script: Bytes;
}

/** The coinbase pays what is due exactly, in order, before anything else. */
function checkDue({ transactions, bytes }: Block, due: readonly DuePayment[]): Verdict {
  const { outputs } = transactions[0]!;
  const paid = due.every(({ value, script }, index) => {
    const output = outputs[index];
    if (output === undefined || output.value !== value) return false;
    return bytesEqual(bytes.subarray(output.scriptAt, output.scriptEnd), script);
  });
  return paid ? ACCEPTED : reject("bad-cb-due", "coinbase does not pay what is due");
}

export interface StakedContext {
  readonly height: number;
  readonly medianTimePast: number;
  readonly due: readonly DuePayment[];
  readonly blockBytesMax: number;
}

/** Judges a body whose commitments hold, in its place in the branch. */
export function checkStakedBody(block: Block, context: StakedContext): Verdict {
  if (block.end - block.start > context.blockBytesMax) {
    return reject("bad-blk-length", "size limits failed");
  }
  const [first, ...others] = block.transactions;
  if (first === undefined || !isCoinbase(first)) {
    return reject("bad-cb-missing", "first tx is not coinbase");
  }
  if (others.some(isCoinbase)) return reject("bad-cb-multiple", "more than one coinbase");
  for (const transaction of block.transactions) {
    const verdict = checkTransaction(transaction);
    if (!verdict.ok) return verdict;
  }
  const steps = [
    () => checkLockTimes(block, context.height, context.medianTimePast),
    () => checkCoinbaseHeight(block, context.height),
    () => checkDue(block, context.due),
  ];
  for (const step of steps) {
    const verdict = step();
    if (!verdict.ok) return verdict;
  }
  return ACCEPTED;
}
