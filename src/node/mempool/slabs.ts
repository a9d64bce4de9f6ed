// Where the bytes of admitted transactions lie: behind one another in slabs, so that one costs no
// buffer of its own. What has left leaves a gap; when there are more gaps than bytes the emptiest slab
// is given up and who keeps the records moves what is left of it. A slab is never written to twice, so
// that a view of it stays true as long as somebody has it.
import { assert } from "../../base/assert.ts";

const SLAB_BYTES = 1 << 18;
/** Gaps that are always suffered. */
const GAPS_MIN: number = 4 * SLAB_BYTES;

export class Slab {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  used = 0;
  live = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Where the next `length` bytes go. */
  take(length: number): number {
    const at = this.used;
    this.used += length;
    this.live += length;
    assert(this.used <= this.bytes.length, "a slab was asked for its room first");
    return at;
  }
}

export class Slabs {
  readonly #all = new Set<Slab>();
  #current: Slab | null = null;
  #held = 0;
  #live = 0;

  /** Bytes of the slabs. */
  get memoryBytes(): number {
    return this.#held;
  }

  /** Bytes of the records. */
  get liveBytes(): number {
    return this.#live;
  }

  /** A slab with room for `length` bytes, which must be taken now. */
  room(length: number): Slab {
    this.#live += length;
    const current = this.#current;
    if (current !== null && current.used + length <= current.bytes.length) return current;
    // Whatever is large has a slab of its own, and the others lose little at their ends.
    if (length > SLAB_BYTES / 8) return this.#open(length);
    this.#current = this.#open(SLAB_BYTES);
    if (current?.live === 0) this.#close(current);
    return this.#current;
  }

  #open(capacity: number): Slab {
    const slab = new Slab(capacity);
    this.#all.add(slab);
    this.#held += capacity;
    return slab;
  }

  #close(slab: Slab): void {
    this.#all.delete(slab);
    this.#held -= slab.bytes.length;
  }

  /** A record of `length` bytes has left. */
  free(slab: Slab, length: number): void {
    slab.live -= length;
    this.#live -= length;
    assert(slab.live >= 0, "only what was taken leaves");
    if (slab.live > 0 || slab === this.#current) return;
    this.#close(slab);
  }

  /** The slab whose records must be moved, which frees as many bytes or more; null when there is none. */
  sparsest(): Slab | null {
    if (this.#held - this.#live <= this.#live + GAPS_MIN) return null;
    let found: Slab | null = null;
    for (const slab of this.#all) {
      if (slab === this.#current) continue;
      if (found === null || share(slab) < share(found)) found = slab;
    }
    return found;
  }
}

function share({ live, bytes }: Slab): number {
  return live / bytes.length;
}
