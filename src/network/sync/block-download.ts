// Blocks of the best header chain, fetched from many peers at once within a window, and handed to
// the chain in order. The lowest missing block is watched: a peer that holds everyone up is let go.
//
//   bestHeader -> queue (wanted, ascending) -> in flight (one peer each) -> waiting (came early)
//              -> submitted (parent first) -> the chain's verdict
import { type Bytes, toDisplayHex, toHex } from "../../base/bytes.ts";
import { hash256 } from "../../crypto/hash.ts";
import { HEADER_BYTES } from "../../ledger/bitcoin/block.ts";
import type { BlockVerdict, ChainHeader } from "../../ports/chain.ts";
import type { Core } from "../core.ts";
import {
  BESIDE_BLOCKS_MAX,
  BLOCK_STALL_MS,
  BLOCK_STALL_MS_MAX,
  BLOCK_TIMEOUT_MS,
  BLOCKS_IN_FLIGHT_PER_PEER,
  STALLS_MAX,
} from "../limits.ts";
import { isOnBranch } from "../locator.ts";
import type { Peer } from "../peer/peer.ts";
import { INVENTORY, type InventoryItem } from "../wire/messages.ts";
import { BlockQueue } from "./block-queue.ts";
import { Flights, hasBlock, mayServe } from "./flights.ts";
import type { SyncWait } from "./wait.ts";
import { type BlockSource, type Held, WaitingBlocks } from "./waiting-blocks.ts";

/** The mean length of a block is of about so many. */
const MEAN_BLOCKS = 16;

export interface DownloadState {
  readonly headers: number;
  readonly blocks: number;
  readonly inFlight: number;
  readonly waiting: number;
  readonly waitingBytes: number;
  readonly why: string;
}

export class BlockDownload {
  readonly #core: Core;
  readonly #queue: BlockQueue;
  readonly #inFlight: Flights;
  readonly #waiting = new WaitingBlocks();
  readonly #submitted = new Map<string, number>();
  #submittedBytes = 0;
  /** What a block is long, by those of late: what is in flight will take its room. */
  #meanBytes = 0;
  #stallMs = BLOCK_STALL_MS;
  /** The tip and the queue's base as of the last tick, and when they were others. */
  #tipWork = 0n;
  #lastBase = 0;
  #movedAt = 0;
  /** Called after a verdict. */
  onVerdict: (header: ChainHeader, verdict: BlockVerdict, from: BlockSource) => void = () => {};

  constructor(core: Core) {
    this.#core = core;
    this.#inFlight = new Flights(core.clock);
    this.#queue = new BlockQueue(core.chain, this.#inFlight, (header) => this.#isSettled(header));
  }

  /** The peer that was asked for it. */
  askedFrom(hash: Bytes): Peer | null {
    return this.#inFlight.get(hash)?.peer ?? null;
  }

