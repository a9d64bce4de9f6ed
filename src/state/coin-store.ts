// What a partition needs of its store: single coins, whole flushes, and the position the store is
// at. Keys are outpoints with the index big-endian, so that the coins of one transaction adjoin.
import { type Bytes, readU32, writeU32BE } from "../base/bytes.ts";
import type { Coin } from "../ledger/bitcoin/coin.ts";
import type { CoinRun } from "./coin-batch.ts";

export const COIN_KEY_BYTES = 36;
/** code u32, value u64; the rest of a stored coin is its script. */
export const STORED_COIN_HEADER_BYTES = 12;

export interface CoinStore {
  /** The stored coin under the key, or null; damaged data throws the engine's own error. */
  get(key: Bytes): Bytes | null;
  /** True when any coin of the transaction `txid` (32 bytes) is stored. */
  hasTransaction(txid: Bytes): boolean;
  /** Writes the runs one after the other; the position moves with the last. Durable on return. */
  flush(runs: Iterable<CoinRun>, position: Bytes): void;
  /** What the last flush stored as position, or null when there was none. */
  position(): Bytes | null;
  /** Reads everything through; throws the engine's own error at damage. */
  verify(): void;
  /** Every coin in key order. */
  scan(visit: (key: Bytes, value: Bytes) => void): void;
  /** A view that later flushes do not change. */
  snapshot(): CoinSnapshot;
  close(): void;
}

/** The coins of one moment, page by page in key order. */
export interface CoinSnapshot {
  /** Visits a page of coins; where the next one begins, or null at the end. */
  page(from: Bytes, visit: (key: Bytes, value: Bytes) => void): Bytes | null;
  close(): void;
}

/** Writes the key of the outpoint (`txid[at, at+32)`, index) at `keys[keyAt]`. */
export function writeCoinKey(
  keys: Bytes,
  keyAt: number,
  txid: Bytes,
  at: number,
  index: number,
): void {
  for (let byte = 0; byte < 32; byte++) keys[keyAt + byte] = txid[at + byte]!;
  writeU32BE(keys, keyAt + 32, index);
}

/** Amount in base units from its two halves. */
export function amountOf(low: number, high: number): number {
  return high * 0x1_0000_0000 + low;
}

/** A stored coin as the rules see it. */
export function decodeStoredCoin(value: Bytes): Coin {
  const code = readU32(value, 0);
  return {
    value: amountOf(readU32(value, 4), readU32(value, 8)),
    // A copy: of so few bytes it costs less than a view.
    script: value.slice(STORED_COIN_HEADER_BYTES),
    height: code >>> 1,
    coinbase: (code & 1) === 1,
  };
}
