// The facts of a branch that a block is judged in: heights, median times, flags, subsidy, and how
// CREATE treats an outpoint that is unspent already. They are values, so that the judges stay pure.
import { type Bytes, bytesEqual } from "../../base/bytes.ts";
import { mustCheckBip30 } from "../../ledger/bitcoin/bip30.ts";
import { medianTimePast } from "../../ledger/bitcoin/header-rules.ts";
import {
  BLOCK_WEIGHT_MAX,
  MONEY_MAX,
  SIGOP_COST_MAX,
  WITNESS_SCALE,
} from "../../ledger/bitcoin/limits.ts";
import type { Params } from "../../ledger/bitcoin/params.ts";
import { scriptFlagsForBlock } from "../../ledger/bitcoin/script-flags.ts";
import { blockSubsidy } from "../../ledger/bitcoin/subsidy.ts";
import { type BlockId, type BlockIndex, NONE } from "../../planes/consensus/work/block-index.ts";
import type { BranchFacts } from "../../planes/execution/judge.ts";
import type { Duplicates } from "../../state/partition.ts";

/** Bitcoin's bound, in proportion where a network has blocks of another size. */
export function sigopCostMax({ staked }: Params): number {
  if (staked === null) return SIGOP_COST_MAX;
  return Math.floor((staked.blockBytesMax * WITNESS_SCALE * SIGOP_COST_MAX) / BLOCK_WEIGHT_MAX);
}

/** Facts for a block with this hash on top of `parent`; `moreMoney` may be created beside the subsidy. */
export function branchFacts(
  index: BlockIndex,
  params: Params,
  parent: BlockId,
  hash: Bytes,
  moreMoney = 0,
): BranchFacts {
  if (parent === NONE) return genesisFacts(params, hash);
  const height = index.height(parent) + 1;
  return {
    height,
    flags: scriptFlagsForBlock(params, height, hash),
    sequenceLocks: height >= params.activation.csv,
    medianTimePast: medianTimePast(index.node(parent)),
    medianTimePastAt: (at) => medianTimePast(index.node(index.ancestor(parent, at))),
    subsidy: blockSubsidy(height, params) + moreMoney,
    sigopCostMax: sigopCostMax(params),
  };
}

/** The first block creates what its network's file says. */
function genesisFacts(params: Params, hash: Bytes): BranchFacts {
  return {
    height: 0,
    flags: scriptFlagsForBlock(params, 0, hash),
    sequenceLocks: false,
    medianTimePast: 0,
    medianTimePastAt: () => 0,
    subsidy: MONEY_MAX,
    sigopCostMax: SIGOP_COST_MAX,
  };
}

/**
 * How BIP30 applies. Where BIP34 has always held every coinbase is unique, and with it every
 * transaction: one that comes again also misses its inputs, so the store need not be asked, unless
 * the reason is to be `exact`. Elsewhere Bitcoin Core's rule decides.
 */
export function duplicatesRule(
  index: BlockIndex,
  params: Params,
  parent: BlockId,
  hash: Bytes,
  exact: boolean,
): Duplicates {
  if (parent === NONE) return "overlay";
  const height = index.height(parent) + 1;
  for (const repeat of params.bip30Repeats) {
    if (repeat.height === height && bytesEqual(repeat.hash, hash)) return "overwrite";
  }
  if (params.activation.bip34 <= 1 && !exact) return "overlay";
  const began = index.ancestor(parent, params.activation.bip34);
  const beganHash = began === NONE ? null : index.hash(began);
  return mustCheckBip30(params, height, hash, beganHash) ? "refuse" : "overlay";
}
