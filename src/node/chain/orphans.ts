// Blocks whose parent is not known yet, by parent. Bounded: those that can be read again are kept as
// a way to do so, the others as bytes; when full, the oldest leave.
import { type Bytes, toHex } from "../../base/bytes.ts";

export interface Orphan {
  readonly hash: string;
  readonly parent: string;
  readonly load: () => Promise<Bytes>;
  /** Bytes held in memory for it. */
  readonly heldBytes: number;
}

export const ORPHANS_COUNT_MAX = 1_000_000;
export const ORPHANS_BYTES_MAX: number = 64 * 1024 * 1024;

export class Orphans {
  readonly #byHash = new Map<string, Orphan>();
  readonly #byParent = new Map<string, Orphan[]>();
  #heldBytes = 0;
  /** How many left because there was no room. */
  dropped = 0;

  get count(): number {
    return this.#byHash.size;
  }

  has(hash: Bytes): boolean {
    return this.#byHash.has(toHex(hash));
  }

  /** Keeps a block; `reload` reads it again, or null when its bytes must be held. */
  add(hash: Bytes, parent: Bytes, bytes: Bytes, reload: (() => Promise<Bytes>) | null): void {
    const held = reload === null ? bytes.slice() : null;
    const orphan: Orphan = {
      hash: toHex(hash),
      parent: toHex(parent),
      load: reload ?? (async () => held!),
      heldBytes: held?.length ?? 0,
    };
    this.#byHash.set(orphan.hash, orphan);
    const siblings = this.#byParent.get(orphan.parent);
    if (siblings === undefined) this.#byParent.set(orphan.parent, [orphan]);
    else siblings.push(orphan);
    this.#heldBytes += orphan.heldBytes;
    while (this.#byHash.size > ORPHANS_COUNT_MAX || this.#heldBytes > ORPHANS_BYTES_MAX) {
      this.#remove(this.#byHash.values().next().value!);
      this.dropped += 1;
    }
  }

  #remove(orphan: Orphan): void {
    this.#byHash.delete(orphan.hash);
    this.#heldBytes -= orphan.heldBytes;
    const siblings = this.#byParent.get(orphan.parent)?.filter((other) => other !== orphan) ?? [];
    if (siblings.length === 0) this.#byParent.delete(orphan.parent);
    else this.#byParent.set(orphan.parent, siblings);
  }

  /** Takes out the blocks that were waiting for `parent`, in the order they came. */
  take(parent: Bytes): readonly Orphan[] {
    const orphans = this.#byParent.get(toHex(parent)) ?? [];
    for (const orphan of orphans) this.#remove(orphan);
    return orphans;
  }
}
