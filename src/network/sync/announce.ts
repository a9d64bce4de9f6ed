// Telling peers about new blocks: in compact form to those that asked for it, by headers where the
// peer has their parent (BIP130), otherwise by hash.
import { type Bytes, bytesEqual, concatBytes, toHex } from "../../base/bytes.ts";
import { decodeBlock } from "../../ledger/bitcoin/block.ts";
import type { ChainEvent, ChainHeader, ChainView } from "../../ports/chain.ts";
import { compactBlock } from "../compact/build.ts";
import type { Core } from "../core.ts";
import { ANNOUNCE_HEADERS_MAX } from "../limits.ts";
import { isOnBranch } from "../locator.ts";
import type { Peer } from "../peer/peer.ts";
import { type CompactBlockMessage, INVENTORY } from "../wire/messages.ts";

/** True when the peer has shown, or was told, that it has `header`. */
export function peerHasHeader(chain: ChainView, peer: Peer, header: ChainHeader): boolean {
  const ends = [peer.bestKnown, peer.bestSent];
  return ends.some((end) => end !== null && isOnBranch(chain, end, header));
}

export class Announcer {
  readonly #core: Core;
  /** The last compact block built: several peers get the same one. */
  #last: { readonly hash: Bytes; readonly message: CompactBlockMessage } | null = null;
  /** Peers that were sent a block before it was judged, by hash. */
  #early = new Map<string, Set<number>>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** The compact form of a block; null when its bytes are no block. */
  compact(hash: Bytes, bytes: Bytes): CompactBlockMessage | null {
    if (this.#last !== null && bytesEqual(this.#last.hash, hash)) return this.#last.message;
    const decoded = decodeBlock(bytes);
    if (!decoded.ok) return null;
    const message = compactBlock(decoded.value, this.#core.random.bytes(8));
    this.#last = { hash, message };
    return message;
  }

  onEvent(event: ChainEvent): void {
    if (event.kind === "seen") this.#onSeen(event.header, event.bytes);
    else void this.#onTip(event.connected, event.tip);
  }

  /** Its work is real: those in high-bandwidth mode get it before it is judged. */
  #onSeen(header: ChainHeader, bytes: Bytes): void {
    const { chain, peers } = this.#core;
    if (chain.initialDownload()) return;
    const parent = chain.header(header.bytes.subarray(4, 36));
    const told = new Set<number>();
    for (const peer of peers.values()) {
      if (!peer.ready || !peer.highBandwidthFrom || !peer.compact) continue;
      if (peerHasHeader(chain, peer, header)) continue;
      if (parent === null || !peerHasHeader(chain, peer, parent)) continue;
      const message = this.compact(header.hash, bytes);
      if (message === null) return;
      peer.send(message);
      peer.bestSent = header;
      told.add(peer.id);
    }
    this.#early = new Map([[toHex(header.hash), told]]);
  }

  async #onTip(connected: readonly ChainHeader[], tip: ChainHeader): Promise<void> {
    const { chain, peers } = this.#core;
    if (connected.length === 0 || chain.initialDownload()) return;
    const early = this.#early.get(toHex(tip.hash));
    let bytes: Bytes | null = null;
    const toTell = [...peers.values()].filter((peer) => peer.ready && !early?.has(peer.id));
    if (toTell.some((peer) => peer.highBandwidthFrom && peer.compact)) {
      bytes = await chain.blockBytes(tip.hash);
    }
    for (const peer of toTell) if (peer.ready) this.#tell(peer, connected, tip, bytes);
  }

  #tell(
    peer: Peer,
    connected: readonly ChainHeader[],
    tip: ChainHeader,
    bytes: Bytes | null,
  ): void {
    const { chain } = this.#core;
    if (peer.kind === "feeler" || peer.kind === "seed") return;
    if (peerHasHeader(chain, peer, tip)) return;
    const fresh = connected.filter((header) => !peerHasHeader(chain, peer, header));
    const first = fresh[0];
    const parent = first === undefined ? null : chain.header(first.bytes.subarray(4, 36));
    const connects =
      parent !== null &&
      fresh.length <= ANNOUNCE_HEADERS_MAX &&
      (parent.height === 0 || peerHasHeader(chain, peer, parent));
    if (
      connects &&
      fresh.length === 1 &&
      peer.highBandwidthFrom &&
      peer.compact &&
      bytes !== null
    ) {
      const message = this.compact(tip.hash, bytes);
      if (message !== null) peer.send(message);
    } else if (connects && peer.prefersHeaders) {
      peer.send({ type: "headers", headers: concatBytes(...fresh.map((header) => header.bytes)) });
    } else {
      peer.send({ type: "inv", items: [{ kind: INVENTORY.block, hash: tip.hash }] });
      return;
    }
    peer.bestSent = tip;
  }
}
