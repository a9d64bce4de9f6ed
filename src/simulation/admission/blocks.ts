// Block connection over partitions against a judge that takes one transaction after another: random
// blocks with children before and behind their parents, double spends, missing coins and spends of
// the block's own coinbase. The real code stages, judges and undoes; verdicts and coin sets must be
// those of the sequential judge. Scripts are no part of it.
import { assert } from "../../base/assert.ts";
import { type Bytes, concatBytes, toHex } from "../../base/bytes.ts";
import { MemoryEngine } from "../../engines/memory/memory-engine.ts";
import { type Block, decodeBlock, HEADER_BYTES } from "../../ledger/bitcoin/block.ts";
import { encodeBlock, encodeTransaction, type NewInput } from "../../ledger/bitcoin/encode.ts";
import { COINBASE_MATURITY, SIGOP_COST_MAX } from "../../ledger/bitcoin/limits.ts";
import { decodeTransaction } from "../../ledger/bitcoin/transaction.ts";
import { buildFrame, FramePool, frameMemory } from "../../planes/execution/frame.ts";
import { judgeCoins } from "../../planes/execution/judge.ts";
import { PartitionHost } from "../../planes/execution/partition-host.ts";
import type { BlockRules } from "../../state/block-rules.ts";
import { decodeStoredCoin } from "../../state/coin-store.ts";
import { EngineCoinStore } from "../../state/engine-coin-store.ts";
import { Partition } from "../../state/partition.ts";
import { Placement } from "../../state/placement.ts";
import { Draws } from "../world/draws.ts";

const BLOCKS = 12;
const SUBSIDY = 5_000;
/** Heights go on so far at once that only a block's own coinbase is immature. */
const HEIGHTS_APART: number = COINBASE_MATURITY + 1;
const SCRIPT: Bytes = Uint8Array.of(0x51);

interface Outpoint {
  readonly txid: Bytes;
  readonly index: number;
}

interface Output extends Outpoint {
  readonly value: number;
}

/** Plays the blocks of one seed; what was judged otherwise, or null. */
export function connectBlocks(seed: number, rules: BlockRules): string | null {
  return new Connection(new Draws(seed, "blocks"), rules).play();
}

class Connection {
  readonly #draws: Draws;
  readonly #rules: BlockRules;
  readonly #pool = new FramePool();
  readonly #placement: Placement;
  readonly #partitions: readonly Partition[];
  readonly #host: PartitionHost;
  /** The sequential judge's coins: value by outpoint. */
  #coins = new Map<string, Output>();
  #height = 0;
  #nonce = 0;

  constructor(draws: Draws, rules: BlockRules) {
    this.#draws = draws;
    this.#rules = rules;
    const salt = Uint8Array.from({ length: 16 }, () => draws.below(256));
    this.#placement = new Placement(salt, draws.between(1, 8));
    const engine = new MemoryEngine();
    this.#partitions = Array.from(
      { length: this.#placement.partitionCount },
      (_, number) =>
        new Partition(
          number,
          new EngineCoinStore(engine, number),
          this.#placement,
          undefined,
          rules,
        ),
    );
    this.#host = new PartitionHost(this.#partitions);
  }

  play(): string | null {
    for (let number = 0; number < BLOCKS; number++) {
      const fault = this.#connect(this.#makeBlock());
      if (fault !== null) return `block ${number}: ${fault}`;
    }
    return null;
  }

  #makeBlock(): Bytes {
    const draws = this.#draws;
    const available = [...this.#coins.values()];
    const transactions: Bytes[] = [];
    const coinbase = this.#make([{ txid: new Uint8Array(32), index: 0xffff_ffff }], SUBSIDY);
    // Now and then there is more to choose from than the rules allow.
    if (draws.chance(0.1)) available.push(...coinbase.outputs);
    for (let count = draws.between(0, 8); count > 0; count--) {
      const inputs: Output[] = [];
      for (let left = draws.between(1, 3); left > 0 && available.length > 0; left--) {
        const at = draws.below(available.length);
        inputs.push(available[at]!);
        if (!draws.chance(0.05)) available.splice(at, 1);
      }
      if (inputs.length === 0) continue;
      if (new Set(inputs).size < inputs.length) continue;
      const value = inputs.reduce((sum, one) => sum + one.value, 0);
      const made = this.#make(inputs, value);
      transactions.push(made.raw);
      available.push(...made.outputs);
    }
    // A child may come to stand before its parent.
    if (draws.chance(0.2)) draws.shuffle(transactions);
    return encodeBlock(new Uint8Array(HEADER_BYTES), [coinbase.raw, ...transactions]);
  }

