// Headers first: one peer at a time tells us the headers while we are far behind, every peer once we
// are near. A peer that is silent too long loses the task.
import { type Bytes, bytesEqual, rangeEqual } from "../../base/bytes.ts";
import { hash256 } from "../../crypto/hash.ts";
import { HEADER_BYTES } from "../../ledger/bitcoin/block.ts";
import type { ChainHeader } from "../../ports/chain.ts";
import type { Core } from "../core.ts";
import { HEADER_COUNT_MAX, HEADERS_TIMEOUT_MS, UNCONNECTING_HEADERS_MAX } from "../limits.ts";
import { locator } from "../locator.ts";
import type { Peer } from "../peer/peer.ts";
import { PROTOCOL_VERSION } from "../wire/messages.ts";

const NO_STOP: Bytes = new Uint8Array(32);

export class HeaderSync {
  readonly #core: Core;
  /** Who has the task while we are far behind. */
  #from: Peer | null = null;
  #peersChanged: (peer: Peer) => void;

  /** `learned` is called when a peer's best header is known better than before. */
  constructor(core: Core, learned: (peer: Peer) => void) {
    this.#core = core;
    this.#peersChanged = learned;
  }

  get syncing(): Peer | null {
    return this.#from;
  }

  /** Asks `peer` for what follows `from`. */
  ask(peer: Peer, from: ChainHeader): void {
    peer.headersAskedAt = this.#core.clock.elapsed();
    peer.send({
      type: "getheaders",
      protocol: PROTOCOL_VERSION,
      locator: locator(this.#core.chain, from),
      stop: NO_STOP,
    });
  }

  /** The header to ask from, so that a peer on our own tip answers with at least one. */
  #askFrom(): ChainHeader {
    const { chain } = this.#core;
    const best = chain.bestHeader();
    return (best.height > 0 ? chain.ancestor(best, best.height - 1) : null) ?? best;
  }

  /** Gives the task to somebody when it is free, and asks every new peer once we are near. */
  tick(): void {
    const { core, from } = { core: this.#core, from: this.#from };
    const now = core.clock.elapsed();
    if (from !== null) {
      const late = from.headersAskedAt !== null && now - from.headersAskedAt > HEADERS_TIMEOUT_MS;
      if (from.state === "closed" || from.headersDone) this.#from = null;
      else if (late) {
        this.#from = null;
        core.disconnect(from, "stalled");
      }
    }
    const far = core.chain.initialDownload();
    for (const peer of this.#candidates()) {
      if (far && this.#from !== null) return;
      if (peer.headersDone || peer.headersAskedAt !== null) continue;
      if (far) this.#from = peer;
      this.ask(peer, this.#askFrom());
    }
  }

  /** Those that we dialled come first: an attacker chooses to dial us, not whom we dial. */
  #candidates(): Peer[] {
    return [...this.#core.peers.values()]
      .filter((peer) => peer.ready && peer.kind !== "feeler" && peer.kind !== "seed")
      .sort((a, b) => Number(a.inbound) - Number(b.inbound) || a.id - b.id);
  }

  onHeaders(peer: Peer, headers: Bytes): void {
    const { core } = this;
    const count = headers.length / HEADER_BYTES;
    peer.headersAskedAt = null;
    if (count === 0) {
      peer.headersDone = true;
      return;
    }
    if (!isContinuous(headers)) {
      core.fault(peer, 100, "headers-not-continuous");
      return;
    }
    if (core.chain.header(headers.subarray(4, 36)) === null) {
      this.#unconnected(peer, headers);
      return;
    }
    const verdict = core.chain.acceptHeaders(headers);
    if (!verdict.ok) {
      if (verdict.punish) core.fault(peer, 100, "invalid-header", verdict.code);
      else peer.headersDone = true;
      return;
    }
    peer.unconnecting = 0;
    if (verdict.last !== null) this.learn(peer, verdict.last);
    if (count === HEADER_COUNT_MAX && verdict.last !== null) this.ask(peer, verdict.last);
    else peer.headersDone = true;
  }

  get core(): Core {
    return this.#core;
  }

  /** Headers whose parent we do not know: we are behind, or it is lying. */
  #unconnected(peer: Peer, headers: Bytes): void {
    peer.unconnecting++;
    peer.announcedUnknown = hash256(headers.subarray(headers.length - HEADER_BYTES));
    if (peer.unconnecting > UNCONNECTING_HEADERS_MAX) {
      this.#core.fault(peer, 20, "invalid-header", "do not connect");
      return;
    }
    this.ask(peer, this.#core.chain.bestHeader());
  }

  /** The peer has `header` and all before it. */
  learn(peer: Peer, header: ChainHeader): void {
    const { bestKnown } = peer;
    if (bestKnown === null || header.work > bestKnown.work) peer.bestKnown = header;
    if (peer.announcedUnknown !== null && bytesEqual(peer.announcedUnknown, header.hash)) {
      peer.announcedUnknown = null;
    }
    this.#peersChanged(peer);
  }

  /** The peer announced a block by its hash alone. */
  onAnnounced(peer: Peer, hash: Bytes): void {
    const header = this.#core.chain.header(hash);
    if (header !== null) {
      this.learn(peer, header);
      return;
    }
    peer.announcedUnknown = hash;
    const far = this.#core.chain.initialDownload();
    if (!far || this.#from === null || this.#from === peer) {
      this.ask(peer, this.#core.chain.bestHeader());
    }
  }
}

/** Each header names the one before it. */
function isContinuous(headers: Bytes): boolean {
  for (let at = HEADER_BYTES; at < headers.length; at += HEADER_BYTES) {
    const previous = hash256(headers.subarray(at - HEADER_BYTES, at));
    if (!rangeEqual(headers, at + 4, previous, 0, 32)) return false;
  }
  return true;
}
