// Hot: what a flush tells the store, in key order, cut into runs that are small enough for one
// transaction of the store. A flush may hold millions of coins while memory is at its budget, so
// there is no object per coin: entries are sorted by address and packed into columns run by run.
import { assert } from "../base/assert.ts";
import { type Bytes, writeU32 } from "../base/bytes.ts";
import type { PackedValues } from "../ports/store.ts";
import { COIN_KEY_BYTES, STORED_COIN_HEADER_BYTES, writeCoinKey } from "./coin-store.ts";
import {
  type CoinTable,
  DELETED,
  WORD_CODE,
  WORD_FLAGS,
  WORD_INDEX,
  WORD_SCRIPT,
  WORD_SCRIPT_BYTES,
  WORD_VALUE,
} from "./coin-table.ts";

/** Changes in ascending key order: length -1 deletes. Keys are COIN_KEY_BYTES each. */
export interface CoinRun extends PackedValues {
  readonly count: number;
  readonly keys: Bytes;
  readonly isLast: boolean;
}

/** What is exact in a double. */
const EXACT_BITS = 53;

/** The first word of the txid as its bytes compare. */
function prefixOf(table: CoinTable, address: number): number {
  const bytes = table.bytes(address);
  const at = table.offset(address) * 4;
  const high = (bytes[at]! << 24) | (bytes[at + 1]! << 16);
  return (high | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Compares keys: txid as bytes, then output index as a number. */
function compareKeys(table: CoinTable, a: number, b: number): number {
  const left = table.bytes(a);
  const right = table.bytes(b);
  const leftAt = table.offset(a) * 4;
  const rightAt = table.offset(b) * 4;
  for (let byte = 0; byte < 32; byte++) {
    const order = left[leftAt + byte]! - right[rightAt + byte]!;
    if (order !== 0) return order;
  }
  const leftIndex = table.words(a)[table.offset(a) + WORD_INDEX]!;
  return leftIndex - table.words(b)[table.offset(b) + WORD_INDEX]!;
}

/** Sorts addresses by key: by a prefix of the txid as numbers first, then within equal prefixes. */
export function sortByKey(table: CoinTable, addresses: Uint32Array): void {
  const { length } = addresses;
  const ordinalBits = Math.max(1, 32 - Math.clz32(length));
  const prefixShift = Math.max(0, 32 - (EXACT_BITS - ordinalBits));
  const scale = 2 ** ordinalBits;
  const order = new Float64Array(length);
  for (let at = 0; at < length; at++) {
    order[at] = (prefixOf(table, addresses[at]!) >>> prefixShift) * scale + at;
  }
  order.sort();
  const sorted = new Uint32Array(length);
  for (let at = 0; at < length; at++) sorted[at] = addresses[order[at]! % scale]!;
  for (let from = 0; from < length; ) {
    const prefix = Math.floor(order[from]! / scale);
    let to = from + 1;
    while (to < length && Math.floor(order[to]! / scale) === prefix) to++;
    if (to - from > 1) sorted.subarray(from, to).sort((a, b) => compareKeys(table, a, b));
    from = to;
  }
  addresses.set(sorted);
}

function storedBytes(table: CoinTable, address: number): number {
  const words = table.words(address);
  const from = table.offset(address);
  if ((words[from + WORD_FLAGS]! & DELETED) !== 0) return 0;
  return STORED_COIN_HEADER_BYTES + words[from + WORD_SCRIPT_BYTES]!;
}

/** Writes a stored coin at `data[at]`: code u32, value u64, script. */
export function writeStoredCoin(table: CoinTable, address: number, data: Bytes, at: number): void {
  const words = table.words(address);
  const bytes = table.bytes(address);
  const from = table.offset(address);
  const scriptBytes = words[from + WORD_SCRIPT_BYTES]!;
  const scriptFrom = (from + WORD_SCRIPT) * 4;
  writeU32(data, at, words[from + WORD_CODE]!);
  writeU32(data, at + 4, words[from + WORD_VALUE]!);
  writeU32(data, at + 8, words[from + WORD_VALUE + 1]!);
  const to = at + STORED_COIN_HEADER_BYTES;
  for (let byte = 0; byte < scriptBytes; byte++) data[to + byte] = bytes[scriptFrom + byte]!;
}

/** Writes the store's key of an entry at `keys[at]`. */
export function writeStoredKey(table: CoinTable, address: number, keys: Bytes, at: number): void {
  const from = table.offset(address);
  const index = table.words(address)[from + WORD_INDEX]!;
  writeCoinKey(keys, at, table.bytes(address), from * 4, index);
}

/**
 * The entries at `addresses`, which are sorted, in runs of at most `countMax` and, but for a single
 * large one, `bytesMax`; one empty run when there are none.
 */
export function* packRuns(
  table: CoinTable,
  addresses: Uint32Array,
  countMax: number,
  bytesMax: number,
): Generator<CoinRun> {
  assert(countMax > 0, "a run holds something");
  for (let from = 0; ; ) {
    let to = from;
    let bytes = 0;
    while (to < addresses.length && to - from < countMax) {
      const more = storedBytes(table, addresses[to]!);
      if (to > from && bytes + more > bytesMax) break;
      bytes += more;
      to++;
    }
    yield packRun(table, addresses.subarray(from, to), bytes, to === addresses.length);
    if (to === addresses.length) return;
    from = to;
  }
}

function packRun(
  table: CoinTable,
  addresses: Uint32Array,
  bytes: number,
  isLast: boolean,
): CoinRun {
  const count = addresses.length;
  const keys = new Uint8Array(count * COIN_KEY_BYTES);
  const data = new Uint8Array(bytes);
  const starts = new Uint32Array(count);
  const lengths = new Int32Array(count);
  let at = 0;
  for (let entry = 0; entry < count; entry++) {
    const address = addresses[entry]!;
    const length = storedBytes(table, address);
    writeStoredKey(table, address, keys, entry * COIN_KEY_BYTES);
    starts[entry] = at;
    lengths[entry] = length === 0 ? -1 : length;
    if (length > 0) writeStoredCoin(table, address, data, at);
    at += length;
  }
  return { count, keys, data, starts, lengths, isLast };
}
