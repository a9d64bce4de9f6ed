// The bytes of blocks that the core has not put into its tree yet: bounded as a whole and for each
// peer, so that nobody's orphans keep the blocks of others out.
import type { Bytes } from "../../base/bytes.ts";
import type { Qpos } from "../../planes/consensus/qpos/core.ts";

/** Blocks whose place in the tree is not known yet; more are not taken. */
const PENDING_COUNT_MAX = 8_192;
const PENDING_BYTES_MAX: number = 256 * 1024 * 1024;
/** One peer's share of them. */
const PENDING_OF_PEER_MAX = 256;
const PENDING_BYTES_OF_PEER_MAX: number = 32 * 1024 * 1024;

export interface PendingBlock {
  readonly bytes: Bytes;
  readonly peer: number;
}

export class PendingBlocks {
  readonly #blocks = new Map<string, PendingBlock>();
  #bytes = 0;
  readonly #ofPeer = new Map<number, { count: number; bytes: number }>();

  has(id: string): boolean {
    return this.#blocks.has(id);
  }

  get(id: string): PendingBlock | undefined {
    return this.#blocks.get(id);
  }

  keep(id: string, bytes: Bytes, peer: number): void {
    // A block of our own may come back from a peer.
    this.forget(id);
    this.#blocks.set(id, { bytes, peer });
    this.#bytes += bytes.length;
    const share = this.#ofPeer.get(peer) ?? { count: 0, bytes: 0 };
    share.count++;
    share.bytes += bytes.length;
    this.#ofPeer.set(peer, share);
  }

  forget(id: string): void {
    const known = this.#blocks.get(id);
    if (known === undefined) return;
    const { bytes, peer } = known;
    this.#blocks.delete(id);
    this.#bytes -= bytes.length;
    const share = this.#ofPeer.get(peer)!;
    share.count--;
    share.bytes -= bytes.length;
    if (share.count === 0) this.#ofPeer.delete(peer);
  }

  /** True when no more may wait, of all or of this peer, whose first one is always taken. */
  isCrowded(peer: number, length: number): boolean {
    if (this.#bytes + length > PENDING_BYTES_MAX) return true;
    if (this.#blocks.size >= PENDING_COUNT_MAX) return true;
    const share = this.#ofPeer.get(peer);
    if (share === undefined) return false;
    return share.count >= PENDING_OF_PEER_MAX || share.bytes + length > PENDING_BYTES_OF_PEER_MAX;
  }

  /** Forgets the bytes of blocks that the core has refused or let go. */
  keepOnlyOf(core: Qpos): void {
    if (this.#blocks.size === 0) return;
    const kept = new Set(core.early.map(({ id }) => id));
    for (const orphans of core.orphans.values()) for (const { id } of orphans) kept.add(id);
    for (const id of this.#blocks.keys()) if (!kept.has(id)) this.forget(id);
  }
}