  #isSettled(header: ChainHeader): boolean {
    const key = toHex(header.hash);
    return (
      this.#waiting.has(key) || this.#submitted.has(key) || this.#core.chain.hasBlock(header.hash)
    );
  }

  /** Asks every peer that has room for something that it has. */
  schedule(): void {
    this.#queue.refill(this.#core.peers.values());
    if (this.#queue.target === null || this.#core.chain.refusal() !== null) return;
    const peers = [...this.#core.peers.values()]
      .filter((peer) => mayServe(peer))
      .sort((a, b) => a.blocksInFlight.size - b.blocksInFlight.size || a.id - b.id);
    for (const peer of peers) this.#assign(peer);
  }

  /** Whether a block may be asked for: the one that all others wait for always may. */
  #hasRoomFor({ height }: ChainHeader): boolean {
    if (height <= this.#queue.base + 1) return true;
    const coming = this.#inFlight.size * this.#meanBytes;
    return this.#waiting.bytes + this.#submittedBytes + coming < this.#core.blockBytesMax;
  }

  #assign(peer: Peer): void {
    const items: InventoryItem[] = [];
    const room = (): boolean => peer.blocksInFlight.size < BLOCKS_IN_FLIGHT_PER_PEER;
    const { headers } = this.#queue;
    for (let at = 0; at < headers.length && room(); ) {
      const header = headers[at]!;
      if (this.#isSettled(header) || this.#inFlight.has(header.hash)) {
        headers.splice(at, 1);
      } else if (!this.#hasRoomFor(header)) {
        break;
      } else if (hasBlock(this.#core.chain, peer, header)) {
        headers.splice(at, 1);
        this.#inFlight.begin(peer, header);
        items.push({ kind: this.#kindFor(peer, header), hash: header.hash });
      } else if (header.height > (peer.bestKnown?.height ?? 0)) {
        break;
      } else at++;
    }
    if (items.length > 0) peer.send({ type: "getdata", items });
  }

  /** A lone new block near the tip is asked for in compact form. */
  #kindFor(peer: Peer, header: ChainHeader): number {
    const { chain } = this.#core;
    const next =
      header.height === chain.tip().height + 1 && this.#queue.target?.height === header.height;
    const compact = peer.compact && next && !chain.initialDownload();
    return compact ? INVENTORY.compactBlock : INVENTORY.witnessBlock;
  }

  /** Marks a block as being fetched from `peer` (a compact block that lacks transactions). */
  claim(peer: Peer, header: ChainHeader): void {
    if (!this.#inFlight.has(header.hash)) this.#inFlight.begin(peer, header);
  }

  /** Asks `peer` for the whole block, because its compact form was of no use. */
  askWhole(peer: Peer, header: ChainHeader): void {
    this.#inFlight.begin(peer, header);
    peer.send({ type: "getdata", items: [{ kind: INVENTORY.witnessBlock, hash: header.hash }] });
  }

  /** The peer is gone: what it was to send is fetched elsewhere. */
  dropped(peer: Peer): void {
    for (const header of this.#inFlight.drop(peer)) this.#queue.putBack(header);
  }

  /** The peer says that it does not have these. */
  onNotFound(peer: Peer, items: readonly InventoryItem[]): void {
    for (const { hash } of items) {
      if (this.askedFrom(hash) !== peer) continue;
      const flight = this.#inFlight.end(hash);
      this.#core.statistics.blocksNotFound++;
      // It lied, pruned, or has not judged it yet: it is asked later what it has.
      peer.bestKnown = null;
      peer.askLater();
      if (flight !== null) this.#queue.putBack(flight.header);
    }
    this.schedule();
  }

  /** Takes a block's bytes from a peer, asked for or not. */
  receive(bytes: Bytes, from: BlockSource): void {
    const { chain } = this.#core;
    if (bytes.length <= HEADER_BYTES) {
      this.#badBytes(from);
      return;
    }
    const hash = hash256(bytes.subarray(0, HEADER_BYTES));
    const flight = this.#inFlight.end(hash);
    if (from.peer !== null) from.peer.stalls = 0;
    this.#core.statistics.blocksReceived++;
    this.#meanBytes += (bytes.length - this.#meanBytes) / MEAN_BLOCKS;
    let header = chain.header(hash);
    if (header === null) {
      const verdict = chain.acceptHeaders(bytes.slice(0, HEADER_BYTES));
      if (!verdict.ok) {
        if (verdict.punish && from.peer !== null && verdict.code !== "prev-blk-not-found") {
          this.#core.fault(from.peer, 100, "invalid-header", verdict.code);
        }
        return;
      }
      header = verdict.last;
    }
    if (header === null || this.#isSettled(header)) return;
    // Nobody asked, and it could not become the tip: not worth the disk.
    if (flight === null && header.work <= chain.tip().work) return;
    this.#take({ header, bytes, from });
    this.schedule();
  }

  #badBytes(from: BlockSource): void {
    if (from.peer !== null) this.#core.fault(from.peer, 100, "bad-message", "block");
  }

  #take(held: Held): void {
    const { chain } = this.#core;
    const previous = held.bytes.subarray(4, 36);
    if (chain.hasBlock(previous) || this.#submitted.has(toHex(previous))) {
      this.#submit(held);
      return;
    }
    if (this.#waiting.bytes + held.bytes.length > this.#core.blockBytesMax) {
      this.#queue.putBack(held.header);
      return;
    }
    this.#waiting.add(held);
  }

  /** Hands blocks to the chain, and those that waited for them. */
  #submit(...ready: readonly Held[]): void {
    const open = [...ready];
    for (let at = 0; at < open.length; at++) {
      const { header, bytes, from } = open[at]!;
      open.push(...this.#waiting.takeChildren(header.hash));
      const key = toHex(header.hash);
      this.#submitted.set(key, bytes.length);
      this.#submittedBytes += bytes.length;
      const done = (verdict: BlockVerdict): void => this.#judged(header, verdict, from);
      this.#core.chain.acceptBlock(bytes).then(done, (error: unknown) => {
        this.#forget(key);
        // A full disk passes: the block is asked for again then.
        this.#queue.putBack(header);
        if (this.#core.chain.refusal() !== null) return;
        this.#core.log("error", "the chain took no verdict on a block", { error: String(error) });
      });
    }
  }

  /** The tip has moved, perhaps without us: what waited for one of its blocks follows. */
  onTip(connected: readonly ChainHeader[]): void {
    for (const { hash } of connected) this.#submit(...this.#waiting.takeChildren(hash));
    this.schedule();
  }

  #forget(key: string): void {
    this.#submittedBytes -= this.#submitted.get(key) ?? 0;
    this.#submitted.delete(key);
  }

  #judged(header: ChainHeader, verdict: BlockVerdict, from: BlockSource): void {
    this.#forget(toHex(header.hash));
    if (verdict.ok) {
      this.#stallMs = Math.max(BLOCK_STALL_MS, this.#stallMs * 0.85);
      if (from.peer !== null) {
        from.peer.lastBlockAt = this.#core.clock.elapsed();
        from.peer.retryMs = 0;
      }
      this.#submit(...this.#waiting.takeChildren(header.hash));
    } else this.#refused(header, verdict, from);
    this.onVerdict(header, verdict, from);
    this.schedule();
  }

  #refused(header: ChainHeader, verdict: BlockVerdict & { ok: false }, from: BlockSource): void {
    this.#core.log("warn", "block refused", {
      hash: toDisplayHex(header.hash),
      height: header.height,
      reason: verdict.code,
      peer: from.peer?.id ?? null,
    });
    if (verdict.permanent) {
      this.#dropDescendants(header);
      this.#queue.reset();
      if (from.peer !== null && !from.compact) {
        this.#core.fault(from.peer, 100, "invalid-block", verdict.code);
      }
      return;
    }
    if (from.compact && from.peer?.ready === true) this.askWhole(from.peer, header);
    else {
      if (from.peer !== null) this.#core.fault(from.peer, 100, "mutated-block", verdict.code);
      this.#queue.putBack(header);
    }
  }

  #dropDescendants(header: ChainHeader): void {
    const { chain } = this.#core;
    this.#waiting.drop((other) => isOnBranch(chain, other, header));
  }

  /**
   * Blocks whose parent has come by another way (out of what the chain itself had kept) are handed on;
   * those of a branch that is not followed any more give their room back.
   */
  #sweep(): void {
    if (this.#waiting.size === 0) return;
    const { chain } = this.#core;
    const isHere = (parent: string, hash: Bytes): boolean =>
      this.#submitted.has(parent) || chain.hasBlock(hash);
    for (const hash of this.#waiting.parents(isHere)) {
      this.#submit(...this.#waiting.takeChildren(hash));
    }
    const way = this.#queue.target ?? chain.tip();
    this.#waiting.drop((header) => {
      const height = Math.min(way.height, header.height);
      const shared = chain.ancestor(way, height);
      return shared === null || !isOnBranch(chain, header, shared);
    });
  }

  /**
   * The lowest missing block does not come: another peer is asked for it too. Who lets that happen
   * again and again is let go, and at once when nothing else can be fetched before it has come.
   */
  #hurry(now: number): void {
    const lowest = this.#queue.lowest();
    if (lowest === null) return;
    const { peer, header } = lowest;
    peer.stallingSince ??= now;
    if (now - peer.stallingSince <= this.#stallMs) return;
    const isStopped = this.#waiting.size > 0 && this.#isStopped();
    const other = this.#another(header, peer);
    if (!isStopped && other === null) return;
    peer.stalls++;
    if (isStopped || peer.stalls >= STALLS_MAX) {
      this.#stallMs = Math.min(BLOCK_STALL_MS_MAX, this.#stallMs * 2);
      this.#core.disconnect(peer, "stalled");
    } else if (other !== null) this.askWhole(other, header);
  }

  /** Nothing else can be fetched: the window ends, or there is no room. */
  #isStopped(): boolean {
    const [first] = this.#queue.headers;
    return first === undefined ? this.#queue.isAtWindow : !this.#hasRoomFor(first);
  }

  /** The least busy peer beside `than` that has the block. */
  #another(header: ChainHeader, than: Peer): Peer | null {
    let found: Peer | null = null;
    for (const peer of this.#core.peers.values()) {
      if (peer === than || !mayServe(peer) || !hasBlock(this.#core.chain, peer, header)) continue;
      if (peer.blocksInFlight.size >= BLOCKS_IN_FLIGHT_PER_PEER) continue;
      if (found === null || peer.blocksInFlight.size < found.blocksInFlight.size) found = peer;
    }
    return found;
  }

  /**
   * While the best branch does not come, what others have above our tip is fetched from them: whoever
   * has a header with more work and keeps its block to itself must hold nobody up.
   */
  #fetchBeside(now: number): void {
    const { chain, peers } = this.#core;
    const { target } = this.#queue;
    if (target === null || now - this.#movedAt <= this.#stallMs) return;
    if (chain.refusal() !== null) return;
    for (const peer of peers.values()) {
      const best = peer.bestKnown;
      // What it had nothing of when it was asked it may have by now.
      if (best === null && peer.headersDone && peer.retryAt === null) peer.askLater();
      if (best === null || !mayServe(peer) || best.work <= chain.tip().work) continue;
      if (isOnBranch(chain, target, best)) continue;
      if (chain.standing(best.hash) === "invalid") continue;
      const room = Math.max(0, BLOCKS_IN_FLIGHT_PER_PEER - peer.blocksInFlight.size);
      const missing = this.#missingOf(best, peer, now).slice(0, room);
      if (missing.length === 0) continue;
      for (const header of missing) this.#inFlight.begin(peer, header);
      const items = missing.map(({ hash }) => ({ kind: INVENTORY.witnessBlock, hash }));
      peer.send({ type: "getdata", items });
    }
  }

  /** The blocks of a branch that are not here and that nobody else sends; none when it is a long one. */
  #missingOf(best: ChainHeader, from: Peer, now: number): ChainHeader[] {
    const missing: ChainHeader[] = [];
    for (let height = best.height; !this.#queue.isShared(best, height); height--) {
      if (best.height - height >= BESIDE_BLOCKS_MAX) return [];
      const header = this.#core.chain.ancestor(best, height)!;
      if (this.#isSettled(header)) continue;
      const flight = this.#inFlight.get(header.hash);
      const isLate = flight !== null && now - flight.at > this.#stallMs;
      if (flight === null || (isLate && flight.peer !== from)) missing.push(header);
    }
    return missing.reverse();
  }

  /** Remembers when the tip or the first missing block was another one. */
  #notice(now: number): void {
    const { work } = this.#core.chain.tip();
    const { base, target } = this.#queue;
    if (target !== null && work === this.#tipWork && base === this.#lastBase) return;
    this.#tipWork = work;
    this.#lastBase = base;
    this.#movedAt = now;
  }

  /** Lets go of peers that hold the download up. */
  tick(): void {
    const now = this.#core.clock.elapsed();
    this.#notice(now);
    this.#hurry(now);
    for (const { peer, at } of this.#inFlight.all()) {
      if (peer.state !== "closed" && now - at > BLOCK_TIMEOUT_MS) {
        this.#core.disconnect(peer, "stalled");
      }
    }
    this.schedule();
    this.#fetchBeside(now);
    this.#sweep();
  }

  state(): DownloadState {
    const { chain } = this.#core;
    return {
      headers: chain.bestHeader().height,
      blocks: chain.tip().height,
      inFlight: this.#inFlight.size,
      waiting: this.#waiting.size,
      waitingBytes: this.#waiting.bytes,
      why: this.waiting().text,
    };
  }

  /** What the download waits for. */
  waiting(): SyncWait {
    const { chain, clock } = this.#core;
    const nobody = { peer: null, ms: null };
    const ready = [...this.#core.peers.values()].filter((peer) => peer.ready);
    const next = chain.tip().height + 1;
    if (ready.length === 0) {
      return { reason: "no-peer", height: next, text: "no peer is connected", ...nobody };
    }
    const refusal = chain.refusal();
    if (refusal !== null) {
      return { reason: "no-room", height: next, text: refusal, ...nobody };
    }
    const best = chain.bestHeader();
    if (best.work <= chain.tip().work) {
      const text = `in step with ${ready.length} peer(s)`;
      return { reason: "in-step", height: best.height, text, ...nobody };
    }
    const lowest = this.#queue.lowest();
    if (lowest !== null) {
      const { peer, header, at } = lowest;
      const ms = clock.elapsed() - at;
      const behind = this.#waiting.size;
      const whom = `block ${header.height} from peer ${peer.id} (${peer.name})`;
      const text = `waiting for ${whom} for ${(ms / 1000).toFixed(1)} s; ${behind} later block(s) are here`;
      return { reason: "block", peer, height: header.height, ms, text };
    }
    const count = this.#submitted.size;
    if (count > 0) {
      return { reason: "judging", height: next, text: `judging ${count} block(s)`, ...nobody };
    }
    const height = this.#queue.base + 1;
    const text = `no connected peer has block ${height} of the best header chain`;
    return { reason: "block-nowhere", height, text, ...nobody };
  }
}
