// The simulated machines: processes that own partitions, each with one journal, running the real
// handlers. A process crashes at any message and starts again over what is durable; an old owner may
// live on. Messages leave when what was written before them is durable; inside one process they need
// not wait, because a later durable entry of the same journal proves the earlier ones.

import {
  type AdmissionEvent,
  type AnswerMessage,
  CLIENT,
  type Envelope,
  type Incoming,
  VERIFIER,
  type Verdict,
  type Verify,
} from "../../planes/execution/admission/messages.ts";
import {
  type Effects,
  Partition,
  type PartitionConfig,
} from "../../planes/execution/admission/partition.ts";
import { onChain, onMessage, onTick } from "../../planes/execution/admission/step.ts";
import { keyHex, type OutpointKey, outpointTxid } from "../../state/admission/keys.ts";
import type { Places } from "../../state/admission/leave.ts";
import type { Attempt, Candidate, Claim } from "../../state/admission/records.ts";
import type { ProtocolRules } from "../../state/admission/rules.ts";
import { type Change, MemoryPartitionStore } from "../../state/admission/store.ts";
import type { Clock } from "../world/clock.ts";
import type { Draws } from "../world/draws.ts";
import type { EventTrace } from "../world/event-trace.ts";
import { Journal } from "../world/journal.ts";
import type { Network } from "../world/network.ts";
import type { ChainLog } from "./chain-log.ts";
import type { HostRules } from "./faults.ts";
import { MATURITY, outputValue, scriptsPass } from "./model.ts";
import type { Profile } from "./profile.ts";

/** One durable group on its way to the disk. */
export interface Entry {
  readonly instance: Instance;
  readonly changes: readonly Change[];
  /** What other partitions of the process wrote in the same step: all of it is there, or nothing. */
  readonly siblings: readonly Entry[];
}

/** A partition in the hands of one process. */
export interface Instance {
  readonly partition: number;
  readonly process: Process;
  readonly p: Partition;
  readonly store: WatchedStore;
  tickAt: number;
}

export interface Process {
  readonly id: number;
  readonly machine: number;
  readonly instances: Instance[];
  readonly siblings: Map<number, Partition>;
  readonly journal: Journal<Entry>;
  waiting: { readonly after: number; readonly effects: Effects }[];
  alive: boolean;
  stale: boolean;
  syncing: boolean;
}

/** A store that remembers which claims a step changed, for the checkers. */
export class WatchedStore extends MemoryPartitionStore {
  touched: {
    readonly key: OutpointKey;
    readonly before: Claim | null;
    readonly now: Claim | null;
  }[] = [];
  left: { readonly txid: string; readonly attempt: Attempt }[] = [];

  override apply(change: Change): void {
    if (change.space === "claim") {
      this.touched.push({ key: change.key, before: this.claim(change.key), now: change.value });
    }
    if (change.space === "record" && change.value === null) {
      const before = this.record(change.key);
      if (before !== null) this.left.push({ txid: change.key, attempt: before.attempt });
    }
    super.apply(change);
  }
}

/** What the checkers are told, at the moment it happens. */
export interface Watcher {
  durable(entry: Entry): void;
  stepped(instance: Instance, message: Incoming | null): void;
  answered(message: AnswerMessage): void;
  happened(instance: Instance, event: AdmissionEvent): void;
}

export interface ClusterParts {
  readonly profile: Profile;
  readonly places: Places;
  readonly rank: (txid: string) => number;
  readonly rules: ProtocolRules;
  readonly hostRules: HostRules;
  readonly clock: Clock;
  readonly network: Network;
  readonly trace: EventTrace;
  readonly chain: ChainLog;
  readonly random: Draws;
  /** What policy says of replacement; its own, so that its share of the seeds leaves the others alone. */
  readonly policy: Draws;
}

/** Share of the runs in which policy has a say. */
const POLICY_SHARE = 0.5;

export class Cluster {
  readonly parts: ClusterParts;
  /** What is on the disks, per partition. */
  readonly durable: MemoryPartitionStore[] = [];
  readonly fences: number[] = [];
  readonly processes: Process[] = [];
  readonly stale: Process[] = [];
  /** Where the answers of clients and the news go. */
  watcher: Watcher | null = null;
  onAnswer: (message: AnswerMessage) => void = () => undefined;
  private nextProcess = 0;
  private readonly hasPolicy: boolean;
  messages = 0;

