// Blocks that wait for their parent: because it is not here, or because it is not judged yet. The core
// gets a block only when its parent's transactions have been found good: it could otherwise call
// final, and forget, what execution has not looked at. Bounded by what holds their bytes.
import type { SealedBlock } from "../../planes/consensus/qpos/message.ts";

export interface HeldBlock {
  readonly block: SealedBlock;
  readonly peer: number;
}

export class HeldBlocks {
  readonly #byParent = new Map<string, HeldBlock[]>();
  readonly #ids = new Set<string>();

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  get count(): number {
    return this.#ids.size;
  }

  hold(block: SealedBlock, peer: number): void {
    if (this.#ids.has(block.id)) return;
    this.#ids.add(block.id);
    const siblings = this.#byParent.get(block.header.parent);
    if (siblings === undefined) this.#byParent.set(block.header.parent, [{ block, peer }]);
    else siblings.push({ block, peer });
  }

  /** Those that waited for this block; they wait no longer. */
  take(parent: string): readonly HeldBlock[] {
    const waiting = this.#byParent.get(parent) ?? [];
    this.#byParent.delete(parent);
    for (const { block } of waiting) this.#ids.delete(block.id);
    return waiting;
  }

  /** Lets those go whose parent can never be their parent, or that are below what is final. */
  drop(isUseless: (held: HeldBlock) => boolean): void {
    for (const [parent, waiting] of this.#byParent) {
      const kept = waiting.filter((held) => !isUseless(held));
      if (kept.length === waiting.length) continue;
      for (const held of waiting) if (!kept.includes(held)) this.#ids.delete(held.block.id);
      if (kept.length === 0) this.#byParent.delete(parent);
      else this.#byParent.set(parent, kept);
    }
  }
}
