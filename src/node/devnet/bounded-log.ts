// The log of a node's process: the process appends to the file by itself, so that it loses nothing
// when the supervisor is gone; the supervisor moves the file's end aside when it has grown.
import { closeSync, openSync, readSync, statSync, truncateSync, writeFileSync } from "node:fs";

/** Above this the last half is kept beside it, as FILE.1, and the file begins again. */
export const LOG_BYTES_MAX: number = 4 * 1024 * 1024;
/** Looked at for the reason of a failed start. */
const TAIL_BYTES = 4096;

export function logBytes(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function readFrom(file: string, from: number, most: number): string {
  const descriptor = openSync(file, "r");
  try {
    const bytes = Buffer.alloc(most);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, most, from)).toString("utf8");
  } finally {
    closeSync(descriptor);
  }
}

/** Keeps the log within its bound; what is written between reading and cutting is lost. */
export function boundLog(file: string, bytesMax: number = LOG_BYTES_MAX): void {
  const bytes = logBytes(file);
  if (bytes <= bytesMax) return;
  const half = Math.floor(bytesMax / 2);
  writeFileSync(`${file}.1`, readFrom(file, bytes - half, half));
  truncateSync(file, 0);
}

/** Why a process ended, by what it wrote since `from`: the last line `pando: ...`, else the last line. */
export function reasonIn(file: string, from: number): string {
  const bytes = logBytes(file);
  const start = Math.max(Math.min(from, bytes), bytes - TAIL_BYTES);
  if (bytes === start) return "it said nothing";
  const lines = readFrom(file, start, bytes - start)
    .split("\n")
    .filter((line) => line.trim() !== "");
  const own = lines.filter((line) => line.startsWith("pando: ")).at(-1);
  return own?.slice("pando: ".length) ?? lines.at(-1) ?? "it said nothing";
}
