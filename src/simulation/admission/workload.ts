// Clients that make transactions and ask until they know, and a miner that makes blocks of known,
// unknown and conflicting transactions, reorganises onto longer and shorter branches, and resets.

import type { Answer, AnswerMessage } from "../../planes/execution/admission/messages.ts";
import { type OutpointKey, outpointKey } from "../../state/admission/keys.ts";
import type { Candidate } from "../../state/admission/records.ts";
import type { Draws } from "../world/draws.ts";
import type { ChainLog } from "./chain-log.ts";
import type { Cluster } from "./cluster.ts";
import {
  apply,
  BLOCK_SECONDS,
  type Block,
  type Coins,
  chainFacts,
  judge,
  makeBlock,
} from "./model.ts";
import type { Profile } from "./profile.ts";

const MONEY_MIN = 40;
const SEQUENCE_FINAL = 0xffffffff;
const LOCK_TYPE_TIME = 0x40_0000;

/** One transaction and what its sender knows of it. */
export interface Client {
  readonly candidate: Candidate;
  readonly token: number;
  gaveUp: boolean;
  /** The last definite answer: accepted, confirmed, or refused for good. */
  done: boolean;
  /** The last answer of any kind since it was last offered. */
  last: Answer | null;
}

interface Known {
  readonly key: OutpointKey;
  readonly value: number;
}

export class Workload {
  readonly clients: Client[] = [];
  private readonly profile: Profile;
  private readonly random: Draws;
  private readonly cluster: Cluster;
  private readonly chain: ChainLog;
  /** Outputs that exist, or may exist once something is admitted. */
  private readonly outputs: Known[] = [];
  private readonly fresh: Known[] = [];
  private time = 1_000_000;

  constructor(profile: Profile, random: Draws, cluster: Cluster, chain: ChainLog) {
    this.profile = profile;
    this.random = random;
    this.cluster = cluster;
    this.chain = chain;
    for (const [key, { value }] of chain.last.coins) this.know({ key, value });
    cluster.onAnswer = (message) => this.onAnswer(message);
  }

  private know(output: Known): void {
    this.outputs.push(output);
    this.fresh.push(output);
  }

  /** Makes a transaction of outputs that exist, may exist, or are spent already. */
  make(): Candidate {
    const { random } = this;
    const inputs = new Map<OutpointKey, number>();
    const count = random.pick([1, 1, 2, 2, 3]);
    while (inputs.size < count && inputs.size < this.outputs.length) {
      const contended = random.chance(this.profile.contention) || this.fresh.length === 0;
      const from = contended ? this.outputs : this.fresh;
      const index = random.chance(0.6)
        ? from.length - 1 - random.below(Math.min(6, from.length))
        : random.below(from.length);
      const { key, value } = from[index]!;
      inputs.set(key, value);
      if (!contended) this.fresh.splice(index, 1);
    }
    return this.candidateOf(inputs);
  }

  private candidateOf(inputs: ReadonlyMap<OutpointKey, number>): Candidate {
    const { random } = this;
    let value = 0;
    for (const amount of inputs.values()) value += amount;
    const fee = random.below(Math.max(1, Math.floor(value / random.pick([3, 8, 16]))));
    const count = value > MONEY_MIN * 3 ? random.between(1, 3) : 1;
    const share = Math.floor((value - fee) / count);
    const outputs = Array.from({ length: count }, (_, index) => ({
      value: share,
      script: new Uint8Array([index]),
      spendable: index === 0 || !random.chance(0.1),
    }));
    if (random.chance(0.02)) outputs[0]!.value += value;
    const locked = random.chance(0.15);
    const tip = this.chain.last.tip;
    const txid = random.id();
    outputs.forEach(({ value: amount, spendable }, index) => {
      if (spendable && amount > MONEY_MIN)
        this.know({ key: outpointKey(txid, index), value: amount });
    });
    return {
      txid,
      version: 2,
      lockTime: random.chance(0.1) ? tip.height + random.below(4) : 0,
      inputs: [...inputs.keys()].map((outpoint) => ({ outpoint, sequence: this.sequence(locked) })),
      outputs,
      size: random.between(100, 400),
      raw: new Uint8Array([random.chance(0.03) ? 0 : 1]),
    };
  }

  private sequence(locked: boolean): number {
    if (!locked) return this.random.chance(0.5) ? SEQUENCE_FINAL : SEQUENCE_FINAL - 1;
    if (this.random.chance(0.3)) return LOCK_TYPE_TIME | this.random.between(1, 3);
    return this.random.between(1, 3);
  }

  /** A transaction that spends a coin of an admitted one, usually for more. */
  private bump(): Candidate | null {
    const accepted = this.clients.filter(({ last }) => last?.kind === "accepted");
    if (accepted.length === 0) return null;
    const { inputs } = this.random.pick(accepted).candidate;
    const { outpoint } = this.random.pick(inputs);
    const known = this.outputs.find(({ key }) => key === outpoint);
    return known === undefined ? null : this.candidateOf(new Map([[outpoint, known.value]]));
  }

