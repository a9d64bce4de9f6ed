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
import type { Branch } from "../../planes/consensus/qpos/branch.ts";
import type { Qpos } from "../../planes/consensus/qpos/core.ts";
import { branchOf } from "../../planes/consensus/qpos/head.ts";
import type { Body, Effect } from "../../planes/consensus/qpos/message.ts";
import { type Payment, recordOf } from "../../planes/consensus/qpos/registry.ts";
import { type BlockId, INVALID, NONE } from "../../planes/consensus/work/block-index.ts";
import type { MempoolView } from "../../ports/mempool.ts";
import type { StakedChain } from "../chain/staked-chain.ts";
import type { Logger } from "../log.ts";
import { assembleBody } from "./assemble.ts";
import { bondsOf, spendsBond } from "./bonds.ts";
import { operationsOf } from "./operations.ts";

type AssembleEffect = Effect & { readonly type: "assemble" };

interface Job {
  readonly id: string;
  readonly block: BlockId;
  readonly due: readonly Payment[];
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

export class Execution {
  readonly #parts: ExecutionParts;
  readonly #jobs: Job[] = [];
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

  judge(id: string, block: BlockId, due: readonly Payment[]): void {
    this.#jobs.push({ id, block, due });
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
      else if (job !== undefined) await this.#judge(job);
      else if (!(await this.#follow())) return;
    }
  }

  async #judge({ id, block, due }: Job): Promise<void> {
    const { chain, core, log, judged } = this.#parts;
    const entry = core.entries.get(id);
    // It went with a parent that failed, or is behind finality.
    if (entry === undefined) return;
    const parent = chain.index.parent(block);
    const reason = chain.index.has(parent, INVALID)
      ? "bad-prevblk"
      : (this.#ownFault(block, entry.branch.parent, due) ?? (await this.#execute(id, block, due)));
    if (reason !== null) {
      log.warn("a block is invalid", { id, height: chain.index.height(block), reason });
      chain.invalidate(block);
      judged(id, false, []);
    } else judged(id, true, operationsOf(chain, block));
  }

  /** Everything but its coins. */
  #ownFault(id: BlockId, parent: Branch | null, due: readonly Payment[]): string | null {
    const { chain } = this.#parts;
    if (chain.hasDelta(id)) return null;
    const raw = chain.readBlock(id);
    const decoded = decodeBlock(raw, 0, raw.length, formOf(chain.params));
    if (!decoded.ok) throw new Error("a stored block decodes");
    const { index, params } = chain;
    const checked = checkStakedBody(decoded.value, {
      height: index.height(id),
      medianTimePast: medianTimePast(index.node(index.parent(id))),
      due: due.map(({ value, script }) => ({ value, script: hex(script) })),
      blockBytesMax: params.staked!.blockBytesMax,
    });
    if (!checked.ok) return checked.code;
    if (parent === null) throw new Error("the parent of a block to be judged is known");
    return spendsBond(decoded.value, bondsOf(parent.registry)) ? "bad-txns-spends-bond" : null;
  }

  #execute(id: string, block: BlockId, due: readonly Payment[]): Promise<string | null> {
    const sum = due.reduce((total, { value }) => total + value, 0);
    return this.#parts.chain.judge(block, sum, this.#isOnHead(id));
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
    const template = await mempool().template();
    const fits = toHex(template.previous) === effect.parent;
    if (!fits) log.debug("the template is for another parent", { slot: effect.slot });
    const reward = fits ? template.coinbaseValue : 0;
    const { body, raws } = assembleBody({
      height: effect.height,
      slot: effect.slot,
      due: effect.due,
      payout: recordOf(parent.registry, effect.stakerId)!.payout,
      reward,
      transactions: fits ? template.transactions : [],
    });
    this.#bodies.set(body.txRoot, raws);
    if (this.#bodies.size > BODIES_MAX) this.#bodies.delete([...this.#bodies.keys()][0]!);
    assembled(effect, body);
  }
}
