// The part of the engine contract that is the same wherever the bytes lie: ids, kept results,
// conditions, sizes. It works over a small ordered map with transactions; an engine in this process
// supplies the map. The records of the engine itself lie under the space 0x00, which no caller can
// name:
//   00 's'          state: schema u8, epoch u64, last batch u64, meta
//   00 'r' id % 64  results of a batch: id u64, digest of the request u32, refused groups
import { assert } from "../base/assert.ts";
import {
  type Bytes,
  bytesEqual,
  concatBytes,
  readU32,
  readU64,
  writeU32,
  writeU64,
} from "../base/bytes.ts";
import { crc32c } from "../base/crc32c.ts";
import {
  type Condition,
  type Group,
  type GroupResult,
  KEPT_RESULTS,
  KEY_BYTES_MAX,
  type PackedWrites,
  type Refusal,
  type Space,
} from "../ports/store.ts";
import { tooLarge } from "./refusals.ts";

/** The ordered map below: keys have their space in front. */
export interface KeyValue {
  /** A copy of the value, or null. */
  get(key: Bytes): Bytes | null;
  /** Within a transaction only; the bytes may be reused by the caller afterwards. */
  put(key: Bytes, value: Bytes): void;
  remove(key: Bytes): void;
}

const SCHEMA = 1;
const STATE_KEY: Bytes = new Uint8Array([0, 0x73]);

export interface StoreState {
  readonly epoch: number;
  readonly lastBatch: number;
  readonly meta: Bytes;
}

export const EMPTY_STATE: StoreState = { epoch: 0, lastBatch: 0, meta: new Uint8Array(0) };

/** The state record; null when there is none, "damaged" when it cannot be ours. */
export function readState(store: KeyValue): StoreState | null | "damaged" {
  const bytes = store.get(STATE_KEY);
  if (bytes === null) return null;
  if (bytes.length < 17 || bytes[0] !== SCHEMA) return "damaged";
  const [epoch, lastBatch] = [readU64(bytes, 1), readU64(bytes, 9)];
  if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(lastBatch)) return "damaged";
  return { epoch, lastBatch, meta: bytes.slice(17) };
}

export function writeState(store: KeyValue, state: StoreState): void {
  const bytes = new Uint8Array(17 + state.meta.length);
  bytes[0] = SCHEMA;
  writeU64(bytes, 1, state.epoch);
  writeU64(bytes, 9, state.lastBatch);
  bytes.set(state.meta, 17);
  store.put(STATE_KEY, bytes);
}

function resultKey(batchId: number): Bytes {
  return new Uint8Array([0, 0x72, batchId % KEPT_RESULTS]);
}

/** The key with its space in front, as the map below has it. */
export function storeKey(space: Space, key: Bytes): Bytes {
  assert(space.length === 1 && space.charCodeAt(0) > 0, "a space is one letter");
  const bytes = new Uint8Array(1 + key.length);
  bytes[0] = space.charCodeAt(0);
  bytes.set(key, 1);
  return bytes;
}

const scratch = new Uint8Array(16);

function addToDigest(crc: number, space: Space, key: Bytes, value: Bytes | null): number {
  scratch[0] = space.charCodeAt(0);
  writeU32(scratch, 1, key.length);
  writeU32(scratch, 5, value === null ? 0xffffffff : value.length);
  const named = crc32c(key, crc32c(scratch, crc, 0, 9));
  return value === null ? named : crc32c(value, named);
}

/** Tells a repeated batch from another one under the same id. */
export function groupsDigest(groups: readonly Group[], meta: Bytes | undefined): number {
  let crc = meta === undefined ? 0 : crc32c(meta, 1);
  for (const { when, write } of groups) {
    writeU32(scratch, 0, when.length);
    writeU32(scratch, 4, write.length);
    crc = crc32c(scratch, crc, 0, 8);
    for (const condition of when) {
      scratch[9] = condition.is.length;
      crc = crc32c(scratch, crc, 9, 10);
      const value = condition.is === "equals" ? condition.value : null;
      crc = addToDigest(crc, condition.space, condition.key, value);
    }
    for (const { space, key, value } of write) crc = addToDigest(crc, space, key, value);
  }
  return crc;
}

export function packedDigest(writes: readonly PackedWrites[], meta: Bytes): number {
  let crc = crc32c(meta, 2);
  for (const { space, keyBytes, count, keys, data, starts, lengths } of writes) {
    scratch[0] = space.charCodeAt(0);
    writeU32(scratch, 1, keyBytes);
    writeU32(scratch, 5, count);
    crc = crc32c(scratch, crc, 0, 9);
    crc = crc32c(keys, crc, 0, count * keyBytes);
    for (let index = 0; index < count; index++) {
      const length = lengths[index]!;
      writeU32(scratch, 0, length);
      crc = crc32c(scratch, crc, 0, 4);
      if (length > 0) crc = crc32c(data, crc, starts[index]!, starts[index]! + length);
    }
  }
  return crc;
}

