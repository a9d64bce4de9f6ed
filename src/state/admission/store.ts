// The store of one partition as admission sees it: synchronous reads by key, and changes that the
// host makes durable as one group. The in-memory one serves the simulation and the tests; a node
// puts its overlay, journal and engine behind the same interface.
import { SALT_WORDS } from "./key-table.ts";
import type { OutpointKey, Txid } from "./keys.ts";
import type {
  AdmissionRecord,
  Claim,
  CoinFacts,
  CoinRecord,
  OutboxEntry,
  Tombstone,
} from "./records.ts";

/** Small durable facts; numbers, so that a host stores them as it likes. */
export type MetaKey = "seq" | "outboxNext" | "generation" | "acknowledged" | `log:${number}`;

/** One put (value) or delete (null); a group of them is all or nothing. */
export type Change =
  | { readonly space: "coin"; readonly key: OutpointKey; readonly value: CoinRecord | null }
  | { readonly space: "claim"; readonly key: OutpointKey; readonly value: Claim | null }
  | { readonly space: "record"; readonly key: Txid; readonly value: AdmissionRecord | null }
  | { readonly space: "leaving"; readonly key: Txid; readonly value: Tombstone | null }
  | { readonly space: "outbox"; readonly key: number; readonly value: OutboxEntry | null }
  /** Placement by outpoint: the newest attempt released by a tombstone, kept for one chain position. */
  | { readonly space: "released"; readonly key: Txid; readonly value: Released | null }
  | { readonly space: "meta"; readonly key: MetaKey; readonly value: number | null };

export interface Released {
  readonly seq: number;
  readonly epoch: number;
  readonly counter: number;
}

/** What a host gives to the handlers. Reads see every change already applied. */
export interface PartitionStore {
  /** What coins, claims and records take: what the watermarks bound. */
  readonly bytes: number;
  /** Private to the node: for tables of outside ids (SALT_WORDS of key-table.ts). */
  readonly salt: Uint32Array;
  readonly recordCount: number;
  coin(key: OutpointKey): CoinRecord | null;
  /** The same without its script: what most ask for. */
  coinFacts(key: OutpointKey): CoinFacts | null;
  claim(key: OutpointKey): Claim | null;
  hasClaim(key: OutpointKey): boolean;
  /** Good for this step: whoever keeps its candidate takes `ownCandidate`. */
  record(key: Txid): AdmissionRecord | null;
  hasRecord(key: Txid): boolean;
  /** Outputs of the admitted transaction; 0 when there is none. */
  outputCount(key: Txid): number;
  leaving(key: Txid): Tombstone | null;
  outboxEntry(key: number): OutboxEntry | null;
  released(key: Txid): Released | null;
  meta(key: MetaKey): number;
  apply(change: Change): void;
  /**
   * Scans of everything unconfirmed, at start and for audits, in an order that follows from the
   * changes alone. What is changed during a scan is met or not.
   */
  claims(): Iterable<readonly [OutpointKey, Claim]>;
  records(): Iterable<readonly [Txid, AdmissionRecord]>;
  tombstones(): Iterable<readonly [Txid, Tombstone]>;
  outbox(): Iterable<readonly [number, OutboxEntry]>;
  releases(): Iterable<readonly [Txid, Released]>;
  /** Coins that are unconfirmed, or all of them: the caller filters. */
  unconfirmedCoins(): Iterable<readonly [OutpointKey, CoinFacts]>;
}

/** What a record, its coins and its claims are taken to cost here, beyond its raw bytes. */
const RECORD_OVERHEAD_BYTES = 400;
const SALT = Uint32Array.from({ length: SALT_WORDS }, (_, at) => Math.imul(at + 1, 0x9e3779b1));

function recordBytes({ candidate }: AdmissionRecord): number {
  return RECORD_OVERHEAD_BYTES + Math.max(candidate.raw.length, candidate.size);
}

function assign<K, V>(map: Map<K, V>, key: K, value: V | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}

