// Count, amount and MuHash3072 of a partition's coins, in the serialisation of Bitcoin Core's
// `gettxoutsetinfo muhash`. The hash is a product, so the partitions' hashes multiply to the whole
// set's, whatever their number. Source: Bitcoin Core kernel/coinstats.cpp.
import type { Bytes } from "../base/bytes.ts";
import { rangeEqual, readU32, writeU32 } from "../base/bytes.ts";
import { compactSizeBytes, writeCompactSize } from "../base/reader.ts";
import { MuHash } from "../crypto/muhash.ts";
import { amountOf, type CoinSnapshot, STORED_COIN_HEADER_BYTES } from "./coin-store.ts";
import { COIN_SCRIPT, COIN_SCRIPT_BYTES } from "./delta.ts";

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

/** The same of a coin of a delta, whose words from `at` on are the element but for the length. */
export function deltaElement(delta: Uint32Array, at: number): Bytes {
  const scriptBytes = delta[at + COIN_SCRIPT_BYTES]!;
  const bytes = new Uint8Array(delta.buffer, delta.byteOffset + at * 4);
  const element = new Uint8Array(48 + compactSizeBytes(scriptBytes) + scriptBytes);
  element.set(bytes.subarray(0, 48), 0);
  const script = writeCompactSize(element, 48, scriptBytes);
  element.set(bytes.subarray(COIN_SCRIPT * 4, COIN_SCRIPT * 4 + scriptBytes), script);
  return element;
}

/** What Bitcoin Core counts for a coin beside its script. */
export const COIN_BYTES = 50;

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

export interface CensusDigest extends CoinSetDigest {
  /** Transactions with a coin. */
  readonly transactions: number;
}

/** Counts a snapshot page by page, so that its thread can do other things between. */
export class Census {
  readonly #snapshot: CoinSnapshot;
  readonly #muhash: MuHash | null;
  #from: Bytes | null = new Uint8Array(0);
  readonly #last: Bytes = new Uint8Array(32);
  #count = 0;
  #amount = 0;
  #bytes = 0;
  #transactions = 0;

  constructor(snapshot: CoinSnapshot, withMuhash: boolean) {
    this.#snapshot = snapshot;
    this.#muhash = withMuhash ? new MuHash() : null;
  }

  /** Goes on for a page; true at the end. */
  step(): boolean {
    if (this.#from === null) return true;
    this.#from = this.#snapshot.page(this.#from, (key, value) => this.#visit(key, value));
    if (this.#from === null) this.#snapshot.close();
    return this.#from === null;
  }

  #visit(key: Bytes, value: Bytes): void {
    // Coins of one transaction adjoin.
    if (this.#count === 0 || !rangeEqual(key, 0, this.#last, 0, 32)) {
      this.#transactions += 1;
      this.#last.set(key.subarray(0, 32));
    }
    this.#count += 1;
    this.#bytes += COIN_BYTES + value.length - STORED_COIN_HEADER_BYTES;
    this.#amount += amountOf(readU32(value, 4), readU32(value, 8));
    this.#muhash?.insert(setHashElement(key, value));
  }

  /** Ends it, whether it is at its end or not. */
  finish(): CensusDigest {
    if (this.#from !== null) this.#snapshot.close();
    this.#from = null;
    return {
      count: this.#count,
      amount: this.#amount,
      bytes: this.#bytes,
      transactions: this.#transactions,
      muhash: this.#muhash?.encode() ?? null,
    };
  }
}
