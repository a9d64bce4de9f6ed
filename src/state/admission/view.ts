// A partition's store together with what is derived from it: claims to ask about, claims and records
// with locks, outbox counts, bytes. All of it is rebuilt from the store at start, so losing it is
// always safe. Every change of the protocol goes through here, into the group of the current step.

import { KeySet } from "./key-table.ts";
import { OUTPOINT_UNITS, type OutpointKey, TXID_UNITS, type Txid } from "./keys.ts";
import { hasAbsoluteLock } from "./locks.ts";
import type {
  AdmissionRecord,
  Claim,
  CoinFacts,
  CoinRecord,
  OutboxEntry,
  Tombstone,
} from "./records.ts";
import { isChainCause, NO_LOCK } from "./records.ts";
import type { Change, MetaKey, PartitionStore, Released } from "./store.ts";

export class PartitionView {
  readonly store: PartitionStore;
  /** Changes since the host last took them. */
  group: Change[] = [];
  /** HELD claims and closed coins -> when their home may be asked. */
  readonly held: Map<OutpointKey, number> = new Map();
  /** Claims on coinbases or with a relative lock: judged again at every chain record. */
  readonly guarded: KeySet;
  /** Records with an absolute lock. */
  readonly locked: KeySet;
  /** Outbox entries by parent, and those a template waits for. */
  readonly outboxByParent: Map<Txid, number> = new Map();
  chainEntries = 0;
  /** No record is older than this by chain time. */
  since: number = Number.POSITIVE_INFINITY;
  /** When a claim or closed coin becomes due for a question; set by the host before each step. */
  heldSince = 0;

  constructor(store: PartitionStore) {
    this.store = store;
    this.guarded = new KeySet(OUTPOINT_UNITS, store.salt);
    this.locked = new KeySet(TXID_UNITS, store.salt);
    for (const [key, claim] of store.claims()) {
      this.indexClaim(key, claim, store.coinFacts(key)?.coinbase === true);
    }
    for (const [key, coin] of store.unconfirmedCoins()) if (!coin.open) this.held.set(key, 0);
    for (const [key, record] of store.records()) this.indexRecord(key, record);
    for (const [, entry] of store.outbox()) this.countEntry(entry, 1);
  }

  /** What is held of the admitted: what the watermarks bound. */
  get bytes(): number {
    return this.store.bytes + this.guarded.bytes + this.locked.bytes;
  }

  coin(key: OutpointKey): CoinRecord | null {
    return this.store.coin(key);
  }

  coinFacts(key: OutpointKey): CoinFacts | null {
    return this.store.coinFacts(key);
  }

  claim(key: OutpointKey): Claim | null {
    return this.store.claim(key);
  }

  hasClaim(key: OutpointKey): boolean {
    return this.store.hasClaim(key);
  }

  record(key: Txid): AdmissionRecord | null {
    return this.store.record(key);
  }

  hasRecord(key: Txid): boolean {
    return this.store.hasRecord(key);
  }

  leaving(key: Txid): Tombstone | null {
    return this.store.leaving(key);
  }

  putCoin(key: OutpointKey, value: CoinRecord | null): void {
    this.write({ space: "coin", key, value });
    if (value !== null && !value.open) this.held.set(key, this.heldSince);
    else if (this.held.size > 0 && this.store.claim(key)?.mode !== "held") this.held.delete(key);
  }

  putClaim(
    key: OutpointKey,
    value: Claim | null,
    coinbase: boolean = value !== null && this.store.coinFacts(key)?.coinbase === true,
  ): void {
    this.write({ space: "claim", key, value });
    this.indexClaim(key, value, coinbase);
  }

  putRecord(key: Txid, value: AdmissionRecord | null): void {
    this.write({ space: "record", key, value });
    this.indexRecord(key, value);
  }

  putLeaving(key: Txid, value: Tombstone | null): void {
    this.write({ space: "leaving", key, value });
  }

  addOutbox(entry: OutboxEntry): number {
    const key = this.store.meta("outboxNext");
    this.putMeta("outboxNext", key + 1);
    this.write({ space: "outbox", key, value: entry });
    this.countEntry(entry, 1);
    return key;
  }

  dropOutbox(key: number): OutboxEntry | null {
    const entry = this.store.outboxEntry(key);
    if (entry === null) return null;
    this.write({ space: "outbox", key, value: null });
    this.countEntry(entry, -1);
    return entry;
  }

  putReleased(key: Txid, value: Released | null): void {
    this.write({ space: "released", key, value });
  }

  putMeta(key: MetaKey, value: number): void {
    this.write({ space: "meta", key, value });
  }

  /** True when outbox entries of this parent's cone remain here. */
  hasOutboxOf(parent: Txid): boolean {
    return this.outboxByParent.has(parent);
  }

  takeGroup(): Change[] {
    const group = this.group;
    if (group.length > 0) this.group = [];
    return group;
  }

  private write(change: Change): void {
    this.store.apply(change);
    this.group.push(change);
  }

  private indexClaim(key: OutpointKey, claim: Claim | null, coinbase: boolean): void {
    if (claim?.mode === "held") this.held.set(key, this.heldSince);
    else if (this.held.size > 0) this.held.delete(key);
    if (claim !== null && (claim.lock !== NO_LOCK || coinbase)) this.guarded.add(key);
    else this.guarded.delete(key);
  }

  private indexRecord(key: Txid, record: AdmissionRecord | null): void {
    if (record === null) {
      this.locked.delete(key);
      return;
    }
    this.since = Math.min(this.since, record.since);
    if (hasAbsoluteLock(record.candidate)) this.locked.add(key);
    else this.locked.delete(key);
  }

  private countEntry(entry: OutboxEntry, by: number): void {
    if (isChainCause(entry.cause)) this.chainEntries += by;
    if (entry.parent === null) return;
    const count = (this.outboxByParent.get(entry.parent) ?? 0) + by;
    if (count === 0) this.outboxByParent.delete(entry.parent);
    else this.outboxByParent.set(entry.parent, count);
  }
}

/** True when the coin is there and may be claimed: confirmed, or its creator is decided. */
export function isClaimable<Coin extends CoinFacts>(coin: Coin | null): coin is Coin {
  return coin?.open === true;
}
