// A host owns some partitions and answers requests about them, one after another, in the order they
// were sent. It is plain synchronous code; node/ puts it behind a worker thread's port. A stage of
// block n+1 may be sent before block n is decided: it then stands on n's view.
import { never } from "../../base/assert.ts";
import type { Bytes } from "../../base/bytes.ts";
import type { Duplicates, Partition } from "../../state/partition.ts";
import {
  Census,
  type CensusDigest,
  type CoinSetDigest,
  digestCoins,
} from "../../state/set-hash.ts";
import { type FrameLayout, frameOperations } from "./frame.ts";

export type HostRequest =
  | {
      readonly kind: "stage";
      readonly memory: SharedArrayBuffer;
      readonly layout: FrameLayout;
      readonly height: number;
      readonly duplicates: Duplicates;
    }
  | { readonly kind: "undo" | "redo"; readonly deltas: readonly Uint32Array[] }
  | {
      readonly kind: "flush";
      readonly position: Bytes;
      readonly keepFrom: number;
      /** These partitions only; null: all. */
      readonly only: readonly number[] | null;
    }
  | { readonly kind: "positions" }
  /** Reads the stores through: an error when one is damaged. */
  | { readonly kind: "verify" }
  | { readonly kind: "digest"; readonly muhash: boolean }
  /** Begins a count of the stores as they are now; an unfinished one is dropped. */
  | { readonly kind: "census"; readonly muhash: boolean }
  /** Goes on with it for a moment. */
  | { readonly kind: "census-step" }
  | {
      readonly kind: "coin";
      readonly txid: Bytes;
      readonly index: number;
      readonly partition: number;
    }
  | { readonly kind: "close" };

export type HostReply =
  | {
      readonly kind: "staged";
      readonly deltas: readonly Uint32Array<ArrayBuffer>[];
      /** Least index of a transaction that creates an unspent outpoint again, or -1. */
      readonly duplicate: number;
      readonly memoryBytes: number;
    }
  | { readonly kind: "done"; readonly memoryBytes: number }
  | { readonly kind: "positions"; readonly positions: readonly PartitionPosition[] }
  | { readonly kind: "digest"; readonly digests: readonly CoinSetDigest[] }
  /** What was counted, when it is done. */
  | { readonly kind: "census"; readonly digests: readonly CensusDigest[] | null }
  | { readonly kind: "coin"; readonly value: Bytes | null };

/** Where a partition's store stands: what its last flush was given, or null. */
export interface PartitionPosition {
  readonly partition: number;
  readonly position: Bytes | null;
}

export class PartitionHost {
  readonly #partitions: readonly Partition[];
  #censuses: readonly Census[] = [];

  constructor(partitions: readonly Partition[]) {
    this.#partitions = partitions;
  }

  handle(request: HostRequest): HostReply {
    switch (request.kind) {
      case "stage":
        return this.#stage(request);
      case "undo":
      case "redo":
        for (const delta of request.deltas) this.#owner(delta[0]!)?.[request.kind](delta);
        return this.#done();
      case "flush":
        for (const partition of this.#partitions) {
          if (request.only?.includes(partition.number) === false) continue;
          partition.flush(request.position, request.keepFrom);
        }
        return this.#done();
      case "positions":
        return {
          kind: "positions",
          positions: this.#partitions.map((partition) => ({
            partition: partition.number,
            position: partition.store.position(),
          })),
        };
      case "verify":
        for (const partition of this.#partitions) partition.store.verify();
        return this.#done();
      case "digest":
        return {
          kind: "digest",
          digests: this.#partitions.map((partition) => digestCoins(partition, request.muhash)),
        };
      case "census":
        for (const census of this.#censuses) census.finish();
        this.#censuses = this.#partitions.map(
          ({ store }) => new Census(store.snapshot(), request.muhash),
        );
        return this.#done();
      case "census-step":
        return { kind: "census", digests: this.#countOn() };
      case "coin":
        return {
          kind: "coin",
          value: this.#owner(request.partition)?.get(request.txid, request.index) ?? null,
        };
      case "close":
        for (const census of this.#censuses) census.finish();
        for (const partition of this.#partitions) partition.store.close();
        return this.#done();
      default:
        return never(request);
    }
  }

  #countOn(): readonly CensusDigest[] | null {
    for (const census of this.#censuses) if (!census.step()) return null;
    const digests = this.#censuses.map((census) => census.finish());
    this.#censuses = [];
    return digests;
  }

  #owner(partition: number): Partition | undefined {
    return this.#partitions.find((candidate) => candidate.number === partition);
  }

  #stage(request: HostRequest & { kind: "stage" }): HostReply {
    const bytes = new Uint8Array(request.memory, 0, request.layout.end);
    const deltas: Uint32Array<ArrayBuffer>[] = [];
    let duplicate = -1;
    for (const partition of this.#partitions) {
      const operations = frameOperations(request.memory, request.layout, partition.number);
      const { height, duplicates } = request;
      const answer = partition.stage({ ...operations, bytes, height, duplicates });
      deltas.push(answer.delta);
      if (answer.duplicate >= 0 && (duplicate < 0 || answer.duplicate < duplicate)) {
        duplicate = answer.duplicate;
      }
    }
    return { kind: "staged", deltas, duplicate, memoryBytes: this.#memoryBytes() };
  }

  #memoryBytes(): number {
    return this.#partitions.reduce((sum, partition) => sum + partition.memoryBytes, 0);
  }

  #done(): HostReply {
    return { kind: "done", memoryBytes: this.#memoryBytes() };
  }
}
