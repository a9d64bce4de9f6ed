// Which of the operator's transactions no peer has asked for yet: they are announced again from time
// to time, also after a restart, so that a transaction is not lost because nobody was connected when
// it was sent (as Bitcoin Core's unbroadcast set).
//
//   file  txids, 32 bytes each | CRC-32C of them
import { readFileSync, rmSync } from "node:fs";
import { type Bytes, readU32, writeU32 } from "../../base/bytes.ts";
import { crc32c } from "../../base/crc32c.ts";
import { replaceFile } from "../../engines/files/disk.ts";
import { isStorageError } from "../../ports/storage-error.ts";
import type { Entry } from "./entry.ts";

export class Unbroadcast {
  readonly #entries = new Set<Entry>();

  get count(): number {
    return this.#entries.size;
  }

  values(): Iterable<Entry> {
    return this.#entries;
  }

  add(entry: Entry): void {
    entry.unbroadcast = true;
    this.#entries.add(entry);
  }

  /** A peer has asked for it, or it has left. */
  delete(entry: Entry): void {
    if (!entry.unbroadcast) return;
    entry.unbroadcast = false;
    this.#entries.delete(entry);
  }

  /** Writes the ids; a full disk leaves the old file. */
  save(path: string): void {
    const bytes = new Uint8Array(this.count * 32 + 4);
    let at = 0;
    for (const { txid } of this.#entries) {
      bytes.set(txid, at);
      at += 32;
    }
    writeU32(bytes, at, crc32c(bytes, 0, 0, at));
    try {
      if (at === 0) rmSync(path, { force: true });
      else replaceFile(path, [bytes]);
    } catch (error) {
      if (!isStorageError(error)) throw error;
    }
  }

  /** Marks those of the file that `entry` knows. */
  load(path: string, entry: (txid: Bytes) => Entry | null): void {
    for (const txid of readIds(path)) {
      const found = entry(txid);
      if (found !== null) this.add(found);
    }
  }
}

function readIds(path: string): Bytes[] {
  let bytes: Bytes;
  try {
    bytes = new Uint8Array(readFileSync(path));
  } catch {
    return [];
  }
  const end = bytes.length - 4;
  if (end < 0 || end % 32 !== 0 || crc32c(bytes, 0, 0, end) !== readU32(bytes, end)) return [];
  return Array.from({ length: end / 32 }, (_, index) => bytes.slice(index * 32, index * 32 + 32));
}