  /** A new transaction arrives. */
  submitNew(): void {
    const bumped = this.random.chance(this.profile.bumps) ? this.bump() : null;
    const candidate = bumped ?? this.make();
    const gaveUp = this.random.chance(this.profile.giveUp);
    const client = { candidate, token: this.clients.length, gaveUp, done: false, last: null };
    this.clients.push(client);
    this.ask(client);
    // Some transactions reach the node twice.
    if (this.random.chance(0.1)) this.ask(client);
  }

  /** Sends it, and again until the answer is definite. */
  ask(client: Client): void {
    const { candidate, token } = client;
    const to = this.cluster.parts.places.home(candidate.txid);
    const source = token % 7;
    const message = { type: "submit", candidate, source, token, given: null } as const;
    this.cluster.post({ from: -1, to, message }, null);
  }

  private onAnswer({ token, answer }: AnswerMessage): void {
    const client = this.clients[token]!;
    client.last = answer;
    client.done =
      answer.kind === "accepted" ||
      answer.kind === "confirmed" ||
      (answer.kind === "rejected" && answer.permanent);
  }

  /** Clients that do not know yet ask again; those that gave up do not. */
  askAgain(): void {
    for (const client of this.clients) {
      if (!client.done && !client.gaveUp && this.random.chance(0.5)) this.ask(client);
    }
  }

  /** After the faults: everything that may still be admitted is offered again, once in a while. */
  offerAll(): void {
    for (const client of this.clients) {
      if (client.gaveUp) continue;
      client.last = null;
      this.ask(client);
    }
  }

  /** Makes an admitted transaction leave by policy; the youngest ones most often. */
  dropOne(): void {
    const { random, cluster } = this;
    const instance = cluster.instanceOf(random.below(this.profile.partitions));
    const txids = instance === null ? [] : [...instance.store.recordMap.keys()];
    if (instance === null || txids.length === 0) return;
    const txid = random.chance(0.6) ? txids[txids.length - 1]! : random.pick(txids);
    cluster.receive(instance, {
      from: -1,
      to: instance.partition,
      message: { type: "drop", txid },
    });
  }

  /** The next chain record: a block, a reorganisation, or a reset. */
  mine(): void {
    const { random, profile } = this;
    const reset = random.chance(profile.resets);
    const reorganise = random.chance(profile.reorganisations);
    const depth = reorganise ? random.between(1, 4) : 0;
    // A heavier branch may be shorter.
    this.mineRecord(depth, reorganise ? depth + random.between(-1, 1) : 1, reset);
  }

  /** Undoes `depth` blocks and connects `count` (at least one) of random transactions. */
  mineRecord(depth: number, count: number, reset: boolean): void {
    const { chain } = this;
    const { tip, coins, undone } = chain.coinsBelow(Math.min(depth, chain.last.tip.height));
    const returning = undone.flatMap((block) => block.transactions);
    const connect: Block[] = [];
    let parent = tip;
    do {
      parent = this.block(parent, coins, returning);
      connect.push(parent);
    } while (connect.length < count);
    chain.append(undone, connect, parent, coins, reset);
    this.cluster.announceChain();
  }

  private block(parent: Block, coins: Coins, returning: readonly Candidate[]): Block {
    const { random } = this;
    const facts = chainFacts(parent);
    const trial: Coins = new Map(coins);
    const chosen: Candidate[] = [];
    const offer = (candidate: Candidate): void => {
      if (chosen.length >= 12 || chosen.includes(candidate)) return;
      if (this.isConfirmedBelow(parent, candidate) || judge(candidate, trial, facts) !== null)
        return;
      apply(candidate, trial, facts.height + 1);
      chosen.push(candidate);
    };
    const share = random.pick([0, 0.3, 0.6, 1]);
    for (const candidate of returning) if (random.chance(share)) offer(candidate);
    const some = random.pick([0, 0.2, 0.5, 0.9]);
    for (const { candidate } of this.clients) if (random.chance(some)) offer(candidate);
    for (let left = random.below(3); left > 0; left--) offer(this.stranger(trial));
    this.time += BLOCK_SECONDS;
    const time = Math.max(parent.time + 1, this.time - random.below(BLOCK_SECONDS));
    return makeBlock(parent, coins, random.id(), chosen, time);
  }

  private isConfirmedBelow(tip: Block, candidate: Candidate): boolean {
    for (let block: Block | null = tip; block !== null; block = block.parent) {
      if (block.transactions.includes(candidate)) return true;
    }
    return false;
  }

  /** A transaction nobody was offered, spending what is confirmed, claimed or not. */
  private stranger(coins: Coins): Candidate {
    const keys = [...coins.keys()];
    const key = this.random.pick(keys);
    const candidate = this.candidateOf(new Map([[key, coins.get(key)!.value]]));
    this.clients.push({
      candidate,
      token: this.clients.length,
      gaveUp: true,
      done: true,
      last: null,
    });
    return candidate;
  }
}
