// The node's chain: takes blocks in any order, keeps the branch with the most work active, and makes
// every change of the tip one durable record. Blocks that extend the tip run through a pipeline (one
// is staged while the scripts of those before it are checked); everything else waits until the
// pipeline is empty, so that a verdict never depends on what is still undecided.
//
//   submit -> accept (rules of the block alone, stored) -> stage, judge, scripts -> settle in order
//          -> deltas appended -> files flushed, chain record appended -> the caller is answered
//
// A full disk is waited for (room.ts): who waits is told, nothing new is taken, and what was begun ends
// when there is room. An error of the disk, or of ours, ends everything: who waits and who comes is
// told, and nothing is written any more. A start then goes on from the last record.
import { setImmediate } from "node:timers/promises";
import { assert } from "../../base/assert.ts";
import { type Bytes, bytesEqual, writeU64 } from "../../base/bytes.ts";
import { type Block, HEADER_BYTES, readHeader } from "../../ledger/bitcoin/block.ts";
import type { Params } from "../../ledger/bitcoin/params.ts";
import { ACCEPTED, type Verdict } from "../../ledger/bitcoin/verdict.ts";
import {
  type BlockId,
  type BlockIndex,
  FORGOTTEN,
  HAS_DATA,
  INVALID,
  NONE,
} from "../../planes/consensus/work/block-index.ts";
import type { Connected, Connector } from "../../planes/execution/connect.ts";
import { StorageFull } from "../../ports/storage-error.ts";
import { type Acceptance, type Accepted, acceptBlock, decodeInFrame } from "./accept.ts";
import type { Archive, Link, TipChange } from "./archive.ts";
import { branchFacts, duplicatesRule } from "./branch.ts";
import { DataError } from "./files.ts";
import { type Orphan, Orphans, type Reload } from "./orphans.ts";
import { type DiskRoom, NoRoom } from "./room.ts";
import { Switch } from "./switch.ts";

export interface Tip {
  readonly hash: Bytes;
  readonly height: number;
}

/** Who wants to know: about each change of the tip, and about blocks that are about to be judged. */
export interface ChainListener {
  tip?(change: TipChange): void;
  /**
   * The block extends the tip or the pipeline and has passed all rules of its own. `bytes` is a
   * view that changes later.
   */
  seen?(id: BlockId, bytes: Bytes): void;
  /** The disk, or a mistake of ours, has ended this chain: nothing will be taken any more. */
  failed?(error: unknown): void;
}

/** A change of the tip that has become durable, for who follows with a state of his own. */
export interface RecordedChange {
  /** Chain records up to and with this one. */
  readonly sequence: number;
  /** Newest first. */
  readonly disconnect: readonly BlockId[];
  /** Oldest first. */
  readonly connect: readonly BlockId[];
  /** Requests to the partitions that this record makes final (Connector.operations). */
  readonly operations: number;
}

export interface ChainFollower {
  /** Told of every record, in order; listeners and callers of `submit` come after it is done. */
  recorded(change: RecordedChange): Promise<void>;
  /** Requests to the partitions up to this one are recorded or cancel out. */
  settled(operations: number): Promise<void>;
}

export type BlockVerdict = "connected" | "side" | "orphan" | "duplicate" | "rejected";

interface Fate {
  readonly hash: Bytes | null;
  readonly height: number | null;
  readonly verdict: BlockVerdict;
  readonly reason: string | null;
}

export interface Submitted extends Fate {
  /** The active tip when this block, and orphans that waited for it, had been dealt with. */
  readonly tip: Tip;
}

export interface ChainParts {
  readonly archive: Archive;
  readonly params: Params;
  readonly index: BlockIndex;
  readonly connector: Connector;
  readonly tip: BlockId;
  /** The newest records, oldest first, the last of them the one of `tip`. */
  readonly recent: readonly RecordedChange[];
  /** Seconds since 1970. */
  readonly clock: () => number;
  /** True for a block whose scripts need no check (an ancestor of the assumed-valid one). */
  readonly skipScripts: (hash: Bytes) => boolean;
  /** What the partitions may hold in memory before they are flushed. */
  readonly memoryBytesMax: number;
  readonly room: DiskRoom;
}

