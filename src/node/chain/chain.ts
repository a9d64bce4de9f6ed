// The node's chain: takes blocks in any order, keeps the branch with the most work active, and makes
// every change of the tip one durable record. Blocks that extend the tip run through a pipeline (one
// is staged while the scripts of those before it are checked); everything else waits until the
// pipeline is empty, so that a verdict never depends on what is still undecided.
//
//   submit -> accept (rules of the block alone, stored) -> stage, judge, scripts -> settle in order
//          -> deltas appended -> files flushed, chain record appended -> the caller is answered
//
// An error of the disk, or of ours, ends everything: who waits and who comes is told, and nothing is
// written any more. A start then goes on from the last record.
import { assert } from "../../base/assert.ts";
import { type Bytes, bytesEqual } from "../../base/bytes.ts";
import { HEADER_BYTES, readHeader } from "../../ledger/bitcoin/block.ts";
import {
  type BlockId,
  FORGOTTEN,
  HAS_DATA,
  INVALID,
  NONE,
} from "../../planes/consensus/work/block-index.ts";
import type { Connected } from "../../planes/execution/connect.ts";
import { StorageFull } from "../../ports/storage-error.ts";
import { type Acceptance, type Accepted, acceptBlock } from "./accept.ts";
import type { Link } from "./archive.ts";
import { ChainBase, type ChainParts, type Tip, type Turn } from "./base.ts";
import { DataError } from "./files.ts";
import { type Orphan, Orphans, type Reload } from "./orphans.ts";

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

/** A block handed in, and what its caller waits for. */
interface Item extends Turn {
  /** Null for bytes that are no block, which only want to know the tip behind those before them. */
  readonly raw: Bytes | null;
  readonly reload: Reload | null;
  readonly resolve: (result: Submitted) => void;
  /** Staged blocks, its own and adopted orphans, that are not settled. */
  pending: number;
  accepted: boolean;
  fate: Fate | null;
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
/** A group of settled blocks waits this long for company before it is made durable. */
const GROUP_MS_MAX = 100;
const GROUP_COUNT_MAX = 1024;
export class Chain extends ChainBase {
  readonly #orphans = new Orphans();
  /** The block that the last staged one is, or the tip. */
  #head: BlockId;
  #pipeline: Staged[] = [];
  #pipelineBytes = 0;
  #settling: Promise<void> | null = null;
  /** The settling of the first block of the pipeline; never rejects. */
  #step: Promise<void> = Promise.resolve();
  /** True when nothing was staged since the stores were flushed: to flush again would free nothing. */
  #flushed = false;
  /** True while a failed block is being taken back: nothing may be staged meanwhile. */
  #takingBack = false;
  #group: Link[] = [];
  /** Request that staged the last block of the group. */
  #groupOperation = 0;
  #answers: { item: Item; result: Submitted }[] = [];
  #committing: Promise<void> | null = null;
  #committedAt = 0;
  readonly #reasons = new Map<BlockId, string>();
  /** Blocks that are invalid because the operator says so. */
  readonly #refused = new Set<BlockId>();

  constructor(parts: ChainParts) {
    super(parts);
    this.#head = parts.tip;
  }

  get orphanCount(): number {
    return this.#orphans.count;
  }

