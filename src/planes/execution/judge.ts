// What the node decides about a block once every partition has answered: missing coins, amounts,
// locks, sigops and the coinbase, in Bitcoin Core's order, so that the first failing check gives the
// same reason. Pure: coins come from the deltas. Source: Bitcoin Core ConnectBlock (validation.cpp).
import { readU32 } from "../../base/bytes.ts";
import type { Block } from "../../ledger/bitcoin/block.ts";
import { checkInputs, valueOut } from "../../ledger/bitcoin/check-inputs.ts";
import type { Coin } from "../../ledger/bitcoin/coin.ts";
import { isMoney } from "../../ledger/bitcoin/limits.ts";
import { locksAreOpen, sequenceLocks } from "../../ledger/bitcoin/locks.ts";
import { transactionSigopCost } from "../../ledger/bitcoin/sigops.ts";
import type { Transaction } from "../../ledger/bitcoin/transaction.ts";
import { reject, type Verdict } from "../../ledger/bitcoin/verdict.ts";
import { ALL_BLOCK_RULES, type BlockRules } from "../../state/block-rules.ts";
import { amountOf } from "../../state/coin-store.ts";
import { COIN_CODE, COIN_SCRIPT, COIN_SCRIPT_BYTES, COIN_VALUE } from "../../state/delta.ts";
import { IN_BLOCK, MISSING, SPEND_WORDS } from "../../state/partition.ts";
import { type Frame, RANGE_WORDS } from "./frame.ts";

/** Facts of the branch that a block is judged in. */
export interface BranchFacts {
  readonly height: number;
  readonly flags: number;
  /** Relative locks are in force (BIP68). */
  readonly sequenceLocks: boolean;
  /** Median time past of the block's parent. */
  readonly medianTimePast: number;
  /** Median time past of the branch's block at a height below this one. */
  readonly medianTimePastAt: (height: number) => number;
  /** Base units that the coinbase may create beside the fees. */
  readonly subsidy: number;
  /** What the signature checks of the block may cost. */
  readonly sigopCostMax: number;
}

export interface Judged {
  readonly verdict: Verdict;
  readonly fees: number;
  /** Coin of each input, numbered through the block without its coinbase. */
  readonly coins: readonly Coin[];
}

/** The coin of every input, from the deltas and from the block itself; undefined when missing. */
function resolveCoins(
  block: Block,
  frame: Frame,
  deltas: readonly Uint32Array[],
  height: number,
  rules: BlockRules,
): (Coin | undefined)[] {
  const coins: (Coin | undefined)[] = new Array(frame.inputCount);
  const ranges = new Int32Array(frame.memory, frame.rangesAt, frame.partitionCount * RANGE_WORDS);
  const spends = new Int32Array(frame.memory, frame.spendsAt, frame.inputCount * SPEND_WORDS);
  const resolved = new Int32Array(frame.memory, frame.resolvedAt, frame.inputCount);
  for (const delta of deltas) {
    const p = delta[0]! * RANGE_WORDS;
    const bytes = new Uint8Array(delta.buffer, delta.byteOffset, delta.byteLength);
    for (let op = ranges[p + 2]!; op < ranges[p + 3]!; op++) {
      const input = spends[op * SPEND_WORDS + 4]!;
      const at = resolved[input]!;
      if (at >= 0) coins[input] = deltaCoin(delta, bytes, at);
      else if (at !== MISSING) {
        const index = readU32(frame.bytes, spends[op * SPEND_WORDS + 3]! + 32);
        const coin = blockCoin(block, IN_BLOCK - at, index, height);
        coins[input] = rules.ownCoinbaseImmature ? coin : { ...coin, coinbase: false };
      }
    }
  }
  return coins;
}

function deltaCoin(delta: Uint32Array, bytes: Uint8Array, at: number): Coin {
  const scriptAt = (at + COIN_SCRIPT) * 4;
  const code = delta[at + COIN_CODE]!;
  return {
    value: amountOf(delta[at + COIN_VALUE]!, delta[at + COIN_VALUE + 1]!),
    script: bytes.subarray(scriptAt, scriptAt + delta[at + COIN_SCRIPT_BYTES]!),
    height: code >>> 1,
    coinbase: (code & 1) === 1,
  };
}

function blockCoin(block: Block, transaction: number, index: number, height: number): Coin {
  const output = block.transactions[transaction]!.outputs[index]!;
  return {
    value: output.value,
    script: block.bytes.subarray(output.scriptAt, output.scriptEnd),
    height,
    coinbase: transaction === 0,
  };
}

function relativeLocksOpen(
  transaction: Transaction,
  coins: readonly Coin[],
  facts: BranchFacts,
): boolean {
  const locks = sequenceLocks(transaction, coins, facts.medianTimePastAt);
  return locksAreOpen(locks, facts.height, facts.medianTimePast);
}

/** Everything about the block's coins but its scripts. `duplicate`: see StageAnswer. */
export function judgeCoins(
  block: Block,
  frame: Frame,
  deltas: readonly Uint32Array[],
  duplicate: number,
  facts: BranchFacts,
  rules: BlockRules = ALL_BLOCK_RULES,
): Judged {
  const coins = resolveCoins(block, frame, deltas, facts.height, rules);
  const judged = (verdict: Verdict, fees: number): Judged => ({
    verdict,
    fees,
    coins: coins as Coin[],
  });
  if (duplicate >= 0) return judged(reject("bad-txns-BIP30"), 0);
  let fees = 0;
  let sigopCost = 0;
  let first = 0;
  for (let t = 0; t < block.transactions.length; t++) {
    const transaction = block.transactions[t]!;
    const own: Coin[] = [];
    if (t > 0) {
      for (let i = 0; i < transaction.inputs.length; i++) {
        const coin = coins[first + i];
        if (coin === undefined) return judged(reject("bad-txns-inputs-missingorspent"), fees);
        own.push(coin);
      }
      first += transaction.inputs.length;
      const checked = checkInputs(transaction, own, facts.height);
      if (!checked.ok) return judged(checked, fees);
      fees += checked.fee;
      if (!isMoney(fees)) return judged(reject("bad-txns-accumulated-fee-outofrange"), fees);
      if (facts.sequenceLocks && !relativeLocksOpen(transaction, own, facts)) {
        return judged(reject("bad-txns-nonfinal"), fees);
      }
    }
    sigopCost += transactionSigopCost(transaction, own, facts.flags);
    if (sigopCost > facts.sigopCostMax) return judged(reject("bad-blk-sigops"), fees);
  }
  if (valueOut(block.transactions[0]!) > fees + facts.subsidy) {
    return judged(reject("bad-cb-amount"), fees);
  }
  return judged({ ok: true }, fees);
}
