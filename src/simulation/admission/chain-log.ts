// The chain log of the simulated node: records in order, and for each of them the sequential ledger's
// coin set, which every partition's state is compared with when it gets there.

import type { Txid } from "../../state/admission/keys.ts";
import type { Places } from "../../state/admission/leave.ts";
import type { ChainFacts } from "../../state/admission/locks.ts";
import type { BlockPart, ChainStep } from "../../state/admission/transition.ts";
import { type Block, type Coins, chainFacts, SUBSIDY, undo } from "./model.ts";

export interface ChainRecord {
  readonly seq: number;
  readonly reset: boolean;
  readonly disconnect: readonly Block[];
  readonly connect: readonly Block[];
  readonly tip: Block;
  readonly facts: ChainFacts;
  /** Confirmed coins at this record. */
  readonly coins: Coins;
  /** Transactions confirmed on this record's chain. */
  readonly confirmed: ReadonlySet<Txid>;
  /** Transactions this record restored, whether or not it confirmed them again. */
  readonly restored: ReadonlySet<Txid>;
  /** Value that the chain claimed and did not destroy. */
  readonly value: number;
}

export class ChainLog {
  readonly records: ChainRecord[] = [];
  private readonly parts: Map<Block, BlockPart[]> = new Map();
  private readonly places: Places;
  private readonly partitions: number;

  constructor(places: Places, partitions: number, genesis: Block, coins: Coins) {
    this.places = places;
    this.partitions = partitions;
    let value = 0;
    for (const coin of coins.values()) value += coin.value;
    this.records.push({
      seq: 0,
      reset: false,
      disconnect: [],
      connect: [],
      tip: genesis,
      facts: chainFacts(genesis),
      coins,
      confirmed: new Set(),
      restored: new Set(),
      value,
    });
  }

  get last(): ChainRecord {
    return this.records[this.records.length - 1]!;
  }

  at(seq: number): ChainRecord {
    return this.records[seq]!;
  }

  /** The coin set after disconnecting `depth` blocks from the tip. */
  coinsBelow(depth: number): { tip: Block; coins: Coins; undone: Block[] } {
    const coins: Coins = new Map(this.last.coins);
    const undone: Block[] = [];
    let tip = this.last.tip;
    for (let left = depth; left > 0 && tip.parent !== null; left--) {
      undo(tip, coins);
      undone.push(tip);
      tip = tip.parent;
    }
    return { tip, coins, undone };
  }

  /** Appends a record; `coins` is the coin set after it. */
  append(
    disconnect: readonly Block[],
    connect: readonly Block[],
    tip: Block,
    coins: Coins,
    reset: boolean,
  ): ChainRecord {
    const { last } = this;
    const confirmed = new Set(last.confirmed);
    const restored = new Set<Txid>();
    let { value } = last;
    for (const block of disconnect) {
      value -= SUBSIDY - block.burned;
      for (const { txid } of block.transactions) {
        confirmed.delete(txid);
        restored.add(txid);
      }
    }
    for (const block of connect) {
      value += SUBSIDY - block.burned;
      for (const { txid } of block.transactions) confirmed.add(txid);
    }
    const facts = chainFacts(tip);
    const seq = last.seq + 1;
    const what = { disconnect, connect, tip, facts, coins, confirmed, restored, value };
    const record = { seq, reset, ...what };
    this.records.push(record);
    return record;
  }

  /** The record as one partition applies it. */
  stepFor(seq: number, partition: number): ChainStep {
    const { reset, disconnect, connect } = this.at(seq);
    const part = (block: Block): BlockPart => this.partOf(block, partition);
    return { seq, reset, disconnect: disconnect.map(part), connect: connect.map(part) };
  }

  private partOf(block: Block, partition: number): BlockPart {
    let parts = this.parts.get(block);
    if (parts === undefined) {
      parts = Array.from({ length: this.partitions }, (_, index) => this.filter(block, index));
      this.parts.set(block, parts);
    }
    return parts[partition]!;
  }

  private filter({ effect }: Block, partition: number): BlockPart {
    const { places } = this;
    return {
      height: effect.height,
      flags: effect.flags,
      creates: effect.creates.filter(({ outpoint }) => places.coin(outpoint) === partition),
      spends: effect.spends.filter(({ outpoint }) => places.coin(outpoint) === partition),
      transactions: effect.transactions.filter(({ txid }) => places.home(txid) === partition),
    };
  }
}
