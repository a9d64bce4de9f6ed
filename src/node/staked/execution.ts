// The execution plane's side of staked consensus: judges blocks one after another, each in its own
// branch, keeps the coins at the core's head, and fills own blocks. Own blocks come first: their slot
// is short.
import type { Bytes } from "../../base/bytes.ts";
import { hex, toHex } from "../../base/bytes.ts";
import { decodeBlock } from "../../ledger/bitcoin/block.ts";
import { checkStakedBody } from "../../ledger/bitcoin/check-staked-block.ts";
import { medianTimePast } from "../../ledger/bitcoin/header-rules.ts";
import { formOf } from "../../ledger/bitcoin/params.ts";
import type { ResolvedOperation } from "../../planes/consensus/qpos/apply-operation.ts";
import { type Branch, placeOf } from "../../planes/consensus/qpos/branch.ts";
import type { Qpos } from "../../planes/consensus/qpos/core.ts";
import { branchOf } from "../../planes/consensus/qpos/head.ts";
import type { Body, Effect } from "../../planes/consensus/qpos/message.ts";
import { type Payment, recordOf } from "../../planes/consensus/qpos/registry.ts";
import type { StakerSet } from "../../planes/consensus/qpos/staker-set.ts";
import { type BlockId, INVALID, NONE } from "../../planes/consensus/work/block-index.ts";
import type { MempoolView } from "../../ports/mempool.ts";
import type { StakedChain } from "../chain/staked-chain.ts";
import type { Logger } from "../log.ts";
import { assembleBody, reserveFor } from "./assemble.ts";
import { bondsOf, hasMark, spendsBond } from "./bonds.ts";
import { operationsOf } from "./operations.ts";

type AssembleEffect = Effect & { readonly type: "assemble" };

interface Job {
  readonly id: string;
  readonly block: BlockId;
}

export interface ExecutionParts {
  readonly core: Qpos;
  readonly chain: StakedChain;
  readonly mempool: () => MempoolView;
  readonly log: Logger;
  readonly nowMs: () => number;
  /** True while own blocks may be made. */
  readonly mayProduce: () => boolean;
  readonly judged: (id: string, ok: boolean, operations: readonly ResolvedOperation[]) => void;
  readonly assembled: (effect: AssembleEffect, body: Body) => void;
  readonly failed: (error: unknown) => void;
}

/** Bodies of own blocks that wait for their signature. */
const BODIES_MAX = 8;
/** Blocks judged with one record. */
const ROW_MAX = 64;

function sumOf(due: readonly Payment[]): number {
  return due.reduce((total, { value }) => total + value, 0);
}

/** The most that may have voted in a round whose certificate a block of `set` on `parent` carries. */
function votersMost(set: StakerSet, parent: Branch): number {
  let most = 0;
  for (let at: StakerSet | null = set; at !== null; at = at.before) {
    most = Math.max(most, at.ids.length);
    if (at.activation <= parent.justified.round) break;
  }
  return most;
}

export class Execution {
  readonly #parts: ExecutionParts;
  readonly #jobs: Job[] = [];
  /** So many are judged one by one: a row that they were part of holds an invalid block. */
  #alone = 0;
  #toAssemble: AssembleEffect | null = null;
  #working: Promise<void> | null = null;
  #woken = false;
  #stopped = false;
  readonly #bodies = new Map<string, readonly Bytes[]>();

  constructor(parts: ExecutionParts) {
    this.#parts = parts;
  }

  /** Blocks that wait to be judged. */
  get waiting(): number {
    return this.#jobs.length;
  }

  judge(id: string, block: BlockId): void {
    this.#jobs.push({ id, block });
    this.wake();
  }

  assemble(effect: AssembleEffect): void {
    this.#toAssemble = effect;
    this.wake();
  }

  /** The transactions of an own block, by its root; once. */
  takeBody(txRoot: string): readonly Bytes[] | null {
    const raws = this.#bodies.get(txRoot) ?? null;
    this.#bodies.delete(txRoot);
    return raws;
  }

