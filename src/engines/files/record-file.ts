// An append-only sequence of checksummed records in segment files: blocks and deltas. Appending is
// cheap and not durable; sync() makes everything appended so far durable.
//
// Torn tail or damage? After a crash the records since the last flush may be cut, absent or (after a
// power cut, since pages reach the disk in any order) holed. Every record states how far the
// sequence was known to be flushed when it was written. So a bad record is
//   damage     when it lies before the caller's watermark, or a later sound record says that it had
//              been flushed: never cut, always named;
//   torn tail  otherwise: nobody was told that it was durable. It is cut off and reported.
import { fdatasync, ftruncateSync } from "node:fs";
import { promisify } from "node:util";
import { assert } from "../../base/assert.ts";
import type { Bytes } from "../../base/bytes.ts";
import { type Failpoint, failingPoint, failpoint } from "../../ports/failpoint.ts";
import { StorageFailed } from "../../ports/storage-error.ts";
import { type Damage, damage } from "./damage.ts";
import { syncData, writeError, writeParts } from "./disk.ts";
import {
  comparePositions,
  encodeHeader,
  endOf,
  FRAME_BYTES,
  type Location,
  type Position,
} from "./frame.ts";
import { type RecordDamage, type RecordRead, readLocation, records } from "./record-scan.ts";
import { Segments } from "./segments.ts";

const fdatasyncAsync = promisify(fdatasync);

const SEGMENT_BYTES_MAX = 128 * 1024 * 1024;
/** A block of 24,390 inputs that spend scripts of 10,000 bytes has a delta of 245 MB. */
const RECORD_BYTES_MAX = 320 * 1024 * 1024;
/** At once; numbers go on, so that a sequence that drops its old segments never ends. */
const SEGMENTS_MAX = 65_535;

export interface RecordFileOptions {
  /** Folder of the segments; made when absent. */
  readonly folder: string;
  /** Start of the file names: `blk` gives blk00000.pando. */
  readonly prefix: string;
  readonly segmentBytesMax?: number;
}

/** What an opened sequence had lost at its end. */
export interface TornTail {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

export type RecordFileOpened =
  | { readonly ok: true; readonly records: RecordFile; readonly cut: TornTail | null }
  | Damage;

export class RecordFile {
  readonly #segments: Segments;
  readonly #segmentBytesMax: number;
  #end: Position;
  #durable: Position;
  #failed: StorageFailed | null = null;
  #flushing: Promise<void> = Promise.resolve();
  #flushCount = 0;

  private constructor(segments: Segments, segmentBytesMax: number, end: Position, from: Position) {
    this.#segments = segments;
    this.#segmentBytesMax = segmentBytesMax;
    this.#end = end;
    this.#durable = from;
    // What was read back may still be only in the kernel's memory.
    for (let file = from.file; file <= end.file; file++) segments.dirty.add(file);
  }

  /**
   * Opens the sequence and checks the records from `watermark` (a place up to which everything was
   * durable, as kept by the caller; default: the start) to the end.
   */
  static open(options: RecordFileOptions, watermark?: Position): RecordFileOpened {
    const segmentBytesMax = options.segmentBytesMax ?? SEGMENT_BYTES_MAX;
    assert(segmentBytesMax < 2 ** 32, "offsets are 32 bits");
    const segments = new Segments(options.folder, options.prefix);
    if (segments.last < 0) segments.grow();
    const from = watermark ?? { file: segments.first, offset: 0 };
    const lost = lostBefore(segments, from);
    const scanned = lost ?? scanTail(segments, from);
    if (!scanned.ok) {
      segments.close();
      return scanned;
    }
    const records = new RecordFile(segments, segmentBytesMax, scanned.end, from);
    return { ok: true, records, cut: scanned.cut };
  }

  /** Where the next record will start; a watermark once sync() has returned. */
  get end(): Position {
    return this.#end;
  }

  /** Up to here everything is durable. */
  get durable(): Position {
    return this.#durable;
  }

  #assertUsable(): void {
    if (this.#failed !== null) throw this.#failed;
  }

  #fail(error: unknown): never {
    if (error instanceof StorageFailed) this.#failed = error;
    throw error;
  }

  /** Adds a record whose payload is `parts` joined. Throws StorageFull, leaving nothing of it. */
  append(kind: number, parts: readonly Bytes[]): Location {
    this.#assertUsable();
    let length = 0;
    for (const part of parts) length += part.length;
    assert(length <= RECORD_BYTES_MAX, "a record is within its bound");
    const full = this.#end.offset + FRAME_BYTES + length > this.#segmentBytesMax;
    if (full && this.#end.offset > 0) this.#roll();
    const { file, offset } = this.#end;
    const header = encodeHeader(this.#end, kind, this.#durable, parts);
    this.#write(file, offset, [header, ...parts]);
    const location = { file, offset, length };
    this.#end = endOf(location);
    return location;
  }

  #roll(): void {
    const { first, last } = this.#segments;
    assert(last - first + 1 < SEGMENTS_MAX, "the number of segments is within its bound");
    const file = this.#segments.grow();
    failpoint("record.new-segment");
    this.#end = { file, offset: 0 };
  }

  #write(file: number, offset: number, parts: readonly Bytes[]): void {
    const path = this.#segments.path(file);
    const fd = this.#segments.handle(file);
    if (fd === null) throw new StorageFailed(path, "find");
    failpoint("record.before-write");
    this.#segments.dirty.add(file);
    try {
      writeParts(fd, parts, offset, "record.write");
    } catch (error) {
      try {
        ftruncateSync(fd, offset);
      } catch (second) {
        this.#fail(new StorageFailed(path, "truncate", second));
      }
      throw writeError(path, error);
    }
    failpoint("record.after-write");
  }

