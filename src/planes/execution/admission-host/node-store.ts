// The store of one partition of a node: what is unconfirmed lies as bytes in tables, made durable by
// the host's journal; confirmed coins are read from the coin set as of the last chain record. A
// change is encoded once: its bytes go to the journal, and its value's bytes into a table.

import type { Bytes } from "../../../base/bytes.ts";
import { Writer } from "../../../base/writer.ts";
import { outputCountOf } from "../../../state/admission/candidate.ts";
import {
  beginPut,
  ChangeReader,
  encodeChange,
  OUTPOINT_VALUE_AT,
  TXID_VALUE_AT,
} from "../../../state/admission/codec.ts";
import { KeyTable } from "../../../state/admission/key-table.ts";
import {
  OUTPOINT_UNITS,
  type OutpointKey,
  TXID_UNITS,
  type Txid,
} from "../../../state/admission/keys.ts";
import {
  type AdmissionRecord,
  type Claim,
  type CoinFacts,
  type CoinRecord,
  NO_ROUND,
  type OutboxEntry,
  type Tombstone,
  UNCONFIRMED,
} from "../../../state/admission/records.ts";
import type { Change, MetaKey, PartitionStore, Released } from "../../../state/admission/store.ts";
import { decodeStoredCoin } from "../../../state/coin-store.ts";

/** Encoded changes for the journal. */
export interface EncodedGroup {
  readonly count: number;
  readonly bytes: Bytes;
}

export class NodeStore implements PartitionStore {
  readonly salt: Uint32Array;
  readonly #confirmed: (key: OutpointKey) => Bytes | null;
  readonly #coins: KeyTable;
  readonly #claims: KeyTable;
  readonly #records: KeyTable;
  /** What leaves, and is soon gone. */
  readonly #leaving = new Map<Txid, Tombstone>();
  readonly #outbox = new Map<number, OutboxEntry>();
  readonly #released = new Map<Txid, Released>();
  readonly #meta = new Map<MetaKey, number>();
  /** What was applied since the journal last took it. */
  readonly #log = new Writer(1 << 12);
  #logged = 0;

  /** `confirmed`: the stored coin as of the last chain record. */
  constructor(confirmed: (key: OutpointKey) => Bytes | null, salt: Uint32Array) {
    this.salt = salt;
    this.#confirmed = confirmed;
    this.#coins = new KeyTable(OUTPOINT_UNITS, salt);
    this.#claims = new KeyTable(OUTPOINT_UNITS, salt);
    this.#records = new KeyTable(TXID_UNITS, salt);
  }

  get bytes(): number {
    return this.#coins.bytes + this.#claims.bytes + this.#records.bytes;
  }

  get recordCount(): number {
    return this.#records.size;
  }

