// A deterministic regtest chain of any length, block by block: empty blocks until coinbases are
// mature, blocks that split those into coins, then blocks of transactions with real signatures.
// The same options give the same bytes on every machine; memory is bounded by the coins that the
// chain keeps spendable, not by its length.
import { assert } from "../../base/assert.ts";
import type { Bytes } from "../../base/bytes.ts";
import { Prng } from "../../base/prng.ts";
import { taggedHash } from "../../crypto/hash.ts";
import { type Block, decodeBlock } from "../../ledger/bitcoin/block.ts";
import { blockWeight } from "../../ledger/bitcoin/check-block.ts";
import { BLOCK_WEIGHT_MAX } from "../../ledger/bitcoin/limits.ts";
import { REGTEST } from "../../ledger/bitcoin/networks.ts";
import { buildBlock } from "./build-block.ts";
import {
  type BuiltTransaction,
  buildTransaction,
  type OwnedCoin,
  type Payment,
} from "./build-transaction.ts";
import {
  type ChainOptions,
  type ChainPlan,
  outputKinds,
  planChain,
  SPLIT_OUTPUTS,
  SPLITS_PER_BLOCK,
} from "./chain-plan.ts";
import { CoinPool } from "./coin-pool.ts";
import { type Key, keyFromSeed, type OutputKind } from "./keys.ts";

const KEYS = 64;
const SPACING_SECONDS = 600;
/** Fee of a transaction, base units, as long as its coins can pay it. */
const FEE = 1000;
/** Value of an output that is never spent again, base units, as long as its coins can pay it. */
const LEFT_VALUE = 600;
/** In a mixed chain one input of so many spends an output of its own block, when there is one. */
const SAME_BLOCK_ONE_IN = 6;

/** What the next block follows from. */
interface Tip {
  readonly hash: Bytes;
  readonly height: number;
  readonly time: number;
}

class ChainGenerator {
  readonly #options: ChainOptions;
  readonly #plan: ChainPlan;
  readonly #prng: Prng;
  readonly #keys: readonly Key[];
  readonly #kinds: readonly OutputKind[];
  readonly #tag: Bytes;
  readonly #pool: CoinPool;
  #tip: Tip;

  constructor(options: ChainOptions, plan: ChainPlan, genesis: Block) {
    const { hash, time } = genesis.header;
    this.#options = options;
    this.#plan = plan;
    const seed = new TextEncoder().encode(options.seed);
    this.#prng = new Prng(taggedHash("pando/chain", seed));
    this.#tag = taggedHash("pando/chain-tag", seed).subarray(0, 8);
    this.#keys = Array.from({ length: KEYS }, (_, index) => keyFromSeed(options.seed, index));
    this.#kinds = outputKinds(options.kind);
    this.#pool = new CoinPool(plan.coins, this.#keys);
    this.#tip = { hash, time, height: 0 };
  }

