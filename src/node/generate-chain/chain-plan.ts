// The numbers of a generated chain: how many coins it needs at once, how many coinbases to split
// into them, and whether its blocks can exist at all.
import { BLOCK_WEIGHT_MAX, COINBASE_MATURITY } from "../../ledger/bitcoin/limits.ts";
import type { OutputKind } from "./keys.ts";

export type ChainKind = "p2wpkh" | "p2tr" | "mixed";
export const CHAIN_KINDS: readonly ChainKind[] = ["p2wpkh", "p2tr", "mixed"];

export interface ChainOptions {
  /** Blocks of transactions, behind those that make the coins for them. */
  readonly blocks: number;
  /** Transactions in each of them, without the coinbase. */
  readonly transactions: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly kind: ChainKind;
  readonly seed: string;
}

export interface ChainPlan {
  /** Coins that must exist before the first block of transactions. */
  readonly coins: number;
  /** Coinbases that are split into them. */
  readonly splits: number;
  /** Blocks without transactions, until the last of those coinbases is mature. */
  readonly emptyBlocks: number;
  readonly splitBlocks: number;
  /** Height of the last block. */
  readonly height: number;
}

/** Outputs of a transaction that splits a coinbase. */
export const SPLIT_OUTPUTS = 2000;
/** Such transactions in a block: they fill most of it. */
export const SPLITS_PER_BLOCK = 10;
/** Later coinbases pay too little to be split further. */
const SPLITS_MAX = 1500;
const HEIGHT_MAX = 500_000;

/** The least weight of an input and an output, by what they are. */
const INPUT_WEIGHT_MIN: Record<ChainKind, number> = { p2wpkh: 270, p2tr: 230, mixed: 230 };
const OUTPUT_WEIGHT_MIN: Record<ChainKind, number> = { p2wpkh: 124, p2tr: 172, mixed: 124 };
const TRANSACTION_WEIGHT = 42;

/** The numbers, or one line that says why there is no such chain. */
export function planChain(options: ChainOptions): ChainPlan | string {
  const { blocks, transactions, inputs, outputs, kind } = options;
  const weight =
    transactions *
    (TRANSACTION_WEIGHT + inputs * INPUT_WEIGHT_MIN[kind] + outputs * OUTPUT_WEIGHT_MIN[kind]);
  if (weight > BLOCK_WEIGHT_MAX) {
    return `a block of ${transactions} transactions with ${inputs} inputs and ${outputs} outputs would weigh ${weight} of at most ${BLOCK_WEIGHT_MAX}; ask for fewer`;
  }
  const perBlock = transactions * inputs;
  const lost = transactions * Math.max(0, inputs - outputs);
  const coins = perBlock + Math.max(0, blocks - 1) * lost;
  const splits = Math.ceil(coins / SPLIT_OUTPUTS);
  if (splits > SPLITS_MAX) {
    return `the chain needs ${coins} coins at once, of at most ${SPLITS_MAX * SPLIT_OUTPUTS}; ask for fewer blocks or inputs, or for more outputs`;
  }
  // The coinbase of height s is mature in the block of height s + 100.
  const emptyBlocks = splits === 0 ? 0 : splits + COINBASE_MATURITY - 1;
  const splitBlocks = Math.ceil(splits / SPLITS_PER_BLOCK);
  const height = emptyBlocks + splitBlocks + blocks;
  if (height > HEIGHT_MAX) {
    return `the chain would have ${height} blocks, of at most ${HEIGHT_MAX}`;
  }
  return { coins, splits, emptyBlocks, splitBlocks, height };
}

/** The kinds of output that a chain uses. */
export function outputKinds(kind: ChainKind): readonly OutputKind[] {
  return kind === "mixed" ? ["p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr"] : [kind];
}