export interface ChainStatistics {
  blocks: number;
  transactions: number;
  inputs: number;
  scripts: number;
  flushes: number;
  reorganisations: number;
  /** Milliseconds until the partitions answered, in the judge, until all scripts were run. */
  stageMs: number;
  judgeMs: number;
  verifyMs: number;
}

/** A block handed in, and what its caller waits for. */
interface Item {
  /** Null for bytes that are no block, which only want to know the tip behind those before them. */
  readonly raw: Bytes | null;
  readonly reload: Reload | null;
  readonly resolve: (result: Submitted) => void;
  readonly reject: (error: unknown) => void;
  /** Staged blocks, its own and adopted orphans, that are not settled. */
  pending: number;
  accepted: boolean;
  fate: Fate | null;
}

/** Something that must have the chain for itself, in its place among the blocks. */
interface Task {
  readonly run: () => Promise<void>;
  readonly reject: (error: unknown) => void;
  /** It waits as long as a full disk holds up what stands before it. */
  readonly patient: boolean;
}

interface Staged {
  readonly id: BlockId;
  readonly item: Item;
  readonly own: boolean;
  /** Its header was not known before. */
  readonly isNew: boolean;
  readonly bytes: number;
  readonly transactions: number;
  readonly connected: Promise<Connected>;
}

/** What may be staged and not settled. */
const PIPELINE_COUNT_MAX = 64;
const PIPELINE_BYTES_MAX: number = 8 * 1024 * 1024;
/** After so much accepting the partitions' and verifiers' answers are looked at, milliseconds. */
const TURN_MS_MAX = 4;
/** A group of settled blocks waits this long for company before it is made durable. */
const GROUP_MS_MAX = 100;
const GROUP_COUNT_MAX = 1024;
/** Scripts of blocks younger than this are remembered: a reorganisation may connect them again. */
const REMEMBER_SECONDS: number = 2 * 24 * 3600;
/** Records that are remembered for who was closed for a while. */
export const RECENT_RECORDS_MAX = 128;
/** Coins of the last blocks stay in memory at a flush: most coins are spent young. */
const KEEP_BLOCKS = 100;

export class Chain {
  readonly index: BlockIndex;
  readonly params: Params;
  readonly connector: Connector;
  readonly room: DiskRoom;
  readonly statistics: ChainStatistics = {
    blocks: 0,
    transactions: 0,
    inputs: 0,
    scripts: 0,
    flushes: 0,
    reorganisations: 0,
    stageMs: 0,
    judgeMs: 0,
    verifyMs: 0,
  };
  readonly #parts: ChainParts;
  readonly #archive: Archive;
  readonly #switch: Switch;
  readonly #orphans = new Orphans();
  readonly #listeners = new Set<ChainListener>();
  #tip: BlockId;
  /** The block that the last staged one is, or the tip. */
  #head: BlockId;
  #inbox: (Item | Task)[] = [];
  /** Everyone who was not answered yet. */
  readonly #waiting = new Set<Item | Task>();
  #pumping: Promise<void> | null = null;
  #pipeline: Staged[] = [];
  #pipelineBytes = 0;
  #settling: Promise<void> | null = null;
  /** Set while a failed block is being taken back: nothing may be staged meanwhile. */
  #gate: Promise<void> | null = null;
  #group: Link[] = [];
  /** Request that staged the last block of the group. */
  #groupOperation = 0;
  #follower: ChainFollower | null = null;
  #recent: RecordedChange[];
  #answers: { item: Item; result: Submitted }[] = [];
  #committing: Promise<void> | null = null;
  #committedAt = 0;
  readonly #reasons = new Map<BlockId, string>();
  /** Blocks that are invalid because the operator says so. */
  readonly #refused = new Set<BlockId>();
  #failed: { readonly error: unknown } | null = null;