  *blocks(): IterableIterator<Block> {
    const { emptyBlocks, splits, splitBlocks } = this.#plan;
    const rewards: OwnedCoin[] = [];
    for (let count = 0; count < emptyBlocks; count++) {
      const { block, reward } = this.#mine([]);
      if (rewards.length < splits) rewards.push(reward);
      yield block;
    }
    for (let count = 0; count < splitBlocks; count++) {
      const from = count * SPLITS_PER_BLOCK;
      const built = rewards.slice(from, from + SPLITS_PER_BLOCK).map((coin) => this.#split(coin));
      for (const { created } of built) for (const coin of created) this.#pool.add(coin);
      yield this.#mine(built).block;
    }
    for (let count = 0; count < this.#options.blocks; count++) yield this.#spendingBlock();
  }

  #mine(built: readonly BuiltTransaction[]): { block: Block; reward: OwnedCoin } {
    const height = this.#tip.height + 1;
    const time = this.#tip.time + SPACING_SECONDS;
    const key = this.#keys[height % KEYS]!;
    const kind = this.#options.kind === "p2tr" ? "p2tr" : "p2wpkh";
    const script = key.scripts[kind];
    let fees = 0;
    for (const { fee } of built) fees += fee;
    const block = buildBlock({
      params: REGTEST,
      previous: this.#tip.hash,
      height,
      time,
      bits: REGTEST.work.limitBits,
      payTo: script,
      tag: this.#tag,
      transactions: built.map(({ transaction }) => transaction),
      fees,
      edits: {},
    });
    this.#tip = { hash: block.header.hash, height, time };
    const { txid, outputs } = block.transactions[0]!;
    const { value } = outputs[0]!;
    return { block, reward: { txid, index: 0, value, script, height, coinbase: true, kind, key } };
  }

  #payment(value: number): Payment {
    return { value, kind: this.#prng.pick(this.#kinds), key: this.#prng.pick(this.#keys) };
  }

  #split(coin: OwnedCoin): BuiltTransaction {
    const missing = this.#plan.coins - (coin.height - 1) * SPLIT_OUTPUTS;
    const count = Math.min(SPLIT_OUTPUTS, missing);
    const value = Math.floor((coin.value - FEE) / count);
    const payments = Array.from({ length: count }, () => this.#payment(value));
    return buildTransaction({ coins: [coin], payments, height: this.#tip.height + 1 });
  }

  #spendingBlock(): Block {
    const { inputs, kind, outputs, transactions } = this.#options;
    const spendable = Math.min(inputs, outputs);
    const built: BuiltTransaction[] = [];
    const fresh: OwnedCoin[] = [];
    for (let count = 0; count < transactions; count++) {
      const coins = Array.from({ length: inputs }, () => {
        const inBlock =
          kind === "mixed" && fresh.length > 0 && this.#prng.below(SAME_BLOCK_ONE_IN) === 0;
        return inBlock ? takeAny(fresh, this.#prng) : this.#pool.take(this.#prng);
      });
      const next = this.#spend(coins);
      built.push(next);
      fresh.push(...next.created.slice(0, spendable));
    }
    for (const coin of fresh) this.#pool.add(coin);
    const { block } = this.#mine(built);
    assert(blockWeight(block) <= BLOCK_WEIGHT_MAX, "the plan's blocks are not too heavy");
    return block;
  }

  /** As many outputs as inputs share the value; outputs beyond that stay unspent for ever. */
  #spend(coins: readonly OwnedCoin[]): BuiltTransaction {
    const { inputs, outputs } = this.#options;
    let value = 0;
    for (const coin of coins) value += coin.value;
    value -= Math.min(FEE, Math.floor(value / 2));
    const spendable = Math.min(inputs, outputs);
    const leftCount = outputs - spendable;
    const leftValue =
      leftCount === 0 ? 0 : Math.min(LEFT_VALUE, Math.floor(value / (2 * leftCount)));
    value -= leftValue * leftCount;
    const share = Math.floor(value / spendable);
    const payments = Array.from({ length: outputs }, (_, index) => {
      if (index >= spendable) return this.#payment(leftValue);
      return this.#payment(index === 0 ? value - share * (spendable - 1) : share);
    });
    return buildTransaction({ coins, payments, height: this.#tip.height + 1 });
  }
}

function takeAny(coins: OwnedCoin[], prng: Prng): OwnedCoin {
  const at = prng.below(coins.length);
  const coin = coins[at]!;
  coins[at] = coins.at(-1)!;
  coins.pop();
  return coin;
}

/** The blocks of a chain from its genesis block on; throws a RangeError that says what is too much. */
export function* generateChain(options: ChainOptions): IterableIterator<Block> {
  const plan = planChain(options);
  if (typeof plan === "string") throw new RangeError(plan);
  const genesis = decodeBlock(REGTEST.genesis);
  assert(genesis.ok, "the genesis block decodes");
  yield genesis.value;
  yield* new ChainGenerator(options, plan, genesis.value).blocks();
}
