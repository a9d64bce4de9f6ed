// Which blocks are to be asked for next: those of the branch that is worked towards, ascending, within
// a window behind the last one in sequence.
import type { ChainHeader, ChainView } from "../../ports/chain.ts";
import { DOWNLOAD_WINDOW } from "../limits.ts";
import { isActive, isOnBranch } from "../locator.ts";
import type { Peer } from "../peer/peer.ts";
import { type Flight, type Flights, hasBlock, mayServe } from "./flights.ts";

export class BlockQueue {
  readonly #chain: ChainView;
  readonly #inFlight: Flights;
  /** True for a block that is here: stored, being judged, or waiting for its parent. */
  readonly #isSettled: (header: ChainHeader) => boolean;
  /** Wanted and asked of nobody, ascending. */
  readonly headers: ChainHeader[] = [];
  #target: ChainHeader | null = null;
  #base = 0;
  /** The next height to queue. */
  #next = 0;

  constructor(chain: ChainView, inFlight: Flights, isSettled: (header: ChainHeader) => boolean) {
    this.#chain = chain;
    this.#inFlight = inFlight;
    this.#isSettled = isSettled;
  }

  /** The best header that the queue leads to; null when nobody has more than we do. */
  get target(): ChainHeader | null {
    return this.#target;
  }

  /** Every block of the target's branch up to this height is stored. */
  get base(): number {
    return this.#base;
  }

  /** True when all within the window has been queued, and the branch goes on behind it. */
  get isAtWindow(): boolean {
    return this.#target !== null && this.#next <= this.#target.height;
  }

  /** Begins anew with the next refill: the target's branch is not what it was. */
  reset(): void {
    this.#target = null;
  }

  /** Brings the queue up to date with what the peers have. */
  refill(peers: Iterable<Peer>): void {
    const chain = this.#chain;
    const best = this.#goal(peers);
    if (best.work <= chain.tip().work) {
      this.headers.length = 0;
      this.#target = null;
      return;
    }
    const target = this.#target;
    const extends_ =
      target !== null && best.height >= target.height && isOnBranch(chain, best, target);
    if (!extends_) this.#restart(best);
    this.#target = best;
    for (let next = chain.ancestor(best, this.#base + 1); next !== null; ) {
      if (!chain.hasBlock(next.hash)) break;
      this.#base = next.height;
      next = chain.ancestor(best, this.#base + 1);
    }
    this.#next = Math.max(this.#next, this.#base + 1);
    if (this.#isLost(chain.ancestor(best, this.#base + 1))) {
      this.headers.length = 0;
      this.#next = this.#base + 1;
    }
    const last = Math.min(best.height, this.#base + DOWNLOAD_WINDOW);
    for (; this.#next <= last; this.#next++) {
      const header = chain.ancestor(best, this.#next)!;
      if (!this.#isSettled(header) && !this.#inFlight.has(header.hash)) this.headers.push(header);
    }
  }

  /**
   * The header to work towards: the best one, unless nobody connected has it. Then the best that
   * somebody has, so that a branch whose blocks are withheld holds nobody up.
   */
  #goal(peers: Iterable<Peer>): ChainHeader {
    const chain = this.#chain;
    const best = chain.bestHeader();
    let known: ChainHeader | null = null;
    for (const peer of peers) {
      if (!mayServe(peer) || peer.bestKnown === null) continue;
      if (hasBlock(chain, peer, best)) return best;
      if (chain.standing(peer.bestKnown.hash) === "invalid") continue;
      if (known === null || peer.bestKnown.work > known.work) known = peer.bestKnown;
    }
    return known ?? best;
  }

  /** The lowest missing block has been queued and is nowhere any more: the chain has let it go. */
  #isLost(lowest: ChainHeader | null): boolean {
    if (lowest === null || lowest.height >= this.#next || this.#isSettled(lowest)) return false;
    if (this.#inFlight.has(lowest.hash)) return false;
    return this.headers.find(({ height }) => height > this.#base)?.height !== lowest.height;
  }

  /** The best branch is another one: begins where it leaves the active chain. */
  #restart(best: ChainHeader): void {
    let height = Math.min(best.height, this.#chain.tip().height);
    let step = 1;
    // Gallop back to a shared block, then walk forward to the last one.
    while (height > 0 && !this.isShared(best, height)) {
      height = Math.max(0, height - step);
      step *= 2;
    }
    while (height < best.height && this.isShared(best, height + 1)) height++;
    this.#base = height;
    this.#next = height + 1;
    this.headers.length = 0;
  }

  /** True when the branch of `best` and the active chain have the same block at `height`. */
  isShared(best: ChainHeader, height: number): boolean {
    const header = this.#chain.ancestor(best, height);
    return header !== null && isActive(this.#chain, header);
  }

  /** Puts a header back at its place. */
  putBack(header: ChainHeader): void {
    const target = this.#target;
    if (target === null || this.#isSettled(header)) return;
    if (!isOnBranch(this.#chain, target, header)) return;
    const { headers } = this;
    const at = headers.findIndex((other) => other.height >= header.height);
    if (at >= 0 && headers[at]!.height === header.height) return;
    headers.splice(at < 0 ? headers.length : at, 0, header);
  }

  /** The lowest block of the target's branch that is missing, when it is in flight. */
  lowest(): Flight | null {
    const header =
      this.#target === null ? null : this.#chain.ancestor(this.#target, this.#base + 1);
    return header === null ? null : this.#inFlight.get(header.hash);
  }
}
