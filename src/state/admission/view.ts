// A partition's store together with what is derived from it: claims to ask about, claims and records
// with locks, outbox counts, bytes. All of it is rebuilt from the store at start, so losing it is
// always safe. Every change of the protocol goes through here, into the group of the current step.

import type { OutpointKey, Txid } from "./keys.ts";
import { hasAbsoluteLock } from "./locks.ts";
import type { AdmissionRecord, Claim, CoinRecord, OutboxEntry, Tombstone } from "./records.ts";
import { isChainCause, NO_LOCK } from "./records.ts";
import type { Change, MetaKey, PartitionStore, Released } from "./store.ts";

/** Memory a record costs beyond its raw bytes; counted against the watermarks. */
const RECORD_OVERHEAD_BYTES = 400;

export function recordBytes(record: AdmissionRecord): number {
  const { candidate } = record;
  return RECORD_OVERHEAD_BYTES + Math.max(candidate.raw.length, candidate.size);
}

export class PartitionView {
  readonly store: PartitionStore;
  /** Changes since the host last took them. */
  group: Change[] = [];
  /** HELD claims and closed coins -> when their home may be asked. */
  readonly held: Map<OutpointKey, number> = new Map();
  /** Claims on coinbases or with a relative lock: judged again at every chain record. */
  readonly guarded: Set<OutpointKey> = new Set();
  /** Records with an absolute lock. */
  readonly locked: Set<Txid> = new Set();
  /** Outbox entries by parent, and those a template waits for. */
  readonly outboxByParent: Map<Txid, number> = new Map();
  chainEntries = 0;
  /** Records leaving oldest first are found in this order: Map order is admission order. */
  readonly admitted: Map<Txid, AdmissionRecord> = new Map();
  bytes = 0;
  /** When a claim or closed coin becomes due for a question; set by the host before each step. */
  heldSince = 0;

  constructor(store: PartitionStore) {
    this.store = store;
    for (const [key, claim] of store.claims()) this.indexClaim(key, claim);
    for (const [key, coin] of store.unconfirmedCoins()) if (!coin.open) this.held.set(key, 0);
    const records = [...store.records()].sort((a, b) => (a[0] < b[0] ? -1 : 1));
    for (const [key, record] of records) this.indexRecord(key, null, record);
    for (const [, entry] of store.outbox()) this.countEntry(entry, 1);
  }

  coin(key: OutpointKey): CoinRecord | null {
    return this.store.coin(key);
  }

  claim(key: OutpointKey): Claim | null {
    return this.store.claim(key);
  }

  record(key: Txid): AdmissionRecord | null {
    return this.store.record(key);
  }

  leaving(key: Txid): Tombstone | null {
    return this.store.leaving(key);
  }

  putCoin(key: OutpointKey, value: CoinRecord | null): void {
    this.write({ space: "coin", key, value });
    if (value !== null && !value.open) this.held.set(key, this.heldSince);
    else if (this.held.size > 0 && this.store.claim(key)?.mode !== "held") this.held.delete(key);
  }

  putClaim(key: OutpointKey, value: Claim | null): void {
    this.write({ space: "claim", key, value });
    this.indexClaim(key, value);
  }

  putRecord(key: Txid, value: AdmissionRecord | null): void {
    const before = this.store.record(key);
    this.write({ space: "record", key, value });
    this.indexRecord(key, before, value);
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

  private indexClaim(key: OutpointKey, claim: Claim | null): void {
    if (claim === null) {
      this.guarded.delete(key);
      this.held.delete(key);
      return;
    }
    if (claim.mode === "held") this.held.set(key, this.heldSince);
    else this.held.delete(key);
    if (claim.lock !== NO_LOCK || this.store.coin(key)?.coinbase === true) this.guarded.add(key);
    else this.guarded.delete(key);
  }

  private indexRecord(
    key: Txid,
    before: AdmissionRecord | null,
    now: AdmissionRecord | null,
  ): void {
    if (before !== null) {
      this.bytes -= recordBytes(before);
      this.admitted.delete(key);
      this.locked.delete(key);
    }
    if (now === null) return;
    this.bytes += recordBytes(now);
    this.admitted.set(key, now);
    if (hasAbsoluteLock(now.candidate)) this.locked.add(key);
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
export function isClaimable(coin: CoinRecord | null): coin is CoinRecord {
  return coin?.open === true;
}