  #make(
    spent: readonly Outpoint[],
    value: number,
  ): { readonly raw: Bytes; readonly outputs: readonly Output[] } {
    const count = this.#draws.between(1, 3);
    const inputs = spent.map(({ txid, index }): NewInput => {
      return {
        txid,
        index,
        script: concatBytes(SCRIPT, SCRIPT),
        sequence: 0xffff_ffff,
        witness: [],
      };
    });
    const each = Math.floor(value / count);
    const outputs = Array.from({ length: count }, () => ({ value: each, script: SCRIPT }));
    const raw = encodeTransaction({ version: 2, inputs, outputs, lockTime: this.#nonce++ });
    const decoded = decodeTransaction(raw);
    assert(decoded.ok, "what is made here decodes");
    const { txid } = decoded.value;
    return { raw, outputs: outputs.map((output, index) => ({ txid, index, value: output.value })) };
  }

  #connect(raw: Bytes): string | null {
    this.#height += HEIGHTS_APART;
    const memory = frameMemory(this.#pool, raw);
    const decoded = decodeBlock(new Uint8Array(memory, 0, raw.length));
    assert(decoded.ok, "what is made here decodes");
    const block = decoded.value;
    const expected = this.#judgeInOrder(block);
    const frame = buildFrame(this.#pool, memory, block, this.#placement);
    const { memory: shared, bytes: _bytes, ...layout } = frame;
    const height = this.#height;
    const reply = this.#host.handle({
      kind: "stage",
      memory: shared,
      layout,
      height,
      duplicates: "overlay",
    });
    assert(reply.kind === "staged", "a host answers what it was asked");
    const { verdict } = judgeCoins(
      block,
      frame,
      reply.deltas,
      reply.duplicate,
      factsAt(height),
      this.#rules,
    );
    const found = verdict.ok ? null : verdict.code;
    if (found !== expected.fault)
      return `judged ${found ?? "valid"}, it is ${expected.fault ?? "valid"}`;
    if (expected.fault === null) this.#coins = expected.coins;
    else this.#host.handle({ kind: "undo", deltas: reply.deltas });
    this.#pool.release(frame.memory);
    return this.#coinFault();
  }

  /** The rules as one reads them: each transaction finds what those before it left. */
  #judgeInOrder(block: Block): {
    readonly fault: string | null;
    readonly coins: Map<string, Output>;
  } {
    const coins = new Map(this.#coins);
    const own = new Set<string>();
    for (let place = 0; place < block.transactions.length; place++) {
      const { inputs, outputs, bytes, txid } = block.transactions[place]!;
      for (const { outpointAt, previousIndex } of place === 0 ? [] : inputs) {
        const key = keyOf(bytes.subarray(outpointAt, outpointAt + 32), previousIndex);
        if (!coins.has(key)) return { fault: MISSING, coins };
      }
      for (const { outpointAt, previousIndex } of place === 0 ? [] : inputs) {
        const key = keyOf(bytes.subarray(outpointAt, outpointAt + 32), previousIndex);
        if (own.has(key)) return { fault: PREMATURE, coins };
        coins.delete(key);
      }
      outputs.forEach(({ value }, index) => {
        const key = keyOf(txid, index);
        coins.set(key, { txid: txid.slice(), index, value });
        if (place === 0) own.add(key);
      });
    }
    return { fault: null, coins };
  }

  /** Where the partitions' coins differ from the sequential judge's. */
  #coinFault(): string | null {
    let count = 0;
    let fault: string | null = null;
    for (const partition of this.#partitions) {
      partition.scan((key, value) => {
        count++;
        const index = new DataView(key.buffer, key.byteOffset).getUint32(32);
        const known = this.#coins.get(keyOf(key.subarray(0, 32), index));
        if (known?.value === decodeStoredCoin(value).value) return;
        fault = `a coin of ${toHex(key, 0, 4)} is not the ledger's`;
      });
    }
    return fault ?? (count === this.#coins.size ? null : "a coin is missing");
  }
}

const MISSING = "bad-txns-inputs-missingorspent";
const PREMATURE = "bad-txns-premature-spend-of-coinbase";

const keyOf = (txid: Bytes, index: number): string => `${toHex(txid)}:${index}`;

const factsAt = (height: number) => ({
  height,
  flags: 0,
  sequenceLocks: false,
  medianTimePast: 0,
  medianTimePastAt: () => 0,
  subsidy: SUBSIDY,
  sigopCostMax: SIGOP_COST_MAX,
});
