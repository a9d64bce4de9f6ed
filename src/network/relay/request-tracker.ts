// Which transaction is fetched from whom. Each id has its announcers; one is asked at a time, those
// we dialled first, and when it does not answer the next one is. An attacker that announces early
// and stays silent delays a transaction by one time-out at most per connection it holds.
import type { Bytes } from "../../base/bytes.ts";
import {
  ANNOUNCED_PER_PEER_MAX,
  REQUESTED_PER_PEER,
  TRANSACTION_REQUEST_MS_MAX,
} from "../limits.ts";

/** How long a request waits for better announcers: inbound, busy, txid only. */
const DELAY_MS = 2_000;
const DELAYS = 4;

export interface Announcement {
  readonly peer: number;
  /** By txid (orphans' parents, old peers) or witness id. */
  readonly byWitness: boolean;
  readonly readyAt: number;
}

interface Wanted {
  readonly key: string;
  readonly hash: Bytes;
  readonly announcements: Announcement[];
  askedFrom: number | null;
  askedAt: number;
}

export interface Request {
  readonly peer: number;
  readonly hash: Bytes;
  readonly byWitness: boolean;
}

export class RequestTracker {
  readonly #wanted = new Map<string, Wanted>();
  readonly #announced = new Map<number, Set<string>>();
  readonly #asked = new Map<number, number>();
  /** Keys by the time they may be asked: one queue for each delay, so each is in order. */
  readonly #due: { key: string; at: number }[][] = Array.from({ length: DELAYS }, () => []);
  /** Keys that were asked, oldest first. */
  #timeouts: { key: string; at: number }[] = [];
  expired = 0;

  get size(): number {
    return this.#wanted.size;
  }

  /** How many ids a peer has announced that are not here. */
  announced(peer: number): number {
    return this.#announced.get(peer)?.size ?? 0;
  }

  /** True when the peer was asked for it and has not answered. */
  isAsked(peer: number, key: string): boolean {
    return this.#wanted.get(key)?.askedFrom === peer;
  }

  /** How many requests a peer has not answered. */
  pending(peer: number): number {
    return this.#asked.get(peer) ?? 0;
  }

  /** A peer has it. False when the peer announced too much already. */
  announce(
    peer: number,
    key: string,
    hash: Bytes,
    now: number,
    how: {
      readonly byWitness: boolean;
      readonly preferred: boolean;
      readonly othersUseWitness: boolean;
    },
  ): boolean {
    const mine = this.#announced.get(peer) ?? new Set<string>();
    this.#announced.set(peer, mine);
    if (mine.has(key)) return true;
    if (mine.size >= ANNOUNCED_PER_PEER_MAX) return false;
    const busy = this.pending(peer) >= REQUESTED_PER_PEER;
    const steps =
      Number(!how.preferred) + Number(busy) + Number(!how.byWitness && how.othersUseWitness);
    const readyAt = now + steps * DELAY_MS;
    const wanted = this.#wanted.get(key) ?? {
      key,
      hash,
      announcements: [],
      askedFrom: null,
      askedAt: 0,
    };
    this.#wanted.set(key, wanted);
    mine.add(key);
    wanted.announcements.push({ peer, byWitness: how.byWitness, readyAt });
    this.#due[steps]!.push({ key, at: readyAt });
    return true;
  }

  /** It is here, or known to be worthless: nobody is asked any more. */
  forget(key: string): void {
    const wanted = this.#wanted.get(key);
    if (wanted === undefined) return;
    this.#wanted.delete(key);
    for (const { peer } of wanted.announcements) this.#announced.get(peer)?.delete(key);
    if (wanted.askedFrom !== null) this.#answered(wanted.askedFrom);
  }

  #answered(peer: number): void {
    const left = this.pending(peer) - 1;
    if (left > 0) this.#asked.set(peer, left);
    else this.#asked.delete(peer);
  }

  /** `peer` does not have it after all, or was too slow. */
  failed(peer: number, key: string, now: number): void {
    const wanted = this.#wanted.get(key);
    if (wanted === undefined) return;
    const at = wanted.announcements.findIndex((one) => one.peer === peer);
    if (at >= 0) wanted.announcements.splice(at, 1);
    this.#announced.get(peer)?.delete(key);
    if (wanted.askedFrom === peer) {
      wanted.askedFrom = null;
      this.#answered(peer);
      this.#due[0]!.push({ key, at: now });
    }
    if (wanted.announcements.length === 0) this.#wanted.delete(key);
  }

  /** The peer is gone. */
  dropped(peer: number, now: number): void {
    for (const key of [...(this.#announced.get(peer) ?? [])]) this.failed(peer, key, now);
    this.#announced.delete(peer);
    this.#asked.delete(peer);
  }

  /** What is to be asked now. */
  due(now: number): Request[] {
    this.#expire(now);
    const requests: Request[] = [];
    for (const queue of this.#due) {
      let taken = 0;
      while (taken < queue.length && queue[taken]!.at <= now) {
        const request = this.#ask(queue[taken++]!.key, now);
        if (request !== null) requests.push(request);
      }
      queue.splice(0, taken);
    }
    return requests;
  }

  #ask(key: string, now: number): Request | null {
    const wanted = this.#wanted.get(key);
    if (wanted === undefined || wanted.askedFrom !== null) return null;
    let best: Announcement | null = null;
    for (const one of wanted.announcements) {
      if (one.readyAt <= now && (best === null || one.readyAt < best.readyAt)) best = one;
    }
    if (best === null) return null;
    wanted.askedFrom = best.peer;
    wanted.askedAt = now;
    this.#asked.set(best.peer, this.pending(best.peer) + 1);
    this.#timeouts.push({ key, at: now });
    return { peer: best.peer, hash: wanted.hash, byWitness: best.byWitness };
  }

  #expire(now: number): void {
    let taken = 0;
    while (taken < this.#timeouts.length) {
      const { key, at } = this.#timeouts[taken]!;
      if (now - at < TRANSACTION_REQUEST_MS_MAX) break;
      taken++;
      const wanted = this.#wanted.get(key);
      if (wanted === undefined || wanted.askedFrom === null || wanted.askedAt !== at) continue;
      this.expired++;
      this.failed(wanted.askedFrom, key, now);
    }
    if (taken > 0) this.#timeouts.splice(0, taken);
  }
}
