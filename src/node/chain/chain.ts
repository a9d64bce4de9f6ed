// The node's chain: takes blocks in any order, keeps the branch with the most work active, and makes
// every change of the tip one durable record. Blocks that extend the tip run through a pipeline (one
// is staged while the scripts of those before it are checked); everything else waits until the
// pipeline is empty, so that a verdict never depends on what is still undecided.
//
//   submit -> accept (rules of the block alone, stored) -> stage, judge, scripts -> settle in order
//          -> deltas appended -> files flushed, chain record appended -> the caller is answered
import { assert } from "../../base/assert.ts";
import { type Bytes, toDisplayHex, writeU64 } from "../../base/bytes.ts";
import type { Location } from "../../engines/files/frame.ts";
import type { Block, Header } from "../../ledger/bitcoin/block.ts";
import type { Params } from "../../ledger/bitcoin/params.ts";
import { ACCEPTED, type Verdict } from "../../ledger/bitcoin/verdict.ts";
import {
  type BlockId,
  type BlockIndex,
  CHECKED,
  HAS_DATA,
  INVALID,
  NONE,
} from "../../planes/consensus/work/block-index.ts";
import type { Connected, Connector } from "../../planes/execution/connect.ts";
import { joinDeltas, splitDeltas } from "../../state/delta.ts";
import { type Accepted, acceptBlock, decodeInFrame } from "./accept.ts";
import { branchFacts, duplicatesRule } from "./branch.ts";
import { DataError, type DataFiles } from "./files.ts";
import { Orphans } from "./orphans.ts";
import {
  encodeChainRecord,
  encodeIndexAdded,
  INDEX_ADDED,
  INDEX_INVALID,
  INDEX_RECONSIDERED,
  RECORD_BLOCK,
  RECORD_DELTA,
} from "./records.ts";

export interface Tip {
  readonly hash: Bytes;
  readonly height: number;
}

/** A change of the tip, told when it is durable. */
export interface TipChange {
  /** Number of the chain record that holds it. */
  readonly sequence: number;
  /** Newest first. */
  readonly disconnected: readonly BlockId[];
  /** Oldest first. */
  readonly connected: readonly BlockId[];
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

export type BlockVerdict = "connected" | "side" | "orphan" | "duplicate" | "rejected";

export interface Submitted {
  readonly hash: Bytes | null;
  readonly height: number | null;
  readonly verdict: BlockVerdict;
  readonly reason: string | null;
  /** The active tip when this block, and orphans that waited for it, had been dealt with. */
  readonly tip: Tip;
}

/** A change of the tip that has become durable. */
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
  /** Told of every record, in order; the callers of `submit` are answered after it is done. */
  recorded(change: RecordedChange): Promise<void>;
  /** Requests to the partitions up to this one are recorded or cancel out. */
  settled(operations: number): Promise<void>;
}

export interface ChainParts {
  readonly files: DataFiles;
  readonly params: Params;
  readonly index: BlockIndex;
  readonly connector: Connector;
  readonly tip: BlockId;
  readonly locations: Map<BlockId, Location>;
  readonly deltas: Map<BlockId, Location>;
  /** Seconds since 1970. */
  readonly clock: () => number;
  /** True for a block whose scripts need no check (an ancestor of the assumed-valid one). */
  readonly skipScripts: (hash: Bytes) => boolean;
  /** What the partitions may hold in memory before they are flushed. */
  readonly memoryBytesMax: number;
}

export interface ChainStatistics {
  blocks: number;
  transactions: number;
  inputs: number;
  scripts: number;
  flushes: number;
  reorganisations: number;
  stageMs: number;
  verifyMs: number;
}

/** A block handed in, and what its caller waits for. */
interface Item {
  /** Null for bytes that are no block, which only want to know the tip behind those before them. */
  readonly raw: Bytes | null;
  readonly reload: (() => Promise<Bytes>) | null;
  /** Not a block, but something to do in its turn. */
  readonly task: (() => Promise<void>) | null;
  readonly resolve: (result: Submitted) => void;
  readonly reject: (error: unknown) => void;
  /** Staged blocks, its own and adopted orphans, that are not settled. */
  pending: number;
  accepted: boolean;
  result: Omit<Submitted, "tip"> | null;
}

const NO_ITEM = { raw: null, reload: null, task: null, pending: 0, accepted: false, result: null };

