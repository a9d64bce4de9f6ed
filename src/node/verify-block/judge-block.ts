// One block against the outputs it spends, without any chain: every rule of consensus that needs
// nothing else, in Bitcoin Core's order (CheckBlock, ContextualCheckBlock, ConnectBlock), and a list
// of what could not be judged. Scripts come last, since they are by far the dearest.
import type { Bytes } from "../../base/bytes.ts";
import type { Block } from "../../ledger/bitcoin/block.ts";
import {
  checkBlock,
  checkBlockWeight,
  checkCoinbaseHeight,
  checkLockTimes,
} from "../../ledger/bitcoin/check-block.ts";
import { checkInputs, valueOut } from "../../ledger/bitcoin/check-inputs.ts";
import type { Coin } from "../../ledger/bitcoin/coin.ts";
import { outdatedVersion } from "../../ledger/bitcoin/header-rules.ts";
import { isMoney, SIGOP_COST_MAX } from "../../ledger/bitcoin/limits.ts";
import { locksAreOpen, sequenceLocks } from "../../ledger/bitcoin/locks.ts";
import { checkWitnessCommitment } from "../../ledger/bitcoin/merkle-commitment.ts";
import type { Params } from "../../ledger/bitcoin/params.ts";
import { scriptFlagsForBlock } from "../../ledger/bitcoin/script-flags.ts";
import { transactionSigopCost } from "../../ledger/bitcoin/sigops.ts";
import { blockSubsidy } from "../../ledger/bitcoin/subsidy.ts";
import type { Transaction } from "../../ledger/bitcoin/transaction.ts";
import { ACCEPTED, type Rejection, reject, type Verdict } from "../../ledger/bitcoin/verdict.ts";
import { CoinResolver } from "./inside-coins.ts";
import { readSpent, type SpentCoin } from "./spent.ts";
import { Unchecked } from "./unchecked.ts";

export interface BlockCase {
  readonly params: Params;
  readonly height: number;
  /** Median time past of the block before; null when it is not known. */
  readonly medianTime: number | null;
  readonly block: Block;
  /** The coins it spends, in the format of spent.ts. */
  readonly spent: Bytes;
}

/** All but the scripts; `coins` and `flags` are what those need. */
export type Judgement =
  | {
      readonly kind: "valid";
      readonly fees: number;
      readonly unchecked: readonly string[];
      readonly coins: readonly (readonly Coin[])[];
      readonly flags: number;
    }
  | {
      readonly kind: "invalid";
      readonly rejection: Rejection;
      readonly unchecked: readonly string[];
    }
  /** The list of spent coins is not one of this block. */
  | { readonly kind: "fault"; readonly fault: string };

/** Version and time, as far as they show without the headers before. */
function checkHeaderAtHeight({ block, height, medianTime, params }: BlockCase): Verdict {
  if (medianTime !== null && block.header.time <= medianTime) {
    return reject("time-too-old", "block's timestamp is too early");
  }
  const outdated = outdatedVersion(block.header.version, params, height);
  return outdated === null ? ACCEPTED : reject(outdated);
}

function checkAlone(what: BlockCase): Verdict {
  const { block, height, medianTime, params } = what;
  const { csv, bip34, segwit } = params.activation;
  // Without the median time, the block's own time is the latest it can be.
  const cutoff = height >= csv ? (medianTime ?? block.header.time) : block.header.time;
  const steps = [
    () => checkBlock(block, params),
    () => checkHeaderAtHeight(what),
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

const DEEP = -1_000_000;

/** A coin for the judges: what is unknown is taken as harmless (and listed as unchecked). */
function assumeOld({ value, script, height, coinbase }: SpentCoin): Coin {
  return { value, script, height: height ?? DEEP, coinbase: coinbase === true && height !== null };
}

/** Relative locks in blocks; those in seconds need times that a single block does not have. */
function checkRelativeLocks(
  transaction: Transaction,
  coins: readonly Coin[],
  height: number,
): Verdict {
  const locks = sequenceLocks(transaction, coins, () => Number.NEGATIVE_INFINITY);
  if (locksAreOpen({ ...locks, time: -1 }, height, 0)) return ACCEPTED;
  return reject("bad-txns-nonfinal", "contains a non-BIP68-final transaction");
}

/** The running sums over a block's transactions. */
class Sums {
  fees = 0;
  sigopCost = 0;
}

function checkSpend(
  what: BlockCase,
  transaction: Transaction,
  coins: readonly Coin[],
  sums: Sums,
): Verdict {
  const { height, params } = what;
  const inputs = checkInputs(transaction, coins, height);
  if (!inputs.ok) return inputs;
  sums.fees += inputs.fee;
  if (!isMoney(sums.fees)) {
    return reject(
      "bad-txns-accumulated-fee-outofrange",
      "accumulated fee in the block out of range",
    );
  }
  return height >= params.activation.csv
    ? checkRelativeLocks(transaction, coins, height)
    : ACCEPTED;
}

function addSigops(
  transaction: Transaction,
  coins: readonly Coin[],
  flags: number,
  sums: Sums,
): Verdict {
  sums.sigopCost += transactionSigopCost(transaction, coins, flags);
  return sums.sigopCost <= SIGOP_COST_MAX ? ACCEPTED : reject("bad-blk-sigops", "too many sigops");
}

/** Judges everything but the scripts. */
export function judgeBlock(what: BlockCase): Judgement {
  const { block, height, medianTime, params } = what;
  const unchecked = new Unchecked();
  const csv = height >= params.activation.csv;
  if (medianTime === null) unchecked.missMedianTime(block, height, csv);
  const invalid = (rejection: Rejection): Judgement => ({
    kind: "invalid",
    rejection,
    unchecked: unchecked.list(),
  });
  const alone = checkAlone(what);
  if (!alone.ok) return invalid(alone);
  const read = readSpent(what.spent, block);
  if (!read.ok) return { kind: "fault", fault: read.fault };
  const flags = scriptFlagsForBlock(params, height, block.header.hash);
  const resolver = new CoinResolver(block, height, read.spent);
  const sums = new Sums();
  const coins: Coin[][] = [[]];
  const coinbase = block.transactions[0]!;
  const first = addSigops(coinbase, [], flags, sums);
  if (!first.ok) return invalid(first);
  for (let index = 1; index < block.transactions.length; index++) {
    const transaction = block.transactions[index]!;
    const resolved = resolver.resolve(index);
    if (resolved.kind === "fault") return resolved;
    if (resolved.kind === "invalid") return invalid(resolved.rejection);
    unchecked.missMaturity(resolved.coins, height);
    if (csv) unchecked.missLocks(transaction, resolved.coins);
    const own = resolved.coins.map(assumeOld);
    coins.push(own);
    const spend = checkSpend(what, transaction, own, sums);
    if (!spend.ok) return invalid(spend);
    const sigops = addSigops(transaction, own, flags, sums);
    if (!sigops.ok) return invalid(sigops);
  }
  const reward = blockSubsidy(height, params) + sums.fees;
  const paid = valueOut(coinbase);
  if (paid > reward) {
    const debug = `coinbase pays too much (actual=${paid} vs limit=${reward})`;
    return invalid(reject("bad-cb-amount", debug));
  }
  return { kind: "valid", fees: sums.fees, unchecked: unchecked.list(), coins, flags };
}
