// A stage for fixed schedules: partitions with the real handlers, and mail that is delivered by hand,
// late, twice or never. What random runs meet once in thousands of seeds is played here every time.

import type {
  AdmissionEvent,
  Answer,
  Envelope,
  Incoming,
} from "../../../planes/execution/admission/messages.ts";
import { VERIFIER } from "../../../planes/execution/admission/messages.ts";
import {
  type Effects,
  Partition,
  type PartitionConfig,
} from "../../../planes/execution/admission/partition.ts";
import { onChain, onMessage, onTick } from "../../../planes/execution/admission/step.ts";
import {
  keyFromHex,
  keyHex,
  type OutpointKey,
  outpointKey,
  outpointTxid,
  type Txid,
} from "../../../state/admission/keys.ts";
import type { Places } from "../../../state/admission/leave.ts";
import { DEFAULT_LIMITS } from "../../../state/admission/limits.ts";
import type { Candidate, CoinRecord } from "../../../state/admission/records.ts";
import type { ProtocolRules } from "../../../state/admission/rules.ts";
import { MemoryPartitionStore } from "../../../state/admission/store.ts";
import { ChainLog } from "../chain-log.ts";
import { type Block, type Coins, MATURITY, makeBlock, outputValue } from "../model.ts";

/** A txid that says where it lives: the first digit is its partition. */
export function txidAt(partition: number, name: number): Txid {
  return keyFromHex(partition.toString(16) + name.toString(16).padStart(63, "0"));
}

const places: Places = {
  home: (txid) => txid.charCodeAt(0) >>> 12,
  coin: (outpoint) => outpoint.charCodeAt(0) >>> 12,
  outputsAtHome: true,
};

export type Which = (envelope: Envelope) => boolean;

/** Mail of this type about this transaction. */
export function mailOf(type: Envelope["message"]["type"], txid: Txid): Which {
  return ({ message }) => {
    if (message.type !== type) return false;
    return (message.type === "submit" ? message.candidate.txid : message.txid) === txid;
  };
}

export class Stage {
  readonly partitions: Partition[] = [];
  readonly stores: MemoryPartitionStore[] = [];
  readonly chain: ChainLog;
  readonly answers: Map<Txid, Answer> = new Map();
  readonly values: Map<OutpointKey, number> = new Map();
  mail: Envelope[] = [];
  now = 0;
  readonly events: AdmissionEvent[] = [];
  /** What the verifier says that a transaction may replace. */
  readonly policy: Map<Txid, { replaces?: readonly Txid[]; displaces?: readonly Txid[] }> =
    new Map();
  private readonly genesis: Block;
  private readonly change: Partial<PartitionConfig>;

  /** `coins`: outpoints that are confirmed from the start, each worth 1,000. */
  constructor(
    rules: ProtocolRules,
    count: number,
    coins: readonly OutpointKey[],
    change: Partial<PartitionConfig> = {},
  ) {
    this.change = change;
    const set: Coins = new Map();
    const rest = { coinbase: false, height: 0, round: -1, ancestors: 0, attempt: null, open: true };
    for (const key of coins) {
      set.set(key, { value: 1_000, script: new Uint8Array(1), ...rest });
      this.values.set(key, 1_000);
    }
    this.genesis = makeBlock(null, new Map(), txidAt(0, 0xffff), [], 1_000);
    this.chain = new ChainLog(places, count, this.genesis, set);
    for (let self = 0; self < count; self++) {
      const store = new MemoryPartitionStore();
      for (const [key, coin] of set) if (places.coin(key) === self) store.coinMap.set(key, coin);
      this.stores.push(store);
      this.partitions.push(this.open(self, store, rules));
    }
  }

  private open(self: number, store: MemoryPartitionStore, rules: ProtocolRules): Partition {
    const config = {
      self,
      places,
      rank: (txid: Txid) => Number.parseInt(keyHex(txid.slice(-2)), 16),
      limits: { ...DEFAULT_LIMITS, auditMs: 3_000, feeRateMin: 0 },
      rules,
      coinbaseMaturity: MATURITY,
      replace: "off" as const,
      random: () => 0.5,
      chain: (seq: number) => this.chain.at(seq).facts,
      openRound: 0,
      isSealed: () => false,
      siblings: new Map(),
      ...this.change,
    };
    return new Partition(config, store, 1, this.now);
  }

  /** A transaction that spends these outpoints into one output. */
  candidate(txid: Txid, outpoints: readonly OutpointKey[], fee = 10): Candidate {
    let value = 0;
    for (const key of outpoints) value += this.values.get(key)!;
    value -= fee;
    this.values.set(outpointKey(txid, 0), value);
    return {
      txid,
      version: 1,
      lockTime: 0,
      inputs: outpoints.map((outpoint) => ({ outpoint, sequence: 0xffffffff })),
      outputs: [{ value, script: new Uint8Array(1), spendable: true }],
      size: 100,
      raw: new Uint8Array([1]),
    };
  }

