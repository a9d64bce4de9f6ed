// The address book, anchors and bans on disk: one JSON file each, replaced as a whole. A damaged file
// costs only what it held, so it is set aside and the node starts without it.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { fromHex, toHex } from "../../base/bytes.ts";
import type { Ban } from "../connect/bans.ts";
import { ADDRESS_BYTES_MAX } from "../limits.ts";
import { ADDRESS_LENGTH, type NetworkAddress } from "../wire/address.ts";
import { addressOf } from "./address-text.ts";
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

/** The fields of an object; null for anything else that JSON can hold. */
function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === "object" && value !== null ? { ...value } : null;
}

/** A whole number from 0 to `most`; null for anything else. */
function wholeOf(value: unknown, most: number): number | null {
  const fits = typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most;
  return fits ? value : null;
}

const PORT_MAX = 65_535;

function loadEntry(value: unknown): BookEntry | null {
  const stored = fieldsOf(value);
  if (stored === null) return null;
  const network = wholeOf(stored["network"], 255);
  const port = wholeOf(stored["port"], PORT_MAX);
  const bytes = typeof stored["bytes"] === "string" ? fromHex(stored["bytes"]) : null;
  const { services, source } = stored;
  const times = ["time", "lastTry", "lastSuccess", "attempts"].map((name) =>
    wholeOf(stored[name], Number.MAX_SAFE_INTEGER),
  );
  const [time, lastTry, lastSuccess, attempts] = times;
  if (network === null || port === null || bytes === null) return null;
  // Addresses of networks that we do not know have any length.
  const length = ADDRESS_LENGTH[network] ?? bytes.length;
  if (bytes.length !== length || length > ADDRESS_BYTES_MAX) return null;
  if (typeof services !== "string" || !/^[0-9a-f]{1,16}$/.test(services)) return null;
  if (typeof source !== "string" || times.includes(null)) return null;
  return {
    address: { network, bytes, port },
    services: BigInt(`0x${services}`),
    time: time!,
    source,
    lastTry: lastTry!,
    lastSuccess: lastSuccess!,
    attempts: attempts!,
    tried: stored["tried"] === true,
    places: 0,
  };
}

/** The bans of a file, those that are some. */
export function loadBans(path: string): Ban[] {
  const stored = readJsonFile(path);
  const bans: Ban[] = [];
  for (const value of Array.isArray(stored) ? (stored as unknown[]) : []) {
    const ban = fieldsOf(value);
    const created = wholeOf(ban?.["created"], Number.MAX_SAFE_INTEGER);
    const until = wholeOf(ban?.["until"], Number.MAX_SAFE_INTEGER);
    const subnet = ban?.["subnet"];
    if (typeof subnet !== "string" || created === null || until === null) continue;
    bans.push({ subnet, created, until });
  }
  return bans;
}

/** The addresses of the anchors in a file, those that are some. */
export function loadAnchors(path: string): NetworkAddress[] {
  const stored = readJsonFile(path);
  const anchors: NetworkAddress[] = [];
  for (const value of Array.isArray(stored) ? (stored as unknown[]) : []) {
    const anchor = fieldsOf(value);
    const port = wholeOf(anchor?.["port"], PORT_MAX);
    const host = anchor?.["host"];
    const address = typeof host === "string" && port !== null ? addressOf(host, port) : null;
    if (address !== null) anchors.push(address);
  }
  return anchors;
}

/** What `saveBook` wrote; null when there is nothing to be had. */
export function loadBook(path: string): BookState | null {
  const stored = fieldsOf(readJsonFile(path));
  if (stored === null) return null;
  const { format, key: keyText, entries: list } = stored;
  const key = typeof keyText === "string" ? fromHex(keyText) : null;
  if (format !== FORMAT || key?.length !== 32 || !Array.isArray(list)) return null;
  const entries = (list as unknown[])
    .map(loadEntry)
    .filter((entry): entry is BookEntry => entry !== null);
  return { key, entries };
}
