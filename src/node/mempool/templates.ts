// The next block out of the mempool: all there is, in segments, where blocks take everything, else
// what pays best. A template is tried on the tip before it is handed out, and handed out again until
// the mempool or the tip has changed.
import type { BlockId } from "../../planes/consensus/work/block-index.ts";
import type { Assembled } from "../../planes/execution/segment-assemble.ts";
import type { BlockReserve, BlockTemplate } from "../../ports/mempool.ts";
import type { AnyOpenedChain } from "../chain/open.ts";
import type { Entries } from "./entries.ts";
import type { Entry } from "./entry.ts";
import type { Hosts } from "./hosts.ts";
import { assembledEntries, type Segments } from "./segment-logs.ts";
import type { SpendRule } from "./spend-rule.ts";
import {
  type BlockRoom,
  blockRoom,
  buildTemplate,
  type Choice,
  chooseEntries,
  fitInOne,
  trialBlock,
} from "./template.ts";

/** How long a template waits for the partitions to have dealt with a chain record. */
const SETTLE_MS_MAX = 1_000;
const ASSEMBLE_TRIES_MAX = 5;

const NOTHING: Choice = { entries: [], segments: null };

export interface TemplateParts {
  readonly opened: AnyOpenedChain;
  readonly entries: Entries;
  readonly segments: Segments | null;
  readonly spendRule: SpendRule | null;
  readonly hosts: () => Hosts;
  /** Seconds since 1970. */
  readonly clock: () => number;
  /** What the mempool has followed so far. */
  readonly tip: () => BlockId;
  readonly sequence: () => number;
  /** The partitions have dealt with the last chain record. */
  readonly isSettled: () => boolean;
}

export class Templates {
  readonly #parts: TemplateParts;
  #known: KnownTemplate | null = null;
  #onSettled: (() => void)[] = [];
  /** Templates that the tip refused. */
  invalid = 0;

  constructor(parts: TemplateParts) {
    this.#parts = parts;
  }

  /** The partitions have settled: whoever waits for a template goes on. */
  settled(): void {
    for (const resolve of this.#onSettled.splice(0)) resolve();
  }

  /** Something that the sequence does not tell has changed. */
  forget(): void {
    this.#known = null;
  }

  async template(transactions: boolean, reserve?: BlockReserve): Promise<BlockTemplate> {
    await this.#untilSettled();
    const { opened, isSettled } = this.#parts;
    const { params } = opened.chain;
    const tip = this.#parts.tip();
    const asked = { sequence: this.#parts.sequence(), tip, reserve };
    const known = this.#known;
    if (transactions && known !== null && isFor(known, asked)) return known.template;
    const usable = transactions && isSettled();
    const template = this.#build(usable ? await this.#choose(blockRoom(params, reserve)) : NOTHING);
    if (template.transactions.length === 0) return template;
    const verdict = await opened.chain.tryBlock(trialBlock(template, params));
    if (this.#parts.tip() !== tip) return this.template(transactions, reserve);
    if (!verdict.ok) {
      this.invalid++;
      return this.#build(NOTHING);
    }
    this.#known = { ...asked, template };
    return template;
  }

  /** All there is, in segments, where they are kept and it may all be in one block; else by fee. */
  async #choose(room: BlockRoom): Promise<Choice> {
    const whole = await this.#wholeIn(room);
    if (whole !== null) return whole;
    const { entries, spendRule } = this.#parts;
    const all = [...entries.values()];
    const usable = spendRule === null ? all : spendRule.usable(all);
    return { entries: chooseEntries(usable, room), segments: null };
  }

  async #wholeIn(room: BlockRoom): Promise<Choice | null> {
    const { segments, spendRule } = this.#parts;
    // No byte weighs less than one: the partitions need not be asked for what cannot fit.
    if (segments === null || this.#parts.entries.rawBytes > room.weightMax) return null;
    const built = await this.assemble();
    if (built === null || !fitInOne(built.entries, room)) return null;
    const { assembled, entries } = built;
    if (spendRule !== null && spendRule.usable(entries).length < entries.length) return null;
    const { coinbaseBranch, witnessRoot } = assembled;
    return { entries, segments: { bits: segments.bits, coinbaseBranch, witnessRoot } };
  }

  /**
   * The next block in segments, where blocks are built so; null also when its transactions come and
   * go so fast that it cannot be had whole.
   */
  async assemble(): Promise<{ assembled: Assembled; entries: readonly Entry[] } | null> {
    const { segments, hosts, entries } = this.#parts;
    if (segments === null) return null;
    for (let tries = 0; tries < ASSEMBLE_TRIES_MAX; tries++) {
      const assembled = segments.assemble(await hosts().segments());
      const found = assembledEntries(assembled, (ids, at) => entries.at(ids, at));
      if (found !== null) return { assembled, entries: found };
    }
    return null;
  }

  #build(choice: Choice): BlockTemplate {
    const { index, params } = this.#parts.opened.chain;
    const tip = this.#parts.tip();
    const facts = {
      params,
      previous: index.node(tip),
      previousHash: index.hash(tip),
      now: this.#parts.clock(),
      sequence: this.#parts.sequence(),
    };
    return buildTemplate(facts, choice);
  }

  /** Until the cones of the last record are gone, a template would hold what it must not. */
  async #untilSettled(): Promise<void> {
    if (this.#parts.isSettled()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, SETTLE_MS_MAX);
      this.#onSettled.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** What a template depends on. */
interface TemplateKey {
  readonly sequence: number;
  readonly tip: BlockId;
  readonly reserve: BlockReserve | undefined;
}

interface KnownTemplate extends TemplateKey {
  readonly template: BlockTemplate;
}

function isFor({ sequence, tip, reserve }: TemplateKey, asked: TemplateKey): boolean {
  if (sequence !== asked.sequence || tip !== asked.tip) return false;
  return reserve?.weight === asked.reserve?.weight && reserve?.sigops === asked.reserve?.sigops;
}
