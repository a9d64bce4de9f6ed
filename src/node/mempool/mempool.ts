// The node's mempool: gateway, index and template over the partitions' admission, and its life with
// the chain. The partitions decide; what is kept here is a reflection of their events.

import { join } from "node:path";
import type { Bytes } from "../../base/bytes.ts";
import { INCREMENTAL_FEE_RATE } from "../../ledger/bitcoin/policy/limits.ts";
import type { BlockId } from "../../planes/consensus/work/block-index.ts";
import type { ChainStepRequest } from "../../planes/execution/admission-host/admission-host.ts";
import {
  ADMITTED_BEFORE,
  ADMITTED_NOW,
  type Body,
  type HostState,
  readAdmitted,
  readEvicted,
  readState,
  TO_NODE,
} from "../../planes/execution/admission-host/wire.ts";
import type { Assembled } from "../../planes/execution/segment-assemble.ts";
import type {
  BlockReserve,
  BlockTemplate,
  FeeEstimate,
  FeeRate,
  MempoolEntry,
  MempoolEvent,
  MempoolInfo,
  MempoolView,
  PackageVerdict,
  SubmitOptions,
  TransactionVerdict,
} from "../../ports/mempool.ts";
import { StorageFailed } from "../../ports/storage-error.ts";
import { type Txid, txidKey } from "../../state/admission/keys.ts";
import type { AdmissionLimits } from "../../state/admission/limits.ts";
import type { LeaveCause } from "../../state/admission/records.ts";
import type { ChainFollower, RecordedChange } from "../chain/base.ts";
import type { AnyOpenedChain } from "../chain/open.ts";
import { chainStep, stepFacts, tipAfter } from "./chain-link.ts";
import { type DryRunContext, dryRun } from "./dry-run.ts";
import { Entries } from "./entries.ts";
import type { Entry } from "./entry.ts";
import { FeeLearning } from "./fee-learning.ts";
import { type Closed, Gateway } from "./gateway.ts";
import { Hosts } from "./hosts.ts";
import { Judging } from "./judging.ts";
import { readOldJournals } from "./old-journals.ts";
import { submitPackage, testPackage } from "./package.ts";
import { CLUSTER_COUNT_MAX, CLUSTER_WEIGHT_MAX } from "./relations.ts";
import { Segments } from "./segment-logs.ts";
import type { SpendRule } from "./spend-rule.ts";
import { Templates } from "./templates.ts";
import { Unbroadcast } from "./unbroadcast.ts";
import { wavesOf } from "./waves.ts";

export interface MempoolOptions {
  /** Where the journals lie. */
  readonly folder: string;
  readonly limits: AdmissionLimits;
  /** The journals are rewritten when they have grown by this much. */
  readonly rewriteBytesMin: number;
  /** Bytes of raw transactions and records that the partitions may hold. */
  readonly memoryBytesMax: number;
  readonly requireStandard: boolean;
  /** Blocks take everything, in segments of 2^bits; null where block space is scarce. */
  readonly segmentBits: number | null;
  /** What consensus forbids beside the rules of transactions; null where it forbids nothing. */
  readonly spendRule: SpendRule | null;
  /** Base units per 1,000 virtual bytes that is always asked. */
  readonly relayFeeRate: FeeRate;
  /** Seconds since 1970. */
  readonly clock: () => number;
  /** Told of an error that ends admission: a failed disk, or a mistake of ours. */
  readonly onFailure: (error: unknown) => void;
}

type Removed = Extract<MempoolEvent, { kind: "removed" }>["reason"];

const REASONS: Readonly<Record<LeaveCause, Removed>> = {
  chain: "conflict",
  lock: "reorganised",
  rules: "reorganised",
  policy: "full",
  expired: "expired",
  replaced: "replaced",
  reset: "reorganised",
};

const RESUBMIT_AT_ONCE = 1_000;
const UNBROADCAST_FILE = "unbroadcast.pando";
const NO_STATE: HostState = {
  floorRate: 0,
  bytes: 0,
  settled: true,
  suspended: false,
  fault: "",
  failed: false,
};

