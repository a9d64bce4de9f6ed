// Headers first: one peer at a time tells us the headers while we are far behind, every peer once we
// are near. A peer that is silent too long loses the task. A branch of little work is counted before
// it is kept (header-presync.ts).
import { type Bytes, bytesEqual, rangeEqual, readU32 } from "../../base/bytes.ts";
import { hash256 } from "../../crypto/hash.ts";
import { HEADER_BYTES } from "../../ledger/bitcoin/block.ts";
import type { WorkParams } from "../../ledger/bitcoin/params.ts";
import { hasWork, workOfBits } from "../../ledger/bitcoin/work.ts";
import type { ChainHeader } from "../../ports/chain.ts";
import type { Core } from "../core.ts";
import {
  ANNOUNCE_HEADERS_MAX,
  HEADER_COUNT_MAX,
  HEADERS_TIMEOUT_MS,
  PRESYNC_INBOUND_MAX,
  UNCONNECTING_HEADERS_MAX,
} from "../limits.ts";
import { locator } from "../locator.ts";
import type { Peer } from "../peer/peer.ts";
import { countUp } from "../statistics.ts";
import { PROTOCOL_VERSION } from "../wire/messages.ts";
import { HeaderPresync, type PresyncBounds, type PresyncFault } from "./header-presync.ts";
import type { SyncWait } from "./wait.ts";

const NO_STOP: Bytes = new Uint8Array(32);
/** Blocks whose times make the median. */
const MEDIAN_BLOCKS = 11;
/** What a peer cannot send by mistake, nor because its chain changed meanwhile. */
const PUNISHED: ReadonlySet<PresyncFault> = new Set(["high-hash", "bad-diffbits"]);

/** Passes with time: our clock or theirs goes on, their chain has changed while it was counted. */
const PASSING: ReadonlySet<string> = new Set(["time-too-new", "changed", "not-continuous"]);

interface Counted {
  readonly presync: HeaderPresync;
  readonly start: ChainHeader;
  readonly wanted: bigint;
}

export class HeaderSync {
  readonly #core: Core;
  /** Who has the task while we are far behind. */
  #from: Peer | null = null;
  readonly #learned: (peer: Peer) => void;
  readonly #bounds: PresyncBounds | undefined;
  /** Branches that have not shown their work yet, by who sends them. */
  readonly #counted = new Map<Peer, Counted>();

  /** `learned` is called when a peer's best header is known better than before. */
  constructor(core: Core, learned: (peer: Peer) => void, bounds?: PresyncBounds) {
    this.#core = core;
    this.#learned = learned;
    this.#bounds = bounds;
  }

  /** Branches that are being counted or fetched again, and the bytes held for them. */
  get presyncs(): { readonly count: number; readonly bytes: number } {
    let bytes = 0;
    for (const { presync } of this.#counted.values()) bytes += presync.heldBytes;
    return { count: this.#counted.size, bytes };
  }

  /** What is waited for before blocks can be: null when that is not headers. */
  waiting(): SyncWait | null {
    for (const [peer, { presync }] of this.#counted) return this.#waitFor(peer, presync);
    const from = this.#from;
    return from === null || from.headersAskedAt === null ? null : this.#waitFor(from, null);
  }

  #waitFor(peer: Peer, presync: HeaderPresync | null): SyncWait {
    const { chain, clock } = this.#core;
    const ms = peer.headersAskedAt === null ? 0 : clock.elapsed() - peer.headersAskedAt;
    const whom = `from peer ${peer.id} (${peer.name})`;
    if (presync === null) {
      const { height } = chain.bestHeader();
      const text = `waiting for headers behind ${height} ${whom}`;
      return { reason: "headers", peer, height, ms, text };
    }
    const { height, phase } = presync;
    if (phase === "fetch") {
      const text = `fetching headers again, now behind ${height}, ${whom}`;
      return { reason: "headers-again", peer, height, ms, text };
    }
    const text = `counting the work of headers, now behind ${height}, ${whom}`;
    return { reason: "headers-counted", peer, height, ms, text };
  }

  get #messageCount(): number {
    return this.#bounds?.messageCount ?? HEADER_COUNT_MAX;
  }

  dropped(peer: Peer): void {
    this.#counted.delete(peer);
  }

  /** Asks `peer` for what follows `from`. */
  ask(peer: Peer, from: ChainHeader): void {
    // Its branch is being counted: what it is asked now would come between.
    if (this.#counted.has(peer)) return;
    peer.headersAskedFrom = from.height;
    this.#ask(peer, locator(this.#core.chain, from));
  }

  #ask(peer: Peer, hashes: readonly Bytes[]): void {
    peer.headersAskedAt = this.#core.clock.elapsed();
    peer.send({ type: "getheaders", protocol: PROTOCOL_VERSION, locator: hashes, stop: NO_STOP });
  }

  /** The header to ask from, so that a peer on our own tip answers with at least one. */
  #askFrom(): ChainHeader {
    const { chain } = this.#core;
    const best = chain.bestHeader();
    return (best.height > 0 ? chain.ancestor(best, best.height - 1) : null) ?? best;
  }

