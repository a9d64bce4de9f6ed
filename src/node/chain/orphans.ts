// Blocks whose parent is not known yet, by parent. Bounded: those that can be read again are kept as
// a way to do so, the others as bytes; when full, the oldest leave.
import { type Bytes, toHex } from "../../base/bytes.ts";

/** Reads a block's bytes again. */
export type Reload = () => Promise<Bytes>;

export interface Orphan {
  readonly hash: Bytes;
  readonly parent: string;
  readonly load: Reload;
  /** As it was given. */
  readonly reload: Reload | null;
  /** Bytes held in memory for it. */
  readonly heldBytes: number;
}

export const ORPHANS_COUNT_MAX = 1_000_000;
export const ORPHANS_BYTES_MAX: number = 64 * 1024 * 1024;

export class Orphans {
  readonly #byHash = new Map<string, Orphan>();
  readonly #byParent = new Map<string, Set<Orphan>>();
  readonly #bytesMax: number;
  #heldBytes = 0;
  /** How many left because there was no room. */
  dropped = 0;

  constructor(bytesMax: number = ORPHANS_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#byHash.size;
  }

  /** Keeps a block, once; `reload` reads it again, or null when its bytes must be held. */
  add(hash: Bytes, parent: Bytes, bytes: Bytes, reload: Reload | null): void {
    const key = toHex(hash);
    if (this.#byHash.has(key)) return;
    const held = reload === null ? bytes.slice() : null;
    const orphan: Orphan = {
      hash: hash.slice(),
      parent: toHex(parent),
      load: reload ?? (async () => held!),
      reload,
      heldBytes: held?.length ?? 0,
    };
    this.#byHash.set(key, orphan);
    const siblings = this.#byParent.get(orphan.parent);
    if (siblings === undefined) this.#byParent.set(orphan.parent, new Set([orphan]));
    else siblings.add(orphan);
    this.#heldBytes += orphan.heldBytes;
    while (this.#byHash.size > ORPHANS_COUNT_MAX || this.#heldBytes > this.#bytesMax) {
      this.#drop(this.#byHash.values().next().value!);
    }
  }

  #drop(orphan: Orphan): void {
    const siblings = this.#byParent.get(orphan.parent)!;
    siblings.delete(orphan);
    if (siblings.size === 0) this.#byParent.delete(orphan.parent);
    this.#forget(orphan);
    this.dropped += 1;
  }

  #forget(orphan: Orphan): void {
    this.#byHash.delete(toHex(orphan.hash));
    this.#heldBytes -= orphan.heldBytes;
  }

  /** Takes out the blocks that were waiting for `parent`, in the order they came. */
  take(parent: Bytes): readonly Orphan[] {
    const key = toHex(parent);
    const orphans = [...(this.#byParent.get(key) ?? [])];
    this.#byParent.delete(key);
    for (const orphan of orphans) this.#forget(orphan);
    return orphans;
  }
}
