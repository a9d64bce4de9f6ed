// Runs the admission of the partitions of one host: messages in, durable groups to the journal, and
// messages out when what was written before them is durable. Partitions of one host share a journal,
// so messages between them need not wait: a later durable entry proves the earlier ones. Synchronous
// but for the journal's flush; time, timers and ports are given.
import { assert } from "../../../base/assert.ts";
import { decodeTransaction } from "../../../ledger/bitcoin/transaction.ts";
import { failpoint } from "../../../ports/failpoint.ts";
import { candidateOf } from "../../../state/admission/candidate.ts";
import type { Places } from "../../../state/admission/leave.ts";
import type { AdmissionLimits } from "../../../state/admission/limits.ts";
import type { ChainFacts } from "../../../state/admission/locks.ts";
import type { AdmissionRecord } from "../../../state/admission/records.ts";
import { ALL_RULES } from "../../../state/admission/rules.ts";
import type { Change } from "../../../state/admission/store.ts";
import type { BlockPart, ChainStep } from "../../../state/admission/transition.ts";
import { isSettled } from "../admission/chain.ts";
import {
  type AdmissionEvent,
  CLIENT,
  type Envelope,
  type Incoming,
  VERIFIER,
} from "../admission/messages.ts";
import { type Effects, Partition, type PartitionConfig } from "../admission/partition.ts";
import { floorRate } from "../admission/pressure.ts";
import { onChain, onMessage, onTick } from "../admission/step.ts";
import { type Ids, LogFeed } from "../rounds-feed.ts";
import {
  connectedPart,
  disconnectedPart,
  type Interest,
  type RecordedBlock,
} from "./block-part.ts";
import { Journal, type JournalFile } from "./journal.ts";
import { NodeStore } from "./node-store.ts";
import { Outgoing, type OutgoingPorts, type Waiting } from "./outgoing.ts";
import { type CoinLookup, PENDING_OPERATIONS_MAX, RecordedCoins } from "./recorded-coins.ts";
import { Rewriting } from "./rewriting.ts";
import { type PackedRange, packRange } from "./segment-ranges.ts";
import {
  ADMITTED_AGAIN,
  ADMITTED_BEFORE,
  ADMITTED_NOW,
  type Body,
  eachMessage,
  type HostState,
  putAdmitted,
  putAnswer,
  putConfirmed,
  putEvicted,
  putState,
  putStepped,
  putVerify,
  readVerdict,
  TO_HOST,
} from "./wire.ts";

/** What the host needs of its thread. */
export interface AdmissionPorts extends OutgoingPorts {
  /** Milliseconds, monotonic. */
  now(): number;
  /** 0 … 1. */
  random(): number;
  /** Calls back when everything that has arrived is dealt with. */
  soon(callback: () => void): void;
  later(ms: number, callback: () => void): void;
  /** The kind of storage fault behind an error, or null when it is a mistake of ours. */
  storageFault(error: unknown): "full" | "failed" | null;
}

export interface AdmissionHostOptions {
  readonly partitions: readonly { readonly number: number; readonly coins: CoinLookup }[];
  /** Host of each partition; this host's number. */
  readonly hostOf: readonly number[];
  readonly self: number;
  readonly places: Places;
  readonly rank: (txid: string) => number;
  /** Private to the node: SALT_WORDS of key-table.ts. */
  readonly salt: Uint32Array;
  readonly limits: AdmissionLimits;
  readonly coinbaseMaturity: number;
  /** The journal is rewritten when it has grown by this much. */
  readonly rewriteBytesMin: number;
  /** Logs are kept and sealed in segments of 2^bits; null: there are none. */
  readonly segmentBits: number | null;
  /** The chain as of `sequence`. */
  readonly sequence: number;
  readonly facts: StepFacts;
}

/** What admission must know of the chain after a record. */
export interface StepFacts {
  readonly height: number;
  /** Script flags of the next block. */
  readonly flags: number;
  /** Median times past of the chain's blocks from `mediansFrom` to the tip. */
  readonly mediansFrom: number;
  readonly medians: Uint32Array;
}

/** A chain record on its way to the hosts. */
export interface ChainStepRequest {
  readonly sequence: number;
  readonly reset: boolean;
  readonly disconnect: readonly RecordedBlock[];
  readonly connect: readonly RecordedBlock[];
  readonly facts: StepFacts;
  /** Requests to the partitions that this record makes final. */
  readonly operations: number;
}

interface Instance {
  readonly number: number;
  readonly store: NodeStore;
  readonly coins: RecordedCoins;
  p: Partition;
  /** Its logs, of what is durable. */
  feed: LogFeed | null;
}