  /** Gives the task to somebody when it is free, and asks every new peer once we are near. */
  tick(): void {
    const core = this.#core;
    const from = this.#from;
    const now = core.clock.elapsed();
    if (from !== null) {
      const late = from.headersAskedAt !== null && now - from.headersAskedAt > HEADERS_TIMEOUT_MS;
      if (from.state === "closed" || from.headersDone) this.#from = null;
      else if (late) {
        this.#from = null;
        core.disconnect(from, "stalled");
      }
    }
    for (const peer of [...this.#counted.keys()]) {
      const { headersAskedAt } = peer;
      if (headersAskedAt === null || now - headersAskedAt <= HEADERS_TIMEOUT_MS) continue;
      core.disconnect(peer, "stalled");
    }
    const far = core.chain.initialDownload();
    for (const peer of this.#candidates()) {
      if (peer.retryAt !== null && now >= peer.retryAt) {
        peer.retryAt = null;
        peer.headersDone = false;
      }
      // Who has the task is let go for that; of others it was only news.
      if (peer.headersAskedAt !== null && now - peer.headersAskedAt > HEADERS_TIMEOUT_MS) {
        peer.headersAskedAt = null;
        peer.headersDone = false;
      }
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
    const core = this.#core;
    const count = headers.length / HEADER_BYTES;
    const counted = this.#counted.get(peer);
    if (counted !== undefined && isAnnouncement(headers, counted.presync.last)) {
      peer.announcedUnknown = hash256(headers.subarray(headers.length - HEADER_BYTES));
      return;
    }
    peer.headersAskedAt = null;
    if (counted !== undefined) {
      this.#count(peer, counted, headers);
      return;
    }
    if (count === 0) {
      this.#nothing(peer);
      return;
    }
    if (!isContinuous(headers)) {
      core.fault(peer, 100, "headers-not-continuous");
      return;
    }
    const parent = core.chain.header(headers.subarray(4, 36));
    if (parent === null) {
      this.#unconnected(peer, headers);
      return;
    }
    if (this.#isCheap(parent, headers)) {
      this.#begin(peer, parent, headers);
      return;
    }
    this.#accept(peer, headers, 0n, count === this.#messageCount);
  }

  /**
   * It has nothing behind where it was asked from. When that was ahead of our tip it may still have
   * blocks that we lack: where its chain ends is not known yet.
   */
  #nothing(peer: Peer): void {
    const { chain } = this.#core;
    const tip = chain.tip();
    if (peer.bestKnown === null && peer.headersAskedFrom > tip.height) this.ask(peer, tip);
    else peer.headersDone = true;
  }

  #accept(peer: Peer, headers: Bytes, shown: bigint, more: boolean): boolean {
    const core = this.#core;
    const verdict = core.chain.acceptHeaders(headers, shown);
    if (!verdict.ok) {
      if (verdict.punish) core.fault(peer, 100, "invalid-header", verdict.code);
      else this.#end(peer, PASSING.has(verdict.code));
      return false;
    }
    peer.unconnecting = 0;
    if (verdict.last !== null) this.learn(peer, verdict.last);
    if (more && verdict.last !== null) this.ask(peer, verdict.last);
    else peer.headersDone = true;
    return true;
  }