  coin(key: OutpointKey): CoinRecord | null {
    const at = this.#coins.find(key);
    if (at >= 0) return reader(this.#coins, at).coin();
    const stored = this.#confirmed(key);
    if (stored === null) return null;
    const { value, script, height, coinbase } = decodeStoredCoin(stored);
    const round = NO_ROUND;
    return { value, script, coinbase, height, round, ancestors: 0, attempt: null, open: true };
  }

  coinFacts(key: OutpointKey): CoinFacts | null {
    const at = this.#coins.find(key);
    return at >= 0 ? reader(this.#coins, at).coinFacts() : this.coin(key);
  }

  /** True when the coin is unconfirmed. */
  hasUnconfirmedCoin(key: OutpointKey): boolean {
    return this.#coins.has(key);
  }

  claim(key: OutpointKey): Claim | null {
    const at = this.#claims.find(key);
    return at < 0 ? null : reader(this.#claims, at).claim();
  }

  hasClaim(key: OutpointKey): boolean {
    return this.#claims.has(key);
  }

  record(key: Txid): AdmissionRecord | null {
    const at = this.#records.find(key);
    return at < 0 ? null : reader(this.#records, at).record(key);
  }

  hasRecord(key: Txid): boolean {
    return this.#records.has(key);
  }

  outputCount(key: Txid): number {
    const record = this.record(key);
    return record === null ? 0 : outputCountOf(record.candidate.raw);
  }

  leaving(key: Txid): Tombstone | null {
    return this.#leaving.size === 0 ? null : (this.#leaving.get(key) ?? null);
  }

  outboxEntry(key: number): OutboxEntry | null {
    return this.#outbox.get(key) ?? null;
  }

  released(key: Txid): Released | null {
    return this.#released.size === 0 ? null : (this.#released.get(key) ?? null);
  }

  meta(key: MetaKey): number {
    return this.#meta.get(key) ?? 0;
  }

  hasMeta(key: MetaKey): boolean {
    return this.#meta.has(key);
  }

  apply(change: Change): void {
    const from = this.#log.at;
    encodeChange(this.#log, change);
    this.#logged++;
    switch (change.space) {
      case "coin": {
        // A coin that becomes confirmed leaves: the coin set has it.
        const isHere = change.value?.height === UNCONFIRMED;
        this.#put(this.#coins, change.key, isHere, from + OUTPOINT_VALUE_AT);
        return;
      }
      case "claim":
        this.#put(this.#claims, change.key, change.value !== null, from + OUTPOINT_VALUE_AT);
        return;
      case "record":
        this.#put(this.#records, change.key, change.value !== null, from + TXID_VALUE_AT);
        return;
      case "leaving":
        assign(this.#leaving, change.key, change.value);
        return;
      case "outbox":
        assign(this.#outbox, change.key, change.value);
        return;
      case "released":
        assign(this.#released, change.key, change.value);
        return;
      case "meta":
        assign(this.#meta, change.key, change.value);
        return;
    }
  }

  /** The value is what the log ends with. */
  #put(table: KeyTable, key: string, isPut: boolean, valueAt: number): void {
    if (isPut) table.put(key, this.#log.bytes, valueAt, this.#log.at - valueAt);
    else table.delete(key);
  }

  /** A change that the journal has. */
  restore(change: Change): void {
    this.apply(change);
    this.takeGroup();
  }

  /** What was applied since the last call, good until the next change. */
  takeGroup(): EncodedGroup {
    const group = { count: this.#logged, bytes: this.#log.bytes.subarray(0, this.#log.at) };
    this.#log.at = 0;
    this.#logged = 0;
    return group;
  }

  /** Writes everything that is here, as the changes that make it, one at each step. */
  *writeAll(out: Writer): Generator<void> {
    yield* writeTable(out, "record", this.#records);
    yield* writeTable(out, "coin", this.#coins);
    yield* writeTable(out, "claim", this.#claims);
    for (const change of this.#others()) {
      encodeChange(out, change);
      yield;
    }
  }

  *#others(): Generator<Change> {
    for (const [key, value] of this.#leaving) yield { space: "leaving", key, value };
    for (const [key, value] of this.#outbox) yield { space: "outbox", key, value };
    for (const [key, value] of this.#released) yield { space: "released", key, value };
    for (const [key, value] of this.#meta) yield { space: "meta", key, value };
  }

  clear(): void {
    for (const table of [this.#coins, this.#claims, this.#records]) table.clear();
    for (const map of [this.#leaving, this.#outbox, this.#released, this.#meta]) map.clear();
  }

  claims(): Iterable<readonly [OutpointKey, Claim]> {
    return entries(this.#claims, (at) => reader(this.#claims, at).claim());
  }

  records(): Iterable<readonly [Txid, AdmissionRecord]> {
    return entries(this.#records, (at, key) => reader(this.#records, at).record(key));
  }

  unconfirmedCoins(): Iterable<readonly [OutpointKey, CoinFacts]> {
    return entries(this.#coins, (at) => reader(this.#coins, at).coinFacts());
  }

  tombstones(): Iterable<readonly [Txid, Tombstone]> {
    return this.#leaving;
  }

  outbox(): Iterable<readonly [number, OutboxEntry]> {
    return this.#outbox;
  }

  releases(): Iterable<readonly [Txid, Released]> {
    return this.#released;
  }

  metas(): Iterable<readonly [MetaKey, number]> {
    return this.#meta;
  }
}

function reader(table: KeyTable, address: number): ChangeReader {
  const { bytes, view } = table.page(address);
  return new ChangeReader(bytes, table.at(address), view);
}

function* entries<T>(
  table: KeyTable,
  read: (address: number, key: string) => T,
): Generator<readonly [string, T]> {
  for (const address of table.addresses()) {
    const key = table.key(address);
    yield [key, read(address, key)];
  }
}

function* writeTable(
  out: Writer,
  space: "record" | "coin" | "claim",
  table: KeyTable,
): Generator<void> {
  for (const address of table.addresses()) {
    beginPut(out, space, table.key(address));
    const at = table.at(address);
    out.raw(table.page(address).bytes.subarray(at, at + table.length(address)));
    yield;
  }
}

function assign<K, V>(map: Map<K, V>, key: K, value: V | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}