  constructor(parts: ChainParts) {
    const { index, params, connector, archive, skipScripts, memoryBytesMax, room } = parts;
    this.#parts = parts;
    this.index = index;
    this.params = params;
    this.connector = connector;
    this.room = room;
    room.subscribe((reason) => {
      if (reason !== null && room.isStuck) this.#refuseWaiting(reason);
    });
    this.#archive = archive;
    this.#tip = parts.tip;
    this.#head = parts.tip;
    this.#recent = [...parts.recent];
    this.#switch = new Switch({
      index,
      params,
      archive,
      connector,
      skipScripts,
      remember: (time) => time > parts.clock() - REMEMBER_SECONDS,
      isFull: () => connector.memoryBytes > memoryBytesMax,
      record: (disconnected, connected) =>
        this.#record(disconnected, connected, connector.operations),
      flush: (tip) => this.#flushStores(tip),
      storeDelta: (id, deltas) => room.insist(() => archive.storeDelta(id, deltas)),
      count: (connected, transactions) => this.#count(connected, transactions),
    });
  }

  /** The active tip; blocks still in the pipeline are not counted. */
  get tip(): Tip {
    return { hash: this.index.hash(this.#tip).slice(), height: this.index.height(this.#tip) };
  }

  get tipId(): BlockId {
    return this.#tip;
  }

  get orphanCount(): number {
    return this.#orphans.count;
  }

  /** Orphans that were let go because there was no room for more. */
  get orphansDropped(): number {
    return this.#orphans.dropped;
  }

  /** Chain records written so far: the `seq` of the tip. */
  get sequence(): number {
    return this.#archive.sequence;
  }

  /** True when an error has ended everything; who waited was told. */
  get hasFailed(): boolean {
    return this.#failed !== null;
  }

  /** Calls back after each event, in order; returns how to stop it. */
  subscribe(listener: ChainListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes one block; answers when its fate is decided and, if it became active, durable. Blocks are
   * dealt with in call order. `reload` reads the bytes again, so that an orphan need not be held.
   */
  submit(raw: Bytes, reload: Reload | null = null): Promise<Submitted> {
    return this.#enqueueBlock(raw, reload, null);
  }

  /** A place in the order for bytes that are no block: rejected, with the tip at that point. */
  fault(reason: string): Promise<Submitted> {
    return this.#enqueueBlock(null, null, {
      hash: null,
      height: null,
      verdict: "rejected",
      reason,
    });
  }

  #enqueueBlock(raw: Bytes | null, reload: Reload | null, fate: Fate | null): Promise<Submitted> {
    return new Promise((resolve, reject) => {
      const item = { raw, reload, resolve, reject, pending: 0, accepted: false, fate };
      this.#enqueue(item);
    });
  }

  /** Runs `task` when everything before it is decided and durable, and nothing else meanwhile. */
  #exclusive<T>(task: () => Promise<T>, patient = false): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = async (): Promise<void> => {
        await this.#drain();
        await this.#committed();
        resolve(await task());
      };
      this.#enqueue({ run, reject, patient });
    });
  }

  /** A write waits for room: its caller, and who waits behind it, is told; what was begun goes on. */
  #refuseWaiting(reason: string): void {
    const error = new NoRoom(this.#archive.folder, reason);
    for (const entry of this.#waiting) {
      if ("run" in entry && entry.patient) continue;
      this.#waiting.delete(entry);
      entry.reject(error);
    }
  }

  #enqueue(entry: Item | Task): void {
    if (this.#failed !== null) {
      entry.reject(this.#failed.error);
      return;
    }
    const { refusal, isStuck } = this.room;
    const refused = "run" in entry ? isStuck && !entry.patient : entry.raw !== null;
    if (refusal !== null && refused) {
      entry.reject(new NoRoom(this.#archive.folder, refusal));
      return;
    }
    this.#waiting.add(entry);
    this.#inbox.push(entry);
    this.#pumping ??= this.#pump();
  }

  async #pump(): Promise<void> {
    // So that a listener that submits finds the pump at work.
    await null;
    let turn = performance.now();
    try {
      for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
        if (performance.now() - turn > TURN_MS_MAX) {
          await setImmediate();
          turn = performance.now();
        }
        // Whoever was told of a full disk does not wait any more.
        if (!this.#waiting.has(next)) continue;
        if ("run" in next) {
          await next.run();
          this.#waiting.delete(next);
        } else await this.#accept(next);
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#pumping = null;
  }

  /** Everything that waits is told, and nothing goes on. */
  #fail(error: unknown): void {
    const first = this.#failed === null;
    this.#failed ??= { error };
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    this.#inbox = [];
    this.#answers = [];
    this.#pipeline = [];
    for (const { reject } of waiting) reject(this.#failed.error);
    if (first) for (const listener of this.#listeners) listener.failed?.(error);
  }

  #assertWorking(): void {
    if (this.#failed !== null) throw this.#failed.error;
  }

  async #accept(item: Item): Promise<void> {
    if (item.raw !== null) {
      // No await may stand between the look at the room and the staging in #take.
      while (!this.#hasRoom()) await this.#makeRoom();
      const hash = await this.#take(item, item.raw, item.reload, true);
      if (hash !== null) await this.#adopt(item, hash);
    }
    item.accepted = true;
    if (item.pending > 0) return;
    await this.#drain();
    this.#answer(item);
  }

  #isFull(): boolean {
    return this.connector.memoryBytes > this.#parts.memoryBytesMax;
  }

  #hasRoom(): boolean {
    return (
      this.#gate === null &&
      this.#pipeline.length < PIPELINE_COUNT_MAX &&
      this.#pipelineBytes < PIPELINE_BYTES_MAX &&
      !this.#isFull()
    );
  }

  /** Waits for a place in the pipeline, and flushes when the partitions hold too much. */
  async #makeRoom(): Promise<void> {
    if (this.#gate !== null) await this.#gate;
    else if (this.#isFull()) {
      await this.#drain();
      await this.#committed();
      await this.#flushStores(this.#tip);
    } else await this.#pipeline[0]?.connected;
    this.#assertWorking();
  }

  /**
   * Judges one block and stores and stages it. Returns its hash when orphans may now find their
   * parent; for the caller's own block (`own`) the item's fate is set as far as it is known.
   */
  async #take(item: Item, raw: Bytes, reload: Reload | null, own: boolean): Promise<Bytes | null> {
    let accepted = this.#judge(raw, this.#pipeline.length > 0 ? this.#head : null);
    if (accepted.kind === "undecided") {
      await this.#drain();
      accepted = this.#judge(raw, null);
    }
    switch (accepted.kind) {
      case "undecided":
        throw new Error("a block is undecided only while others are in the pipeline");
      case "answer": {
        if (accepted.invalidHeader !== null) this.#addInvalid(accepted.invalidHeader);
        const { hash, height, verdict, reason } = accepted;
        if (own) item.fate = { hash, height, verdict, reason };
        return null;
      }
      case "orphan": {
        const { hash, previous } = accepted.header;
        this.#orphans.add(hash, previous, raw, reload);
        if (own) item.fate = { hash, height: null, verdict: "orphan", reason: null };
        return null;
      }
      case "accepted":
        return await this.#place(item, accepted, own);
    }
  }

  #judge(raw: Bytes, head: BlockId | null): Acceptance {
    const { index, params } = this;
    const context = { index, params, pool: this.connector.pool, now: this.#parts.clock() };
    return acceptBlock(raw, context, head);
  }

  /** Stores an accepted block and puts it where it belongs: pipeline, side, or a reorganisation. */
  async #place(item: Item, accepted: Accepted, own: boolean): Promise<Bytes> {
    const { block, memory, parent, work } = accepted;
    const { header } = block;
    const known = this.index.find(header.hash);
    const id = known !== NONE ? known : this.index.add(header.bytes, header.hash, parent, work);
    const stored = this.#tryStoring(id, accepted);
    if (stored !== null) {
      await stored;
      // What may be staged may have changed meanwhile.
      while (!this.#hasRoom()) await this.#makeRoom();
    }
    if (parent === this.#head) {
      item.pending += 1;
      this.#stage(item, id, accepted, own, known === NONE);
      return header.hash;
    }
    this.connector.pool.release(memory);
    await this.#drain();
    if (this.index.better(id, this.#tip)) await this.#activateBest(id);
    if (own) item.fate = this.#fateOf(id);
    return header.hash;
  }

  /** Stores a block: null when that is done, a promise when it waits for room on the disk. */
  #tryStoring(id: BlockId, { block }: Accepted): Promise<void> | null {
    const raw = block.bytes.subarray(block.start, block.end);
    try {
      this.#archive.storeBlock(id, raw);
      return null;
    } catch (error) {
      if (!(error instanceof StorageFull)) throw error;
      return this.room.insist(() => this.#archive.storeBlock(id, raw));
    }
  }

  #fateOf(id: BlockId): Fate {
    const height = this.index.height(id);
    const hash = this.index.hash(id).slice();
    if (this.index.has(id, INVALID)) {
      const reason = this.#reasons.get(id) ?? "bad-prevblk";
      return { hash, height, verdict: "rejected", reason };
    }
    const active = this.index.ancestor(this.#tip, height) === id;
    return { hash, height, verdict: active ? "connected" : "side", reason: null };
  }

  /** A header whose block broke a rule: remembered, so that it is judged once. */
  #addInvalid(found: NonNullable<(Acceptance & { kind: "answer" })["invalidHeader"]>): void {
    const { header, parent, work, reason } = found;
    const known = this.index.find(header.hash);
    const id = known !== NONE ? known : this.index.add(header.bytes, header.hash, parent, work);
    this.index.invalidate(id);
    this.#reasons.set(id, reason);
  }

  #stage(item: Item, id: BlockId, accepted: Accepted, own: boolean, isNew: boolean): void {
    const { block } = accepted;
    const connected = this.#switch.connect(id, accepted);
    // Whoever settles it hears of an error; when everything has failed nobody asks any more.
    connected.catch(() => {});
    const transactions = block.transactions.length;
    this.#pipeline.push({ id, item, own, isNew, bytes: block.end, transactions, connected });
    this.#pipelineBytes += block.end;
    this.#head = id;
    const { bytes, end } = block;
    for (const listener of this.#listeners) listener.seen?.(id, bytes.subarray(0, end));
    this.#settling ??= this.#settle();
  }

  /** Lets the blocks that waited for `hash` follow, and those that waited for them. */
  async #adopt(item: Item, hash: Bytes): Promise<void> {
    const open: Orphan[] = [...this.#orphans.take(hash)];
    for (let at = 0; at < open.length; at++) {
      const raw = await open[at]!.load();
      const same = raw.length >= HEADER_BYTES && bytesEqual(readHeader(raw).hash, open[at]!.hash);
      if (!same) {
        const message = "a file changed while its blocks were imported: import it again";
        throw new DataError("environment", message);
      }
      while (!this.#hasRoom()) await this.#makeRoom();
      const taken = await this.#take(item, raw, open[at]!.reload, false);
      if (taken !== null) open.push(...this.#orphans.take(taken));
    }
  }

  /** Settles the pipeline in order until it is empty. */
  async #settle(): Promise<void> {
    try {
      for (let staged = this.#pipeline[0]; staged !== undefined; staged = this.#pipeline[0]) {
        const connected = await staged.connected;
        if (this.#failed !== null) break;
        if (connected.verdict.ok) await this.#settleConnected(staged, connected);
        else {
          this.#gate = this.#settleFailed(connected.verdict.code);
          await this.#gate;
          this.#gate = null;
        }
      }
    } catch (error) {
      this.#gate = null;
      this.#fail(error);
    }
    this.#settling = null;
    this.#commitSoon(true);
  }

  #count(connected: Connected, transactions: number): void {
    const { statistics } = this;
    statistics.blocks += 1;
    statistics.transactions += transactions;
    statistics.inputs += connected.inputs;
    statistics.scripts += connected.scripts;
    statistics.stageMs += connected.stageMs;
    statistics.judgeMs += connected.judgeMs;
    statistics.verifyMs += connected.verifyMs;
  }

  async #settleConnected(staged: Staged, connected: Connected): Promise<void> {
    const { id, item, own } = staged;
    const link = await this.room.insist(() => this.#archive.storeDelta(id, connected.deltas));
    if (this.#failed !== null) return;
    this.#archive.keep(link);
    this.#pipeline.shift();
    this.#pipelineBytes -= staged.bytes;
    this.#count(connected, staged.transactions);
    this.#tip = id;
    this.#group.push(link);
    this.#groupOperation = connected.operation;
    if (own) item.fate = this.#fateOf(id);
    this.#settled(item);
    this.#commitSoon(false);
  }

  #settled(item: Item): void {
    item.pending -= 1;
    if (item.pending === 0 && item.accepted) this.#answer(item);
  }

  /**
   * The first block of the pipeline is invalid: it and all staged on it are taken back. Those are as
   * if they had come one after the other: its child is refused and not kept, and what stands on the
   * child has an unknown parent.
   */
  async #settleFailed(code: string): Promise<void> {
    const failed = this.#pipeline;
    this.#pipeline = [];
    this.#pipelineBytes = 0;
    this.#head = this.#tip;
    const results = await Promise.all(failed.map((staged) => staged.connected));
    const deltas = results.reverse().flatMap((connected) => connected.deltas);
    await this.connector.apply("undo", deltas);
    const [first, ...others] = failed;
    const reason = await this.#switch.confirm(first!.id, code);
    await this.#invalidate(first!.id, reason);
    if (first!.own) first!.item.fate = this.#fateOf(first!.id);
    for (const { id, item, own, isNew } of others) {
      const isChild = this.index.parent(id) === first!.id;
      const { hash, height } = this.#fateOf(id);
      if (isNew) {
        this.index.mark(id, FORGOTTEN);
        await this.#note("forgotten", id);
      }
      if (!own) continue;
      item.fate =
        isChild || !isNew
          ? { hash, height, verdict: "rejected", reason: "bad-prevblk" }
          : { hash, height: null, verdict: "orphan", reason: null };
    }
    await this.#activateBest();
    for (const { item } of failed) this.#settled(item);
  }

  async #invalidate(id: BlockId, reason: string): Promise<void> {
    this.index.invalidate(id);
    this.#reasons.set(id, reason);
    await this.#note("invalid", id);
  }

  #note(kind: "invalid" | "reconsidered" | "forgotten", id: BlockId): Promise<void> {
    return this.room.insist(() => this.#archive.note(kind, id));
  }

  /** The item's fate is known: it is told when what is settled so far is durable. */
  #answer(item: Item): void {
    assert(item.fate !== null, "an answered block has a fate");
    this.#answers.push({ item, result: { ...item.fate, tip: this.tip } });
    this.#commitSoon(this.#pipeline.length === 0);
  }

  /** Waits until no block is in the pipeline. */
  async #drain(): Promise<void> {
    while (this.#settling !== null) await this.#settling;
    this.#assertWorking();
  }

  #commitSoon(now: boolean): void {
    if (this.#committing !== null || this.#failed !== null) return;
    if (this.#group.length === 0 && this.#answers.length === 0) return;
    const due = this.#group.length >= GROUP_COUNT_MAX;
    if (!now && !due && performance.now() - this.#committedAt < GROUP_MS_MAX) return;
    this.#committing = this.#commit().then(
      () => {
        this.#committing = null;
        this.#commitSoon(this.#pipeline.length === 0);
      },
      (error: unknown) => {
        this.#committing = null;
        this.#fail(error);
      },
    );
  }

  /** Makes the settled blocks durable with one record and answers whoever waits for them. */
  async #commit(): Promise<void> {
    const group = this.#group;
    const operation = this.#groupOperation;
    const answers = this.#answers;
    this.#group = [];
    this.#answers = [];
    if (group.length > 0) await this.#record([], group, operation);
    this.#committedAt = performance.now();
    for (const { item, result } of answers) {
      this.#waiting.delete(item);
      item.resolve(result);
    }
  }

  /** Sets who follows; nothing is under way while this is called. */
  follow(follower: ChainFollower | null): void {
    this.#follower = follower;
  }

  /** The newest records, oldest first. */
  get recent(): readonly RecordedChange[] {
    return this.#recent;
  }

  async #record(
    disconnected: readonly BlockId[],
    connected: readonly Link[],
    operations: number,
  ): Promise<void> {
    const change = await this.room.insist(() => this.#archive.record(disconnected, connected));
    const { sequence } = this;
    const recorded = {
      sequence,
      disconnect: change.disconnected,
      connect: change.connected,
      operations,
    };
    this.#recent.push(recorded);
    if (this.#recent.length > RECENT_RECORDS_MAX) this.#recent.shift();
    await this.#follower?.recorded(recorded);
    for (const listener of this.#listeners) listener.tip?.(change);
  }

  /** Waits until everything settled is durable. */
  async #committed(): Promise<void> {
    for (;;) {
      this.#commitSoon(true);
      if (this.#committing === null) break;
      await this.#committing;
    }
    this.#assertWorking();
  }

  /**
   * Switches to the best branch there is; the pipeline is empty. Loops while branches fail.
   * `candidate` is known to end the best branch, if it is not found invalid.
   */
  async #activateBest(candidate?: BlockId): Promise<void> {
    for (;;) {
      const sound = candidate !== undefined && !this.index.has(candidate, INVALID);
      const best = sound ? candidate : this.index.best();
      if (best === this.#tip || !this.index.better(best, this.#tip)) break;
      await this.#switchTo(best);
    }
  }

  async #switchTo(best: BlockId): Promise<void> {
    await this.#committed();
    const isReorganisation = this.index.fork(this.#tip, best) !== this.#tip;
    const { tip, invalid } = await this.#switch.run(this.#tip, best);
    this.#tip = tip;
    this.#head = tip;
    if (invalid !== null) await this.#invalidate(invalid.id, invalid.reason);
    else if (isReorganisation) this.statistics.reorganisations += 1;
  }

  /** Runs a task between two blocks: everything before it is recorded, nothing else is under way. */
  inTurn<T>(run: () => Promise<T>): Promise<T> {
    return this.#exclusive(run, true);
  }

  /**
   * Judges a block on the tip as if it had come from outside, in its turn, and leaves no trace.
   * `own` judges it by itself before its coins are looked at.
   */
  tryBlock(raw: Bytes, own?: (block: Block, tip: BlockId) => Verdict): Promise<Verdict> {
    return this.#exclusive(() => this.#tryOn(raw, own ?? (() => ACCEPTED)));
  }

  async #tryOn(raw: Bytes, own: (block: Block, tip: BlockId) => Verdict): Promise<Verdict> {
    const { connector } = this;
    const decoded = decodeInFrame(raw, connector.pool);
    assert(decoded !== null, "the block to try decodes");
    const verdict = own(decoded.block, this.#tip);
    if (!verdict.ok) {
      connector.pool.release(decoded.memory);
      return verdict;
    }
    const { hash } = decoded.block.header;
    const connected = await connector.connect({
      ...decoded,
      facts: branchFacts(this.index, this.params, this.#tip, hash),
      duplicates: duplicatesRule(this.index, this.params, this.#tip, hash, false),
      skipScripts: false,
      remember: false,
    });
    await connector.apply("undo", connected.deltas);
    await this.#follower?.settled(connector.operations);
    return connected.verdict;
  }

  /**
   * An operator's word that a block is not to be followed; false when it is not known. The chain
   * goes to the best branch without it.
   */
  async invalidate(hash: Bytes): Promise<boolean> {
    this.room.assertRoom();
    return this.#exclusive(async () => {
      const id = this.index.find(hash);
      if (id <= 0) return false;
      await this.#invalidate(id, "invalidated by the operator");
      this.#refused.add(id);
      await this.#leaveInvalid();
      await this.#archive.syncIndex();
      return true;
    });
  }

  /** Takes back `invalidate`, also for what is built on the block; false when it is not known. */
  async reconsider(hash: Bytes): Promise<boolean> {
    this.room.assertRoom();
    return this.#exclusive(async () => {
      const id = this.index.find(hash);
      if (id === NONE) return false;
      this.index.reconsider(id);
      await this.#note("reconsidered", id);
      for (const refused of [...this.#refused]) {
        if (!this.index.has(refused, INVALID)) this.#refused.delete(refused);
      }
      await this.#activateBest();
      await this.#archive.syncIndex();
      return true;
    });
  }

  /**
   * Prefers the branch of a block to others with the same work, until the next start; false when
   * the block is not known.
   */
  async precious(hash: Bytes): Promise<boolean> {
    this.room.assertRoom();
    return this.#exclusive(async () => {
      const id = this.index.find(hash);
      if (id === NONE) return false;
      const lower = this.index.work(id) < this.index.work(this.#tip);
      if (lower || !this.index.has(id, HAS_DATA)) return true;
      this.index.prefer(id);
      await this.#activateBest();
      return true;
    });
  }

  /** True when a block is invalid only because the operator refused it or one it stands on. */
  refusedByOperator(id: BlockId): boolean {
    if (this.#refused.size === 0) return false;
    for (let at = id; at !== NONE && this.index.has(at, INVALID); at = this.index.parent(at)) {
      if (this.#refused.has(at)) return true;
    }
    return false;
  }

  /** After a start: switches to a better branch whose blocks were stored and not yet recorded. */
  activateStored(): Promise<void> {
    return this.#exclusive(() => this.#leaveInvalid());
  }

  /** Goes back to the last sound block of the active branch, and from there to the best one. */
  async #leaveInvalid(): Promise<void> {
    let sound = this.#tip;
    while (this.index.has(sound, INVALID)) sound = this.index.parent(sound);
    if (sound !== this.#tip) await this.#switchTo(sound);
    await this.#activateBest();
  }

  /** The bytes of a stored block. */
  readBlock(id: BlockId): Bytes {
    return this.#archive.readBlock(id);
  }

  /** True when the block's deltas are known: it has been connected at some time. */
  hasDelta(id: BlockId): boolean {
    return this.#archive.linkOf(id) !== null;
  }

  /** The deltas of a connected block. */
  readDelta(id: BlockId): readonly Uint32Array[] {
    return this.#archive.readDelta(id);
  }

  /** Writes every partition's changes to its store. */
  flush(): Promise<void> {
    return this.#exclusive(() => this.#flushStores(this.#tip));
  }

  /** Runs `begin` when the stores hold the coins of the tip, which it is given. */
  onFlushed<T>(begin: (tip: Tip) => Promise<T>): Promise<T> {
    return this.#exclusive(async () => {
      await this.#flushStores(this.#tip);
      return await begin(this.tip);
    });
  }

  /** The partitions show the state at `tip`, which is recorded. */
  async #flushStores(tip: BlockId): Promise<void> {
    const position = new Uint8Array(8);
    writeU64(position, 0, this.sequence);
    const { connector, room } = this;
    await room.insist(() => connector.flush(position, this.index.height(tip) - KEEP_BLOCKS));
    // Young coins that fill the memory by themselves would have it flushed at every block.
    if (this.connector.memoryBytes > this.#parts.memoryBytesMax / 2) {
      await room.insist(() => connector.flush(position, Number.POSITIVE_INFINITY));
    }
    this.statistics.flushes += 1;
  }

  /** Waits for everything submitted; nothing is pending afterwards. */
  async idle(): Promise<void> {
    while (this.#pumping !== null) await this.#pumping;
    await this.#drain();
    await this.#committed();
  }
}