  /** There may be something to do: a block to judge, or another head. */
  wake(): void {
    if (this.#stopped) return;
    this.#woken = true;
    this.#working ??= this.#work().then(
      () => {
        this.#working = null;
        // It may have been woken between its last look and now.
        if (this.#woken) this.wake();
      },
      (error: unknown) => {
        this.#working = null;
        this.#stopped = true;
        this.#parts.failed(error);
      },
    );
  }

  get isBusy(): boolean {
    return this.#working !== null;
  }

  async idle(): Promise<void> {
    await this.#working;
  }

  /** Ends after what is being done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working?.catch(() => {});
  }

  async #work(): Promise<void> {
    // What wakes it is in the middle of something.
    await null;
    while (!this.#stopped) {
      this.#woken = false;
      const own = this.#toAssemble;
      this.#toAssemble = null;
      const job = own === null ? this.#jobs.shift() : undefined;
      if (own !== null) await this.#assemble(own);
      else if (job !== undefined) await this.#judgeFrom(job);
      else if (!(await this.#follow())) return;
    }
  }

  /** Judges a block, or a row of them with one record where they come fast. */
  async #judgeFrom(first: Job): Promise<void> {
    await this.#parts.chain.stored();
    if (this.#alone > 0) this.#alone--;
    else if (this.#jobs.length > 0 && (await this.#judgeRow(first))) return;
    await this.#judge(first);
  }

  /** False when the blocks are to be judged one by one. */
  async #judgeRow(first: Job): Promise<boolean> {
    const row = this.#rowFrom(first);
    const last = row.at(-1)!;
    if (row.length === 1 || !this.#isOnHead(last.id)) return false;
    const { chain, judged } = this.#parts;
    const rest = row.length - 1;
    const sums = row.map(({ id, block }) => [block, sumOf(this.#dueOf(id))] as const);
    const good = await chain.judgeRow(new Map(sums));
    if (!good) {
      this.#alone = rest;
      return false;
    }
    this.#jobs.splice(0, rest);
    for (const { id, block } of row) judged(id, true, operationsOf(chain, block));
    return true;
  }

  /**
   * The jobs that stand on one another from the first on, each of them good by all but its coins. A
   * block with registry operations ends a row: they change what its children are judged by.
   */
  #rowFrom(first: Job): Job[] {
    const { chain, core } = this.#parts;
    const row: Job[] = [];
    for (const job of [first, ...this.#jobs.slice(0, ROW_MAX - 1)]) {
      const before = row.at(-1);
      const follows = before === undefined || chain.index.parent(job.block) === before.block;
      const entry = core.entries.get(job.id);
      if (!follows || entry === undefined || chain.hasDelta(job.block)) break;
      if (!chain.holds(job.block)) break;
      if (chain.index.has(job.block, INVALID)) break;
      if (this.#ownFault(job, entry.branch.parent) !== null) break;
      row.push(job);
      if (hasMark(chain.readBlock(job.block))) break;
    }
    return row.length === 0 ? [first] : row;
  }

  /**
   * What a block's coinbase must pay: by its parent's state as it is now. When the block came, the
   * operations of the blocks before it may not have been known.
   */
  #dueOf(id: string): readonly Payment[] {
    const { core } = this.#parts;
    const parent = core.entries.get(id)?.branch.parent ?? null;
    if (parent === null) throw new Error("the parent of a block to be judged is known");
    return parent.registry.due.slice(0, core.network.parameters.dueCountMax);
  }

  async #judge(job: Job): Promise<void> {
    const { id, block } = job;
    const { chain, core, log, judged } = this.#parts;
    const entry = core.entries.get(id);
    // It went with a parent that failed, or is behind finality.
    if (entry === undefined) return;
    const parent = chain.index.parent(block);
    const reason = chain.index.has(parent, INVALID)
      ? "bad-prevblk"
      : (this.#ownFault(job, entry.branch.parent) ?? (await this.#execute(job)));
    if (reason !== null) {
      log.warn("a block is invalid", { id, height: chain.index.height(block), reason });
      await chain.invalidate(block);
      judged(id, false, []);
    } else judged(id, true, operationsOf(chain, block));
  }

  /** Everything but its coins. */
  #ownFault({ id, block }: Job, parent: Branch | null): string | null {
    const { chain } = this.#parts;
    if (chain.hasDelta(block)) return null;
    const raw = chain.readBlock(block);
    const decoded = decodeBlock(raw, 0, raw.length, formOf(chain.params));
    if (!decoded.ok) throw new Error("a stored block decodes");
    const { index, params } = chain;
    const checked = checkStakedBody(decoded.value, {
      height: index.height(block),
      medianTimePast: medianTimePast(index.node(index.parent(block))),
      due: this.#dueOf(id).map(({ value, script }) => ({ value, script: hex(script) })),
      blockBytesMax: params.staked!.blockBytesMax,
    });
    if (!checked.ok) return checked.code;
    if (parent === null) throw new Error("the parent of a block to be judged is known");
    return spendsBond(decoded.value, bondsOf(parent.registry)) ? "bad-txns-spends-bond" : null;
  }

  #execute({ id, block }: Job): Promise<string | null> {
    return this.#parts.chain.judge(block, sumOf(this.#dueOf(id)), this.#isOnHead(id));
  }

  /** True for the head and what lies below it. */
  #isOnHead(id: string): boolean {
    const { core } = this.#parts;
    const branch = branchOf(core, id);
    let at: Branch | null = core.head;
    while (at !== null && branch !== null && at.height > branch.height) at = at.parent;
    return at !== null && at.id === id;
  }

  /** The block of the core's head, or its highest ancestor that has been judged. */
  #target(): Branch {
    const { core } = this.#parts;
    let at = core.head;
    while (at.parent !== null && core.entries.get(at.id)?.judged === false) at = at.parent;
    return at;
  }

  /** Brings the coins to the head; false when they are there. */
  async #follow(): Promise<boolean> {
    const { chain } = this.#parts;
    const id = this.#find(this.#target().id);
    if (id === NONE || id === chain.tipId) return false;
    await chain.activate(id);
    return true;
  }

