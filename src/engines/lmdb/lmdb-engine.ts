// The embedded default: one LMDB file per partition, one owner each. It works in any thread, with
// several partitions per thread; two threads must not open the same partition.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { EngineFacts, LocalEngine, LocalPartition, Refusal } from "../../ports/store.ts";
import { syncFolder } from "../files/disk.ts";
import { StorePartition } from "../partition.ts";
import { corrupt, full } from "../refusals.ts";
import { freeBytes, lmdbFileFault } from "./lmdb-file.ts";
import { type LmdbSettings, LmdbStore, lmdbRefusal } from "./lmdb-store.ts";

const BATCH_BYTES_MAX = 64 * 1024 * 1024;

const DEFAULTS: LmdbSettings = {
  mapBytes: 64 * 1024 ** 3,
  reserveBytes: 16 * 1024 * 1024,
  batchBytesMax: BATCH_BYTES_MAX,
};

export class LmdbEngine implements LocalEngine {
  readonly facts: EngineFacts;
  readonly #folder: string;
  readonly settings: LmdbSettings;

  /** Files are `<folder>/p<partition>.mdb`. */
  constructor(folder: string, settings: Partial<LmdbSettings> = {}) {
    this.#folder = folder;
    this.settings = { ...DEFAULTS, ...settings };
    this.facts = {
      name: "lmdb",
      durability: "fsync",
      batchBytesMax: this.settings.batchBytesMax,
      orderedScan: true,
    };
    mkdirSync(folder, { recursive: true });
  }

  path(partition: number): string {
    return join(this.#folder, `p${partition}.mdb`);
  }

  open(
    partition: number,
    epoch: number,
    lastBatchMin = 0,
  ): { readonly ok: true; readonly partition: LocalPartition } | Refusal {
    const path = this.path(partition);
    const fault = lmdbFileFault(path);
    if (fault !== null) return corrupt(path, fault);
    if (freeBytes(this.#folder) < this.settings.reserveBytes) return full(path);
    const isNew = !existsSync(path);
    let store: LmdbStore;
    try {
      store = new LmdbStore(path, this.settings);
      if (isNew) syncFolder(this.#folder);
    } catch (error) {
      const refusal = lmdbRefusal(path, error, this.settings);
      if (refusal === null) throw error;
      return refusal;
    }
    return StorePartition.open(store, epoch, lastBatchMin);
  }
}
