// Hot: the scratch buffer in which signature hashes are put together, and the small copies that do
// it. One buffer serves every hash of the thread: each is written and hashed before the next begins.
import { type Bytes, copyBytes } from "../../base/bytes.ts";
import { writeCompactSize } from "../../base/reader.ts";

/** Kept between hashes; greater messages get a buffer of their own. */
const KEPT_BYTES = 1 << 16;

const kept: Bytes = new Uint8Array(KEPT_BYTES);

/** A buffer of at least `bytes` bytes, good until the next call. */
export function scratch(bytes: number): Bytes {
  return bytes <= KEPT_BYTES ? kept : new Uint8Array(bytes);
}

const keptPart: Bytes = new Uint8Array(KEPT_BYTES);

/** The same for what several inputs share: it is hashed while a message is being put together. */
export function partScratch(bytes: number): Bytes {
  return bytes <= KEPT_BYTES ? keptPart : new Uint8Array(bytes);
}

/** Copies `from[start, end)` to `out[at …)` and returns the offset behind it. */
export function copyInto(out: Bytes, at: number, from: Bytes, start: number, end: number): number {
  copyBytes(out, at, from, start, end);
  return at + end - start;
}

/** Copies a script with its length before it. */
export function copyScript(out: Bytes, at: number, script: Bytes): number {
  return copyInto(out, writeCompactSize(out, at, script.length), script, 0, script.length);
}
