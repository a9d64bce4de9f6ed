// Makes a damaged sequence of records whole again: where nothing can be read, a record of the
// caller's kind takes up the room, so that everything else stays where it is. Only pando repair does
// this, after it has named the damage.
import { closeSync, ftruncateSync, openSync } from "node:fs";
import { errorCode, readInto, syncData, syncFolder, writeError, writeParts } from "./disk.ts";
import { encodeHeader, FRAME_BYTES, type Position } from "./frame.ts";
import { records } from "./record-scan.ts";
import { Segments } from "./segments.ts";

export interface FillOptions {
  readonly folder: string;
  readonly prefix: string;
  /** Kind of the records that take up the room. */
  readonly kind: number;
  /** The files reached at least up to here. */
  readonly reach: Position;
}

/** Bytes of a file in which no record can be read. */
interface Gap {
  readonly file: number;
  readonly from: number;
  readonly to: number;
}

function sizeOf(segments: Segments, file: number, reach: Position): number {
  const least = file === reach.file ? reach.offset : 0;
  return Math.max(segments.exists(file) ? segments.size(file) : 0, least);
}

function findGaps(segments: Segments, reach: Position): Gap[] {
  const gaps: Gap[] = [];
  let open: Position | null = null;
  const close = (next: Position | null): void => {
    if (open === null) return;
    const { file, offset } = open;
    const to = next?.file === file ? next.offset : sizeOf(segments, file, reach);
    gaps.push({ file, from: offset, to: Math.max(to, offset + FRAME_BYTES) });
    open = null;
  };
  for (const read of records(segments, { file: Math.max(0, segments.first), offset: 0 })) {
    if (read.ok) close(read.location);
    else if (open === null || (open as Position).file !== read.at.file) {
      close(null);
      open = read.at;
    }
  }
  close(null);
  for (let file = Math.max(0, segments.first); file <= reach.file; file++) {
    const size = segments.exists(file) ? segments.size(file) : 0;
    const wanted = file === reach.file ? reach.offset : 1;
    const covered = gaps.some((gap) => gap.file === file && gap.to >= wanted);
    if (size < wanted && !covered) {
      gaps.push({ file, from: size, to: Math.max(wanted, size + FRAME_BYTES) });
    }
  }
  return gaps;
}

function openOrCreate(path: string): number {
  try {
    return openSync(path, "r+");
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    return openSync(path, "w+");
  }
}

/** Writes the frame that makes a gap a record; what stands behind it becomes its payload. */
function fill(path: string, { file, from, to }: Gap, kind: number): void {
  const fd = openOrCreate(path);
  try {
    const payload = new Uint8Array(to - from - FRAME_BYTES);
    const there = readInto(fd, payload, from + FRAME_BYTES);
    if (there < payload.length) ftruncateSync(fd, to);
    const nothing = { file: 0, offset: 0 };
    const header = encodeHeader({ file, offset: from }, kind, nothing, [payload]);
    writeParts(fd, [header], from, "record.write");
    syncData(fd, path);
  } catch (error) {
    throw writeError(path, error);
  } finally {
    closeSync(fd);
  }
}

/** Fills every gap of a sequence; returns how many there were. */
export function fillDamage({ folder, prefix, kind, reach }: FillOptions): number {
  const segments = new Segments(folder, prefix);
  const gaps = findGaps(segments, reach);
  const paths = gaps.map(({ file }) => segments.path(file));
  segments.close();
  for (const [number, gap] of gaps.entries()) fill(paths[number]!, gap, kind);
  if (gaps.length > 0) syncFolder(folder);
  return gaps.length;
}
