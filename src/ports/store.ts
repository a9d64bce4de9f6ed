// What a store of one partition must give, and how it refuses: the engine contract of state.md
// section 12. The engine knows bytes and conditions, not coins. Every engine passes one suite,
// test/engines/contract.ts.
//
//   E1 a group is all or nothing; a failed group changes nothing and does not stop the batch; later
//      groups see earlier ones          E2 a batch is one atomic point, durable on return
//   E3 the same batch again: same results, no second effect (the last 64 are kept)
//   E4 batch ids are consecutive, from 1  E5 a smaller epoch than the fence never has an effect
//   E6 reads after return see the batch; no read shows half of it
//   E7 scan by key bytes                  E8 refusals for size or space come before any effect
import type { Bytes } from "../base/bytes.ts";

/** One letter; each space of a partition has its own keys (state.md section 3). */
export type Space = string;

/** Results of this many batches are kept for repetition. */
export const KEPT_RESULTS = 64;

/** Longest key, without its space. */
export const KEY_BYTES_MAX = 255;

export interface EngineFacts {
  readonly name: string;
  readonly durability: "none" | "fsync" | "replicated" | "bounded-loss";
  readonly batchBytesMax: number;
  readonly orderedScan: boolean;
}

export type Condition =
  | { readonly space: Space; readonly key: Bytes; readonly is: "absent" }
  | { readonly space: Space; readonly key: Bytes; readonly is: "present" }
  | { readonly space: Space; readonly key: Bytes; readonly is: "equals"; readonly value: Bytes };

/** A write; `value: null` deletes. */
export interface Write {
  readonly space: Space;
  readonly key: Bytes;
  readonly value: Bytes | null;
}

/** Writes that happen together if all conditions hold. */
export interface Group {
  readonly when: readonly Condition[];
  readonly write: readonly Write[];
}

/** What became of a group; `index` is the first condition that did not hold. */
export type GroupResult =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly code: "CONDITION";
      readonly index: number;
      readonly found: Bytes | null;
    };

/** Why the store did nothing. `message` is one line for people. */
export type Refusal = { readonly ok: false; readonly message: string } & (
  | { readonly code: "FENCED"; readonly epoch: number }
  | { readonly code: "ORDER"; readonly expected: number }
  | { readonly code: "TOO_LARGE"; readonly bytes: number; readonly bytesMax: number }
  | { readonly code: "FULL" }
  | { readonly code: "CORRUPT" }
  | { readonly code: "REGRESSED"; readonly lastBatch: number }
);

export type BatchResult = { readonly ok: true; readonly results: readonly GroupResult[] } | Refusal;

export type Found<T> = { readonly ok: true; readonly value: T } | Refusal;

export interface Entry {
  readonly key: Bytes;
  readonly value: Bytes;
}

export interface ScanPage {
  readonly entries: readonly Entry[];
  /** Where to go on, or null at the end of the space. */
  readonly next: Bytes | null;
}

/** Equal for equal contents on every engine, whatever the order of writing. */
export interface Digest {
  readonly count: number;
  /** Of keys and values. */
  readonly bytes: number;
  /** Sum over the entries of SHA-256(key length u8, key, value), in 8 lanes mod 2^32; hex. */
  readonly hash: string;
}

/** Keys of one length, side by side. */
export interface PackedKeys {
  readonly space: Space;
  readonly keyBytes: number;
  readonly count: number;
  readonly keys: Bytes;
}

/** Values of packed keys: value i is data[starts[i], starts[i] + lengths[i]); length -1: absent. */
export interface PackedValues {
  readonly data: Bytes;
  readonly starts: Uint32Array;
  readonly lengths: Int32Array;
}

/** Unconditional writes: each key with its value; length -1 deletes. Fast when sorted by key. */
export interface PackedWrites extends PackedKeys, PackedValues {}

/** A value now, or later when the engine lies behind a connection. */
export type Answer<T> = T | Promise<T>;

/** What an open partition and a snapshot of it can be asked. */
export interface Reader {
  get(space: Space, keys: readonly Bytes[]): Answer<Found<(Bytes | null)[]>>;
  scan(space: Space, from: Bytes, limit: number): Answer<Found<ScanPage>>;
  digest(space: Space): Answer<Found<Digest>>;
  close(): Answer<void>;
}

export interface Partition extends Reader {
  readonly epoch: number;
  /** Id of the newest batch. */
  readonly lastBatch: number;
  /** As the newest batch that gave one left it; empty at first. */
  readonly meta: Bytes;
  /** `meta`, when given, is stored in the same atomic point. */
  applyBatch(batchId: number, groups: readonly Group[], meta?: Bytes): Answer<BatchResult>;
  /** A view that later batches do not change. */
  snapshot(): Answer<Reader>;
}

export type Opened = { readonly ok: true; readonly partition: Partition } | Refusal;

export interface StateEngine {
  readonly facts: EngineFacts;
  /**
   * Durably raises the fence of a partition to `epoch`, which must be above all earlier ones.
   * `lastBatchMin`: what the caller knows to have been durable; less than that is REGRESSED.
   */
  open(partition: number, epoch: number, lastBatchMin?: number): Answer<Opened>;
}

/** A partition in this process: answers at once, and has a fast way for packed columns. */
export interface LocalPartition extends Partition {
  get(space: Space, keys: readonly Bytes[]): Found<(Bytes | null)[]>;
  scan(space: Space, from: Bytes, limit: number): Found<ScanPage>;
  digest(space: Space): Found<Digest>;
  applyBatch(batchId: number, groups: readonly Group[], meta?: Bytes): BatchResult;
  snapshot(): LocalReader;
  close(): void;
  getMany(keys: PackedKeys): Found<PackedValues>;
  /** One transaction, under the same ids as applyBatch; durable on return. */
  writeBatch(
    batchId: number,
    meta: Bytes,
    writes: readonly PackedWrites[],
  ): { readonly ok: true } | Refusal;
  /** Reads everything once: the number of sound entries, or CORRUPT. */
  verify(): Found<number>;
}

export interface LocalReader extends Reader {
  get(space: Space, keys: readonly Bytes[]): Found<(Bytes | null)[]>;
  scan(space: Space, from: Bytes, limit: number): Found<ScanPage>;
  digest(space: Space): Found<Digest>;
  close(): void;
}

export interface LocalEngine extends StateEngine {
  open(
    partition: number,
    epoch: number,
    lastBatchMin?: number,
  ): { readonly ok: true; readonly partition: LocalPartition } | Refusal;
}
