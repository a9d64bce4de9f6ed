// An open partition over any ordered map with transactions: the contract's ids, fence, refusals and
// pages, once for all engines of this process.
import { assert } from "../base/assert.ts";
import type { Bytes } from "../base/bytes.ts";
import type {
  BatchResult,
  Digest,
  Entry,
  Found,
  Group,
  LocalPartition,
  LocalReader,
  PackedKeys,
  PackedValues,
  PackedWrites,
  Refusal,
  ScanPage,
  Space,
} from "../ports/store.ts";
import {
  applyGroups,
  applyPacked,
  EMPTY_STATE,
  groupsDigest,
  groupsTooLarge,
  type KeyValue,
  keepResults,
  keptResults,
  packedDigest,
  packedTooLarge,
  readState,
  type StoreState,
  storeKey,
  writeState,
} from "./batch.ts";
import { DigestSum } from "./digest.ts";
import { corrupt, fenced, outOfOrder, regressed } from "./refusals.ts";

/** What can be read of a map; keys have their space in front. */
export interface StoreReader {
  get(key: Bytes): Bytes | null;
  /** Entries from `from` on, checked to be in key order, at most `limit`. */
  range(from: Bytes, limit: number): Iterable<Entry>;
  /** The refusal that an exception of this map stands for, or null. */
  refusalOf(error: unknown): Refusal | null;
  close(): void;
}

export interface Store extends StoreReader, KeyValue {
  readonly path: string;
  readonly batchBytesMax: number;
  /** Runs the body in one transaction, durable on return; an exception undoes it all. */
  transact<T>(body: () => T): T;
  getMany(keys: PackedKeys): PackedValues;
  snapshot(): StoreReader;
}

function attempt<T>(reader: StoreReader, body: () => T | Refusal): T | Refusal {
  try {
    return body();
  } catch (error) {
    const refusal = reader.refusalOf(error);
    if (refusal === null) throw error;
    return refusal;
  }
}

/** Reading, for a partition and for its snapshots. */
export class PartitionReader implements LocalReader {
  readonly #reader: StoreReader;

  constructor(reader: StoreReader) {
    this.#reader = reader;
  }

  get(space: Space, keys: readonly Bytes[]): Found<(Bytes | null)[]> {
    return attempt(this.#reader, () => ({
      ok: true,
      value: keys.map((key) => this.#reader.get(storeKey(space, key))),
    }));
  }

  scan(space: Space, from: Bytes, limit: number): Found<ScanPage> {
    assert(limit > 0, "a page holds something");
    return attempt(this.#reader, () => {
      const entries: Entry[] = [];
      let next: Bytes | null = null;
      for (const { key, value } of this.#reader.range(storeKey(space, from), limit + 1)) {
        if (key[0] !== space.charCodeAt(0)) break;
        if (entries.length === limit) next = key.subarray(1);
        else entries.push({ key: key.subarray(1), value });
      }
      return { ok: true, value: { entries, next } };
    });
  }

  digest(space: Space): Found<Digest> {
    return attempt(this.#reader, () => {
      const sum = new DigestSum();
      for (const { key, value } of this.#reader.range(
        storeKey(space, new Uint8Array(0)),
        Number.POSITIVE_INFINITY,
      )) {
        if (key[0] !== space.charCodeAt(0)) break;
        sum.add(key.subarray(1), value);
      }
      return { ok: true, value: sum.result() };
    });
  }

  close(): void {
    this.#reader.close();
  }
}

type Step<T> = { readonly ok: true; readonly value: T } | Refusal;

export class StorePartition extends PartitionReader implements LocalPartition {
  readonly epoch: number;
  readonly #store: Store;
  #state: StoreState;

  private constructor(store: Store, state: StoreState) {
    super(store);
    this.#store = store;
    this.#state = state;
    this.epoch = state.epoch;
  }

  /** Raises the fence and opens; the store is closed when it refuses. */
  static open(
    store: Store,
    epoch: number,
    lastBatchMin: number,
  ): { readonly ok: true; readonly partition: StorePartition } | Refusal {
    assert(Number.isSafeInteger(epoch) && epoch > 0, "an epoch is a positive integer");
    const raised = attempt(store, (): Step<StoreState> => {
      return store.transact((): Step<StoreState> => {
        const state = readState(store) ?? EMPTY_STATE;
        if (state === "damaged") return corrupt(store.path, "its state record");
        if (state.lastBatch < lastBatchMin) return regressed(state.lastBatch, lastBatchMin);
        if (state.epoch >= epoch) return fenced(state.epoch);
        const value = { ...state, epoch };
        writeState(store, value);
        return { ok: true, value };
      });
    });
    if (raised.ok) return { ok: true, partition: new StorePartition(store, raised.value) };
    store.close();
    return raised;
  }

  get lastBatch(): number {
    return this.#state.lastBatch;
  }

  get meta(): Bytes {
    return this.#state.meta;
  }

  /** One batch: judged and applied in one transaction, or answered from the kept results. */
  #run(
    batchId: number,
    meta: Bytes | undefined,
    digest: number,
    apply: () => BatchResult & { ok: true },
  ): BatchResult {
    let after: StoreState | null = null;
    const result = attempt(this.#store, (): BatchResult => {
      return this.#store.transact((): BatchResult => {
        const state = readState(this.#store);
        if (state === null || state === "damaged") {
          return corrupt(this.#store.path, "its state record");
        }
        if (state.epoch !== this.epoch) return fenced(state.epoch);
        const expected = state.lastBatch + 1;
        if (batchId !== expected) {
          const results = batchId < expected ? keptResults(this.#store, batchId, digest) : null;
          return results === null ? outOfOrder(batchId, expected) : { ok: true, results };
        }
        const applied = apply();
        keepResults(this.#store, batchId, digest, applied.results);
        after = { epoch: this.epoch, lastBatch: batchId, meta: (meta ?? state.meta).slice() };
        writeState(this.#store, after);
        return applied;
      });
    });
    if (result.ok && after !== null) this.#state = after;
    return result;
  }

  applyBatch(batchId: number, groups: readonly Group[], meta?: Bytes): BatchResult {
    const refused = groupsTooLarge(groups, meta, this.#store.batchBytesMax);
    if (refused !== null) return refused;
    return this.#run(batchId, meta, groupsDigest(groups, meta), () => ({
      ok: true,
      results: applyGroups(this.#store, groups),
    }));
  }

  writeBatch(
    batchId: number,
    meta: Bytes,
    writes: readonly PackedWrites[],
  ): { readonly ok: true } | Refusal {
    const refused = packedTooLarge(writes, meta, this.#store.batchBytesMax);
    if (refused !== null) return refused;
    const result = this.#run(batchId, meta, packedDigest(writes, meta), () => {
      applyPacked(this.#store, writes);
      return { ok: true, results: [] };
    });
    return result.ok ? { ok: true } : result;
  }

  getMany(keys: PackedKeys): Found<PackedValues> {
    return attempt(this.#store, () => ({ ok: true, value: this.#store.getMany(keys) }));
  }

  snapshot(): LocalReader {
    return new PartitionReader(this.#store.snapshot());
  }

  /** Reads everything once: the number of sound entries, or CORRUPT. */
  verify(): Found<number> {
    return attempt(this.#store, (): Found<number> => {
      let count = 0;
      for (const { key } of this.#store.range(new Uint8Array(0), Number.POSITIVE_INFINITY)) {
        // The way down to an entry may be damaged where the entries themselves are sound.
        if (this.#store.get(key) === null)
          return corrupt(this.#store.path, "an entry is not found");
        count += 1;
      }
      return { ok: true, value: count };
    });
  }
}