  constructor(parts: ClusterParts) {
    this.parts = parts;
    const { partitions, partitionsPerProcess, replace } = parts.profile;
    this.hasPolicy = replace === "feerate" && parts.policy.chance(POLICY_SHARE);
    for (let partition = 0; partition < partitions; partition++) {
      const store = new MemoryPartitionStore();
      for (const [key, coin] of parts.chain.last.coins) {
        if (parts.places.coin(key) === partition) store.coinMap.set(key, coin);
      }
      this.durable.push(store);
      this.fences.push(0);
    }
    for (let first = 0; first < partitions; first += partitionsPerProcess) {
      const count = Math.min(partitionsPerProcess, partitions - first);
      const owned = Array.from({ length: count }, (_, index) => first + index);
      this.processes.push(this.open(this.processes.length, owned));
    }
  }

  /** Starts a process over what is durable, with a higher fence. */
  private open(machine: number, partitions: readonly number[]): Process {
    const process: Process = {
      id: this.nextProcess++,
      machine,
      instances: [],
      siblings: new Map(),
      journal: new Journal((entry) => this.write(entry)),
      waiting: [],
      alive: true,
      stale: false,
      syncing: false,
    };
    for (const partition of partitions) {
      const epoch = this.fences[partition]! + 1;
      this.fences[partition] = epoch;
      const store = new WatchedStore(this.durable[partition]);
      const p = new Partition(this.config(partition, process), store, epoch, this.parts.clock.now);
      const instance = { partition, process, p, store, tickAt: Number.POSITIVE_INFINITY };
      process.instances.push(instance);
      if (this.parts.profile.together) process.siblings.set(partition, p);
      this.planTick(instance);
      this.planChain(instance);
    }
    return process;
  }

  private config(partition: number, { siblings }: Process): PartitionConfig {
    const { profile, places, rank, rules, chain, random } = this.parts;
    return {
      self: partition,
      places,
      rank,
      limits: profile.limits,
      rules,
      coinbaseMaturity: MATURITY,
      replace: profile.replace,
      random: () => random.fraction(),
      chain: (seq) => chain.at(seq).facts,
      openRound: 0,
      // As if announced segments held one in sixteen.
      siblings,
      isSealed: (txid) => txid.charCodeAt(0) < 0x1000,
    };
  }

  instanceOf(partition: number): Instance | null {
    for (const process of this.processes) {
      if (!process.alive) continue;
      for (const instance of process.instances) {
        if (instance.partition === partition) return instance;
      }
    }
    return null;
  }

  /** Power loss of one process. */
  crash(process: Process, downMs: number): void {
    const { clock, trace, random } = this.parts;
    trace.add(clock.now, `crash ${process.id}`);
    process.alive = false;
    process.waiting = [];
    if (this.parts.hostRules.durableBeforeReply) process.journal.crash(random);
    const at = this.processes.indexOf(process);
    if (at < 0) return;
    clock.after(downMs, () => {
      if (this.processes[at] !== process) return;
      trace.add(clock.now, `start ${process.machine}`);
      const owned = process.instances.map((instance) => instance.partition);
      this.processes[at] = this.open(process.machine, owned);
    });
  }

  /** Another process takes over while the old one lives on, knowing nothing of it. */
  takeOver(process: Process): void {
    const at = this.processes.indexOf(process);
    if (at < 0 || !process.alive) return;
    const { clock, trace } = this.parts;
    trace.add(clock.now, `take over ${process.id}`);
    process.stale = true;
    this.stale.push(process);
    const owned = process.instances.map((instance) => instance.partition);
    this.processes[at] = this.open(process.machine, owned);
  }

  stop(process: Process): void {
    process.alive = false;
    process.waiting = [];
  }

  /** The durable effect of one journal entry, unless the fence refuses it. */
  private write(entry: Entry): void {
    const { partition, p, process } = entry.instance;
    if (p.epoch < this.fences[partition]! && this.parts.hostRules.fence) {
      this.parts.trace.add(this.parts.clock.now, `fenced ${process.id}`);
      this.stop(process);
      return;
    }
    for (const one of [...entry.siblings, entry]) {
      const store = this.durable[one.instance.partition]!;
      for (const change of one.changes) store.apply(change);
      this.watcher?.durable(one);
    }
  }

