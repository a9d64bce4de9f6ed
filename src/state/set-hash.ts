// Count, amount and MuHash3072 of a partition's coins, in the serialisation of Bitcoin Core's
// `gettxoutsetinfo muhash`. The hash is a product, so the partitions' hashes multiply to the whole
// set's, whatever their number. Source: Bitcoin Core kernel/coinstats.cpp.
import type { Bytes } from "../base/bytes.ts";
import { readU32, writeU32 } from "../base/bytes.ts";
import { compactSizeBytes, writeCompactSize } from "../base/reader.ts";
import { MuHash } from "../crypto/muhash.ts";
import { amountOf, STORED_COIN_HEADER_BYTES } from "./coin-store.ts";

export interface CoinSetDigest {
  readonly count: number;
  /** Base units. */
  readonly amount: number;
  /** Bitcoin Core's size of the set without any store: 50 bytes a coin and its script. */
  readonly bytes: number;
  /** Encoded MuHash state, to be combined; null when not asked for. */
  readonly muhash: Bytes | null;
}

/** outpoint | u32 height * 2 + coinbase | i64 value | CompactSize + script. */
export function setHashElement(key: Bytes, value: Bytes): Bytes {
  const scriptBytes = value.length - STORED_COIN_HEADER_BYTES;
  const element = new Uint8Array(48 + compactSizeBytes(scriptBytes) + scriptBytes);
  element.set(key.subarray(0, 32), 0);
  // The stored key has the index big-endian, the element little-endian.
  for (let byte = 0; byte < 4; byte++) element[32 + byte] = key[35 - byte]!;
  writeU32(element, 36, readU32(value, 0));
  element.set(value.subarray(4, STORED_COIN_HEADER_BYTES), 40);
  const at = writeCompactSize(element, 48, scriptBytes);
  element.set(value.subarray(STORED_COIN_HEADER_BYTES), at);
  return element;
}

/** What Bitcoin Core counts for a coin beside its script. */
const COIN_BYTES = 50;

/** Anything that can list its coins: a partition, or a store alone. */
export interface CoinSource {
  scan(visit: (key: Bytes, value: Bytes) => void): void;
}

export function digestCoins(source: CoinSource, withMuhash: boolean): CoinSetDigest {
  let count = 0;
  let amount = 0;
  let bytes = 0;
  const muhash = withMuhash ? new MuHash() : null;
  source.scan((key, value) => {
    count += 1;
    bytes += COIN_BYTES + value.length - STORED_COIN_HEADER_BYTES;
    amount += amountOf(readU32(value, 4), readU32(value, 8));
    muhash?.insert(setHashElement(key, value));
  });
  return { count, amount, bytes, muhash: muhash?.encode() ?? null };
}
