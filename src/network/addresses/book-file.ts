// The address book, anchors and bans on disk: one JSON file each, replaced as a whole. A damaged file
// costs only what it held, so it is set aside and the node starts without it.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { fromHex, toHex } from "../../base/bytes.ts";
import type { BookEntry, BookState } from "./book.ts";

const FORMAT = 1;

interface StoredEntry {
  readonly network: number;
  readonly bytes: string;
  readonly port: number;
  readonly services: string;
  readonly time: number;
  readonly source: string;
  readonly lastTry: number;
  readonly lastSuccess: number;
  readonly attempts: number;
  readonly tried: boolean;
}

/** Writes `value` so that a crash leaves the old file or the new one. */
export function writeJsonFile(path: string, value: unknown): void {
  const fresh = `${path}.new`;
  writeFileSync(fresh, JSON.stringify(value), { mode: 0o600 });
  renameSync(fresh, path);
}

/** The value in a JSON file; null when there is none or it is damaged (it is then renamed). */
export function readJsonFile(path: string): unknown {
  if (!existsSync(path)) return null;
  try {
    return JSON.parse(readFileSync(path, "utf8")) as unknown;
  } catch {
    renameSync(path, `${path}.damaged`);
    return null;
  }
}

export function saveBook(path: string, state: BookState): void {
  const entries = state.entries.map(
    (entry): StoredEntry => ({
      network: entry.address.network,
      bytes: toHex(entry.address.bytes),
      port: entry.address.port,
      services: entry.services.toString(16),
      time: entry.time,
      source: entry.source,
      lastTry: entry.lastTry,
      lastSuccess: entry.lastSuccess,
      attempts: entry.attempts,
      tried: entry.tried,
    }),
  );
  writeJsonFile(path, { format: FORMAT, key: toHex(state.key), entries });
}

function loadEntry(stored: StoredEntry): BookEntry | null {
  const bytes = fromHex(String(stored.bytes));
  if (bytes === null || !/^[0-9a-f]{1,16}$/.test(String(stored.services))) return null;
  return {
    address: { network: Number(stored.network), bytes, port: Number(stored.port) },
    services: BigInt(`0x${stored.services}`),
    time: Number(stored.time),
    source: String(stored.source),
    lastTry: Number(stored.lastTry),
    lastSuccess: Number(stored.lastSuccess),
    attempts: Number(stored.attempts),
    tried: stored.tried === true,
    places: 0,
  };
}

/** What `saveBook` wrote; null when there is nothing to be had. */
export function loadBook(path: string): BookState | null {
  const stored = readJsonFile(path) as {
    format?: unknown;
    key?: unknown;
    entries?: unknown;
  } | null;
  if (stored === null || stored.format !== FORMAT || !Array.isArray(stored.entries)) return null;
  const key = fromHex(String(stored.key));
  if (key?.length !== 32) return null;
  const entries = (stored.entries as StoredEntry[])
    .map(loadEntry)
    .filter((entry): entry is BookEntry => entry !== null);
  return { key, entries };
}