  /** Sends over the network; inside a process without it. */
  post(envelope: Envelope, from: Process | null): void {
    this.messages++;
    const { clock, network } = this.parts;
    const { to } = envelope;
    const target = this.machineOf(to);
    const source = from?.machine ?? CLIENT;
    if (from?.instances.some(({ partition }) => partition === to) === true) {
      clock.after(0.01, () => this.arrive(envelope, from));
      return;
    }
    for (const delay of network.deliveries(clock.now, source, target)) {
      clock.after(delay, () => this.arrive(envelope, null));
    }
  }

  private machineOf(partition: number): number {
    return Math.floor(partition / this.parts.profile.partitionsPerProcess);
  }

  private arrive(envelope: Envelope, within: Process | null): void {
    if (envelope.to === CLIENT) {
      this.onAnswer(envelope.message as AnswerMessage);
      return;
    }
    const instance = within === null ? this.reached(envelope.to) : this.inside(within, envelope.to);
    if (instance === null) return;
    this.receive(instance, envelope);
  }

  private inside(process: Process, partition: number): Instance | null {
    if (!process.alive) return null;
    return process.instances.find((instance) => instance.partition === partition) ?? null;
  }

  private reached(partition: number): Instance | null {
    const { random, profile } = this.parts;
    const old = this.stale.filter(
      ({ alive, instances }) => alive && instances.some((one) => one.partition === partition),
    );
    if (old.length > 0 && random.chance(profile.staleShare)) {
      return this.inside(random.pick(old), partition);
    }
    return this.instanceOf(partition);
  }

  /** Runs one message through the handlers. */
  receive(instance: Instance, envelope: Envelope): void {
    const { clock, trace } = this.parts;
    const message = envelope.message as Incoming;
    trace.add(clock.now, describe(envelope, instance));
    const effects = onMessage(instance.p, clock.now, envelope.from, message);
    this.stepped(instance, message, effects);
    this.perform(instance, effects);
  }

  private stepped(instance: Instance, message: Incoming | null, { siblings }: Effects): void {
    this.watcher?.stepped(instance, message);
    for (const { partition } of siblings) {
      this.watcher?.stepped(this.inside(instance.process, partition)!, message);
    }
  }

  private tick(instance: Instance): void {
    if (!instance.process.alive || instance.tickAt > this.parts.clock.now) return;
    instance.tickAt = Number.POSITIVE_INFINITY;
    const effects = onTick(instance.p, this.parts.clock.now);
    this.stepped(instance, null, effects);
    this.perform(instance, effects);
  }

  private planTick(instance: Instance): void {
    const { wakeAt } = instance.p;
    if (wakeAt >= instance.tickAt) return;
    instance.tickAt = wakeAt;
    const { clock } = this.parts;
    clock.after(Math.max(0, wakeAt - clock.now), () => this.tick(instance));
  }

  /** Plans the application of the next chain record, if there is one. */
  planChain(instance: Instance): void {
    const { chain, clock, random, profile } = this.parts;
    if (instance.p.seq >= chain.last.seq) return;
    clock.after(random.exponential(profile.skewMs), () => this.advance(instance));
  }

  private advance(instance: Instance): void {
    const { chain, clock, trace } = this.parts;
    if (!instance.process.alive || instance.p.seq >= chain.last.seq) return;
    const seq = instance.p.seq + 1;
    trace.add(clock.now, `chain ${seq} at ${instance.partition}`);
    const effects = onChain(instance.p, clock.now, chain.stepFor(seq, instance.partition));
    this.stepped(instance, null, effects);
    this.perform(instance, effects);
    this.planChain(instance);
  }

  /** A new record was appended. */
  announceChain(): void {
    for (const process of [...this.processes, ...this.stale]) {
      if (!process.alive) continue;
      for (const instance of process.instances) this.planChain(instance);
    }
  }

  private perform(instance: Instance, effects: Effects): void {
    const { process } = instance;
    this.planTick(instance);
    if (effects.group.length > 0) {
      const siblings = effects.siblings.map(({ partition, group }): Entry => {
        const other = process.instances.find((one) => one.partition === partition)!;
        return { instance: other, changes: group, siblings: [] };
      });
      process.journal.append({ instance, changes: effects.group, siblings });
      this.planSync(process);
    }
    const { messages, events } = effects;
    if (messages.length === 0 && events.length === 0) return;
    const inside = messages.filter((envelope) => this.needsNoDisk(process, envelope));
    for (const envelope of inside) this.leaveProcess(instance, envelope);
    const rest = {
      siblings: [],
      group: [],
      messages: messages.filter((one) => !inside.includes(one)),
      events,
    };
    if (process.journal.isClean || !this.parts.hostRules.durableBeforeReply) {
      this.goOut(process, rest);
    } else {
      process.waiting.push({ after: process.journal.appended, effects: rest });
    }
  }

