// Blocks that came before their parents, found by parent: two of them may stand on the same one.
import { type Bytes, toHex } from "../../base/bytes.ts";
import type { ChainHeader } from "../../ports/chain.ts";
import type { Peer } from "../peer/peer.ts";

/** Who gave us a block, and whether it vouched for it. */
export interface BlockSource {
  readonly peer: Peer | null;
  /** It came in compact form: its sender need not have judged it, and a collision may have spoilt it. */
  readonly compact: boolean;
}

/** A block's bytes, and where they came from. */
export interface Held {
  readonly header: ChainHeader;
  readonly bytes: Bytes;
  readonly from: BlockSource;
}

const parentKey = ({ bytes }: Held): string => toHex(bytes, 4, 36);

export class WaitingBlocks {
  /** By hash. */
  readonly #blocks = new Map<string, Held>();
  /** Hashes of those that wait for a parent, by its hash. */
  readonly #children = new Map<string, string[]>();
  #bytes = 0;

  get size(): number {
    return this.#blocks.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(key: string): boolean {
    return this.#blocks.has(key);
  }

  /** A block that is not here yet. */
  add(held: Held): void {
    const key = toHex(held.header.hash);
    this.#blocks.set(key, held);
    this.#bytes += held.bytes.length;
    const siblings = this.#children.get(parentKey(held));
    if (siblings === undefined) this.#children.set(parentKey(held), [key]);
    else siblings.push(key);
  }

  /** Hashes of the parents that are waited for and are here, as `isHere` says. */
  parents(isHere: (key: string, hash: Bytes) => boolean): Bytes[] {
    const found: Bytes[] = [];
    for (const [parent, [first]] of this.#children) {
      const hash = this.#blocks.get(first!)!.bytes.subarray(4, 36);
      if (isHere(parent, hash)) found.push(hash);
    }
    return found;
  }

  /** Takes out what waits for the block `hash`. */
  takeChildren(hash: Bytes): Held[] {
    const parent = toHex(hash);
    const keys = this.#children.get(parent) ?? [];
    this.#children.delete(parent);
    return keys.map((key) => {
      const held = this.#blocks.get(key)!;
      this.#blocks.delete(key);
      this.#bytes -= held.bytes.length;
      return held;
    });
  }

  /** Forgets those for which `isUseless` is true. */
  drop(isUseless: (header: ChainHeader) => boolean): void {
    for (const [key, held] of this.#blocks) {
      if (!isUseless(held.header)) continue;
      this.#blocks.delete(key);
      this.#bytes -= held.bytes.length;
      const siblings = this.#children.get(parentKey(held))!.filter((other) => other !== key);
      if (siblings.length > 0) this.#children.set(parentKey(held), siblings);
      else this.#children.delete(parentKey(held));
    }
  }
}