/** Maps; values are never changed in place, so a copy of the maps is a snapshot. */
export class MemoryPartitionStore implements PartitionStore {
  readonly coinMap: Map<OutpointKey, CoinRecord>;
  readonly claimMap: Map<OutpointKey, Claim>;
  readonly recordMap: Map<Txid, AdmissionRecord>;
  readonly leavingMap: Map<Txid, Tombstone>;
  readonly outboxMap: Map<number, OutboxEntry>;
  readonly releasedMap: Map<Txid, Released>;
  readonly metaMap: Map<MetaKey, number>;
  readonly salt: Uint32Array = SALT;
  bytes = 0;

  constructor(from?: MemoryPartitionStore) {
    this.coinMap = new Map(from?.coinMap);
    this.claimMap = new Map(from?.claimMap);
    this.recordMap = new Map(from?.recordMap);
    this.leavingMap = new Map(from?.leavingMap);
    this.outboxMap = new Map(from?.outboxMap);
    this.releasedMap = new Map(from?.releasedMap);
    this.metaMap = new Map(from?.metaMap);
    this.bytes = from?.bytes ?? 0;
  }

  get recordCount(): number {
    return this.recordMap.size;
  }

  coin(key: OutpointKey): CoinRecord | null {
    return this.coinMap.get(key) ?? null;
  }

  coinFacts(key: OutpointKey): CoinFacts | null {
    return this.coin(key);
  }

  claim(key: OutpointKey): Claim | null {
    return this.claimMap.get(key) ?? null;
  }

  hasClaim(key: OutpointKey): boolean {
    return this.claimMap.has(key);
  }

  record(key: Txid): AdmissionRecord | null {
    return this.recordMap.get(key) ?? null;
  }

  hasRecord(key: Txid): boolean {
    return this.recordMap.has(key);
  }

  outputCount(key: Txid): number {
    return this.recordMap.get(key)?.candidate.outputs.length ?? 0;
  }

  leaving(key: Txid): Tombstone | null {
    return this.leavingMap.get(key) ?? null;
  }

  outboxEntry(key: number): OutboxEntry | null {
    return this.outboxMap.get(key) ?? null;
  }

  released(key: Txid): Released | null {
    return this.releasedMap.get(key) ?? null;
  }

  meta(key: MetaKey): number {
    return this.metaMap.get(key) ?? 0;
  }

  apply(change: Change): void {
    switch (change.space) {
      case "coin":
        assign(this.coinMap, change.key, change.value);
        return;
      case "claim":
        assign(this.claimMap, change.key, change.value);
        return;
      case "record":
        this.#putRecord(change.key, change.value);
        return;
      case "leaving":
        assign(this.leavingMap, change.key, change.value);
        return;
      case "outbox":
        assign(this.outboxMap, change.key, change.value);
        return;
      case "released":
        assign(this.releasedMap, change.key, change.value);
        return;
      case "meta":
        assign(this.metaMap, change.key, change.value);
        return;
    }
  }

  #putRecord(key: Txid, value: AdmissionRecord | null): void {
    const before = this.recordMap.get(key);
    if (before !== undefined) this.bytes -= recordBytes(before);
    if (value !== null) this.bytes += recordBytes(value);
    assign(this.recordMap, key, value);
  }

  claims(): Iterable<readonly [OutpointKey, Claim]> {
    return this.claimMap;
  }

  records(): Iterable<readonly [Txid, AdmissionRecord]> {
    return this.recordMap;
  }

  tombstones(): Iterable<readonly [Txid, Tombstone]> {
    return this.leavingMap;
  }

  outbox(): Iterable<readonly [number, OutboxEntry]> {
    return this.outboxMap;
  }

  releases(): Iterable<readonly [Txid, Released]> {
    return this.releasedMap;
  }

  unconfirmedCoins(): Iterable<readonly [OutpointKey, CoinRecord]> {
    return this.coinMap;
  }
}
