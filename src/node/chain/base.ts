// What every chain of a node is, whoever chooses its head: blocks and deltas on disk, the coins of the
// active tip in the partitions, and changes of the tip that are one durable record each. Callers take
// turns; chain.ts lets the most work choose and has a pipeline, staked-chain.ts is steered.
//
// A full disk is waited for (room.ts): who waits is told, nothing new is taken, and what was begun ends
// when there is room. An error of the disk, or of ours, ends everything: who waits and who comes is
// told, and nothing is written any more. A start then goes on from the last record.
import { setImmediate } from "node:timers/promises";
import { assert } from "../../base/assert.ts";
import { type Bytes, writeU64 } from "../../base/bytes.ts";
import type { Block } from "../../ledger/bitcoin/block.ts";
import { formOf, type Params } from "../../ledger/bitcoin/params.ts";
import { ACCEPTED, type Verdict } from "../../ledger/bitcoin/verdict.ts";
import type { BlockId, BlockIndex } from "../../planes/consensus/work/block-index.ts";
import type { Connected, Connector } from "../../planes/execution/connect.ts";
import { decodeInFrame } from "./accept.ts";
import type { Archive, Link, TipChange } from "./archive.ts";
import { branchFacts, duplicatesRule } from "./branch.ts";
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

/** Something that has its turn. */
export interface Turn {
  run(): Promise<void>;
  reject(error: unknown): void;
  /** Its caller is answered later than at the end of `run`. */
  readonly answersLater?: boolean;
  /** It is refused while nothing new may be written. */
  readonly writes?: boolean;
  /** It waits as long as a full disk holds up what stands before it. */
  readonly patient?: boolean;
}

/** After so much accepting the partitions' and verifiers' answers are looked at, milliseconds. */
const TURN_MS_MAX = 4;
/** Scripts of blocks younger than this are remembered: a reorganisation may connect them again. */
const REMEMBER_SECONDS: number = 2 * 24 * 3600;
/** Records that are remembered for who was closed for a while. */
export const RECENT_RECORDS_MAX = 128;
/** Coins of the last blocks stay in memory at a flush: most coins are spent young. */
const KEEP_BLOCKS = 100;

export abstract class ChainBase {
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
  protected readonly parts: ChainParts;
  protected readonly archive: Archive;
  protected readonly switch: Switch;
  protected readonly listeners: Set<ChainListener> = new Set();
  /** The recorded tip, or the settled one where a group of records is still to be written. */
  protected current: BlockId;
  /** Everyone who was not answered yet. */
  protected readonly waiting: Set<Turn> = new Set();
  protected pumping: Promise<void> | null = null;
  protected failure: { readonly error: unknown } | null = null;
  protected follower: ChainFollower | null = null;
  #inbox: Turn[] = [];
  #recent: RecordedChange[];

  constructor(parts: ChainParts) {
    const { index, params, connector, archive, skipScripts, memoryBytesMax, room } = parts;
    this.room = room;
    room.subscribe((reason) => {
      if (reason !== null && room.isStuck) this.#refuseWaiting(reason);
    });
    this.parts = parts;
    this.index = index;
    this.params = params;
    this.connector = connector;
    this.archive = archive;
    this.current = parts.tip;
    this.#recent = [...parts.recent];
    this.switch = new Switch({
      index,
      params,
      archive,
      connector,
      skipScripts,
      remember: (time) => time > parts.clock() - REMEMBER_SECONDS,
      isFull: () => connector.memoryBytes > memoryBytesMax,
      record: (disconnected, connected) =>
        this.record(disconnected, connected, connector.operations),
      flush: (tip) => this.flushStores(tip),
      storeDelta: (id, deltas) => room.insist(() => archive.storeDelta(id, deltas)),
      count: (connected, transactions) => this.count(connected, transactions),
      moreMoney: (id) => this.moreMoney(id),
    });
  }