/** A group of changes waits at most this long, or for so many of its kind, before it is flushed. */
const GATHER_CHANGES_MAX = 512;
const GATHER_MS_MAX = 2;
/** After a full disk: when to try again. */
const FULL_RETRY_MS = 500;
const STATE_EVERY_MS = 250;

export class AdmissionHost {
  readonly #options: AdmissionHostOptions;
  readonly #ports: AdmissionPorts;
  readonly #journal: Journal;
  readonly #instances: ReadonlyMap<number, Instance>;
  readonly #siblings = new Map<number, Partition>();
  readonly #medians: number[] = [];
  #facts: ChainFacts;
  readonly #epoch: number;
  readonly #inbox: Envelope[] = [];
  readonly #out: Outgoing;
  readonly #rewriting: Rewriting;
  /** The new epoch is durable: before that nothing leaves that the disk must prove. */
  #isOpened = false;
  #flushing = false;
  #flushPlanned = false;
  #turnPlanned = false;
  #gatherSince = 0;
  #timerAt = Number.POSITIVE_INFINITY;
  #operations = 0;
  #suspended = false;
  #fault = "";
  #failed = false;
  /** After a full disk: the one look at it that is to come. */
  #retryPlanned = false;
  #stateSent = "";
  #stateAt = 0;
  #settledSent = true;
  #closed = false;
  #onClean: (() => void)[] = [];
  /** Groups that the journal has and that are not durable, where logs are kept, and for whom. */
  #written: { readonly feed: LogFeed; readonly group: readonly Change[] }[] = [];

  constructor(options: AdmissionHostOptions, ports: AdmissionPorts, file: JournalFile) {
    this.#options = options;
    this.#ports = ports;
    this.#out = new Outgoing(ports);
    // A snapshot's parts are small beside what makes one due.
    this.#journal = new Journal(file, Math.min(8 << 20, options.rewriteBytesMin / 8));
    this.#facts = this.#takeFacts(options.facts);
    const stores = new Map<number, NodeStore>();
    const coins = new Map<number, RecordedCoins>();
    for (const { number, coins: lookup } of options.partitions) {
      const recorded = new RecordedCoins(lookup);
      coins.set(number, recorded);
      stores.set(number, new NodeStore((key) => recorded.get(key), options.salt));
    }
    this.#epoch = this.#journal.replay(stores) + 1;
    this.#journal.opened(this.#epoch);
    this.#rewriting = new Rewriting(this.#journal, stores, this.#epoch, options.rewriteBytesMin);
    failpoint("admission.opened");
    const instances = new Map<number, Instance>();
    for (const [number, store] of stores) {
      if (!store.hasMeta("seq")) this.#begin(number, store);
      const p = new Partition(this.#config(number), store, this.#epoch, ports.now());
      this.#siblings.set(number, p);
      const feed = this.#feedOf(number, store);
      instances.set(number, { number, store, coins: coins.get(number)!, p, feed });
    }
    this.#instances = instances;
  }

  /** A store without a journal begins at the chain's present record. */
  #begin(number: number, store: NodeStore): void {
    store.apply({ space: "meta", key: "seq", value: this.#options.sequence });
    this.#journal.add(number, store.takeGroup());
  }

  #config(self: number): PartitionConfig {
    const { places, rank, limits, coinbaseMaturity } = this.#options;
    return {
      self,
      places,
      rank,
      limits,
      rules: ALL_RULES,
      coinbaseMaturity,
      replace: "feerate",
      random: () => this.#ports.random(),
      chain: () => this.#facts,
      openRound: 0,
      // Nobody is told of a segment before its block, so a seal promises nothing: it may be lost.
      isSealed: () => false,
      siblings: this.#siblings,
    };
  }

  #feedOf(number: number, store: NodeStore): LogFeed | null {
    const { segmentBits } = this.#options;
    if (segmentBits === null) return null;
    return new LogFeed(number, segmentBits, store.salt, idsOf, store.records());
  }

  /** The ranges of all logs, of what was durable when nothing is under way. */
  ranges(): PackedRange[] {
    const ranges: PackedRange[] = [];
    for (const { feed } of this.#instances.values()) {
      for (const range of feed?.ranges() ?? []) ranges.push(packRange(range));
    }
    return ranges;
  }

