// The chain log: one record per change of the tip, durable when append() returns. Its checksums are
// chained, so that no record in the middle can be lost, doubled or moved unseen.
//
//   file    magic "PANDOLOG", version u32, CRC-32C of the 12 bytes before
//   record  0  length u32
//           4  sequence number u64, from 0, without gaps
//          12  CRC-32C of bytes 0-11 chained to the previous record's checksum (or the file's)
//          16  payload
//           +  CRC-32C of the payload chained to the one at 12
//           +  end mark "END." u32
//
// Every record was flushed before the next was written, so only the last one can be torn: a file
// that ends inside it (a cut write) or in zeros (the size reached the disk, the bytes did not).
// Anything else is damage and is named, never cut.
import { closeSync, ftruncateSync, openSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { assert } from "../../base/assert.ts";
import { type Bytes, concatBytes, readU32, readU64, writeU32, writeU64 } from "../../base/bytes.ts";
import { crc32c } from "../../base/crc32c.ts";
import { failingPoint, failpoint } from "../../ports/failpoint.ts";
import { StorageFailed } from "../../ports/storage-error.ts";
import { type Damage, type DamageCause, damage } from "./damage.ts";
import { errorCode, replaceFile, syncData, writeError, writeParts } from "./disk.ts";

const FILE_HEADER_BYTES = 16;
const HEADER_BYTES = 16;
const TRAILER_BYTES = 8;
const VERSION = 1;
const MAGIC = new TextEncoder().encode("PANDOLOG");
const END_MARK = 0x2e444e45;
const RECORD_BYTES_MAX = 16 * 1024 * 1024;
const FILE_BYTES_MAX = 2 ** 31 - 1;

export interface LogTail {
  readonly offset: number;
  readonly bytes: number;
}

export type ChainLogOpened =
  | { readonly ok: true; readonly log: ChainLog; readonly cut: LogTail | null }
  /** `count` records before the damage are sound and were handed over. */
  | (Damage & { readonly count: number });

interface Scan {
  offset: number;
  count: number;
  chained: number;
  cause: DamageCause | "torn" | null;
}

function fileHeader(): Bytes {
  const bytes = new Uint8Array(FILE_HEADER_BYTES);
  bytes.set(MAGIC, 0);
  writeU32(bytes, 8, VERSION);
  writeU32(bytes, 12, crc32c(bytes, 0, 0, 12));
  return bytes;
}

const FILE_HEADER: Bytes = fileHeader();
const FILE_CHECKSUM = readU32(FILE_HEADER, 12);

function encodeRecord(sequence: number, payload: Bytes, chained: number): Bytes {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length + TRAILER_BYTES);
  writeU32(bytes, 0, payload.length);
  writeU64(bytes, 4, sequence);
  const head = crc32c(bytes, chained, 0, 12);
  writeU32(bytes, 12, head);
  bytes.set(payload, HEADER_BYTES);
  writeU32(bytes, HEADER_BYTES + payload.length, crc32c(payload, head));
  writeU32(bytes, HEADER_BYTES + payload.length + 4, END_MARK);
  return bytes;
}

function endsInZeros(bytes: Bytes): boolean {
  return readU32(bytes, bytes.length - 4) === 0;
}

/** Judges the record at `scan.offset` and moves past it, or sets the cause. */
function scanRecord(bytes: Bytes, scan: Scan): Bytes | null {
  const at = scan.offset;
  if (bytes.length - at < HEADER_BYTES) return refuse(scan, "torn");
  const head = crc32c(bytes, scan.chained, at, at + 12);
  if (head !== readU32(bytes, at + 12)) {
    return refuse(scan, endsInZeros(bytes) ? "torn" : "header");
  }
  const end = at + HEADER_BYTES + readU32(bytes, at);
  if (end + TRAILER_BYTES > bytes.length) return refuse(scan, "torn");
  if (readU64(bytes, at + 4) !== scan.count) return refuse(scan, "order");
  const checksum = crc32c(bytes, head, at + HEADER_BYTES, end);
  if (checksum !== readU32(bytes, end) || readU32(bytes, end + 4) !== END_MARK) {
    const last = end + TRAILER_BYTES === bytes.length;
    return refuse(scan, last && endsInZeros(bytes) ? "torn" : "checksum");
  }
  scan.offset = end + TRAILER_BYTES;
  scan.count += 1;
  scan.chained = checksum;
  return bytes.subarray(at + HEADER_BYTES, end);
}

function refuse(scan: Scan, cause: DamageCause | "torn"): null {
  scan.cause = cause;
  return null;
}