  /** It is asked no more; `passing`: what stood in the way passes, so later it is. */
  #end(peer: Peer, passing: boolean): void {
    peer.headersDone = true;
    if (passing) peer.askLater();
  }

  /** True when what the headers lead to has too little work for them to be kept. */
  #isCheap(parent: ChainHeader, headers: Bytes): boolean {
    const { chain } = this.#core;
    const wanted = chain.headerWorkMin();
    let { work } = parent;
    for (let at = 0; work < wanted && at < headers.length; at += HEADER_BYTES) {
      work += workOfBits(readU32(headers, at + 72));
    }
    if (work >= wanted) return false;
    return chain.header(hash256(headers.subarray(headers.length - HEADER_BYTES))) === null;
  }

  /** Begins to count a branch, when there may be more of it. */
  #begin(peer: Peer, start: ChainHeader, headers: Bytes): void {
    const core = this.#core;
    if (!haveWork(headers, core.identity.work)) {
      core.fault(peer, 100, "invalid-header", "high-hash");
      return;
    }
    countUp(core.statistics.faults, "low-work-headers");
    const inbound = [...this.#counted.keys()].filter((one) => one.inbound).length;
    const isLast = headers.length / HEADER_BYTES < this.#messageCount;
    const full = peer.inbound && inbound >= PRESYNC_INBOUND_MAX;
    if (isLast || full) {
      this.#end(peer, !isLast);
      return;
    }
    const wanted = core.chain.headerWorkMin();
    const presync = new HeaderPresync({
      work: core.identity.work,
      start: {
        hash: start.hash,
        height: start.height,
        bits: readU32(start.bytes, 72),
        work: start.work,
        medianTime: this.#medianTime(start),
      },
      wanted,
      now: Math.floor(core.clock.now() / 1000),
      random: core.random,
      ...(this.#bounds === undefined ? {} : { bounds: this.#bounds }),
    });
    const counted = { presync, start, wanted };
    this.#counted.set(peer, counted);
    this.#count(peer, counted, headers);
  }

  #medianTime(of: ChainHeader): number {
    const { chain } = this.#core;
    const times: number[] = [];
    for (let height = of.height; height >= 0 && times.length < MEDIAN_BLOCKS; height--) {
      times.push(readU32(chain.ancestor(of, height)!.bytes, 68));
    }
    times.sort((a, b) => a - b);
    return times[times.length >> 1]!;
  }

  /** Gives a message to the count of its branch, and keeps what has shown its work. */
  #count(peer: Peer, { presync, start, wanted }: Counted, headers: Bytes): void {
    const core = this.#core;
    const before = presync.phase;
    const step = presync.take(headers);
    if (step.kind === "over") {
      this.#counted.delete(peer);
      this.#end(peer, PASSING.has(step.fault));
      countUp(core.statistics.faults, `presync-${step.fault}`);
      core.log("info", "headers of too little work", { peer: peer.id, why: step.fault });
      if (PUNISHED.has(step.fault)) core.fault(peer, 100, "invalid-header", step.fault);
      return;
    }
    if (before === "count" && presync.phase === "fetch") {
      core.log("info", "headers have shown their work and are fetched again", { peer: peer.id });
    }
    const isDone = step.kind === "done";
    if (isDone) this.#counted.delete(peer);
    // The count goes on by itself: what is accepted on the way asks for nothing.
    const kept = step.ready.length === 0 || this.#accept(peer, step.ready, wanted, isDone);
    if (isDone) return;
    if (!kept) {
      this.#counted.delete(peer);
      return;
    }
    peer.headersDone = false;
    this.#ask(peer, [presync.last, ...locator(core.chain, start)]);
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
    this.#learned(peer);
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
    } else peer.headersDone = false;
  }
}

/** Each header meets its own target, and that target is one the network has. */
function haveWork(headers: Bytes, work: WorkParams): boolean {
  for (let at = 0; at < headers.length; at += HEADER_BYTES) {
    const hash = hash256(headers.subarray(at, at + HEADER_BYTES));
    if (!hasWork(hash, readU32(headers, at + 72), work)) return false;
  }
  return true;
}

/** A few headers that do not follow `last`: not what was asked for, but news. */
function isAnnouncement(headers: Bytes, last: Bytes): boolean {
  const count = headers.length / HEADER_BYTES;
  return count > 0 && count <= ANNOUNCE_HEADERS_MAX && !rangeEqual(headers, 4, last, 0, 32);
}

/** Each header names the one before it. */
function isContinuous(headers: Bytes): boolean {
  for (let at = HEADER_BYTES; at < headers.length; at += HEADER_BYTES) {
    const previous = hash256(headers.subarray(at - HEADER_BYTES, at));
    if (!rangeEqual(headers, at + 4, previous, 0, 32)) return false;
  }
  return true;
}
