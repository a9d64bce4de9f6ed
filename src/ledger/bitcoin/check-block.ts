// What a block shows without any coin: by itself, and given its height and the median time before
// it (Bitcoin Core's CheckBlock and ContextualCheckBlock, in their order: the first failing check
// names the reason).
import { type Bytes, rangeEqual } from "../../base/bytes.ts";
import { compactSizeBytes } from "../../base/reader.ts";
import { type Block, bodyAt } from "./block.ts";
import { checkTransaction } from "./check-transaction.ts";
import { checkHeader } from "./header-rules.ts";
import { BLOCK_WEIGHT_MAX, SIGOP_COST_MAX, WITNESS_SCALE } from "./limits.ts";
import { isFinal } from "./locks.ts";
import { checkMerkleRoot, checkWitnessCommitment } from "./merkle-commitment.ts";
import type { Params } from "./params.ts";
import { checkSignetSolution } from "./signet.ts";
import { legacySigops } from "./sigops.ts";
import { isCoinbase, strippedBytes } from "./transaction.ts";
import { ACCEPTED, reject, type Verdict } from "./verdict.ts";

/** Size of a block without witnesses, in bytes. */
export function strippedBlockBytes(block: Block): number {
  const { bytes, start, form } = block;
  let size = bodyAt(bytes, start, form) - start + compactSizeBytes(block.transactions.length);
  for (const transaction of block.transactions) size += strippedBytes(transaction);
  return size;
}

/** BIP141 weight of a block. */
export function blockWeight(block: Block): number {
  return strippedBlockBytes(block) * (WITNESS_SCALE - 1) + block.end - block.start;
}

function checkLength(block: Block): Verdict {
  const count = block.transactions.length;
  const fits =
    count > 0 &&
    count * WITNESS_SCALE <= BLOCK_WEIGHT_MAX &&
    strippedBlockBytes(block) * WITNESS_SCALE <= BLOCK_WEIGHT_MAX;
  return fits ? ACCEPTED : reject("bad-blk-length", "size limits failed");
}

function checkCoinbasePlace(block: Block): Verdict {
  const [first, ...others] = block.transactions;
  if (first === undefined || !isCoinbase(first)) {
    return reject("bad-cb-missing", "first tx is not coinbase");
  }
  if (others.some(isCoinbase)) return reject("bad-cb-multiple", "more than one coinbase");
  return ACCEPTED;
}

function checkTransactions(block: Block): Verdict {
  for (let index = 0; index < block.transactions.length; index++) {
    const verdict = checkTransaction(block.transactions[index]!);
    if (!verdict.ok)
      return { ...verdict, debug: `transaction check failed (transaction ${index})` };
  }
  return ACCEPTED;
}

function checkLegacySigops(block: Block): Verdict {
  let sigops = 0;
  for (const transaction of block.transactions) sigops += legacySigops(transaction);
  if (sigops * WITNESS_SCALE <= SIGOP_COST_MAX) return ACCEPTED;
  return reject("bad-blk-sigops", "out-of-bounds SigOpCount");
}

/** Judges a block by itself: work, signet's solution, and then its body. */
export function checkBlock(block: Block, params: Params): Verdict {
  const work = checkHeader(block.header, params);
  if (!work.ok) return work;
  const solution = checkSignetSolution(block, params);
  return solution.ok ? checkBlockBody(block) : solution;
}

/** Judges root, sizes, coinbase, each transaction, legacy sigops: all that a proposal must show. */
export function checkBlockBody(block: Block): Verdict {
  const steps = [
    () => checkMerkleRoot(block),
    () => checkLength(block),
    () => checkCoinbasePlace(block),
    () => checkTransactions(block),
    () => checkLegacySigops(block),
  ];
  for (const step of steps) {
    const verdict = step();
    if (!verdict.ok) return verdict;
  }
  return ACCEPTED;
}

/** Judges every lock time against the height and the cutoff: a median time or the block's own. */
export function checkLockTimes(block: Block, height: number, cutoff: number): Verdict {
  for (const transaction of block.transactions) {
    if (!isFinal(transaction, height, cutoff)) {
      return reject("bad-txns-nonfinal", "non-final transaction");
    }
  }
  return ACCEPTED;
}

const OP_1 = 0x51;

/** BIP34: how a coinbase script begins at `height` (a minimal push of the number). */
export function heightScript(height: number): Bytes {
  if (height === 0) return Uint8Array.of(0);
  if (height <= 16) return Uint8Array.of(OP_1 + height - 1);
  const bytes: number[] = [];
  for (let rest = height; rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256);
  // The top bit is the sign.
  if (bytes.at(-1)! >= 0x80) bytes.push(0);
  return Uint8Array.of(bytes.length, ...bytes);
}

/** Judges that the coinbase begins with its height. */
export function checkCoinbaseHeight(block: Block, height: number): Verdict {
  const wanted = heightScript(height);
  const coinbase = block.transactions[0];
  const input = coinbase?.inputs[0];
  const matches =
    coinbase !== undefined &&
    input !== undefined &&
    input.scriptEnd - input.scriptAt >= wanted.length &&
    rangeEqual(coinbase.bytes, input.scriptAt, wanted, 0, wanted.length);
  return matches ? ACCEPTED : reject("bad-cb-height", "block height mismatch in coinbase");
}

/** Judges the weight; only after the witnesses, which anyone could have filled up. */
export function checkBlockWeight(block: Block): Verdict {
  if (blockWeight(block) <= BLOCK_WEIGHT_MAX) return ACCEPTED;
  return reject("bad-blk-weight", "weight limit failed");
}

/**
 * Judges a block that passed `checkBlock` at its height: lock times, BIP34, witness commitment,
 * weight. `previousMedianTime` is the median time past of its parent.
 */
export function checkBlockAtHeight(
  block: Block,
  params: Params,
  height: number,
  previousMedianTime: number,
): Verdict {
  const { csv, bip34, segwit } = params.activation;
  const cutoff = height >= csv ? previousMedianTime : block.header.time;
  const steps = [
    () => checkLockTimes(block, height, cutoff),
    () => (height >= bip34 ? checkCoinbaseHeight(block, height) : ACCEPTED),
    () => checkWitnessCommitment(block, height >= segwit),
    () => checkBlockWeight(block),
  ];
  for (const step of steps) {
    const verdict = step();
    if (!verdict.ok) return verdict;
  }
  return ACCEPTED;
}