function scanFile(bytes: Bytes, onRecord: (record: Bytes, sequence: number) => void): Scan {
  const scan: Scan = { offset: 0, count: 0, chained: FILE_CHECKSUM, cause: null };
  const headerSound = FILE_HEADER.every((byte, at) => bytes[at] === byte);
  if (!headerSound) {
    scan.cause = "header";
    return scan;
  }
  scan.offset = FILE_HEADER_BYTES;
  while (scan.offset < bytes.length) {
    const record = scanRecord(bytes, scan);
    if (record === null) return scan;
    onRecord(record, scan.count - 1);
  }
  return scan;
}

/** A whole log of these records, put in place of `path` at once (a new log, repair, compaction). */
export function writeChainLog(path: string, records: Iterable<Bytes>): void {
  replaceFile(path, encodeLog(records));
}

function* encodeLog(records: Iterable<Bytes>): Generator<Bytes> {
  yield FILE_HEADER;
  let chained = FILE_CHECKSUM;
  let sequence = 0;
  for (const payload of records) {
    const bytes = encodeRecord(sequence, payload, chained);
    chained = readU32(bytes, bytes.length - TRAILER_BYTES);
    sequence += 1;
    yield bytes;
  }
}

export class ChainLog {
  readonly path: string;
  readonly #fd: number;
  #offset: number;
  #count: number;
  #chained: number;
  #failed: StorageFailed | null = null;

  private constructor(path: string, fd: number, scan: Scan) {
    this.path = path;
    this.#fd = fd;
    this.#offset = scan.offset;
    this.#count = scan.count;
    this.#chained = scan.chained;
  }

  /** Opens (or creates) the log and hands over every record in order; a view, copy to keep. */
  static open(path: string, onRecord: (record: Bytes, sequence: number) => void): ChainLogOpened {
    const fd = openOrCreate(path);
    const bytes = new Uint8Array(readFileSync(fd));
    const scan = scanFile(bytes, onRecord);
    if (scan.cause !== null && scan.cause !== "torn") {
      closeSync(fd);
      return { ...damage(basename(path), scan.offset, scan.cause), count: scan.count };
    }
    let cut: LogTail | null = null;
    if (scan.cause === "torn") {
      cut = { offset: scan.offset, bytes: bytes.length - scan.offset };
      ftruncateSync(fd, scan.offset);
    }
    // A process that died between write and flush left a record that is not yet durable.
    syncData(fd, path);
    return { ok: true, log: new ChainLog(path, fd, scan), cut };
  }

  /** How many records there are; the next one's sequence number. */
  get count(): number {
    return this.#count;
  }

  /** Adds one record and returns its sequence number when it is durable. */
  append(payload: Bytes): number {
    return this.appendAll([payload]);
  }

  /** Adds records with one flush; returns the sequence number of the first. */
  appendAll(payloads: readonly Bytes[]): number {
    if (this.#failed !== null) throw this.#failed;
    const first = this.#count;
    let chained = this.#chained;
    const encoded = payloads.map((payload, index) => {
      assert(payload.length <= RECORD_BYTES_MAX, "a log record is within its bound");
      const bytes = encodeRecord(first + index, payload, chained);
      chained = readU32(bytes, bytes.length - TRAILER_BYTES);
      return bytes;
    });
    const bytes = concatBytes(...encoded);
    assert(this.#offset + bytes.length <= FILE_BYTES_MAX, "the log is within its bound");
    this.#write(bytes);
    this.#offset += bytes.length;
    this.#count += payloads.length;
    this.#chained = chained;
    return first;
  }

  #write(bytes: Bytes): void {
    failpoint("chain-log.before-write");
    try {
      writeParts(this.#fd, [bytes], this.#offset, "chain-log.write");
    } catch (error) {
      this.#undo();
      throw writeError(this.path, error);
    }
    try {
      failingPoint("chain-log.after-write");
      syncData(this.#fd, this.path);
    } catch (error) {
      const isKnown = error instanceof StorageFailed;
      this.#failed = isKnown ? error : new StorageFailed(this.path, "flush", error);
      throw this.#failed;
    }
    failpoint("chain-log.after-sync");
  }

  #undo(): void {
    try {
      ftruncateSync(this.#fd, this.#offset);
    } catch (error) {
      this.#failed = new StorageFailed(this.path, "truncate", error);
      throw this.#failed;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function openOrCreate(path: string): number {
  try {
    return openSync(path, "r+");
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw new StorageFailed(path, "open", error);
  }
  writeChainLog(path, []);
  return openSync(path, "r+");
}
