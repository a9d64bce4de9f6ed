// A chain that grows block by block in a few words, for tests and benches: keys, coins, signed
// transactions, mined blocks, branches, and blocks that break one rule. Everything follows from the
// seed.
//
//   const chain = new TestChain();
//   const [first] = chain.mineMany(101);                    // the first coinbase is mature now
//   const split = chain.spend([first.reward], { outputs: 10 });
//   const block = chain.mine({ transactions: [split] });
//   const rival = chain.mine({ parent: first, edits: { extraReward: 1 } });   // bad-cb-amount
import { assert } from "../../base/assert.ts";
import type { Bytes } from "../../base/bytes.ts";
import { type Block, decodeBlock } from "../../ledger/bitcoin/block.ts";
import { medianTimePast } from "../../ledger/bitcoin/header-rules.ts";
import { REGTEST } from "../../ledger/bitcoin/networks.ts";
import type { Params } from "../../ledger/bitcoin/params.ts";
import { rawTransaction } from "../../ledger/bitcoin/transaction.ts";
import { type HeaderNode, nextBits } from "../../ledger/bitcoin/work.ts";
import { type BlockEdits, buildBlock } from "./build-block.ts";
import {
  type BuiltTransaction,
  buildTransaction,
  decodeOwn,
  type OwnedCoin,
  type TransactionPlan,
} from "./build-transaction.ts";
import { type Key, keyFromSeed, type OutputKind } from "./keys.ts";

/** A block in its branch. */
export class ChainBlock implements HeaderNode {
  readonly block: Block;
  readonly height: number;
  readonly parent: ChainBlock | null;
  /** The coin of the coinbase's first output; null in the genesis block. */
  readonly reward: OwnedCoin | null;
  readonly built: readonly BuiltTransaction[];

  constructor(
    block: Block,
    parent: ChainBlock | null,
    reward: OwnedCoin | null,
    built: readonly BuiltTransaction[],
  ) {
    this.block = block;
    this.parent = parent;
    this.height = parent === null ? 0 : parent.height + 1;
    this.reward = reward;
    this.built = built;
  }

  get hash(): Bytes {
    return this.block.header.hash;
  }

  get time(): number {
    return this.block.header.time;
  }

  get bits(): number {
    return this.block.header.bits;
  }

  /** The raw block. */
  get bytes(): Bytes {
    return this.block.bytes.subarray(this.block.start, this.block.end);
  }

  /** Median time past: what the lock times of the next block are held against. */
  get medianTime(): number {
    return medianTimePast(this);
  }

  ancestor(height: number): ChainBlock {
    assert(height >= 0 && height <= this.height, "an ancestor is not above its child");
    let at: ChainBlock = this;
    while (at.height > height) at = at.parent!;
    return at;
  }

  /** The branch from the block after genesis to this one. */
  branch(): ChainBlock[] {
    const blocks: ChainBlock[] = [];
    for (let at: ChainBlock = this; at.parent !== null; at = at.parent) blocks.push(at);
    return blocks.reverse();
  }
}

export interface MineOptions {
  /** The tip when absent. */
  readonly parent?: ChainBlock;
  readonly transactions?: readonly BuiltTransaction[];
  /** Seconds since 1970; ten minutes after the parent when absent. */
  readonly time?: number;
  readonly bits?: number;
  readonly edits?: BlockEdits;
  /** False: the tip stays where it is. By default a block on the tip becomes the tip. */
  readonly advance?: boolean;
}

export interface SpendOptions extends Partial<Omit<TransactionPlan, "coins">> {
  /** Equal parts of what is left after the fee; one when absent. */
  readonly outputs?: number;
  readonly fee?: number;
  readonly kind?: OutputKind;
}

export interface TestChainOptions {
  readonly seed?: string;
  readonly params?: Params;
  /** What coinbases and spends pay to, when nothing else is said. */
  readonly kind?: OutputKind;
  /** How many keys take turns. */
  readonly keys?: number;
}

const SPACING_SECONDS = 600;

export class TestChain {
  readonly params: Params;
  readonly genesis: ChainBlock;
  readonly kind: OutputKind;
  readonly keys: readonly Key[];
  tip: ChainBlock;
  readonly #seed: string;
  /** Makes two blocks on one parent differ. */
  #mined = 0;
  #nextKey = 0;

