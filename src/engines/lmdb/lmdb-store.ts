// One LMDB environment (one file) as an ordered map with transactions. Every value carries a CRC-32C
// of its key and itself, and a key that is not found must lie between sound neighbours: a flipped bit
// is an error, never a wrong value nor a lost one. (What LMDB itself trips over, such as a page that
// points outside of the file, can still end the process: lmdb-file.ts checks what it can.)
//
// Durability: overlappingSync is off, so that a commit is LMDB's own: pages written, fdatasync, then
// the meta page through an O_DSYNC handle, all before transactionSync() returns. The map is reserved
// at its greatest size at once: lmdb-js grows a smaller one by mapping the file again and keeps the
// old mappings, which counts every page twice or more in the resident set.

import { dirname } from "node:path";
import { open, type RootDatabase, type Transaction } from "lmdb";
import { type Bytes, readU32, writeU32 } from "../../base/bytes.ts";
import { crc32c } from "../../base/crc32c.ts";
import { failpoint } from "../../ports/failpoint.ts";
import { StorageFailed } from "../../ports/storage-error.ts";
import type { Entry, PackedKeys, PackedValues, Refusal } from "../../ports/store.ts";
import { PackedBuilder } from "../packed.ts";
import type { Store, StoreReader } from "../partition.ts";
import { corrupt, full } from "../refusals.ts";
import { freeBytes } from "./lmdb-file.ts";

const CHECKSUM_BYTES = 4;
const READERS_MAX = 16;

export interface LmdbSettings {
  /** Greatest size of one partition's file; only address space is reserved. */
  readonly mapBytes: number;
  /** Below this much free space batches are refused; may be changed while the engine runs. */
  reserveBytes: number;
  readonly batchBytesMax: number;
}

/** A value whose checksum does not match. */
class Damaged extends Error {}

/** The disk is nearly full. */
class NoRoom extends Error {}

const EIO = 5;

/** Codes of lmdb.h and errno.h, which lmdb-js hands over as numbers. */
const FULL_CODES: ReadonlySet<unknown> = new Set([28, 27, 122, -30792]);
const CORRUPT_CODES: ReadonlySet<unknown> = new Set([
  -30797, -30796, -30794, -30793, -30787, -30786, -30782, -30781,
]);

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : null;
}

/** The refusal that an exception stands for; throws StorageFailed for a failing disk. */
export function lmdbRefusal(path: string, error: unknown, settings: LmdbSettings): Refusal | null {
  if (error instanceof Damaged) return corrupt(path, error.message);
  if (error instanceof NoRoom) return full(path);
  const code = codeOf(error);
  if (typeof code !== "number") return null;
  // LMDB calls a write that the disk cut short EIO. Refusing is safe even if it was more than that:
  // the pages of a failed commit belong to no tree, and every earlier commit had been flushed.
  const isCutShort = code === EIO && freeBytes(dirname(path)) < settings.reserveBytes;
  if (FULL_CODES.has(code) || isCutShort) return full(path);
  if (CORRUPT_CODES.has(code)) return corrupt(path, (error as Error).message);
  throw new StorageFailed(path, "write to", error);
}

const FIRST_KEY: Bytes = new Uint8Array([0]);

function checksum(key: Bytes, value: Bytes, length: number): number {
  return crc32c(value, crc32c(key), 0, length);
}

/** Throws when a stored value is not what was written under this key. */
function checkValue(key: Bytes, stored: Bytes): void {
  const length = stored.length - CHECKSUM_BYTES;
  if (length < 0 || checksum(key, stored, length) !== readU32(stored, length)) {
    throw new Damaged("an entry does not match its checksum");
  }
}

type Database = RootDatabase<Bytes, Bytes>;

class LmdbReader implements StoreReader {
  readonly path: string;
  protected readonly db: Database;
  protected readonly settings: LmdbSettings;
  readonly #transaction: Transaction | null;

  constructor(path: string, settings: LmdbSettings, db: Database, transaction: Transaction | null) {
    this.path = path;
    this.settings = settings;
    this.db = db;
    this.#transaction = transaction;
  }

  /** The stored bytes, valid until the next call; their length includes the checksum. */
  protected fetch(key: Bytes): Bytes | null {
    const transaction = this.#transaction;
    const found =
      transaction === null ? this.db.getBinaryFast(key) : this.db.get(key, { transaction });
    if (found === undefined) {
      this.#proveAbsent(key);
      return null;
    }
    checkValue(key, found);
    return found;
  }