  /** The verifier, and partitions that share this journal. */
  private needsNoDisk(process: Process, { to }: Envelope): boolean {
    return to === VERIFIER || process.instances.some(({ partition }) => partition === to);
  }

  private goOut(process: Process, { messages, events }: Effects): void {
    for (const envelope of messages) {
      const instance = process.instances.find(({ partition }) => partition === envelope.from)!;
      this.leaveProcess(instance, envelope);
    }
    for (const event of events) this.watcher?.happened(process.instances[0]!, event);
  }

  private leaveProcess(instance: Instance, envelope: Envelope): void {
    const { message } = envelope;
    if (message.type === "answer") this.watcher?.answered(message);
    if (message.type === "verify") this.verify(instance, message);
    else this.post(envelope, instance.process);
  }

  private planSync(process: Process): void {
    if (process.syncing) return;
    process.syncing = true;
    const { clock, random, profile, hostRules } = this.parts;
    const slow = random.chance(0.05) ? 10 : 1;
    const ms = hostRules.durableBeforeReply ? profile.syncMs : 40;
    clock.after(random.exponential(ms * slow), () => this.sync(process));
  }

  private sync(process: Process): void {
    process.syncing = false;
    if (!process.alive) return;
    process.journal.sync();
    const { waiting } = process;
    process.waiting = [];
    if (!process.alive) return;
    for (const { effects } of waiting) this.goOut(process, effects);
  }

  /** What policy may say of replacement: nothing, that it may replace anything, or that it displaces another. */
  private withPolicy(candidate: Candidate, verdict: Verdict): Verdict {
    const { policy: random, profile, clock } = this.parts;
    // At rest nobody is sent away for reasons that the ledger does not know.
    if (!this.hasPolicy || !verdict.ok || clock.now >= profile.durationMs) return verdict;
    const admitted = this.durable.flatMap(({ recordMap }) => [...recordMap.keys()]);
    if (random.chance(0.2)) return { ...verdict, replaces: admitted };
    if (admitted.length === 0 || !random.chance(0.2)) return verdict;
    const other = admitted[random.below(admitted.length)]!;
    if (candidate.inputs.some(({ outpoint }) => outpointTxid(outpoint) === other)) return verdict;
    return { ...verdict, replaces: [other], displaces: [other] };
  }

  /** Scripts run beside the handlers and answer the same process, if it still lives. */
  private verify(instance: Instance, message: Verify): void {
    const { clock, random } = this.parts;
    const { txid, attempt, candidate, coins, flags } = message;
    let value = 0;
    for (const coin of coins) value += coin.value;
    const verdict = this.withPolicy(candidate, modelVerdict(candidate, value));
    const answer: Incoming = { type: "verdict", txid, attempt, flags, verdict };
    clock.after(random.exponential(3), () => {
      if (!instance.process.alive) return;
      this.receive(instance, { from: VERIFIER, to: instance.partition, message: answer });
    });
  }
}

function modelVerdict(candidate: Candidate, value: number): Verdict {
  const fee = value - outputValue(candidate);
  if (fee < 0) return { ok: false, code: "bad-txns-in-belowout", permanent: true };
  if (!scriptsPass(candidate)) {
    return { ok: false, code: "mandatory-script-verify-flag-failed", permanent: true };
  }
  return { ok: true, fee, sigops: 1 };
}

function describe({ from, to, message }: Envelope, instance: Instance): string {
  const txid = message.type === "submit" ? message.candidate.txid : message.txid;
  const old = instance.process.stale ? " (old owner)" : "";
  const attempt = "attempt" in message ? text(message.attempt) : "";
  const detail = message.type === "refuse" ? ` ${message.refusal.code}` : "";
  return `${from}>${to}${old} ${message.type}${detail} ${keyHex(txid).slice(0, 6)} ${attempt}`;
}

function text({ seq, epoch, counter }: Attempt): string {
  return `${seq}.${epoch}.${counter}`;
}