  /** The record at a location that append() or iterate() gave. */
  read(location: Location): RecordRead | RecordDamage {
    return readLocation(this.#segments, location);
  }

  /** All records from `from`, damage included: see records(). */
  iterate(from?: Position): Generator<RecordRead | RecordDamage, void> {
    return records(this.#segments, from ?? { file: this.#segments.first, offset: 0 });
  }

  #flushed(upTo: Position): void {
    const moved = comparePositions(this.#end, upTo) !== 0;
    for (const file of [...this.#segments.dirty]) {
      if (file < upTo.file || (file === upTo.file && !moved)) this.#segments.dirty.delete(file);
    }
    if (comparePositions(upTo, this.#durable) > 0) this.#durable = upTo;
  }

  /** Makes everything appended before the call durable; calls share flushes. */
  sync(point: Failpoint = "record.before-sync"): Promise<void> {
    const wanted = this.#end;
    this.#flushCount += 1;
    const run = this.#flushing.then(() => this.#flushUpTo(wanted, point));
    this.#flushing = run
      .catch(() => {})
      .finally(() => {
        this.#flushCount -= 1;
      });
    return run;
  }

  async #flushUpTo(wanted: Position, point: Failpoint): Promise<void> {
    this.#assertUsable();
    const done = comparePositions(this.#durable, wanted) >= 0 && this.#segments.dirty.size === 0;
    if (done) return;
    const upTo = this.#end;
    this.#beforeSync(point);
    for (const file of [...this.#segments.dirty]) {
      const path = this.#segments.path(file);
      const fd = this.#segments.handle(file);
      try {
        if (fd !== null) await fdatasyncAsync(fd);
      } catch (error) {
        this.#fail(new StorageFailed(path, "flush", error));
      }
    }
    this.#flushed(upTo);
    failpoint("record.after-sync");
  }

  #beforeSync(point: Failpoint): void {
    try {
      failingPoint(point);
    } catch (error) {
      this.#fail(new StorageFailed(this.#segments.path(this.#end.file), "flush", error));
    }
  }

  /** sync(), with the thread waiting. */
  syncSync(): void {
    this.#assertUsable();
    this.#beforeSync("record.before-sync");
    for (const file of this.#segments.dirty) {
      const fd = this.#segments.handle(file);
      try {
        if (fd !== null) syncData(fd, this.#segments.path(file));
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#flushed(this.#end);
    failpoint("record.after-sync");
  }

  /** Forgets everything from `position` on; durable on return. */
  truncateTo(position: Position): void {
    this.#assertUsable();
    assert(this.#flushCount === 0, "no flush is under way");
    assert(comparePositions(position, this.#end) <= 0, "the position lies inside");
    this.#segments.truncate(position.file, position.offset);
    failpoint("record.truncated");
    this.#end = position;
    if (comparePositions(position, this.#durable) < 0) this.#durable = position;
  }

  /** Removes whole segments before `position` (pruning), up to the first that is being flushed. */
  dropBefore(position: Position): void {
    const flushing = this.#flushCount > 0 ? [...this.#segments.dirty] : [];
    this.#segments.dropBefore(Math.min(position.file, ...flushing));
  }

  /** Flushes and closes. */
  async close(): Promise<void> {
    try {
      if (this.#failed === null) await this.sync();
    } finally {
      await this.#flushing;
      this.#segments.close();
    }
  }
}

/** Damage when a segment is absent, or the files end before the watermark. */
function lostBefore(segments: Segments, watermark: Position): Damage | null {
  for (let file = segments.first; file <= segments.last; file++) {
    if (!segments.exists(file)) return damage(segments.label(file), 0, "missing");
  }
  const { file, offset } = watermark;
  if (file < segments.first || file > segments.last) {
    return damage(segments.label(file), offset, "missing");
  }
  const size = segments.size(file);
  return size < offset ? damage(segments.label(file), size, "short") : null;
}

type Scanned = { readonly ok: true; readonly end: Position; readonly cut: TornTail | null };

/** Reads to the end; a torn tail is cut, damage is returned. */
function scanTail(segments: Segments, from: Position): Scanned | Damage {
  let end = from;
  let bad: RecordDamage | null = null;
  for (const read of records(segments, from)) {
    if (bad === null && read.ok) end = endOf(read.location);
    else if (!read.ok) bad ??= read;
    else if (bad !== null && comparePositions(read.durable, bad.at) > 0) return bad;
  }
  if (bad === null) {
    if (end.file < segments.last) end = { file: segments.last, offset: 0 };
    return { ok: true, end, cut: null };
  }
  let bytes = segments.size(bad.at.file) - bad.at.offset;
  for (let later = bad.at.file + 1; later <= segments.last; later++) bytes += segments.size(later);
  segments.truncate(bad.at.file, bad.at.offset);
  const { file, offset } = bad;
  return { ok: true, end: bad.at, cut: { file, offset, bytes } };
}
