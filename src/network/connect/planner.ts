// Whom to dial next: what the operator named, then the anchors of last time, then addresses from the
// book in groups where we have nobody yet; now and then a feeler to see whether an address still
// works; DNS seeds when the book is empty. Decides only: the network dials.

import { groupOf, hostText } from "../addresses/address-text.ts";
import type { AddressBook } from "../addresses/book.ts";
import type { Core } from "../core.ts";
import { FEELER_EVERY_MS, OUTBOUND_BLOCK_ONLY, OUTBOUND_FULL } from "../limits.ts";
import type { PeerKind } from "../peer/peer.ts";
import { NETWORK_ID, type NetworkAddress } from "../wire/address.ts";
import { SERVICE_NETWORK, SERVICE_NETWORK_LIMITED, SERVICE_WITNESS } from "../wire/messages.ts";

export interface Dial {
  readonly kind: PeerKind;
  readonly host: string;
  readonly port: number;
  readonly address: NetworkAddress | null;
  readonly name: string;
}

export interface PlannerOptions {
  /** Dial only the named peers (`--connect`). */
  readonly onlyNamed: boolean;
  readonly outbound: number;
  readonly blockOnly: number;
}

export const PLANNER_DEFAULTS: PlannerOptions = {
  onlyNamed: false,
  outbound: OUTBOUND_FULL,
  blockOnly: OUTBOUND_BLOCK_ONLY,
};

/** A named peer that failed is tried again after this long, doubling up to the second. */
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 60_000;
/** Between two dials to addresses of the book. */
const DIAL_EVERY_MS = 500;
/** The choice is given up after this many addresses that do not fit. */
const CHOICES_MAX = 100;
const BAD_PORTS: ReadonlySet<number> = new Set([1, 7, 21, 22, 23, 25, 53, 80, 110, 143, 443, 993]);

interface Named {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  retryAt: number;
  retryMs: number;
}

export class Planner {
  readonly #core: Core;
  readonly #book: AddressBook;
  readonly #options: PlannerOptions;
  readonly #named = new Map<string, Named>();
  #anchors: NetworkAddress[] = [];
  #nextDialAt = 0;
  #nextFeelerAt: number;
  /** Names and addresses that are being dialled. */
  readonly #dialling = new Set<string>();

  constructor(core: Core, book: AddressBook, options: PlannerOptions) {
    this.#core = core;
    this.#book = book;
    this.#options = options;
    this.#nextFeelerAt = core.clock.elapsed() + FEELER_EVERY_MS;
  }

  setAnchors(anchors: readonly NetworkAddress[]): void {
    this.#anchors = [...anchors];
  }

  /** False when the name is there already. */
  addNamed(name: string, host: string, port: number): boolean {
    if (this.#named.has(name)) return false;
    this.#named.set(name, { host, port, name, retryAt: 0, retryMs: RETRY_MS });
    return true;
  }

  removeNamed(name: string): boolean {
    return this.#named.delete(name);
  }

  names(): string[] {
    return [...this.#named.keys()];
  }

  /** True when a DNS seed is worth asking. */
  wantsSeeds(): boolean {
    return !this.#options.onlyNamed && this.#book.size === 0;
  }

  #connected(name: string): boolean {
    for (const peer of this.#core.peers.values()) if (peer.name === name) return true;
    return this.#dialling.has(name);
  }

  /** What to dial now; call again for more. */
  next(): Dial | null {
    const dial = this.#nextNamed() ?? (this.#options.onlyNamed ? null : this.#nextFromBook());
    if (dial !== null) this.#dialling.add(dial.name);
    return dial;
  }

  /** A dial has ended. */
  ended(dial: Dial, connected: boolean): void {
    this.#dialling.delete(dial.name);
    const now = Math.floor(this.#core.clock.now() / 1000);
    if (!connected && dial.address !== null) this.#book.failed(dial.address, now);
    const named = this.#named.get(dial.name);
    if (named === undefined) return;
    named.retryMs = connected ? RETRY_MS : Math.min(RETRY_MS_MAX, named.retryMs * 2);
    named.retryAt = this.#core.clock.elapsed() + named.retryMs;
  }

  #nextNamed(): Dial | null {
    const now = this.#core.clock.elapsed();
    for (const { host, port, name, retryAt } of this.#named.values()) {
      if (now < retryAt || this.#connected(name)) continue;
      return { kind: "manual", host, port, name, address: null };
    }
    return null;
  }

  #count(kind: PeerKind): number {
    let count = 0;
    for (const peer of this.#core.peers.values()) if (peer.kind === kind) count++;
    return count;
  }

  /** The kind of connection that is wanting, and whether a feeler is due. */
  #wanting(now: number): PeerKind | null {
    const dialling = [...this.#dialling].filter((name) => !this.#named.has(name)).length;
    if (
      this.#count("block-only") + dialling < this.#options.blockOnly &&
      this.#anchors.length > 0
    ) {
      return "block-only";
    }
    if (this.#count("full") + dialling < this.#options.outbound) return "full";
    if (this.#count("block-only") + dialling < this.#options.blockOnly) return "block-only";
    return now >= this.#nextFeelerAt ? "feeler" : null;
  }

  #nextFromBook(): Dial | null {
    const now = this.#core.clock.elapsed();
    if (now < this.#nextDialAt) return null;
    const kind = this.#wanting(now);
    if (kind === null) return null;
    this.#nextDialAt = now + DIAL_EVERY_MS;
    if (kind === "feeler") {
      const spread = this.#core.random.fraction() + 0.5;
      this.#nextFeelerAt = now + FEELER_EVERY_MS * spread;
    }
    const address = this.#choose(kind);
    if (address === null) return null;
    const seconds = Math.floor(this.#core.clock.now() / 1000);
    this.#book.attempt(address, seconds);
    const host = hostText(address);
    const name = host.includes(":") ? `[${host}]:${address.port}` : `${host}:${address.port}`;
    return { kind, host, port: address.port, address, name };
  }

  #groups(): Set<string> {
    const groups = new Set<string>();
    for (const { kind, address } of this.#core.peers.values()) {
      if (address !== null && kind !== "inbound" && kind !== "feeler") groups.add(groupOf(address));
    }
    return groups;
  }

  #choose(kind: PeerKind): NetworkAddress | null {
    const now = Math.floor(this.#core.clock.now() / 1000);
    const groups = this.#groups();
    if (kind === "block-only") {
      for (let anchor = this.#anchors.pop(); anchor !== undefined; anchor = this.#anchors.pop()) {
        if (!groups.has(groupOf(anchor))) return anchor;
      }
    }
    if (kind === "feeler") {
      const collided = this.#book.collided();
      if (collided !== null) return collided;
    }
    for (let turn = 0; turn < CHOICES_MAX; turn++) {
      const entry = this.#book.select(now, kind === "feeler");
      if (entry === null) return null;
      const { address, services } = entry;
      if (kind !== "feeler" && groups.has(groupOf(address))) continue;
      if (now - entry.lastTry < 600 && turn < 30) continue;
      if (address.network !== NETWORK_ID.ipv4 && address.network !== NETWORK_ID.ipv6) continue;
      if (BAD_PORTS.has(address.port) && turn < 50) continue;
      const serves = (services & (SERVICE_NETWORK | SERVICE_NETWORK_LIMITED)) !== 0n;
      if (kind !== "feeler" && !(serves && (services & SERVICE_WITNESS) !== 0n)) continue;
      return address;
    }
    return null;
  }
}
