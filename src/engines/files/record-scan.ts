// Reading a record sequence: one record at a place, all records in order, and the next sound record
// after a damaged one. Everything read is checked; what is wrong is named.
import type { Bytes } from "../../base/bytes.ts";
import { crc32c } from "../../base/crc32c.ts";
import { type Damage, type DamageCause, damage } from "./damage.ts";
import { readInto } from "./disk.ts";
import {
  decodeHeader,
  endOf,
  FRAME_BYTES,
  findMagic,
  type Location,
  type Position,
} from "./frame.ts";
import type { Segments } from "./segments.ts";

const WINDOW_BYTES = 1024 * 1024;

export interface RecordRead {
  readonly ok: true;
  readonly location: Location;
  readonly kind: number;
  readonly payload: Bytes;
  /** What was known to be flushed when this record was written. */
  readonly durable: Position;
}

/** Damage of one record. */
export interface RecordDamage extends Damage {
  readonly at: Position;
  /** Where the following record starts, when the header says so. */
  readonly next: Position | null;
}

function damaged(
  segments: Segments,
  at: Position,
  cause: DamageCause,
  next: Position | null = null,
): RecordDamage {
  const { file, offset } = at;
  return { ...damage(segments.label(file), offset, cause), at: { file, offset }, next };
}

/** The record at a place. */
export function readRecord(segments: Segments, at: Position): RecordRead | RecordDamage {
  const fd = segments.handle(at.file);
  if (fd === null) return damaged(segments, at, "missing");
  const header = new Uint8Array(FRAME_BYTES);
  if (readInto(fd, header, at.offset) < FRAME_BYTES) return damaged(segments, at, "short");
  const fields = decodeHeader(header, at);
  if (fields === null) return damaged(segments, at, "header");
  const { length, kind, durable } = fields;
  const location = { file: at.file, offset: at.offset, length };
  if (endOf(location).offset > segments.size(at.file)) return damaged(segments, at, "short");
  const payload = new Uint8Array(length);
  if (readInto(fd, payload, at.offset + FRAME_BYTES) < length)
    return damaged(segments, at, "short");
  if (crc32c(payload) !== fields.checksum) {
    return damaged(segments, at, "checksum", endOf(location));
  }
  return { ok: true, location, kind, payload, durable };
}

/** The record at a known location, in one read. */
export function readLocation(segments: Segments, location: Location): RecordRead | RecordDamage {
  const fd = segments.handle(location.file);
  if (fd === null) return damaged(segments, location, "missing");
  const bytes = new Uint8Array(FRAME_BYTES + location.length);
  if (readInto(fd, bytes, location.offset) < bytes.length) {
    return damaged(segments, location, "short");
  }
  const fields = decodeHeader(bytes, location);
  if (fields === null) return damaged(segments, location, "header");
  if (fields.length !== location.length) return damaged(segments, location, "order");
  const payload = bytes.subarray(FRAME_BYTES);
  if (crc32c(payload) !== fields.checksum) {
    return damaged(segments, location, "checksum", endOf(location));
  }
  return { ok: true, location, kind: fields.kind, payload, durable: fields.durable };
}

/** The first place from `from` in its segment where a sound header stands, or null. */
function findHeader(segments: Segments, from: Position): Position | null {
  const fd = segments.handle(from.file);
  if (fd === null) return null;
  const left = Math.max(0, segments.size(from.file) - from.offset);
  const window = new Uint8Array(Math.min(WINDOW_BYTES, left) + FRAME_BYTES);
  for (let start = from.offset; ; start += WINDOW_BYTES) {
    const count = readInto(fd, window, start);
    if (count < FRAME_BYTES) return null;
    const last = Math.min(WINDOW_BYTES, count - FRAME_BYTES + 1) + 3;
    for (let at = findMagic(window, 0, last); at >= 0; at = findMagic(window, at + 1, last)) {
      const place = { file: from.file, offset: start + at };
      if (decodeHeader(window.subarray(at, at + FRAME_BYTES), place) !== null) return place;
    }
  }
}

/** Where to go on after a damaged record: the next record, else the next segment, else null. */
function afterDamage(segments: Segments, at: Position, found: RecordDamage): Position | null {
  const next = found.next ?? findHeader(segments, { file: at.file, offset: at.offset + 1 });
  if (next !== null) return next;
  return at.file < segments.last ? { file: at.file + 1, offset: 0 } : null;
}

/**
 * All records from `from`, in order. Damage is yielded too, and the iteration goes on with the next
 * sound record: a caller that must not skip stops there.
 */
export function* records(
  segments: Segments,
  from: Position,
): Generator<RecordRead | RecordDamage, void> {
  let at: Position | null = from;
  while (at !== null) {
    if (segments.exists(at.file) && at.offset >= segments.size(at.file)) {
      at = at.file < segments.last ? { file: at.file + 1, offset: 0 } : null;
      continue;
    }
    const read: RecordRead | RecordDamage = readRecord(segments, at);
    yield read;
    at = read.ok ? endOf(read.location) : afterDamage(segments, at, read);
  }
}