export function groupsTooLarge(
  groups: readonly Group[],
  meta: Bytes | undefined,
  bytesMax: number,
): Refusal | null {
  let bytes = meta?.length ?? 0;
  for (const { when, write } of groups) {
    for (const { key } of when) {
      if (key.length > KEY_BYTES_MAX) return tooLarge(key.length, KEY_BYTES_MAX);
    }
    for (const { key, value } of write) {
      if (key.length > KEY_BYTES_MAX) return tooLarge(key.length, KEY_BYTES_MAX);
      bytes += key.length + (value?.length ?? 0);
    }
  }
  return bytes > bytesMax ? tooLarge(bytes, bytesMax) : null;
}

export function packedTooLarge(
  writes: readonly PackedWrites[],
  meta: Bytes,
  bytesMax: number,
): Refusal | null {
  let bytes = meta.length;
  for (const { keyBytes, count, lengths } of writes) {
    if (keyBytes > KEY_BYTES_MAX) return tooLarge(keyBytes, KEY_BYTES_MAX);
    bytes += keyBytes * count;
    for (let index = 0; index < count; index++) bytes += Math.max(lengths[index]!, 0);
  }
  return bytes > bytesMax ? tooLarge(bytes, bytesMax) : null;
}

function failedCondition(store: KeyValue, condition: Condition): { found: Bytes | null } | null {
  const found = store.get(storeKey(condition.space, condition.key));
  const holds =
    condition.is === "absent"
      ? found === null
      : found !== null && (condition.is === "present" || bytesEqual(found, condition.value));
  return holds ? null : { found };
}

/** Applies the groups one after the other, within a transaction of the map. */
export function applyGroups(store: KeyValue, groups: readonly Group[]): GroupResult[] {
  return groups.map(({ when, write }) => {
    for (const [index, condition] of when.entries()) {
      const failed = failedCondition(store, condition);
      if (failed !== null) return { ok: false, code: "CONDITION", index, found: failed.found };
    }
    for (const { space, key, value } of write) {
      if (value === null) store.remove(storeKey(space, key));
      else store.put(storeKey(space, key), value);
    }
    return { ok: true };
  });
}

/** Applies packed writes, within a transaction of the map. */
export function applyPacked(store: KeyValue, writes: readonly PackedWrites[]): void {
  for (const { space, keyBytes, count, keys, data, starts, lengths } of writes) {
    const key = new Uint8Array(1 + keyBytes);
    key[0] = space.charCodeAt(0);
    for (let index = 0; index < count; index++) {
      key.set(keys.subarray(index * keyBytes, (index + 1) * keyBytes), 1);
      const start = starts[index]!;
      const length = lengths[index]!;
      if (length < 0) store.remove(key);
      else store.put(key, data.subarray(start, start + length));
    }
  }
}

/** Keeps the results of a batch: id u64, digest u32, count u32, then each refused group. */
export function keepResults(
  store: KeyValue,
  batchId: number,
  digest: number,
  results: readonly GroupResult[],
): void {
  const head = new Uint8Array(16);
  writeU64(head, 0, batchId);
  writeU32(head, 8, digest);
  writeU32(head, 12, results.length);
  const parts: Bytes[] = [head];
  for (const [group, result] of results.entries()) {
    if (result.ok) continue;
    const entry = new Uint8Array(13);
    writeU32(entry, 0, group);
    writeU32(entry, 4, result.index);
    entry[8] = result.found === null ? 0 : 1;
    writeU32(entry, 9, result.found?.length ?? 0);
    parts.push(entry);
    if (result.found !== null) parts.push(result.found);
  }
  store.put(resultKey(batchId), concatBytes(...parts));
}

/** The results of an earlier batch, if it was this one and they are still kept. */
export function keptResults(
  store: KeyValue,
  batchId: number,
  digest: number,
): GroupResult[] | null {
  const bytes = store.get(resultKey(batchId));
  if (bytes === null || bytes.length < 16) return null;
  if (readU64(bytes, 0) !== batchId || readU32(bytes, 8) !== digest) return null;
  const results: GroupResult[] = Array.from({ length: readU32(bytes, 12) }, () => ({ ok: true }));
  let at = 16;
  while (at < bytes.length) {
    const length = readU32(bytes, at + 9);
    const found = bytes[at + 8] === 0 ? null : bytes.slice(at + 13, at + 13 + length);
    const index = readU32(bytes, at + 4);
    results[readU32(bytes, at)] = { ok: false, code: "CONDITION", index, found };
    at += 13 + length;
  }
  return results;
}