  constructor(options: TestChainOptions = {}) {
    this.params = options.params ?? REGTEST;
    this.kind = options.kind ?? "p2wpkh";
    this.#seed = options.seed ?? "test";
    this.keys = Array.from({ length: options.keys ?? 4 }, (_, index) =>
      keyFromSeed(this.#seed, index),
    );
    const block = decodeBlock(this.params.genesis);
    assert(block.ok, "the genesis block decodes");
    this.genesis = new ChainBlock(block.value, null, null, []);
    this.tip = this.genesis;
  }

  /** The keys in turn. */
  nextKey(): Key {
    return this.keys[this.#nextKey++ % this.keys.length]!;
  }

  /** Builds and mines a block; it becomes the tip when it stands on the tip. */
  mine(options: MineOptions = {}): ChainBlock {
    const parent = options.parent ?? this.tip;
    const { transactions = [], edits = {} } = options;
    const time = options.time ?? parent.time + SPACING_SECONDS;
    const key = this.nextKey();
    const payTo = key.scripts[this.kind];
    const height = parent.height + 1;
    let fees = 0;
    for (const { fee } of transactions) fees += fee;
    const block = buildBlock({
      params: this.params,
      previous: parent.hash,
      height,
      time,
      bits: options.bits ?? nextBits(this.params, parent, time),
      payTo,
      tag: new TextEncoder().encode(`${this.#seed}/${this.#mined++}`),
      transactions: transactions.map(({ transaction }) => transaction),
      fees,
      edits,
    });
    const coinbase = block.transactions[0];
    const output = coinbase?.outputs[0];
    const reward =
      coinbase === undefined || output === undefined
        ? null
        : {
            txid: coinbase.txid,
            index: 0,
            value: output.value,
            script: payTo,
            height,
            coinbase: true,
            kind: this.kind,
            key,
          };
    const mined = new ChainBlock(block, parent, reward, transactions);
    if (parent === this.tip && options.advance !== false) this.tip = mined;
    return mined;
  }

  /** Mines `count` empty blocks, one on the other. */
  mineMany(count: number, parent: ChainBlock = this.tip): ChainBlock[] {
    const blocks: ChainBlock[] = [];
    for (let at = parent; blocks.length < count; ) {
      at = this.mine({ parent: at });
      blocks.push(at);
    }
    return blocks;
  }

  /** A signed transaction over `coins`, for the block after the tip unless a height is given. */
  spend(coins: readonly (OwnedCoin | null)[], options: SpendOptions = {}): BuiltTransaction {
    const { outputs = 1, fee = 1000, kind = this.kind, ...plan } = options;
    const owned = coins.filter((coin) => coin !== null);
    assert(owned.length === coins.length, "the genesis block has no coin to spend");
    let left = -fee;
    for (const { value } of owned) left += value;
    for (const { value } of plan.otherOutputs ?? []) left -= value;
    const value = Math.floor(left / outputs);
    const payments = Array.from({ length: outputs }, (_, index) => ({
      // The first output takes what does not divide.
      value: index === 0 ? left - value * (outputs - 1) : value,
      kind,
      key: this.nextKey(),
    }));
    return buildTransaction({ coins: owned, payments, height: this.tip.height + 1, ...plan });
  }

  /** `length` transactions, each spending all outputs of the one before. */
  spendInChain(
    coin: OwnedCoin | null,
    length: number,
    options: SpendOptions = {},
  ): BuiltTransaction[] {
    const built: BuiltTransaction[] = [];
    let coins: readonly (OwnedCoin | null)[] = [coin];
    while (built.length < length) {
      const next = this.spend(coins, options);
      built.push(next);
      coins = next.created;
    }
    return built;
  }
}

/** A copy of a built transaction with one byte of it changed, by default in its first signature. */
export function corrupt(built: BuiltTransaction, at?: number): BuiltTransaction {
  const bytes = rawTransaction(built.transaction).slice();
  const { scriptAt, witnessAt, witnessCount } = built.transaction.inputs[0]!;
  // Behind the lengths and the head of a DER signature: inside r.
  const inside = (witnessCount > 0 ? witnessAt : scriptAt) + 10;
  const offset = at ?? inside - built.transaction.start;
  bytes[offset] = bytes[offset]! ^ 1;
  return { ...built, transaction: decodeOwn(bytes) };
}