  #find(id: string): BlockId {
    return this.#parts.chain.index.find(hex(id));
  }

  async #assemble(effect: AssembleEffect): Promise<void> {
    const { chain, core, mempool, mayProduce, log, nowMs, assembled } = this.#parts;
    const parent = branchOf(core, effect.parent);
    const { parameters } = core.network;
    const slotEnd = parameters.genesisMs + (effect.slot + 1) * parameters.slotMs;
    if (parent === null || !mayProduce() || nowMs() >= slotEnd) return;
    const tip = this.#find(effect.parent);
    if (tip !== chain.tipId) await chain.activate(tip);
    const coinbase = {
      height: effect.height,
      slot: effect.slot,
      due: effect.due,
      payout: recordOf(parent.registry, effect.stakerId)!.payout,
    };
    const { set } = placeOf(core.network, parent, effect.slot);
    const reserve = reserveFor(coinbase, votersMost(set, parent), core.evidence.size);
    const template = await mempool().template(true, reserve);
    const fits = toHex(template.previous) === effect.parent;
    const { slot } = effect;
    if (!fits) log.debug("the template is for another parent", { slot });
    const { body, raws } = assembleBody({
      ...coinbase,
      reward: fits ? template.coinbaseValue : 0,
      transactions: fits ? template.transactions : [],
      segments: fits ? template.segments : null,
      segmentBits: chain.params.staked!.segmentBits,
    });
    const chosen = template.segments === null ? "by fee" : "segments";
    log.debug("own block", { slot, height: effect.height, transactions: raws.length, chosen });
    this.#bodies.set(body.txRoot, raws);
    if (this.#bodies.size > BODIES_MAX) this.#bodies.delete([...this.#bodies.keys()][0]!);
    assembled(effect, body);
  }
}
