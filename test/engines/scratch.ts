// A fresh folder for one test, removed afterwards, and deterministic bytes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

export function scratchFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "pando-engines-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Deterministic bytes that differ by `seed` (xorshift32). */
export function bytesOf(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (seed + 1) * 2654435761;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
  return bytes;
}