  #takeFacts({ height, flags, mediansFrom, medians }: StepFacts): ChainFacts {
    const known = this.#medians;
    known.length = mediansFrom;
    for (const median of medians) known.push(median);
    assert(known.length === height + 1, "there is a median time for each block");
    const medianTimeAt = (at: number): number => known[at]!;
    return { height, flags, medianTime: known[height]!, medianTimeAt };
  }

  /** Chain positions of the partitions. */
  sequences(): { partition: number; sequence: number }[] {
    return [...this.#instances.values()].map(({ number, p }) => ({
      partition: number,
      sequence: p.seq,
    }));
  }

  /** Sends every record to the node, and begins to act on time. */
  start(): void {
    for (const { number, p } of this.#instances.values()) {
      for (const [, record] of p.view.store.records()) {
        putAdmitted(this.#out.later, ADMITTED_BEFORE, number, record);
      }
    }
    this.#sendState(true);
    this.#turn();
  }

  /** The partitions were changed by these deltas, ahead of the chain record. */
  noteOperation(
    kind: "stage" | "undo" | "redo",
    deltasOf: (partition: number) => readonly Uint32Array[],
  ): void {
    this.#operations++;
    if (this.#suspended) return;
    for (const { number, coins } of this.#instances.values()) {
      if (coins.pendingCount >= PENDING_OPERATIONS_MAX) {
        this.#suspend();
        return;
      }
      coins.note(this.#operations, kind, deltasOf(number));
    }
  }

  /** Blocks come faster than admission can follow: it stops until a step resets it. */
  #suspend(): void {
    this.#suspended = true;
    this.#inbox.length = 0;
    for (const instance of this.#instances.values()) {
      instance.coins.forget();
      // What is volatile goes; attempts go on counting.
      const { counter } = instance.p;
      const p = new Partition(
        this.#config(instance.number),
        instance.store,
        this.#epoch,
        this.#ports.now(),
      );
      p.counter = counter;
      instance.p = p;
      // Made of all that is here: what is not durable yet was written for the feed before it.
      instance.feed = this.#feedOf(instance.number, instance.store);
      this.#siblings.set(instance.number, p);
    }
    this.#sendState(true);
    this.#soon();
  }

  settleOperations(upTo: number): void {
    for (const { coins } of this.#instances.values()) coins.settle(upTo);
  }

  /** A confirmed coin as of the last record. */
  confirmed(partition: number, key: string): Uint8Array | null {
    return this.#instances.get(partition)?.coins.get(key) ?? null;
  }

  /** A chain record: every partition makes its transition. */
  step(request: ChainStepRequest): void {
    this.settleOperations(request.operations);
    if (this.#suspended && !request.reset) {
      this.#stepped(request.sequence);
      return;
    }
    if (request.reset) this.#suspended = false;
    failpoint("admission.before-step");
    this.#facts = this.#takeFacts(request.facts);
    for (const instance of this.#instances.values()) {
      if (instance.p.seq >= request.sequence && !request.reset) continue;
      const effects = onChain(instance.p, this.#ports.now(), this.#stepFor(request, instance));
      this.#perform(instance, effects);
    }
    this.#drain();
    failpoint("admission.after-step");
    this.#sendState(true);
    this.#stepped(request.sequence);
  }

  #stepped(sequence: number): void {
    putStepped(this.#out.later, sequence);
    this.#turn();
  }

  #stepFor(request: ChainStepRequest, { number, p, store }: Instance): ChainStep {
    const { sequence, reset } = request;
    const { home } = this.#options.places;
    const disconnect = request.disconnect.map(
      (block): BlockPart => disconnectedPart(block, number, home),
    );
    // What is undone first may be what is connected again, so then everything is of interest.
    const all = disconnect.length > 0;
    const interest: Interest = {
      transaction: (txid) =>
        all || store.hasRecord(txid) || p.waiters.has(txid) || p.parked.has(txid),
      claimed: (outpoint) => all || store.hasClaim(outpoint) || store.hasUnconfirmedCoin(outpoint),
    };
    const connect = request.connect.map((block) => connectedPart(block, number, interest));
    return { seq: sequence, reset, disconnect, connect };
  }

  /** Messages of the node. */
  receive(bytes: Uint8Array): void {
    if (this.#closed) return;
    eachMessage(bytes, (type, body) => this.#receiveOne(type, body));
    this.#drain();
    this.#soon();
  }

  #receiveOne(type: number, body: Body): void {
    switch (type) {
      case TO_HOST.submit:
        this.#submit(body);
        return;
      case TO_HOST.verdict: {
        if (this.#suspended) return;
        const { head, verdict } = readVerdict(body);
        const { partition, txid, attempt, flags } = head;
        const message: Incoming = { type: "verdict", txid, attempt, flags, verdict };
        this.#inbox.push({ from: VERIFIER, to: partition, message });
        return;
      }
      case TO_HOST.drop: {
        if (this.#suspended) return;
        const to = body.reader.u16();
        this.#inbox.push({ from: CLIENT, to, message: { type: "drop", txid: body.txid() } });
        return;
      }
      default:
        assert(false, "the node sends known messages");
    }
  }

  #submit(body: Body): void {
    const to = body.reader.u16();
    const token = body.reader.u32();
    const source = body.reader.u32();
    const size = body.reader.u32();
    const txid = body.txid();
    // It looks at the message until it is decided or parked.
    const raw = body.view();
    if (this.#suspended || this.#fault !== "") {
      putAnswer(this.#out.now, token, txid, { kind: "busy", retryAfterMs: FULL_RETRY_MS });
      return;
    }
    const candidate = candidateOf(raw, txid, size);
    const message: Incoming = { type: "submit", candidate, source, token, given: null };
    this.#inbox.push({ from: CLIENT, to, message });
  }

  /** Messages of other hosts. */
  receiveEnvelopes(envelopes: readonly Envelope[]): void {
    if (this.#suspended || this.#closed) return;
    this.#inbox.push(...envelopes);
    this.#drain();
    this.#soon();
  }

  /** Deals with everything that needs no disk first. */
  #drain(): void {
    const inbox = this.#inbox;
    const now = this.#ports.now();
    for (let at = 0; at < inbox.length; at++) {
      const { from, to, message } = inbox[at]!;
      const instance = this.#instances.get(to);
      assert(instance !== undefined, "a message is for a partition of this host");
      this.#perform(instance, onMessage(instance.p, now, from, message as Incoming));
    }
    inbox.length = 0;
  }

  #perform(instance: Instance, { siblings, group, messages, events }: Effects): void {
    if (group.length > 0) {
      if (this.#journal.isClean) this.#gatherSince = this.#ports.now();
      // In one record of the journal, because nothing is appended between them.
      for (const { partition, group: theirs } of siblings) this.#write(partition, theirs);
      this.#write(instance.number, group);
    }
    // The node hears of what was admitted before it forgets who waited for that.
    for (const event of events) this.#tell(instance, event);
    for (const envelope of messages) this.#post(instance, envelope);
  }

  #write(partition: number, group: readonly Change[]): void {
    const { store, feed } = this.#instances.get(partition)!;
    this.#journal.add(partition, store.takeGroup());
    if (feed !== null) this.#written.push({ feed, group });
  }

  #post(instance: Instance, envelope: Envelope): void {
    const { to, message } = envelope;
    if (message.type === "verify") {
      putVerify(this.#out.now, instance.number, message);
    } else if (message.type === "answer") {
      putAnswer(this.#out.later, message.token, message.txid, message.answer);
    } else if (this.#instances.has(to)) {
      this.#inbox.push(envelope);
    } else {
      this.#out.toHost(this.#options.hostOf[to]!, envelope);
    }
  }

  #tell({ number, p }: Instance, event: AdmissionEvent): void {
    switch (event.type) {
      case "accepted":
        putAdmitted(this.#out.later, ADMITTED_NOW, number, event.record);
        return;
      case "disconnected": {
        const record = p.view.record(event.txid);
        if (record !== null) putAdmitted(this.#out.later, ADMITTED_AGAIN, number, record);
        return;
      }
      case "evicted":
        putEvicted(this.#out.later, event.txid, event.cause, event.by);
        return;
      case "confirmed":
        putConfirmed(this.#out.later, event.txid);
        return;
    }
  }

  #soon(): void {
    this.#out.sendNow();
    if (this.#turnPlanned) return;
    this.#turnPlanned = true;
    this.#ports.soon(() => {
      this.#turnPlanned = false;
      this.#turn();
    });
    const waited = this.#ports.now() - this.#gatherSince;
    const due = this.#journal.changeCount >= GATHER_CHANGES_MAX || waited >= GATHER_MS_MAX;
    if (due && !this.#journal.isClean) this.#flush();
  }

  /** Everything that has arrived is dealt with: time, then the disk. */
  #turn(): void {
    if (this.#closed) return;
    this.#tick();
    this.#sendState(false);
    this.#out.sendNow();
    this.#flush();
    this.#planTimer();
  }

  #tick(): void {
    if (this.#suspended) return;
    const now = this.#ports.now();
    for (const instance of this.#instances.values()) {
      if (instance.p.wakeAt > now) continue;
      this.#perform(instance, onTick(instance.p, now));
    }
    this.#drain();
  }

  #planTimer(): void {
    let wakeAt = Number.POSITIVE_INFINITY;
    for (const { p } of this.#instances.values()) wakeAt = Math.min(wakeAt, p.wakeAt);
    if (wakeAt >= this.#timerAt) return;
    this.#timerAt = wakeAt;
    this.#ports.later(Math.max(0, wakeAt - this.#ports.now()), () => {
      if (this.#timerAt === wakeAt) this.#timerAt = Number.POSITIVE_INFINITY;
      this.#turn();
    });
  }

  /** Makes the journal durable, then lets out what waited for it. One flush at a time. */
  #flush(): void {
    if (this.#flushing || this.#failed) {
      this.#flushPlanned = true;
      return;
    }
    if (this.#isOpened && this.#journal.isClean && !this.#rewriting.isUnderWay) {
      if (this.#out.isWaiting) this.#out.letOut(this.#out.takeLater());
      // Nothing waits for room any more.
      if (!this.#failed) this.#setFault("");
      this.#clean();
      return;
    }
    try {
      this.#journal.append();
    } catch (error) {
      this.#storageFailed(error);
      return;
    }
    const waiting = this.#out.takeLater();
    const written = this.#written;
    this.#written = [];
    this.#flushing = true;
    this.#flushPlanned = false;
    this.#journal.sync().then(
      () => {
        this.#isOpened = true;
        for (const { feed, group } of written) feed.apply(group);
        this.#flushed(waiting);
      },
      (error: unknown) => this.#storageFailed(error),
    );
  }

  #flushed(waiting: Waiting): void {
    this.#flushing = false;
    this.#setFault("");
    failpoint("admission.before-answers");
    this.#out.letOut(waiting);
    failpoint("admission.after-answers");
    this.#rewrite();
    if (this.#flushPlanned || !this.#journal.isClean) this.#flush();
    else this.#clean();
  }

  #clean(): void {
    for (const callback of this.#onClean.splice(0)) callback();
  }

  /** A full disk: what is decided waits, nothing new is taken, and it is tried again. */
  #storageFailed(error: unknown): void {
    this.#flushing = false;
    const fault = this.#ports.storageFault(error);
    if (fault === null) throw error;
    // A flush that failed once is never trusted again: the node must be started anew.
    if (fault === "failed") this.#failed = true;
    this.#setFault(error instanceof Error ? error.message : String(error));
    // Whatever happens meanwhile tries too: each of those must not leave a try of its own behind.
    if (this.#failed || this.#retryPlanned) return;
    this.#retryPlanned = true;
    this.#ports.later(FULL_RETRY_MS, () => {
      this.#retryPlanned = false;
      this.#flush();
    });
  }

  #setFault(fault: string): void {
    if (this.#fault === fault) return;
    this.#fault = fault;
    this.#sendState(true);
    this.#out.sendNow();
  }

  #rewrite(): void {
    try {
      this.#rewriting.goOn();
    } catch (error) {
      this.#storageFailed(error);
    }
  }

  #sendState(now: boolean): void {
    const at = this.#ports.now();
    const settled = this.#isSettled();
    const wait = settled === this.#settledSent && at - this.#stateAt < STATE_EVERY_MS;
    if (!now && wait) return;
    this.#stateAt = at;
    this.#settledSent = settled;
    const state = this.#state(settled);
    const text = JSON.stringify(state);
    if (text === this.#stateSent) return;
    this.#stateSent = text;
    putState(this.#fault === "" ? this.#out.later : this.#out.now, state);
  }

  #isSettled(): boolean {
    for (const { p } of this.#instances.values()) if (!isSettled(p)) return false;
    return true;
  }

  #state(settled: boolean): HostState {
    let rate = 0;
    let bytes = 0;
    for (const { p } of this.#instances.values()) {
      rate = Math.max(rate, floorRate(p));
      bytes += p.view.bytes;
    }
    return {
      floorRate: rate,
      bytes,
      settled,
      suspended: this.#suspended,
      fault: this.#fault,
      failed: this.#failed,
    };
  }

  /** Settles when everything so far is durable and was sent. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#onClean.push(resolve);
      this.#turn();
    });
  }

  async close(): Promise<void> {
    if (!this.#failed && this.#fault === "") await this.flushed();
    this.#closed = true;
    await this.#journal.close();
  }
}

/** Both ids of an admitted transaction. */
function idsOf({ candidate }: AdmissionRecord): Ids {
  const decoded = decodeTransaction(candidate.raw);
  assert(decoded.ok, "an admitted transaction decodes");
  return { txid: decoded.value.txid, wtxid: decoded.value.wtxid };
}