  submit(candidate: Candidate): void {
    const message = { type: "submit", candidate, source: 0, token: 0, given: null } as const;
    this.mail.push({ from: -1, to: places.home(candidate.txid), message });
  }

  drop(txid: Txid): void {
    this.mail.push({ from: -1, to: places.home(txid), message: { type: "drop", txid } });
  }

  /** Another owner takes a partition over; returns the old one, over its own stale copy. */
  takeOver(partition: number): Partition {
    const old = this.partitions[partition]!;
    const copy = new MemoryPartitionStore(this.stores[partition]);
    const stale = new Partition(old.config, copy, old.epoch, this.now);
    const store = this.stores[partition]!;
    this.partitions[partition] = new Partition(old.config, store, old.epoch + 1, this.now);
    return stale;
  }

  /** The owner of a partition dies and starts again over the same store. */
  restart(partition: number): void {
    const { config, epoch } = this.partitions[partition]!;
    const store = this.stores[partition]!;
    this.partitions[partition] = new Partition(config, store, epoch + 1, this.now);
  }

  /** An old owner processes a message; what it wants to write, the fence refuses with all it says. */
  deliverToStale(stale: Partition, { from, message }: Envelope): void {
    const { group, messages } = onMessage(stale, this.now, from, message as Incoming);
    if (group.length === 0) this.mail.push(...messages);
  }

  /** Takes matching mail away, to be delivered later or never. */
  withhold(which: Which): Envelope[] {
    const taken = this.mail.filter(which);
    this.mail = this.mail.filter((envelope) => !which(envelope));
    return taken;
  }

  copies(which: Which): Envelope[] {
    return this.mail.filter(which);
  }

  /** Delivers everything until nothing is left but what matches `except`. */
  run(except: Which = () => false): void {
    for (let left = 10_000; left > 0; left--) {
      const at = this.mail.findIndex((envelope) => !except(envelope));
      if (at < 0) return;
      this.deliver(this.mail.splice(at, 1)[0]!);
    }
    throw new Error("the schedule does not come to rest");
  }

  deliver(envelope: Envelope): void {
    this.now += 0.1;
    const { message, to, from } = envelope;
    if (message.type === "answer") {
      this.answers.set(message.txid, message.answer);
      return;
    }
    if (message.type === "verify") {
      const { txid, attempt, candidate, coins, flags } = message;
      const fee = sumOf(coins) - outputValue(candidate);
      const replaced = this.policy.get(txid) ?? {};
      const verdict = { ok: true, fee, sigops: 1, ...replaced } as const;
      const reply: Incoming = { type: "verdict", txid, attempt, flags, verdict };
      this.mail.push({ from: VERIFIER, to: from, message: reply });
      return;
    }
    this.collect(onMessage(this.partitions[to]!, this.now, from, message));
  }

  /** Lets time pass; timers fire, mail moves. */
  wait(ms: number, except: Which = () => false): void {
    const until = this.now + ms;
    while (this.now < until) {
      this.now = Math.min(until, this.now + 50);
      for (const p of this.partitions) this.collect(onTick(p, this.now));
      this.run(except);
    }
  }

  /** Appends a record: undoes `depth` blocks and connects one block for each list. */
  append(depth: number, blocks: readonly (readonly Candidate[])[]): void {
    const { tip, coins, undone } = this.chain.coinsBelow(depth);
    const connect: Block[] = [];
    let parent = tip;
    for (const transactions of blocks) {
      const name = 0xf000 + this.chain.records.length * 16 + connect.length;
      parent = makeBlock(parent, coins, txidAt(0, name), transactions, parent.time + 600);
      connect.push(parent);
    }
    this.chain.append(undone, connect, parent, coins, false);
  }

  /** One partition applies its next record. */
  advance(partition: number): void {
    const p = this.partitions[partition]!;
    this.now += 0.1;
    this.collect(onChain(p, this.now, this.chain.stepFor(p.seq + 1, partition)));
  }

  advanceAll(): void {
    for (let partition = 0; partition < this.partitions.length; partition++)
      this.advance(partition);
  }

  private collect({ messages, events }: Effects): void {
    this.events.push(...events);
    this.mail.push(...messages);
  }

  home(txid: Txid): Partition {
    return this.partitions[places.home(txid)]!;
  }

  isAdmitted(txid: Txid): boolean {
    return this.home(txid).view.record(txid) !== null;
  }

  claimOn(outpoint: OutpointKey): ReturnType<MemoryPartitionStore["claim"]> {
    return this.stores[places.coin(outpointTxid(outpoint))]!.claim(outpoint);
  }
}

function sumOf(coins: readonly CoinRecord[]): number {
  return coins.reduce((sum, { value }) => sum + value, 0);
}
