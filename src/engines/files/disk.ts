// The few system calls that the files engine makes, with errors sorted into StorageFull and
// StorageFailed, failpoints around what is durable, and no short write left unfinished.
import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { type Bytes, concatBytes } from "../../base/bytes.ts";
import { die, type Failpoint, failpoint, tornLength } from "../../ports/failpoint.ts";
import { StorageFailed, StorageFull } from "../../ports/storage-error.ts";

/** Below this size the parts of one record are joined: one call is cheaper than the copy. */
const JOIN_BYTES_MAX = 256 * 1024;

/** Codes that mean "no room": disk, quota, file size limit. */
const NO_ROOM: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : "";
}

/** The typed error of a failed write. */
export function writeError(path: string, error: unknown): StorageFull | StorageFailed {
  return NO_ROOM.has(errorCode(error))
    ? new StorageFull(path, error)
    : new StorageFailed(path, "write to", error);
}

function writeFrom(fd: number, bytes: Bytes, position: number): void {
  let done = 0;
  while (done < bytes.length) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}

/** Writes all parts at `position`; throws the raw error when the disk refuses. */
export function writeParts(
  fd: number,
  parts: readonly Bytes[],
  position: number,
  point: Failpoint,
): void {
  let length = 0;
  for (const part of parts) length += part.length;
  const prefix = tornLength(point, length);
  if (prefix !== null) {
    writeFrom(fd, concatBytes(...parts).subarray(0, prefix), position);
    die();
  }
  if (length <= JOIN_BYTES_MAX) {
    writeFrom(fd, concatBytes(...parts), position);
    return;
  }
  let at = position;
  for (const part of parts) {
    writeFrom(fd, part, at);
    at += part.length;
  }
}

/** Fills `target[from, to)` from the file; returns how many bytes there were. */
export function readInto(
  fd: number,
  target: Bytes,
  position: number,
  from = 0,
  to: number = target.length,
): number {
  let done = from;
  while (done < to) {
    const count = readSync(fd, target, done, to - done, position + done - from);
    if (count === 0) break;
    done += count;
  }
  return done - from;
}

/** Flushes the contents of an open file. A failure is final. */
export function syncData(fd: number, path: string): void {
  try {
    fdatasyncSync(fd);
  } catch (error) {
    throw new StorageFailed(path, "flush", error);
  }
}

/** Flushes a folder: new, renamed and removed names in it are durable afterwards. */
export function syncFolder(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } catch (error) {
    throw new StorageFailed(path, "flush", error);
  } finally {
    closeSync(fd);
  }
}

/**
 * Puts `parts` in the place of the file `path`: a crash leaves the old or the new one, whole. `mode`
 * is for files that hold secrets.
 */
export function replaceFile(path: string, parts: Iterable<Bytes>, mode = 0o666): void {
  const temporary = `${path}.new`;
  failpoint("replace.before-write");
  const fd = openSync(temporary, "w", mode);
  try {
    let at = 0;
    for (const part of parts) {
      writeParts(fd, [part], at, "replace.write");
      at += part.length;
    }
    syncData(fd, temporary);
  } catch (error) {
    unlinkSync(temporary);
    throw error instanceof StorageFailed ? error : writeError(path, error);
  } finally {
    closeSync(fd);
  }
  failpoint("replace.before-rename");
  renameSync(temporary, path);
  failpoint("replace.after-rename");
  syncFolder(dirname(path));
}
