// The ledger as one sequential program: a coin set, a chain, and what makes a transaction valid. It is
// what the partitioned protocol is compared with, so it is kept small enough to be read in one go.

import { type OutpointKey, outpointKey, type Txid } from "../../state/admission/keys.ts";
import {
  type ChainFacts,
  isFinal,
  isMature,
  isRelativeLockRipe,
  relativeLock,
} from "../../state/admission/locks.ts";
import { type Candidate, type CoinRecord, NO_ROUND } from "../../state/admission/records.ts";
import type { BlockCreate, BlockPart, BlockSpend } from "../../state/admission/transition.ts";

export const MATURITY = 3;
export const SUBSIDY = 5_000;
/** One block of simulated chain time. */
export const BLOCK_SECONDS = 600;

export interface Block {
  readonly parent: Block | null;
  readonly height: number;
  readonly time: number;
  readonly coinbase: Candidate;
  readonly transactions: readonly Candidate[];
  /** What it does, recorded when it was first applied; the same on every branch it stands on. */
  readonly effect: BlockPart;
  /** Value that it destroyed: unspendable outputs and fees that its coinbase left. */
  readonly burned: number;
}

export type Coins = Map<OutpointKey, CoinRecord>;

/** The sequential judge of a script: the first raw byte says it. */
export function scriptsPass(candidate: Candidate): boolean {
  return candidate.raw[0] === 1;
}

export function chainFacts(tip: Block): ChainFacts {
  return {
    height: tip.height,
    medianTime: tip.time,
    flags: 1,
    medianTimeAt: (height) => ancestorAt(tip, height).time,
  };
}

function ancestorAt(tip: Block, height: number): Block {
  let block = tip;
  while (block.height > height && block.parent !== null) block = block.parent;
  return block;
}

/** Why a transaction may not stand in the block after this tip, or null. */
export function judge(candidate: Candidate, coins: Coins, chain: ChainFacts): string | null {
  if (!isFinal(candidate, chain)) return "non-final";
  let value = 0;
  const seen = new Set<OutpointKey>();
  for (const { outpoint } of candidate.inputs) {
    if (!coins.has(outpoint) || seen.has(outpoint)) return "missing";
    seen.add(outpoint);
  }
  for (const { outpoint, sequence } of candidate.inputs) {
    const coin = coins.get(outpoint)!;
    if (!isMature(coin, MATURITY, chain)) return "premature";
    const lock = relativeLock(candidate.version, sequence);
    if (!isRelativeLockRipe(coin, lock, chain)) return "relative-lock";
    value += coin.value;
  }
  if (value < outputValue(candidate)) return "overspent";
  return scriptsPass(candidate) ? null : "script";
}

export function outputValue(candidate: Candidate): number {
  return candidate.outputs.reduce((sum, { value }) => sum + value, 0);
}

/** Spends and creates the coins of one transaction; returns the value that went in. */
export function apply(
  candidate: Candidate,
  coins: Coins,
  height: number,
  isCoinbase = false,
): number {
  let value = 0;
  for (const { outpoint } of candidate.inputs) {
    value += coins.get(outpoint)!.value;
    coins.delete(outpoint);
  }
  for (const [outpoint, coin] of createdCoins(candidate, height, isCoinbase)) {
    coins.set(outpoint, coin);
  }
  return value;
}

export function createdCoins(
  candidate: Candidate,
  height: number,
  coinbase: boolean,
): [OutpointKey, CoinRecord][] {
  const made: [OutpointKey, CoinRecord][] = [];
  candidate.outputs.forEach(({ value, script, spendable }, index) => {
    if (!spendable) return;
    const rest = { round: NO_ROUND, ancestors: 0, attempt: null, open: true };
    made.push([outpointKey(candidate.txid, index), { value, script, coinbase, height, ...rest }]);
  });
  return made;
}

/** Makes the block of these transactions on `parent`, whose coin set is `coins` (changed in place). */
export function makeBlock(
  parent: Block | null,
  coins: Coins,
  coinbaseTxid: Txid,
  transactions: readonly Candidate[],
  time: number,
): Block {
  const height = parent === null ? 0 : parent.height + 1;
  const creates: BlockCreate[] = [];
  const spends: BlockSpend[] = [];
  const feeOf: number[] = [];
  let fees = 0;
  let unspendable = 0;
  const record = (candidate: Candidate, isCoinbase: boolean): void => {
    candidate.inputs.forEach(({ outpoint, sequence }, vin) => {
      const lock = relativeLock(candidate.version, sequence);
      spends.push({ outpoint, coin: coins.get(outpoint)!, spender: candidate.txid, vin, lock });
    });
    const fee = isCoinbase ? 0 : apply(candidate, coins, height) - outputValue(candidate);
    if (isCoinbase) apply(candidate, coins, height, true);
    feeOf.push(fee);
    fees += fee;
    for (const { value: lost, spendable } of candidate.outputs) if (!spendable) unspendable += lost;
    for (const [outpoint, coin] of createdCoins(candidate, height, isCoinbase)) {
      creates.push({ outpoint, coin });
    }
  };
  for (const candidate of transactions) record(candidate, false);
  // The coinbase claims half of the fees; the rest is destroyed, as the rules allow.
  const claimed = Math.floor(fees / 2);
  const output = { value: SUBSIDY + claimed, script: new Uint8Array(1), spendable: true };
  const raw = new Uint8Array([1]);
  const coinbase: Candidate = {
    txid: coinbaseTxid,
    version: 1,
    lockTime: 0,
    inputs: [],
    outputs: [output],
    size: 100,
    raw,
  };
  record(coinbase, true);
  const effect: BlockPart = {
    height,
    flags: 1,
    creates,
    spends,
    transactions: transactions.map((candidate, index) => ({
      txid: candidate.txid,
      position: index + 1,
      candidate,
      fee: feeOf[index]!,
      sigops: 1,
    })),
  };
  const burned = unspendable + fees - claimed;
  return { parent, height, time, coinbase, transactions, effect, burned };
}

/** Takes a block back: what it made goes, what it spent returns. */
export function undo(block: Block, coins: Coins): void {
  for (const { outpoint } of block.effect.creates) coins.delete(outpoint);
  const made = new Set(block.effect.creates.map(({ outpoint }) => outpoint));
  for (const { outpoint, coin } of block.effect.spends) {
    if (!made.has(outpoint)) coins.set(outpoint, coin);
  }
}