interface Staged {
  readonly id: BlockId;
  readonly item: Item;
  readonly own: boolean;
  readonly bytes: number;
  readonly transactions: number;
  readonly connected: Promise<Connected>;
}

/** What may be staged and not settled. */
const PIPELINE_COUNT_MAX = 64;
const PIPELINE_BYTES_MAX: number = 32 * 1024 * 1024;
/** A group of settled blocks waits this long for company before it is made durable. */
const GROUP_MS_MAX = 100;
const GROUP_COUNT_MAX = 1024;
/** Coins of the last blocks stay in memory at a flush: most coins are spent young. */
const KEEP_BLOCKS = 100;

export class Chain {
  readonly index: BlockIndex;
  readonly params: Params;
  readonly connector: Connector;
  readonly statistics: ChainStatistics = {
    blocks: 0,
    transactions: 0,
    inputs: 0,
    scripts: 0,
    flushes: 0,
    reorganisations: 0,
    stageMs: 0,
    verifyMs: 0,
  };
  readonly #parts: ChainParts;
  readonly #orphans = new Orphans();
  #tip: BlockId;
  /** The block that the last staged one is, or the tip. */
  #head: BlockId;
  #pipeline: Staged[] = [];
  #pipelineBytes = 0;
  #settling: Promise<void> | null = null;
  #gate: Promise<void> | null = null;
  #inbox: Item[] = [];
  #pumping: Promise<void> | null = null;
  #group: { id: BlockId; hash: Bytes; delta: Location; operation: number }[] = [];
  #follower: ChainFollower | null = null;
  #answers: { item: Item; result: Submitted }[] = [];
  #committing: Promise<void> | null = null;
  #committedAt = 0;
  #reasons = new Map<BlockId, string>();
  /** Blocks that are invalid because the operator says so. */
  readonly #refused = new Set<BlockId>();
  #failed: unknown = null;
  readonly #listeners = new Set<ChainListener>();

