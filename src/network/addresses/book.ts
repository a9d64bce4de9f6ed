// The address book: what gossip told (new) and what answered (tried), in buckets chosen by a keyed
// hash, so that a sender of many addresses reaches few buckets and cannot know which (Bitcoin Core's
// addrman.h; sizes in limits.ts). It holds no clock and does no I/O.
import type { Bytes } from "../../base/bytes.ts";
import { siphash24Into } from "../../crypto/siphash.ts";
import type { Random } from "../../ports/clock.ts";
import { BUCKET_SLOTS, NEW_BUCKETS, NEW_BUCKETS_PER_ADDRESS, TRIED_BUCKETS } from "../limits.ts";
import type { NetworkAddress, TimedAddress } from "../wire/address.ts";
import { addressKey, groupOf, isRoutable } from "./address-text.ts";

const DAY = 86_400;
/** Not heard of for so long: forgotten first. */
const HORIZON_SECONDS: number = 30 * DAY;
const RETRIES_NEVER_ANSWERED = 3;
const FAILURES_MAX = 10;
const FAILURES_SECONDS: number = 7 * DAY;
const SOURCES_PER_GROUP = 64;
const GROUPS_PER_ADDRESS = 8;
const COLLISIONS_MAX = 10;

export interface BookEntry {
  readonly address: NetworkAddress;
  services: bigint;
  /** Seconds since 1970 of the last sign of life that anybody reported. */
  time: number;
  /** The group of who told us first. */
  readonly source: string;
  lastTry: number;
  lastSuccess: number;
  attempts: number;
  tried: boolean;
  /** In how many new buckets it stands. */
  places: number;
}

/** What is kept on disk. */
export interface BookState {
  readonly key: Bytes;
  readonly entries: readonly BookEntry[];
}

export class AddressBook {
  readonly #key: Bytes;
  readonly #words: Uint32Array;
  readonly #random: Random;
  readonly #entries = new Map<string, BookEntry>();
  readonly #new: (BookEntry | undefined)[] = new Array(NEW_BUCKETS * BUCKET_SLOTS);
  readonly #tried: (BookEntry | undefined)[] = new Array(TRIED_BUCKETS * BUCKET_SLOTS);
  #newCount = 0;
  #triedCount = 0;
  /** Answered, but its tried slot is taken: whoever stands there is tested first. */
  readonly #collisions = new Map<string, BookEntry>();

  constructor(key: Bytes, random: Random) {
    this.#key = key;
    this.#words = new Uint32Array(4);
    new Uint8Array(this.#words.buffer).set(key.subarray(0, 16));
    this.#random = random;
  }

  get size(): number {
    return this.#entries.size;
  }

  get triedCount(): number {
    return this.#triedCount;
  }

  get newCount(): number {
    return this.#newCount;
  }

  #hash(text: string, below: number): number {
    const bytes = new TextEncoder().encode(text);
    const out = new Uint32Array(2);
    siphash24Into(this.#words, bytes, 0, bytes.length, out);
    return out[0]! % below;
  }

  #newSlot(address: NetworkAddress, source: string): number {
    const spread = this.#hash(`n1 ${groupOf(address)} ${source}`, SOURCES_PER_GROUP);
    const bucket = this.#hash(`n2 ${source} ${spread}`, NEW_BUCKETS);
    return bucket * BUCKET_SLOTS + this.#hash(`ns ${bucket} ${addressKey(address)}`, BUCKET_SLOTS);
  }