  /**
   * A search that a flipped key bit misled ends beside the damaged entry, or in a leaf whose
   * neighbours are on the wrong side of the key: so the two neighbours prove that there is no entry.
   */
  #proveAbsent(key: Bytes): void {
    for (const { key: next } of this.#entries(key, 1, false)) {
      if (Buffer.compare(next, key) <= 0) throw new Damaged("its keys are out of order");
    }
    for (const { key: before } of this.#entries(key, 1, true)) {
      if (Buffer.compare(before, key) >= 0) throw new Damaged("its keys are out of order");
    }
  }

  *#entries(start: Bytes, limit: number, reverse: boolean): Iterable<Entry> {
    const options = {
      start,
      reverse,
      ...(limit === Number.POSITIVE_INFINITY ? {} : { limit }),
      ...(this.#transaction === null ? {} : { transaction: this.#transaction }),
    };
    for (const { key, value } of this.db.getRange(options)) {
      checkValue(key, value);
      yield { key, value: value.subarray(0, value.length - CHECKSUM_BYTES) };
    }
  }

  get(key: Bytes): Bytes | null {
    const found = this.fetch(key);
    if (found === null) return null;
    // `length` is that of the value, the view itself is longer.
    const value = new Uint8Array(found.length - CHECKSUM_BYTES);
    for (let at = 0; at < value.length; at++) value[at] = found[at]!;
    return value;
  }

  *range(from: Bytes, limit: number): Iterable<Entry> {
    let before: Bytes | null = null;
    const start = from.length === 0 ? FIRST_KEY : from;
    for (const { key, value } of this.#entries(start, limit, false)) {
      const order = before === null ? Buffer.compare(start, key) - 1 : Buffer.compare(before, key);
      if (order >= 0) throw new Damaged("its keys are out of order");
      before = key;
      yield { key: new Uint8Array(key), value: new Uint8Array(value) };
    }
  }

  refusalOf(error: unknown): Refusal | null {
    return lmdbRefusal(this.path, error, this.settings);
  }

  close(): void {
    this.#transaction?.done();
  }
}

export class LmdbStore extends LmdbReader implements Store {
  readonly batchBytesMax: number;
  readonly #folder: string;
  #closed = false;
  #scratch: Bytes = new Uint8Array(64 * 1024);

  constructor(path: string, settings: LmdbSettings) {
    // A variable, because the package's types do not know noReadAhead.
    const options = {
      path,
      noSubdir: true,
      overlappingSync: false,
      keyEncoding: "binary",
      encoding: "binary",
      compression: false,
      mapSize: settings.mapBytes,
      maxReaders: READERS_MAX,
      maxDbs: 1,
      noReadAhead: true,
    } as const;
    super(path, settings, open<Bytes, Bytes>(options), null);
    this.batchBytesMax = settings.batchBytesMax;
    this.#folder = dirname(path);
  }

  put(key: Bytes, value: Bytes): void {
    const length = value.length;
    if (this.#scratch.length < length + CHECKSUM_BYTES) {
      this.#scratch = new Uint8Array(2 * (length + CHECKSUM_BYTES));
    }
    this.#scratch.set(value);
    writeU32(this.#scratch, length, checksum(key, value, length));
    this.db.putSync(key, this.#scratch.subarray(0, length + CHECKSUM_BYTES));
  }

  remove(key: Bytes): void {
    this.db.removeSync(key);
  }

  transact<T>(body: () => T): T {
    if (freeBytes(this.#folder) < this.settings.reserveBytes) throw new NoRoom();
    failpoint("lmdb.before-batch");
    const result = this.db.transactionSync(() => {
      const value = body();
      failpoint("lmdb.before-commit");
      return value;
    });
    failpoint("lmdb.after-commit");
    return result;
  }

  getMany({ space, keyBytes, count, keys }: PackedKeys): PackedValues {
    const values = new PackedBuilder(count);
    const key = new Uint8Array(1 + keyBytes);
    key[0] = space.charCodeAt(0);
    for (let index = 0; index < count; index++) {
      const start = index * keyBytes - 1;
      for (let at = 1; at <= keyBytes; at++) key[at] = keys[start + at]!;
      const found = this.fetch(key);
      if (found !== null) values.set(index, found, found.length - CHECKSUM_BYTES);
    }
    return values.result();
  }

  snapshot(): StoreReader {
    return new LmdbReader(this.path, this.settings, this.db, this.db.useReadTransaction());
  }

  override close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Nothing is pending: every write was a finished transaction, so that this closes at once.
    void this.db.close();
  }
}