  constructor(parts: ChainParts) {
    this.#parts = parts;
    this.index = parts.index;
    this.params = parts.params;
    this.connector = parts.connector;
    this.#tip = parts.tip;
    this.#head = parts.tip;
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

  /** Chain records written so far: the `seq` of the tip. */
  get sequence(): number {
    return this.#parts.files.log.count;
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
  submit(raw: Bytes, reload: (() => Promise<Bytes>) | null = null): Promise<Submitted> {
    return this.#enqueue(raw, reload, null);
  }

  /** A place in the order for bytes that are no block: rejected, with the tip at that point. */
  fault(reason: string): Promise<Submitted> {
    return this.#enqueue(null, null, { hash: null, height: null, verdict: "rejected", reason });
  }

  #enqueue(raw: Item["raw"], reload: Item["reload"], result: Item["result"]): Promise<Submitted> {
    return new Promise((resolve, reject) => {
      this.#push({ ...NO_ITEM, raw, reload, resolve, reject, result });
    });
  }

  #push(item: Item): void {
    if (this.#failed !== null) {
      item.reject(this.#failed);
      return;
    }
    this.#inbox.push(item);
    this.#pumping ??= this.#pump();
  }

  async #pump(): Promise<void> {
    try {
      for (let item = this.#inbox.shift(); item !== undefined; item = this.#inbox.shift()) {
        await this.#accept(item);
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#pumping = null;
    if (this.#inbox.length > 0) this.#pumping = this.#pump();
  }

  /** An error of the disk or of ours: everything that waits is told, nothing goes on. */
  #fail(error: unknown): void {
    const first = this.#failed === null;
    this.#failed ??= error;
    const waiting = [
      ...this.#inbox,
      ...this.#pipeline.map((staged) => staged.item),
      ...this.#answers.map((answer) => answer.item),
    ];
    this.#inbox = [];
    this.#answers = [];
    for (const item of waiting) item.reject(this.#failed);
    if (first) for (const listener of this.#listeners) listener.failed?.(error);
  }

  async #accept(item: Item): Promise<void> {
    try {
      if (item.task !== null) return await item.task();
      await this.#makeRoom();
      const hash = item.raw === null ? null : await this.#take(item, item.raw, item.reload, true);
      if (hash !== null) await this.#adopt(item, hash);
    } catch (error) {
      item.reject(error);
      throw error;
    }
    item.accepted = true;
    if (item.pending === 0) {
      await this.#drain();
      this.#answer(item);
    }
  }

  /** Waits for a place in the pipeline, and flushes when the partitions hold too much. */
  async #makeRoom(): Promise<void> {
    if (this.connector.memoryBytes > this.#parts.memoryBytesMax) await this.flush();
    while (
      this.#gate !== null ||
      this.#pipeline.length >= PIPELINE_COUNT_MAX ||
      this.#pipelineBytes >= PIPELINE_BYTES_MAX
    ) {
      await (this.#gate ?? this.#pipeline[0]!.connected);
      if (this.#failed !== null) throw this.#failed;
    }
  }

  /**
   * Judges one block and stores and stages it. Returns its hash when orphans may now find their
   * parent; for the caller's own block (`own`) the item's result is set as far as it is known.
   */
  async #take(
    item: Item,
    raw: Bytes,
    reload: (() => Promise<Bytes>) | null,
    own: boolean,
  ): Promise<Bytes | null> {
    const context = {
      index: this.index,
      params: this.params,
      pool: this.connector.pool,
      now: this.#parts.clock(),
    };
    let accepted = acceptBlock(raw, context, this.#pipeline.length > 0 ? this.#head : null);
    if (accepted.kind === "undecided") {
      await this.#drain();
      accepted = acceptBlock(raw, context, null);
    }
    switch (accepted.kind) {
      case "undecided":
        throw new Error("a block is undecided only while others are in the pipeline");
      case "answer":
        if (accepted.invalidHeader !== null) this.#addInvalid(accepted.invalidHeader);
        if (own) {
          const { hash, height, verdict, reason } = accepted;
          item.result = { hash, height, verdict, reason };
        }
        return null;
      case "orphan": {
        const { hash, previous } = accepted.header;
        if (!this.#orphans.has(hash)) this.#orphans.add(hash, previous, raw, reload);
        if (own) item.result = { hash, height: null, verdict: "orphan", reason: null };
        return null;
      }
      case "accepted":
        return await this.#place(item, accepted, own);
    }
  }

  /** Stores an accepted block and puts it where it belongs: pipeline, side, or a reorganisation. */
  async #place(item: Item, accepted: Accepted, own: boolean): Promise<Bytes> {
    const { block, memory } = accepted;
    const { header } = block;
    const id = this.#store(accepted);
    const hash = this.index.hash(id).slice();
    if (accepted.parent === this.#head) {
      item.pending += 1;
      this.#stage(item, id, accepted, own);
      return hash;
    }
    this.connector.pool.release(memory);
    await this.#drain();
    if (this.index.better(id, this.#tip)) await this.#activateBest(id);
    if (own) item.result = this.#resultOf(id, header);
    return hash;
  }

  #resultOf(id: BlockId, header: Header): Omit<Submitted, "tip"> {
    const height = this.index.height(id);
    const hash = header.hash;
    if (this.index.has(id, INVALID)) {
      const reason = this.#reasons.get(id) ?? "bad-prevblk";
      return { hash, height, verdict: "rejected", reason };
    }
    const active = this.index.ancestor(this.#tip, height) === id;
    return { hash, height, verdict: active ? "connected" : "side", reason: null };
  }

  #store(accepted: Accepted): BlockId {
    const { block, parent, work } = accepted;
    const { files, locations } = this.#parts;
    const known = this.index.find(block.header.hash);
    const id =
      known >= 0 ? known : this.index.add(block.header.bytes, block.header.hash, parent, work);
    const raw = block.bytes.subarray(0, block.end);
    const location = files.blocks.append(RECORD_BLOCK, [raw]);
    files.index.append(INDEX_ADDED, [encodeIndexAdded(block.header.bytes, location)]);
    locations.set(id, location);
    this.index.mark(id, HAS_DATA);
    return id;
  }

  /** A header whose block broke a rule: remembered, so that it is judged once. */
  #addInvalid(found: { header: Header; parent: BlockId; work: bigint; reason: string }): void {
    const { header, parent, work, reason } = found;
    const known = this.index.find(header.hash);
    const id = known >= 0 ? known : this.index.add(header.bytes, header.hash, parent, work);
    this.index.invalidate(id);
    this.#reasons.set(id, reason);
  }

  #stage(item: Item, id: BlockId, accepted: Accepted, own: boolean): void {
    const { block } = accepted;
    this.#pipeline.push({
      id,
      item,
      own,
      bytes: block.end,
      transactions: block.transactions.length,
      connected: this.#connect(id, accepted),
    });
    this.#pipelineBytes += block.end;
    this.#head = id;
    const { bytes, end } = accepted.block;
    for (const listener of this.#listeners) listener.seen?.(id, bytes.subarray(0, end));
    this.#settling ??= this.#settle();
  }

  #connect(id: BlockId, accepted: { block: Accepted["block"]; memory: SharedArrayBuffer }) {
    const parent = this.index.parent(id);
    const hash = this.index.hash(id);
    return this.connector.connect({
      block: accepted.block,
      memory: accepted.memory,
      facts: branchFacts(this.index, this.params, parent, hash),
      duplicates: duplicatesRule(this.index, this.params, parent, hash),
      skipScripts: this.#parts.skipScripts(hash),
    });
  }

  /** Lets the blocks that waited for `hash` follow, and those that waited for them. */
  async #adopt(item: Item, hash: Bytes): Promise<void> {
    const open = [...this.#orphans.take(hash)];
    for (let orphan = open.shift(); orphan !== undefined; orphan = open.shift()) {
      const raw = await orphan.load();
      await this.#makeRoom();
      const taken = await this.#take(item, raw, orphan.load, false);
      if (taken !== null) open.push(...this.#orphans.take(taken));
    }
  }

  /** Settles the pipeline in order until it is empty. */
  async #settle(): Promise<void> {
    try {
      for (let staged = this.#pipeline[0]; staged !== undefined; staged = this.#pipeline[0]) {
        const connected = await staged.connected;
        if (connected.verdict.ok) this.#settleConnected(staged, connected);
        else {
          this.#gate = this.#settleFailed(connected.verdict.code);
          await this.#gate;
          this.#gate = null;
        }
      }
    } catch (error) {
      this.#gate = null;
      this.#fail(error);
      this.#pipeline = [];
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
    statistics.verifyMs += connected.verifyMs;
  }

  #settleConnected(staged: Staged, connected: Connected): void {
    const { id, item } = staged;
    this.#pipeline.shift();
    this.#pipelineBytes -= staged.bytes;
    this.#count(connected, staged.transactions);
    const delta = this.#parts.files.deltas.append(RECORD_DELTA, joinDeltas(connected.deltas));
    this.#parts.deltas.set(id, delta);
    this.index.mark(id, CHECKED);
    this.#tip = id;
    const { operation } = connected;
    this.#group.push({ id, hash: this.index.hash(id).slice(), delta, operation });
    if (staged.own) {
      item.result = {
        hash: this.index.hash(id).slice(),
        height: this.index.height(id),
        verdict: "connected",
        reason: null,
      };
    }
    item.pending -= 1;
    if (item.pending === 0 && item.accepted) this.#answer(item);
    this.#commitSoon(false);
  }

  /** The first block of the pipeline is invalid: it and all staged on it are taken back. */
  async #settleFailed(reason: string): Promise<void> {
    const failed = this.#pipeline;
    this.#pipeline = [];
    this.#pipelineBytes = 0;
    const first = failed[0]!;
    this.#invalidate(first.id, reason);
    this.#head = this.#tip;
    const results = await Promise.all(failed.map((staged) => staged.connected));
    await this.connector.apply(
      "undo",
      results.reverse().flatMap((connected) => connected.deltas),
    );
    await this.#activateBest();
    for (const { id, item, own } of failed) {
      if (own) {
        item.result = {
          hash: this.index.hash(id).slice(),
          height: this.index.height(id),
          verdict: "rejected",
          reason: id === first.id ? reason : "bad-prevblk",
        };
      }
      item.pending -= 1;
      if (item.pending === 0 && item.accepted) this.#answer(item);
    }
  }

  #invalidate(id: BlockId, reason: string): void {
    this.index.invalidate(id);
    this.#reasons.set(id, reason);
    this.#parts.files.index.append(INDEX_INVALID, [this.index.hash(id)]);
  }