export class Mempool implements MempoolView, ChainFollower {
  readonly #opened: AnyOpenedChain;
  readonly #options: MempoolOptions;
  readonly entriesIndex: Entries = new Entries();
  readonly gateway: Gateway;
  readonly #judging: Judging;
  readonly #segments: Segments | null;
  #hosts: Hosts;
  readonly #states: HostState[];
  readonly #listeners = new Set<(event: MempoolEvent) => void>();
  #sequence = 1;
  #loaded = false;
  #resetting = false;
  #tip: BlockId;
  #failed: unknown = null;
  #resets = 0;
  readonly #templates: Templates;
  readonly #fees: FeeLearning;
  readonly #unbroadcast = new Unbroadcast();

  constructor(opened: AnyOpenedChain, options: MempoolOptions) {
    this.#opened = opened;
    this.#options = options;
    const { chain } = opened;
    this.#tip = chain.tipId;
    this.#fees = new FeeLearning(opened, options);
    this.#states = opened.hosts.map(() => NO_STATE);
    const { segmentBits } = options;
    this.#segments = segmentBits === null ? null : new Segments(segmentBits);
    this.#templates = new Templates({
      opened,
      entries: this.entriesIndex,
      segments: this.#segments,
      spendRule: options.spendRule,
      hosts: () => this.#hosts,
      clock: options.clock,
      tip: () => this.#tip,
      sequence: () => this.#sequence,
      isSettled: () => this.#isSettled(),
    });
    const { relayFeeRate, requireStandard } = options;
    this.#judging = new Judging(
      opened.judges,
      { relayFeeRate, requireStandard, floorFeeRate: () => this.#floorFeeRate() },
      (job, judgement) => this.gateway.judged(job, judgement),
      (error) => this.#fail(error),
    );
    this.gateway = new Gateway({
      hosts: () => this.#hosts,
      placement: chain.connector.placement,
      entries: this.entriesIndex,
      judging: this.#judging,
      cache: chain.connector.cache,
      requireStandard,
      spendRule: options.spendRule,
      now: () => performance.now(),
      closed: () => this.#closedWhy(),
    });
    this.#hosts = this.#makeHosts();
  }

  #makeHosts(): Hosts {
    const { chain } = this.#opened;
    const { folder, limits, rewriteBytesMin, segmentBits } = this.#options;
    return new Hosts(this.#opened, {
      folder,
      limits,
      rewriteBytesMin,
      segmentBits,
      sequence: chain.sequence,
      facts: stepFacts(chain, chain.tipId, 0),
      receive: (host, type, body) => this.#receive(host, type, body),
      received: () => this.#judging.pump(),
    });
  }

  /** Opens the partitions' admission, catches up with the chain and loads what was admitted. */
  async open(): Promise<void> {
    const { chain, hosts, files } = this.#opened;
    const { folder } = this.#options;
    const old = await readOldJournals(folder, hosts.length, files.partitionCount);
    this.#fees.load();
    // Without it nothing that is under way is ever answered.
    chain.subscribe({ failed: (error) => this.#fail(error) });
    await chain.inTurn(async () => {
      chain.connector.countOperationsFrom(0);
      this.#tip = chain.tipId;
      this.#hosts = this.#makeHosts();
      const { sequences } = await this.#hosts.open();
      chain.follow(this);
      await this.#catchUp(sequences);
      await this.#hosts.start();
      await this.#hosts.mark();
    });
    this.#loaded = true;
    this.#unbroadcast.load(this.#unbroadcastPath, (txid) => this.entriesIndex.at(txid));
    await this.#resubmit(old.raws);
    old.remove();
  }

  async #catchUp(sequences: ReadonlyMap<number, number>): Promise<void> {
    const { chain } = this.#opened;
    const newest = chain.sequence;
    const oldest = Math.min(...sequences.values());
    const ahead = Math.max(...sequences.values()) > newest;
    const missed = chain.recent.filter(({ sequence }) => sequence > oldest);
    if (ahead || missed.length !== newest - oldest) {
      // What was admitted is loaded first, so that it can be submitted again.
      await this.#hosts.start();
      await this.#hosts.mark();
      return this.#reset();
    }
    for (const change of missed) {
      const facts = stepFacts(chain, tipAfter(chain, change), 0);
      const { step, release } = chainStep(chain, change, facts);
      await this.#hosts.step(step);
      release();
    }
  }

  #closedWhy(): Closed | null {
    const busy = (why: string): Closed => ({ code: "busy", why });
    if (this.#failed !== null) return busy("the mempool has stopped after an error");
    if (!this.#loaded) return busy("the mempool is loading");
    if (this.#resetting || this.#states.some(({ suspended }) => suspended)) {
      return busy("blocks are being downloaded");
    }
    const full = this.#opened.chain.room.refusal;
    return full === null ? null : { code: "disk-full", why: full };
  }

  #fail(error: unknown): void {
    if (this.#failed !== null) return;
    this.#failed = error;
    this.gateway.dropAll();
    // A chain record that waits for admission to follow would wait for ever, and the stop with it.
    this.#opened.chain.fail(error);
    this.#options.onFailure(error);
  }

  #floorFeeRate(): FeeRate {
    let rate = 0;
    for (const { floorRate } of this.#states) rate = Math.max(rate, floorRate);
    return Math.ceil(rate * 1000);
  }

  #receive(host: number, type: number, body: Body): void {
    switch (type) {
      case TO_NODE.verify:
        this.gateway.onVerify(body);
        return;
      case TO_NODE.answer:
        this.gateway.onAnswer(body);
        return;
      case TO_NODE.admitted:
        this.#onAdmitted(body);
        return;
      case TO_NODE.evicted: {
        const { txid, cause } = readEvicted(body);
        this.#remove(txid, REASONS[cause]);
        return;
      }
      case TO_NODE.confirmed:
        this.#remove(body.txid(), "block");
        return;
      case TO_NODE.state:
        this.#onState(host, readState(body));
        return;
    }
  }

  #onAdmitted(body: Body): void {
    const admitted = readAdmitted(body);
    const { clock } = this.#options;
    const time = admitted.how === ADMITTED_BEFORE ? admitted.since : clock();
    const { index } = this.#opened.chain;
    const { txid, raw } = admitted;
    if (this.entriesIndex.byId.has(txid)) return;
    const decoded = this.gateway.find(txid, raw, 0, raw.length)?.transaction ?? null;
    this.#removeReplaced(txid);
    const entry = this.entriesIndex.add(admitted, decoded, time, index.height(this.#tip));
    if (entry === null) return;
    this.gateway.relations.decided(txid);
    this.#segments?.add(entry);
    // While everything is submitted again, how long it waits says nothing.
    if (admitted.how === ADMITTED_NOW && !this.#resetting) this.#fees.admitted(entry, this.#tip);
    this.#emit({ kind: "added", entry, sequence: this.#sequence++ });
  }

  /**
   * With its decision it is decided that these leave: the index does not wait until each partition has said
   * so. One that has left and come again in between is another entry.
   */
  #removeReplaced(id: Txid): void {
    const replacement = this.gateway.relations.replacementOf(id);
    if (replacement === null) return;
    for (const entry of replacement.leaving.values()) {
      if (this.entriesIndex.byId.get(entry.id) !== entry) continue;
      this.#remove(entry.id, "replaced");
      this.gateway.departing.add(entry.id);
    }
  }

  get #unbroadcastPath(): string {
    return join(this.#options.folder, UNBROADCAST_FILE);
  }

  #remove(id: Txid, reason: Removed): void {
    this.gateway.departing.delete(id);
    const entry = this.entriesIndex.remove(id);
    if (entry === null) return;
    this.#segments?.remove(entry);
    this.#unbroadcast.delete(entry);
    this.#fees.left(entry, reason === "block");
    const { txid, wtxid } = entry;
    this.#emit({ kind: "removed", txid, wtxid, reason, sequence: this.#sequence++ });
  }

  #emit(event: MempoolEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #onState(host: number, state: HostState): void {
    const before = this.#states[host]!;
    this.#states[host] = state;
    if (state.fault !== before.fault) this.#onFault(host, state);
    if (state.suspended && !before.suspended) this.#onSuspended();
    if (this.#isSettled()) this.#templates.settled();
  }

  /** A host's journal found no room, found it again, or can never be trusted again. */
  #onFault(host: number, { fault, failed }: HostState): void {
    if (failed) {
      this.#fail(new StorageFailed(this.#options.folder, "keep", new Error(fault)));
      return;
    }
    this.#opened.chain.room.report(`journal ${host}`, fault === "" ? null : fault);
    // What waits for the disk may wait long, and may still be admitted.
    if (fault !== "") this.gateway.dropAll({ code: "disk-full", why: fault });
  }

  #isSettled(): boolean {
    return this.#states.every(({ settled, suspended }) => settled && !suspended);
  }

  /** Blocks come faster than admission follows: when they have all come, it begins anew. */
  #onSuspended(): void {
    if (this.#resetting) return;
    this.#resetting = true;
    this.gateway.dropAll();
    const { chain } = this.#opened;
    chain
      .idle()
      .then(() => chain.inTurn(() => this.#reset()))
      .catch((error: unknown) => this.#fail(error));
  }

  /** Drops everything and submits it again; the chain is at rest. */
  async #reset(): Promise<void> {
    const { chain } = this.#opened;
    this.#resets++;
    this.#resetting = true;
    const raws = [...this.entriesIndex.values()].map(({ raw }) => raw);
    this.#tip = chain.tipId;
    const step: ChainStepRequest = {
      sequence: chain.sequence,
      reset: true,
      disconnect: [],
      connect: [],
      facts: stepFacts(chain, chain.tipId, 0),
      operations: chain.connector.operations,
    };
    await this.#hosts.step(step);
    await this.#hosts.mark();
    this.#resetting = false;
    void this.#resubmit(raws);
  }

  async #resubmit(raws: readonly Bytes[]): Promise<void> {
    for (const wave of wavesOf(raws)) {
      for (let from = 0; from < wave.length; from += RESUBMIT_AT_ONCE) {
        const some = wave.slice(from, from + RESUBMIT_AT_ONCE);
        // They were admitted once: what they pay was enough, by themselves or for their parents.
        await Promise.all(some.map((raw) => this.gateway.submit(raw, { sponsored: true })));
      }
    }
  }

  /** A chain record: the partitions follow, and the index with them. */
  async recorded(change: RecordedChange): Promise<void> {
    const { chain } = this.#opened;
    const before = this.#tip;
    this.#tip = tipAfter(chain, change);
    if (this.#resetting || this.#states.some(({ suspended }) => suspended)) {
      this.#fees.recorded(change);
      return this.settled(change.operations);
    }
    const fork = chain.index.fork(before, this.#tip);
    const facts = stepFacts(chain, this.#tip, chain.index.height(fork) + 1);
    const { step, release } = chainStep(chain, change, facts);
    await this.#hosts.step(step);
    release();
    await this.#hosts.mark();
    this.#fees.recorded(change);
  }

  async settled(operations: number): Promise<void> {
    await this.#hosts.settle(operations);
  }

  info(): MempoolInfo {
    const { entriesIndex } = this;
    let held = 0;
    for (const { bytes } of this.#states) held += bytes;
    const relayFee = this.#options.relayFeeRate;
    return {
      loaded: this.#loaded,
      count: entriesIndex.count,
      bytes: entriesIndex.bytes,
      memoryBytes: held + entriesIndex.memoryBytes,
      memoryBytesMax: this.#options.memoryBytesMax,
      totalFee: entriesIndex.fees,
      feeFloor: Math.max(relayFee, this.#floorFeeRate()),
      relayFee,
      incrementalFee: INCREMENTAL_FEE_RATE,
      unbroadcastCount: this.#unbroadcast.count,
      fullReplacement: true,
      clusterCountMax: CLUSTER_COUNT_MAX,
      clusterSizeMax: CLUSTER_WEIGHT_MAX / 4,
    };
  }

  refusal(): string | null {
    return this.#closedWhy()?.why ?? null;
  }

  has(txid: Bytes): boolean {
    return this.entriesIndex.at(txid) !== null;
  }

  hasWitness(wtxid: Bytes): boolean {
    return this.entriesIndex.byWitness(wtxid) !== null;
  }

  entry(txid: Bytes): MempoolEntry | null {
    return this.entriesIndex.at(txid);
  }

  byWitness(wtxid: Bytes): MempoolEntry | null {
    return this.entriesIndex.byWitness(wtxid);
  }

  entries(): Iterable<MempoolEntry> {
    return this.entriesIndex.values();
  }

  spender(txid: Bytes, index: number): Bytes | null {
    return this.entriesIndex.spender(txid, index)?.txid ?? null;
  }

  underWay(): number {
    return this.gateway.underWay;
  }

  submit(raw: Bytes, options: SubmitOptions = {}): Promise<TransactionVerdict> {
    if (options.dry === true) return dryRun(raw, options, this.#dryContext());
    return this.gateway.submit(raw, options);
  }

  async submitPackage(
    raws: readonly Bytes[],
    options: SubmitOptions = {},
  ): Promise<PackageVerdict> {
    const act = options.dry === true ? testPackage : submitPackage;
    return await act(raws, options, this.#dryContext());
  }

  #dryContext(): DryRunContext {
    const { relayFeeRate, requireStandard } = this.#options;
    return {
      opened: this.#opened,
      entries: this.entriesIndex,
      gateway: this.gateway,
      tip: this.#tip,
      relayFeeRate,
      floorFeeRate: this.#floorFeeRate(),
      requireStandard,
    };
  }

  template(transactions = true, reserve?: BlockReserve): Promise<BlockTemplate> {
    return this.#templates.template(transactions, reserve);
  }

  get statistics(): { readonly invalidTemplates: number; readonly resets: number } {
    return { invalidTemplates: this.#templates.invalid, resets: this.#resets };
  }

  /** The next block in segments, where blocks are built so (`Templates.assemble`). */
  assemble(): Promise<{ assembled: Assembled; entries: readonly Entry[] } | null> {
    return this.#templates.assemble();
  }

  sequence(): number {
    return this.#sequence;
  }

  estimateFee(blocks: number, conservative: boolean): FeeEstimate {
    return this.#fees.estimate(blocks, conservative);
  }

  broadcast(txid: Bytes): void {
    const entry = this.entriesIndex.at(txid);
    if (entry === null) return;
    this.#unbroadcast.add(entry);
    this.#emit({ kind: "broadcast", entry });
  }

  unbroadcast(): Iterable<MempoolEntry> {
    return this.#unbroadcast.values();
  }

  requested(txid: Bytes): void {
    const entry = this.#unbroadcast.count > 0 ? this.entriesIndex.at(txid) : null;
    if (entry !== null) this.#unbroadcast.delete(entry);
  }

  prioritise(txid: Bytes, feeDelta: number): void {
    const id = txidKey(txid);
    const delta = (this.entriesIndex.feeDeltas.get(id) ?? 0) + feeDelta;
    if (delta === 0) this.entriesIndex.feeDeltas.delete(id);
    else this.entriesIndex.feeDeltas.set(id, delta);
    const entry = this.entriesIndex.at(txid);
    if (entry !== null) entry.feeDelta = delta;
    this.#templates.forget();
  }

  /** Everything admitted is durable already; this waits for what is under way. */
  async save(): Promise<string> {
    await this.#hosts.mark();
    this.#unbroadcast.save(this.#unbroadcastPath);
    return this.#options.folder;
  }

  subscribe(listener: (event: MempoolEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#loaded = false;
    this.gateway.dropAll();
    this.#fees.close(this.entriesIndex.values());
    this.#unbroadcast.save(this.#unbroadcastPath);
    await this.#opened.chain.inTurn(async () => {
      this.#opened.chain.follow(null);
      await this.#hosts.mark();
      await this.#hosts.close();
    });
  }
}
