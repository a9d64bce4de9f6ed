// The rules by which a block spends its own coins, as switches: the simulation takes each away and
// must notice (docs/internals/admission.md, mutants). A node runs with all of them.

export interface BlockRules {
  /** A coin that the block makes is spent only behind the transaction that makes it. */
  readonly spendByPosition: boolean;
  /** A coin is missing only when every transaction of the block has made its own. */
  readonly createsFirst: boolean;
  /** The coins of the block's own coinbase are as immature as any. */
  readonly ownCoinbaseImmature: boolean;
}

export const ALL_BLOCK_RULES: BlockRules = Object.freeze({
  spendByPosition: true,
  createsFirst: true,
  ownCoinbaseImmature: true,
});