  /** The item's fate is known: it is told when what is settled so far is durable. */
  #answer(item: Item): void {
    assert(item.result !== null, "an answered block has a result");
    this.#answers.push({ item, result: { ...item.result, tip: this.tip } });
    this.#commitSoon(this.#pipeline.length === 0);
  }

  /** Waits until no block is in the pipeline. */
  async #drain(): Promise<void> {
    while (this.#settling !== null) await this.#settling;
    if (this.#failed !== null) throw this.#failed;
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
    const answers = this.#answers;
    this.#group = [];
    this.#answers = [];
    if (group.length > 0) await this.#record([], group, group.at(-1)!.operation);
    this.#committedAt = performance.now();
    for (const { item, result } of answers) item.resolve(result);
  }

  /** Sets who is told of records; nothing is under way while this is called. */
  follow(follower: ChainFollower | null): void {
    this.#follower = follower;
  }

  async #record(
    disconnected: readonly BlockId[],
    connect: readonly { id: BlockId; hash: Bytes; delta: Location }[],
    operations: number,
  ): Promise<void> {
    const { blocks, deltas, index, log, history } = this.#parts.files;
    const disconnect = disconnected.map((id) => this.index.hash(id).slice());
    await Promise.all([blocks.sync(), deltas.sync(), index.sync()]);
    const ends = [blocks.durable, deltas.durable, index.durable] as const;
    const sequence = log.append(encodeChainRecord({ ends, disconnect, connect }));
    history.push({ ends, disconnect, connect });
    const change = { sequence, disconnected, connected: connect.map(({ id }) => id) };
    await this.#follower?.recorded({
      sequence: this.sequence,
      disconnect: disconnected,
      connect: change.connected,
      operations,
    });
    for (const listener of this.#listeners) listener.tip?.(change);
  }

  /** Waits until everything settled is durable. */
  async #committed(): Promise<void> {
    for (;;) {
      this.#commitSoon(true);
      if (this.#committing === null) break;
      await this.#committing;
    }
    if (this.#failed !== null) throw this.#failed;
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
      await this.#committed();
      await this.#switchTo(best);
    }
    this.#head = this.#tip;
  }

  async #switchTo(best: BlockId): Promise<void> {
    const fork = this.index.fork(this.#tip, best);
    const disconnect: BlockId[] = [];
    for (let id = this.#tip; id !== fork; id = this.index.parent(id)) disconnect.push(id);
    for (const id of disconnect) await this.connector.apply("undo", this.readDelta(id));
    const connect: { id: BlockId; hash: Bytes; delta: Location }[] = [];
    const fork0 = this.index.height(fork);
    for (let height = fork0 + 1; height <= this.index.height(best); height++) {
      const id = this.index.ancestor(best, height);
      const { connected, transactions } = await this.#connectStored(id);
      if (!connected.verdict.ok) {
        this.#invalidate(id, connected.verdict.code);
        await this.connector.apply("undo", connected.deltas);
        await this.#switchBack(disconnect, connect);
        return;
      }
      this.#count(connected, transactions);
      const delta = this.#parts.files.deltas.append(RECORD_DELTA, joinDeltas(connected.deltas));
      connect.push({ id, hash: this.index.hash(id).slice(), delta });
    }
    for (const { id, delta } of connect) {
      this.#parts.deltas.set(id, delta);
      this.index.mark(id, CHECKED);
    }
    if (disconnect.length > 0) this.statistics.reorganisations += 1;
    this.#tip = best;
    await this.#record(disconnect, connect, this.connector.operations);
  }

  /** A branch broke a rule half way: the coin set goes back to the old tip. */
  async #switchBack(
    disconnected: readonly BlockId[],
    connected: readonly { id: BlockId; delta: Location }[],
  ): Promise<void> {
    for (const { id, delta } of [...connected].reverse()) {
      await this.connector.apply("undo", this.#readDeltaAt(id, delta));
    }
    for (const id of [...disconnected].reverse()) {
      await this.connector.apply("redo", this.readDelta(id));
    }
  }

  async #connectStored(id: BlockId): Promise<{ connected: Connected; transactions: number }> {
    const raw = this.readBlock(id);
    const decoded = decodeInFrame(raw, this.connector.pool);
    assert(decoded !== null, "a stored block decodes");
    const connected = await this.#connect(id, decoded);
    return { connected, transactions: decoded.block.transactions.length };
  }

  /** Runs a task between two blocks: everything before it is recorded, nothing else is under way. */
  inTurn<T>(run: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const task = async (): Promise<void> => {
        await this.#drain();
        await this.#committed();
        resolve(await run());
      };
      this.#push({ ...NO_ITEM, task, resolve: () => {}, reject });
    });
  }

  /**
   * Judges a block on the tip as if it had come from outside, in its turn, and leaves no trace.
   * `own` judges it by itself before its coins are looked at.
   */
  tryBlock(raw: Bytes, own?: (block: Block, tip: BlockId) => Verdict): Promise<Verdict> {
    return this.inTurn(() => this.#tryOn(raw, own ?? (() => ACCEPTED)));
  }

  async #tryOn(raw: Bytes, own: (block: Block, tip: BlockId) => Verdict): Promise<Verdict> {
    const decoded = decodeInFrame(raw, this.connector.pool);
    assert(decoded !== null, "the block to try decodes");
    const verdict = own(decoded.block, this.#tip);
    if (!verdict.ok) {
      this.connector.pool.release(decoded.memory);
      return verdict;
    }
    const { hash } = decoded.block.header;
    const connected = await this.connector.connect({
      ...decoded,
      facts: branchFacts(this.index, this.params, this.#tip, hash),
      duplicates: duplicatesRule(this.index, this.params, this.#tip, hash),
      skipScripts: false,
    });
    await this.connector.apply("undo", connected.deltas);
    await this.#follower?.settled(this.connector.operations);
    return connected.verdict;
  }

  /**
   * An operator's word that a block is not to be followed; false when it is not known. The chain
   * goes to the best branch without it.
   */
  invalidate(hash: Bytes): Promise<boolean> {
    return this.inTurn(async () => {
      const id = this.index.find(hash);
      if (id <= 0) return false;
      const active = this.index.ancestor(this.#tip, this.index.height(id)) === id;
      this.#invalidate(id, "invalidated by the operator");
      this.#refused.add(id);
      if (active) await this.#switchTo(this.index.parent(id));
      await this.#activateBest();
      await this.#parts.files.index.sync();
      return true;
    });
  }

  /** Takes back `invalidate`, also for what is built on the block; false when it is not known. */
  reconsider(hash: Bytes): Promise<boolean> {
    return this.inTurn(async () => {
      const id = this.index.find(hash);
      if (id === NONE) return false;
      this.index.reconsider(id);
      this.#parts.files.index.append(INDEX_RECONSIDERED, [hash]);
      for (const refused of [...this.#refused]) {
        if (!this.index.has(refused, INVALID)) this.#refused.delete(refused);
      }
      await this.#activateBest();
      await this.#parts.files.index.sync();
      return true;
    });
  }

  /**
   * Prefers the branch of a block to others with the same work, until the next start; false when
   * the block is not known.
   */
  precious(hash: Bytes): Promise<boolean> {
    return this.inTurn(async () => {
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
  async activateStored(): Promise<void> {
    await this.#activateBest();
    await this.#committed();
  }

  /** The bytes of a stored block. */
  readBlock(id: BlockId): Bytes {
    const location = this.#parts.locations.get(id);
    assert(location !== undefined, "the block is stored");
    const read = this.#parts.files.blocks.read(location);
    if (!read.ok) throw new DataError("damaged", `${read.message}; run pando repair`);
    return read.payload;
  }

  /** True when the block has been connected at some time. */
  hasDelta(id: BlockId): boolean {
    return this.#parts.deltas.has(id);
  }

  /** The deltas of a connected block. */
  readDelta(id: BlockId): readonly Uint32Array[] {
    const location = this.#parts.deltas.get(id);
    assert(location !== undefined, "a connected block has its delta");
    return this.#readDeltaAt(id, location);
  }

  #readDeltaAt(id: BlockId, location: Location): readonly Uint32Array[] {
    const read = this.#parts.files.deltas.read(location);
    if (!read.ok) throw new DataError("damaged", `${read.message}; run pando repair`);
    const deltas = splitDeltas(read.payload);
    if (deltas === null) {
      const hash = toDisplayHex(this.index.hash(id));
      throw new DataError("damaged", `the delta of block ${hash} is damaged; run pando repair`);
    }
    return deltas;
  }

  /** Writes every partition's changes to its store. */
  async flush(): Promise<void> {
    await this.#drain();
    await this.#committed();
    const position = new Uint8Array(8);
    writeU64(position, 0, this.sequence);
    await this.connector.flush(position, this.index.height(this.#tip) - KEEP_BLOCKS);
    this.statistics.flushes += 1;
  }

  /** Waits for everything submitted; nothing is pending afterwards. */
  async idle(): Promise<void> {
    while (this.#pumping !== null) await this.#pumping;
    await this.#drain();
    await this.#committed();
  }
}