  /** The active tip; blocks still in the pipeline are not counted. */
  get tip(): Tip {
    return { hash: this.index.hash(this.current).slice(), height: this.index.height(this.current) };
  }

  get tipId(): BlockId {
    return this.current;
  }

  /** Chain records written so far: the `seq` of the tip. */
  get sequence(): number {
    return this.archive.sequence;
  }

  /** True when an error has ended everything; who waited was told. */
  get hasFailed(): boolean {
    return this.failure !== null;
  }

  /** The newest records, oldest first. */
  get recent(): readonly RecordedChange[] {
    return this.#recent;
  }

  /** Calls back after each event, in order; returns how to stop it. */
  subscribe(listener: ChainListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Sets who follows; nothing is under way while this is called. */
  follow(follower: ChainFollower | null): void {
    this.follower = follower;
  }

  /** Waits until what came before is decided and durable. */
  protected abstract settleAll(): Promise<void>;

  /** After a start: goes where the stored blocks lead. */
  abstract activateStored(): Promise<void>;

  /** True when a block is invalid only because the operator refused it or one it stands on. */
  abstract refusedByOperator(id: BlockId): boolean;

  /** What a block may create beside subsidy and fees, base units. */
  protected moreMoney(_id: BlockId): number {
    return 0;
  }

  /** Called once when an error has ended everything. */
  protected dropAll(): void {}

  protected enqueue(turn: Turn): void {
    if (this.failure !== null) {
      turn.reject(this.failure.error);
      return;
    }
    const { refusal, isStuck } = this.room;
    const isRefused = turn.writes === true || (isStuck && turn.patient !== true);
    if (refusal !== null && isRefused && turn.writes !== false) {
      turn.reject(new NoRoom(this.archive.folder, refusal));
      return;
    }
    this.waiting.add(turn);
    this.#inbox.push(turn);
    this.pumping ??= this.#pump();
  }

  async #pump(): Promise<void> {
    // So that a listener that submits finds the pump at work.
    await null;
    let began = performance.now();
    try {
      for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
        if (performance.now() - began > TURN_MS_MAX) {
          await setImmediate();
          began = performance.now();
        }
        // Whoever was told of a full disk does not wait any more.
        if (!this.waiting.has(next)) continue;
        await next.run();
        if (next.answersLater !== true) this.waiting.delete(next);
      }
    } catch (error) {
      this.fail(error);
    }
    this.pumping = null;
  }

  /** A write waits for room: its caller, and who waits behind it, is told; what was begun goes on. */
  #refuseWaiting(reason: string): void {
    const error = new NoRoom(this.archive.folder, reason);
    for (const turn of this.waiting) {
      if (turn.patient === true) continue;
      this.waiting.delete(turn);
      turn.reject(error);
    }
  }

  /** Everything that waits is told, and nothing goes on; also when what it cannot do without has ended. */
  fail(error: unknown): void {
    const first = this.failure === null;
    this.failure ??= { error };
    const waiting = [...this.waiting];
    this.waiting.clear();
    this.#inbox = [];
    this.dropAll();
    for (const { reject } of waiting) reject(this.failure.error);
    if (first) for (const listener of this.listeners) listener.failed?.(error);
  }

  protected assertWorking(): void {
    if (this.failure !== null) throw this.failure.error;
  }

  protected isFull(): boolean {
    return this.connector.memoryBytes > this.parts.memoryBytesMax;
  }

  protected count(connected: Connected, transactions: number): void {
    const { statistics } = this;
    statistics.blocks += 1;
    statistics.transactions += transactions;
    statistics.inputs += connected.inputs;
    statistics.scripts += connected.scripts;
    statistics.stageMs += connected.stageMs;
    statistics.judgeMs += connected.judgeMs;
    statistics.verifyMs += connected.verifyMs;
  }

  protected async record(
    disconnected: readonly BlockId[],
    connected: readonly Link[],
    operations: number,
  ): Promise<void> {
    const change = await this.room.insist(() => this.archive.record(disconnected, connected));
    const { sequence } = this;
    const recorded = {
      sequence,
      disconnect: change.disconnected,
      connect: change.connected,
      operations,
    };
    this.#recent.push(recorded);
    if (this.#recent.length > RECENT_RECORDS_MAX) this.#recent.shift();
    await this.follower?.recorded(recorded);
    for (const listener of this.listeners) listener.tip?.(change);
  }

  /** Runs a task between two blocks: everything before it is recorded, nothing else is under way. */
  inTurn<T>(task: () => Promise<T>, patient = true): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = async (): Promise<void> => {
        await this.settleAll();
        resolve(await task());
      };
      this.enqueue({ run, reject, patient });
    });
  }

  /** A change that an operator asks for: refused at once while nothing may be written. */
  protected async change<T>(task: () => Promise<T>): Promise<T> {
    this.room.assertRoom();
    return await this.inTurn(task, false);
  }

  /** Keeps a word about a block in the index. */
  protected note(kind: "invalid" | "reconsidered" | "forgotten", id: BlockId): Promise<void> {
    return this.room.insist(() => this.archive.note(kind, id));
  }

  /**
   * Judges a block on the tip as if it had come from outside, in its turn, and leaves no trace.
   * `own` judges it by itself before its coins are looked at.
   */
  tryBlock(raw: Bytes, own?: (block: Block, tip: BlockId) => Verdict): Promise<Verdict> {
    return this.inTurn(() => this.#tryOn(raw, own ?? (() => ACCEPTED)), false);
  }

  async #tryOn(raw: Bytes, own: (block: Block, tip: BlockId) => Verdict): Promise<Verdict> {
    const { connector } = this;
    const decoded = decodeInFrame(raw, connector.pool, formOf(this.params));
    assert(decoded !== null, "the block to try decodes");
    const verdict = own(decoded.block, this.current);
    if (!verdict.ok) {
      connector.pool.release(decoded.memory);
      return verdict;
    }
    const { hash } = decoded.block.header;
    const connected = await connector.connect({
      ...decoded,
      facts: branchFacts(this.index, this.params, this.current, hash),
      duplicates: duplicatesRule(this.index, this.params, this.current, hash, false),
      skipScripts: false,
      remember: false,
    });
    await connector.apply("undo", connected.deltas);
    await this.follower?.settled(connector.operations);
    return connected.verdict;
  }

  /** The bytes of a stored block. */
  readBlock(id: BlockId): Bytes {
    return this.archive.readBlock(id);
  }

  /** True when the block's bytes are stored. */
  holds(id: BlockId): boolean {
    return this.archive.holds(id);
  }

  /** True when the block's deltas are known: it has been connected at some time. */
  hasDelta(id: BlockId): boolean {
    return this.archive.linkOf(id) !== null;
  }

  /** The deltas of a connected block. */
  readDelta(id: BlockId): readonly Uint32Array[] {
    return this.archive.readDelta(id);
  }

  /** Writes every partition's changes to its store. */
  flush(): Promise<void> {
    return this.inTurn(() => this.flushStores(this.current), false);
  }

  /** Runs `begin` when the stores hold the coins of the tip. */
  onFlushed<T>(begin: () => Promise<T>): Promise<T> {
    return this.inTurn(async () => {
      await this.flushStores(this.current);
      return await begin();
    }, false);
  }

  /** The partitions show the state at `tip`, which is recorded. */
  protected async flushStores(tip: BlockId): Promise<void> {
    const position = new Uint8Array(8);
    writeU64(position, 0, this.sequence);
    const keepFrom = this.index.height(tip) - KEEP_BLOCKS;
    await this.room.insist(() => this.connector.flush(position, keepFrom));
    this.statistics.flushes += 1;
  }

  /** Waits for everything submitted; nothing is pending afterwards. */
  async idle(): Promise<void> {
    while (this.pumping !== null) await this.pumping;
    await this.settleAll();
  }
}