  #triedSlot(address: NetworkAddress): number {
    const spread = this.#hash(`t1 ${addressKey(address)}`, GROUPS_PER_ADDRESS);
    const bucket = this.#hash(`t2 ${groupOf(address)} ${spread}`, TRIED_BUCKETS);
    return bucket * BUCKET_SLOTS + this.#hash(`ts ${bucket} ${addressKey(address)}`, BUCKET_SLOTS);
  }

  /** True for an entry that is not worth its place. */
  #isStale(entry: BookEntry, now: number): boolean {
    if (now - entry.lastTry <= 60) return false;
    if (entry.time > now + 600 || now - entry.time > HORIZON_SECONDS) return true;
    if (entry.lastSuccess === 0 && entry.attempts >= RETRIES_NEVER_ANSWERED) return true;
    return now - entry.lastSuccess > FAILURES_SECONDS && entry.attempts >= FAILURES_MAX;
  }

  /** Notes an address that `source` (a group) told; true when it is new to us. */
  add(told: TimedAddress, source: string, now: number, penaltySeconds = 0): boolean {
    const { address } = told;
    if (!isRoutable(address) || address.port === 0) return false;
    const key = addressKey(address);
    const time = Math.max(0, Math.min(told.time, now + 600) - penaltySeconds);
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.services |= told.services;
      // A rough figure is enough: refreshed once a day, or each hour while it is alive.
      const interval = now - told.time < DAY ? 3_600 : DAY;
      if (time > known.time + interval + penaltySeconds) known.time = time;
      if (known.tried || known.places >= NEW_BUCKETS_PER_ADDRESS) return false;
      if (told.time <= known.time && known.places > 0) return false;
      if (this.#random.below(2 ** known.places) !== 0) return false;
    }
    const entry: BookEntry = known ?? {
      address,
      services: told.services,
      time,
      source,
      lastTry: 0,
      lastSuccess: 0,
      attempts: 0,
      tried: false,
      places: 0,
    };
    return this.#placeNew(entry, this.#newSlot(address, source), now) && known === undefined;
  }

  #placeNew(entry: BookEntry, slot: number, now: number): boolean {
    const there = this.#new[slot];
    if (there === entry) return false;
    if (there !== undefined) {
      const mayGo = this.#isStale(there, now) || (there.places > 1 && entry.places === 0);
      if (!mayGo) return false;
      this.#dropNew(slot);
    }
    this.#new[slot] = entry;
    if (entry.places === 0) {
      this.#entries.set(addressKey(entry.address), entry);
      this.#newCount++;
    }
    entry.places++;
    return true;
  }

  #dropNew(slot: number): void {
    const entry = this.#new[slot];
    if (entry === undefined) return;
    this.#new[slot] = undefined;
    entry.places--;
    if (entry.places > 0) return;
    this.#newCount--;
    if (!entry.tried) this.#entries.delete(addressKey(entry.address));
  }

  /** An attempt to connect begins. */
  attempt(address: NetworkAddress, now: number): void {
    const entry = this.#entries.get(addressKey(address));
    if (entry === undefined) return;
    entry.lastTry = now;
    entry.attempts++;
  }

  /** The address answered with a handshake: it moves to tried, or waits for the one in its place. */
  good(address: NetworkAddress, services: bigint, now: number): void {
    const key = addressKey(address);
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.services = services;
    entry.lastSuccess = now;
    entry.lastTry = now;
    entry.attempts = 0;
    if (entry.tried) {
      this.#settleCollisions(entry);
      return;
    }
    const there = this.#tried[this.#triedSlot(address)];
    if (there === undefined) this.#makeTried(entry);
    else if (now - there.lastSuccess > HORIZON_SECONDS) this.#replaceTried(entry, there, now);
    else if (this.#collisions.size < COLLISIONS_MAX) this.#collisions.set(key, entry);
  }

  /** `keeper` is alive: those that waited for its slot stay new. */
  #settleCollisions(keeper: BookEntry): void {
    for (const [key, waiting] of this.#collisions) {
      if (this.#tried[this.#triedSlot(waiting.address)] === keeper) this.#collisions.delete(key);
    }
  }

  #makeTried(entry: BookEntry): void {
    for (let slot = 0; slot < this.#new.length && entry.places > 0; slot++) {
      if (this.#new[slot] !== entry) continue;
      this.#new[slot] = undefined;
      entry.places--;
    }
    this.#newCount--;
    entry.tried = true;
    this.#tried[this.#triedSlot(entry.address)] = entry;
    this.#triedCount++;
    this.#collisions.delete(addressKey(entry.address));
  }

  #replaceTried(entry: BookEntry, old: BookEntry, now: number): void {
    this.#tried[this.#triedSlot(old.address)] = undefined;
    this.#triedCount--;
    old.tried = false;
    const slot = this.#newSlot(old.address, old.source);
    this.#dropNew(slot);
    if (!this.#placeNew(old, slot, now)) this.#entries.delete(addressKey(old.address));
    this.#makeTried(entry);
  }

  /** A connection to the address failed: one that waits for its slot takes it. */
  failed(address: NetworkAddress, now: number): void {
    const entry = this.#entries.get(addressKey(address));
    if (entry === undefined || !entry.tried) return;
    for (const waiting of this.#collisions.values()) {
      if (this.#tried[this.#triedSlot(waiting.address)] !== entry) continue;
      this.#replaceTried(waiting, entry, now);
      return;
    }
  }

  /** The peer that we talk to is alive; told on leaving, so that times do not reveal our peers. */
  connected(address: NetworkAddress, now: number): void {
    const entry = this.#entries.get(addressKey(address));
    if (entry !== undefined && now - entry.time > 20 * 60) entry.time = now;
  }

  /** Who stands in a slot that another waits for: a feeler asks it. */
  collided(): NetworkAddress | null {
    for (const waiting of this.#collisions.values()) {
      const there = this.#tried[this.#triedSlot(waiting.address)];
      if (there !== undefined) return there.address;
    }
    return null;
  }

  /** A chance for each entry: recent failures and tries count against it. */
  #chance(entry: BookEntry, now: number): number {
    const recent = now - entry.lastTry < 600 ? 0.01 : 1;
    return recent * 0.66 ** Math.min(entry.attempts, 8);
  }

  /** An address to try, or null when there is none. */
  select(now: number, newOnly = false): BookEntry | null {
    const some = newOnly ? this.#newCount : this.#newCount + this.#triedCount;
    if (some === 0) return null;
    const useTried =
      !newOnly && this.#triedCount > 0 && (this.#newCount === 0 || this.#random.below(2) === 0);
    const table = useTried ? this.#tried : this.#new;
    let factor = 1;
    for (let turn = 0; turn < 2_000; turn++) {
      const entry = this.#someIn(table);
      if (entry === null) return null;
      if (this.#random.fraction() < factor * this.#chance(entry, now)) return entry;
      factor *= 1.2;
    }
    return null;
  }

  /** An entry near a random place. */
  #someIn(table: readonly (BookEntry | undefined)[]): BookEntry | null {
    const from = this.#random.below(table.length);
    for (let step = 0; step < table.length; step++) {
      const entry = table[(from + step) % table.length];
      if (entry !== undefined) return entry;
    }
    return null;
  }

  /** A random share of what is worth telling others. */
  sample(now: number, most: number, share = 0.23): TimedAddress[] {
    const all = [...this.#entries.values()].filter((entry) => !this.#isStale(entry, now));
    const count = Math.min(most, Math.ceil(this.#entries.size * share), all.length);
    for (let at = 0; at < count; at++) {
      const other = at + this.#random.below(all.length - at);
      const entry = all[at]!;
      all[at] = all[other]!;
      all[other] = entry;
    }
    return all.slice(0, count).map(({ address, time, services }) => ({ address, time, services }));
  }

  entries(): Iterable<BookEntry> {
    return this.#entries.values();
  }

  /** How many addresses stand in new and tried, by group: for the operator. */
  state(): BookState {
    return { key: this.#key, entries: [...this.#entries.values()] };
  }

  /** Takes entries that were kept; slots follow from the key. */
  restore(entries: readonly BookEntry[], now: number): void {
    for (const saved of entries) {
      const key = addressKey(saved.address);
      if (this.#entries.has(key) || this.#isStale(saved, now)) continue;
      const entry: BookEntry = { ...saved, places: 0, tried: false };
      if (saved.tried && this.#tried[this.#triedSlot(entry.address)] === undefined) {
        entry.tried = true;
        this.#tried[this.#triedSlot(entry.address)] = entry;
        this.#triedCount++;
        this.#entries.set(key, entry);
      } else this.#placeNew(entry, this.#newSlot(entry.address, entry.source), now);
    }
  }
}