  /** Orphans that were let go because there was no room for more. */
  get orphansDropped(): number {
    return this.#orphans.dropped;
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
      const run = (): Promise<void> => this.#accept(item);
      const turn = { run, reject, answersLater: true, writes: raw !== null };
      const item: Item = { ...turn, raw, reload, resolve, pending: 0, accepted: false, fate };
      this.enqueue(item);
    });
  }

  /** Waits until no block is in the pipeline and everything settled is durable. */
  protected override async settleAll(): Promise<void> {
    await this.#drain();
    await this.#committed();
  }

  protected override dropAll(): void {
    this.#answers = [];
    this.#pipeline = [];
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

  #hasRoom(): boolean {
    return (
      !this.#takingBack &&
      this.#pipeline.length < PIPELINE_COUNT_MAX &&
      this.#pipelineBytes < PIPELINE_BYTES_MAX &&
      !this.#mustFlush()
    );
  }

  /** A budget smaller than what a flush leaves in memory makes a flush for every block, not for ever. */
  #mustFlush(): boolean {
    return !this.#flushed && this.isFull();
  }

  /** Waits for a place in the pipeline, and flushes when the partitions hold too much. */
  async #makeRoom(): Promise<void> {
    if (!this.#takingBack && this.#mustFlush()) {
      await this.#drain();
      await this.#committed();
      await this.flushStores(this.current);
      this.#flushed = true;
    } else await this.#step;
    this.assertWorking();
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
    const context = {
      index,
      params,
      pool: this.connector.pool,
      storedBytes: (id: BlockId) => this.archive.storedBytes(id),
      now: this.parts.clock(),
    };
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
    if (this.index.better(id, this.current)) await this.#activateBest(id);
    if (own) item.fate = this.#fateOf(id);
    return header.hash;
  }

  /** Stores a block: null when that is done, a promise when it waits for room on the disk. */
  #tryStoring(id: BlockId, { block }: Accepted): Promise<void> | null {
    const raw = block.bytes.subarray(block.start, block.end);
    try {
      this.archive.storeBlock(id, raw);
      return null;
    } catch (error) {
      if (!(error instanceof StorageFull)) throw error;
      return this.room.insist(() => this.archive.storeBlock(id, raw));
    }
  }

  #fateOf(id: BlockId): Fate {
    const height = this.index.height(id);
    const hash = this.index.hash(id).slice();
    if (this.index.has(id, INVALID)) {
      const reason = this.#reasons.get(id) ?? "bad-prevblk";
      return { hash, height, verdict: "rejected", reason };
    }
    const active = this.index.ancestor(this.current, height) === id;
    return { hash, height, verdict: active ? "connected" : "side", reason: null };
  }

  /** A header whose block broke a rule: remembered, so that it is judged once. */
  #addInvalid(found: NonNullable<(Acceptance & { kind: "answer" })["invalidHeader"]>): void {
    const { header, parent, work, reason } = found;
    const known = this.index.find(header.hash);
    const id = known !== NONE ? known : this.index.add(header.bytes, header.hash, parent, work);
    this.#invalidate(id, reason);
  }

  #stage(item: Item, id: BlockId, accepted: Accepted, own: boolean, isNew: boolean): void {
    const { block } = accepted;
    this.#flushed = false;
    const connected = this.switch.connect(id, accepted);
    // Whoever settles it hears of an error; when everything has failed nobody asks any more.
    connected.catch(() => {});
    const transactions = block.transactions.length;
    this.#pipeline.push({ id, item, own, isNew, bytes: block.end, transactions, connected });
    this.#pipelineBytes += block.end;
    this.#head = id;
    const { bytes, end } = block;
    for (const listener of this.listeners) listener.seen?.(id, bytes.subarray(0, end));
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
    for (let staged = this.#pipeline[0]; staged !== undefined; staged = this.#pipeline[0]) {
      this.#step = this.#settleFirst(staged);
      await this.#step;
      if (this.failure !== null) break;
    }
    this.#settling = null;
    this.#commitSoon(true);
  }

  async #settleFirst(staged: Staged): Promise<void> {
    try {
      const connected = await staged.connected;
      if (this.failure !== null) return;
      if (connected.verdict.ok) await this.#settleConnected(staged, connected);
      else {
        this.#takingBack = true;
        await this.#settleFailed(connected.verdict.code);
      }
    } catch (error) {
      this.fail(error);
    }
    this.#takingBack = false;
  }

  async #settleConnected(staged: Staged, connected: Connected): Promise<void> {
    const { id, item, own } = staged;
    const link = await this.room.insist(() => this.archive.storeDelta(id, connected.deltas));
    if (this.failure !== null) return;
    this.archive.keep(link);
    this.#pipeline.shift();
    this.#pipelineBytes -= staged.bytes;
    this.count(connected, staged.transactions);
    this.current = id;
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
    this.#head = this.current;
    const results = await Promise.all(failed.map((staged) => staged.connected));
    const deltas = results.reverse().flatMap((connected) => connected.deltas);
    await this.connector.apply("undo", deltas);
    const [first, ...others] = failed;
    const reason = await this.switch.confirm(first!.id, code);
    await this.#invalidate(first!.id, reason);
    if (first!.own) first!.item.fate = this.#fateOf(first!.id);
    for (const { id, item, own, isNew } of others) {
      const isChild = this.index.parent(id) === first!.id;
      const { hash, height } = this.#fateOf(id);
      if (isNew) {
        this.index.mark(id, FORGOTTEN);
        await this.note("forgotten", id);
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
    await this.note("invalid", id);
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
    this.assertWorking();
  }

  #commitSoon(now: boolean): void {
    if (this.#committing !== null || this.failure !== null) return;
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
        this.fail(error);
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
    if (group.length > 0) await this.record([], group, operation);
    this.#committedAt = performance.now();
    for (const { item, result } of answers) {
      this.waiting.delete(item);
      item.resolve(result);
    }
  }

  /** Waits until everything settled is durable. */
  async #committed(): Promise<void> {
    for (;;) {
      this.#commitSoon(true);
      if (this.#committing === null) break;
      await this.#committing;
    }
    this.assertWorking();
  }

  /**
   * Switches to the best branch there is; the pipeline is empty. Loops while branches fail.
   * `candidate` is known to end the best branch, if it is not found invalid.
   */
  async #activateBest(candidate?: BlockId): Promise<void> {
    for (;;) {
      const sound = candidate !== undefined && !this.index.has(candidate, INVALID);
      const best = sound ? candidate : this.index.best();
      if (best === this.current || !this.index.better(best, this.current)) break;
      await this.#switchTo(best);
    }
  }

  async #switchTo(best: BlockId): Promise<void> {
    await this.#committed();
    const isReorganisation = this.index.fork(this.current, best) !== this.current;
    const { tip, invalid } = await this.switch.run(this.current, best);
    this.current = tip;
    this.#head = tip;
    if (invalid !== null) await this.#invalidate(invalid.id, invalid.reason);
    else if (isReorganisation) this.statistics.reorganisations += 1;
  }

  /**
   * An operator's word that a block is not to be followed; false when it is not known. The chain
   * goes to the best branch without it.
   */
  invalidate(hash: Bytes): Promise<boolean> {
    return this.change(async () => {
      const id = this.index.find(hash);
      if (id <= 0) return false;
      await this.#invalidate(id, "invalidated by the operator");
      this.#refused.add(id);
      await this.#leaveInvalid();
      await this.archive.syncIndex();
      return true;
    });
  }

  /** Takes back `invalidate`, also for what is built on the block; false when it is not known. */
  reconsider(hash: Bytes): Promise<boolean> {
    return this.change(async () => {
      const id = this.index.find(hash);
      if (id === NONE) return false;
      this.index.reconsider(id);
      await this.note("reconsidered", id);
      for (const refused of [...this.#refused]) {
        if (!this.index.has(refused, INVALID)) this.#refused.delete(refused);
      }
      await this.#activateBest();
      await this.archive.syncIndex();
      return true;
    });
  }

  /**
   * Prefers the branch of a block to others with the same work, until the next start; false when
   * the block is not known.
   */
  precious(hash: Bytes): Promise<boolean> {
    return this.change(async () => {
      const id = this.index.find(hash);
      if (id === NONE) return false;
      const lower = this.index.work(id) < this.index.work(this.current);
      if (lower || !this.index.has(id, HAS_DATA)) return true;
      this.index.prefer(id);
      await this.#activateBest();
      return true;
    });
  }

  /** True when a block is invalid only because the operator refused it or one it stands on. */
  override refusedByOperator(id: BlockId): boolean {
    if (this.#refused.size === 0) return false;
    for (let at = id; at !== NONE && this.index.has(at, INVALID); at = this.index.parent(at)) {
      if (this.#refused.has(at)) return true;
    }
    return false;
  }

  /** After a start: switches to a better branch whose blocks were stored and not yet recorded. */
  override activateStored(): Promise<void> {
    return this.inTurn(() => this.#leaveInvalid());
  }

  /** Goes back to the last sound block of the active branch, and from there to the best one. */
  async #leaveInvalid(): Promise<void> {
    let sound = this.current;
    while (this.index.has(sound, INVALID)) sound = this.index.parent(sound);
    if (sound !== this.current) await this.#switchTo(sound);
    await this.#activateBest();
  }

  /**
   * Writes the headers from number `first` on, whose blocks have not come. They become durable with
   * the next record; when there is no room for them, the next start asks for them again.
   */
  keepHeaders(first: BlockId): void {
    if (first === this.index.count || this.hasFailed) return;
    try {
      this.archive.storeHeaders(first);
    } catch (error) {
      if (!(error instanceof StorageFull)) this.fail(error);
    }
  }
}
