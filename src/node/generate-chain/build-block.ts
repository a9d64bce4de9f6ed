// Blocks with real work at regtest's difficulty. A plan without edits gives a valid block; every
// edit breaks one rule and leaves the rest consistent, so that a test sees exactly that rule fail.
import { assert } from "../../base/assert.ts";
import { type Bytes, concatBytes, writeU32 } from "../../base/bytes.ts";
import { hash256 } from "../../crypto/hash.ts";
import { type Block, decodeBlock } from "../../ledger/bitcoin/block.ts";
import { heightScript } from "../../ledger/bitcoin/check-block.ts";
import {
  encodeBlock,
  encodeHeader,
  encodeTransaction,
  type NewOutput,
} from "../../ledger/bitcoin/encode.ts";
import {
  commitmentScript,
  transactionMerkle,
  witnessCommitment,
  witnessMerkleRoot,
} from "../../ledger/bitcoin/merkle-commitment.ts";
import type { Params } from "../../ledger/bitcoin/params.ts";
import { blockSubsidy } from "../../ledger/bitcoin/subsidy.ts";
import { rawTransaction, type Transaction } from "../../ledger/bitcoin/transaction.ts";
import { hasWork } from "../../ledger/bitcoin/work.ts";
import { decodeOwn } from "./build-transaction.ts";

export interface BlockPlan {
  readonly params: Params;
  readonly previous: Bytes;
  readonly height: number;
  readonly time: number;
  readonly bits: number;
  /** What the coinbase pays to. */
  readonly payTo: Bytes;
  /** Marks the coinbase, so that two chains differ. */
  readonly tag: Bytes;
  readonly transactions: readonly Transaction[];
  readonly fees: number;
  readonly edits: BlockEdits;
}

/** Departures from a valid block. */
export interface BlockEdits {
  readonly version?: number;
  /** More (or less) than subsidy and fees. */
  readonly extraReward?: number;
  /** Instead of the height and the tag. */
  readonly coinbaseScript?: Bytes;
  /** Outputs between the reward and the commitment; their values are taken from the reward. */
  readonly coinbaseOutputs?: readonly NewOutput[];
  /** What the coinbase commits to: the witnesses (default), nothing, or something else. */
  readonly commitment?: "right" | "none" | "wrong";
  /** The coinbase's witness stack; by default the 32 zero bytes that go with the commitment. */
  readonly coinbaseWitness?: readonly Bytes[];
  /** The list of transactions, coinbase first, just before the Merkle root is taken. */
  readonly edit?: (transactions: readonly Transaction[]) => readonly Transaction[];
  readonly merkleRoot?: Bytes;
  /** False: a hash that misses the target. */
  readonly work?: boolean;
}

const NONCE: Bytes = new Uint8Array(32);
const VERSION = 0x20000000;

function commitmentOutputs(plan: BlockPlan, transactions: readonly Transaction[]): NewOutput[] {
  const { commitment = "right" } = plan.edits;
  if (commitment === "none" || plan.height < plan.params.activation.segwit) return [];
  const root = commitment === "wrong" ? hash256(NONCE) : witnessMerkleRoot(transactions);
  return [{ value: 0, script: commitmentScript(witnessCommitment(root, NONCE)) }];
}

function buildCoinbase(plan: BlockPlan): Transaction {
  const { edits, height, params, tag } = plan;
  const extra = edits.coinbaseOutputs ?? [];
  let reward = blockSubsidy(height, params) + plan.fees + (edits.extraReward ?? 0);
  for (const { value } of extra) reward -= value;
  // The witness root does not look at the coinbase: any transaction may stand in its place.
  const placeholder = decodeOwn(encodeTransaction(coinbaseFields(plan, [], [])));
  const commitment = commitmentOutputs(plan, [placeholder, ...plan.transactions]);
  const outputs = [{ value: reward, script: plan.payTo }, ...extra, ...commitment];
  const witness = edits.coinbaseWitness ?? (commitment.length > 0 ? [NONCE] : []);
  assert(tag.length <= 70, "the coinbase script has at most 100 bytes");
  return decodeOwn(encodeTransaction(coinbaseFields(plan, outputs, witness)));
}

function coinbaseFields(
  { edits, height, tag }: BlockPlan,
  outputs: readonly NewOutput[],
  witness: readonly Bytes[],
) {
  const script =
    edits.coinbaseScript ?? concatBytes(heightScript(height), Uint8Array.of(tag.length), tag);
  const input = { txid: new Uint8Array(32), index: 0xffffffff, script, sequence: 0xffffffff };
  return { version: 2, inputs: [{ ...input, witness }], outputs, lockTime: 0 };
}

/** Tries nonces until the hash meets the target (or misses it, when that is wanted). */
function mine(header: Bytes, bits: number, params: Params, wanted: boolean): void {
  for (let nonce = 0; hasWork(hash256(header), bits, params.work) !== wanted; nonce++) {
    assert(nonce < 0xffffffff, "only easy targets can be mined here");
    writeU32(header, 76, nonce);
  }
}

/** Builds and mines the block of a plan. */
export function buildBlock(plan: BlockPlan): Block {
  const { edits, bits, previous, time } = plan;
  const unedited = [buildCoinbase(plan), ...plan.transactions];
  const transactions = edits.edit?.(unedited) ?? unedited;
  const header = encodeHeader({
    version: edits.version ?? VERSION,
    previous,
    merkleRoot: edits.merkleRoot ?? transactionMerkle(transactions).root,
    time,
    bits,
    nonce: 0,
  });
  mine(header, bits, plan.params, edits.work ?? true);
  const block = decodeBlock(encodeBlock(header, transactions.map(rawTransaction)));
  assert(block.ok, "what we encode decodes");
  return block.value;
}
