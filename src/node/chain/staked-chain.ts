// The chain of a node on a network of stakers: it stores what the consensus core has found good, says
// whether a block's transactions are valid in its own branch, and goes to the head that it is told.
// Blocks are judged one after another; a side block is judged by moving the coins to its branch and
// back, which is a few blocks deep (docs/internals/staked-node.md).
import { assert } from "../../base/assert.ts";
import type { Bytes } from "../../base/bytes.ts";
import { readHeader } from "../../ledger/bitcoin/block.ts";
import { type BlockId, INVALID, NONE } from "../../planes/consensus/work/block-index.ts";
import { ChainBase } from "./base.ts";
import { faultOf } from "./faults.ts";

/** Every block counts as one in the index: which branch is followed is not decided there. */
const WORK = 1n;

export class StakedChain extends ChainBase {
  /** What the blocks being judged may create beside subsidy and fees. */
  #due: ReadonlyMap<BlockId, number> = new Map();
  /** Blocks that found the disk full, in their order: a child must not stand before its parent. */
  readonly #unwritten = new Map<BlockId, Bytes>();

  /** Nothing is ever pending between two turns. */
  protected override async settleAll(): Promise<void> {
    this.assertWorking();
  }

  protected override moreMoney(id: BlockId): number {
    return this.#due.get(id) ?? 0;
  }

  override refusedByOperator(): boolean {
    return false;
  }

  /** The genesis block's outputs become coins at the first start. */
  override activateStored(): Promise<void> {
    return this.inTurn(async () => {
      if (this.current !== NONE) return;
      this.archive.storeBlock(0, this.params.genesis);
      const { tip } = await this.switch.run(NONE, 0);
      assert(tip === 0, "the genesis block of a network file was checked when it was read");
      this.current = tip;
    });
  }

  /**
   * Keeps a block whose header is good and whose parent is stored; durable with the next record. On
   * a full disk it is written later: `stored` waits for that.
   */
  store(raw: Bytes): BlockId {
    const header = readHeader(raw, 0, "staked");
    const known = this.index.find(header.hash);
    if (known !== NONE && this.archive.holds(known)) return known;
    const parent = this.index.find(header.previous);
    assert(parent !== NONE, "blocks are stored parents first");
    const id = known !== NONE ? known : this.index.add(header.bytes, header.hash, parent, WORK);
    if (this.#unwritten.size === 0 && this.#write(id, raw)) return id;
    this.#unwritten.set(id, raw);
    return id;
  }

  /** False when the disk is full. */
  #write(id: BlockId, raw: Bytes): boolean {
    try {
      this.archive.storeBlock(id, raw);
      return true;
    } catch (error) {
      if (faultOf(error)?.kind !== "full") throw error;
      return false;
    }
  }

  /** Waits until all that `store` was given is on disk. */
  async stored(): Promise<void> {
    for (const [id, raw] of this.#unwritten) {
      await this.room.insist(() => this.archive.storeBlock(id, raw));
      this.#unwritten.delete(id);
    }
  }

  /**
   * Judges a stored block by its coins, in its own branch, whose blocks have been judged. With
   * `follow` a valid block becomes the tip. Null, or the reason why it is invalid.
   */
  judge(id: BlockId, due: number, follow: boolean): Promise<string | null> {
    return this.inTurn(async () => {
      this.#due = new Map([[id, due]]);
      const reason = await this.#judge(id, follow);
      if (reason !== null) await this.invalidate(id);
      return reason;
    });
  }

  /**
   * Judges stored blocks that stand on one another, the last of which becomes the tip, with one
   * record. False when one of them is invalid: then nothing has changed, and which one is not told.
   */
  judgeRow(row: ReadonlyMap<BlockId, number>): Promise<boolean> {
    return this.inTurn(async () => {
      this.#due = row;
      const last = [...row.keys()].at(-1)!;
      const { tip, invalid } = await this.switch.run(this.current, last);
      this.current = tip;
      return invalid === null;
    });
  }

  async #judge(id: BlockId, follow: boolean): Promise<string | null> {
    if (follow) return this.#go(id);
    if (this.hasDelta(id)) return null;
    const reason = await this.switch.probe(this.current, id);
    await this.follower?.settled(this.connector.operations);
    return reason;
  }

  /** Remembered durably with the next record: a block that is never to be judged again. */
  async invalidate(id: BlockId): Promise<void> {
    if (this.index.has(id, INVALID)) return;
    this.index.invalidate(id);
    await this.note("invalid", id);
  }

  /** Makes a judged block the tip. */
  activate(id: BlockId): Promise<void> {
    return this.inTurn(async () => {
      const reason = await this.#go(id);
      assert(reason === null, "a judged block stays valid");
    });
  }

  /** Goes to a block, back along the active branch or over judged blocks and itself. */
  async #go(id: BlockId): Promise<string | null> {
    if (id === this.current) return null;
    const isReorganisation = this.index.fork(this.current, id) !== this.current;
    const { tip, invalid } = await this.switch.run(this.current, id);
    this.current = tip;
    if (invalid !== null) return invalid.reason;
    if (isReorganisation) this.statistics.reorganisations += 1;
    return null;
  }
}
