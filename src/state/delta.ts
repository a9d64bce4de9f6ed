// A delta: what one block changes in one partition, complete enough to redo and to undo it without
// the block. Words are 32-bit little-endian, so the same bytes serve memory, the wire and the disk.
//
//   delta  = partition | removed count | created count | words in all | removed coins | created coins
//   coin   = txid (8 words) | output index | code | value low | value high | script bytes | script,
//            padded with zeros to whole words;  code = height * 2 + (1 for a coinbase)
//
// Redo removes, then creates; undo un-creates, then restores. A coin made and spent inside the block
// appears in neither list. Source: state.md sections 3 and 7.
import { assert } from "../base/assert.ts";
import type { Bytes } from "../base/bytes.ts";

export const DELTA_HEADER_WORDS = 4;
export const COIN_INDEX = 8;
export const COIN_CODE = 9;
export const COIN_VALUE = 10;
export const COIN_SCRIPT_BYTES = 12;
export const COIN_SCRIPT = 13;

assert(new Uint8Array(Uint32Array.of(1).buffer)[0] === 1, "this machine is little-endian");

/** Words of a coin with a script of `scriptBytes`. */
export function coinWords(scriptBytes: number): number {
  return COIN_SCRIPT + ((scriptBytes + 3) >>> 2);
}

/** Appends coins to a growing buffer; one writer is reused for many deltas. */
export class DeltaWriter {
  words: Uint32Array = new Uint32Array(1 << 14);
  bytes: Uint8Array = new Uint8Array(this.words.buffer);
  #at = DELTA_HEADER_WORDS;
  #removed = 0;
  #created = 0;

  begin(partition: number): void {
    this.words[0] = partition;
    this.#at = DELTA_HEADER_WORDS;
    this.#removed = 0;
    this.#created = 0;
  }

  /** Makes room for a coin and returns its first word; the caller fills it in. */
  #reserve(scriptBytes: number): number {
    const size = coinWords(scriptBytes);
    if (this.#at + size > this.words.length) {
      const words = new Uint32Array(Math.max(this.words.length * 2, this.#at + size));
      words.set(this.words.subarray(0, this.#at));
      this.words = words;
      this.bytes = new Uint8Array(words.buffer);
    }
    const at = this.#at;
    this.#at += size;
    // The padding of the last word must not hold an older delta's bytes.
    if (scriptBytes > 0) this.words[this.#at - 1] = 0;
    return at;
  }

  /** Room for a coin that the block removes; all removals come before the first creation. */
  removed(scriptBytes: number): number {
    assert(this.#created === 0, "removals come first");
    this.#removed += 1;
    return this.#reserve(scriptBytes);
  }

  /** Room for a coin that the block creates. */
  created(scriptBytes: number): number {
    this.#created += 1;
    return this.#reserve(scriptBytes);
  }

  /** The finished delta, a copy. */
  finish(): Uint32Array<ArrayBuffer> {
    this.words[1] = this.#removed;
    this.words[2] = this.#created;
    this.words[3] = this.#at;
    return this.words.slice(0, this.#at) as Uint32Array<ArrayBuffer>;
  }
}

/** First words of the removed coins, then of the created ones. */
export function deltaCoins(words: Uint32Array): { removed: number[]; created: number[] } {
  const removed: number[] = [];
  const created: number[] = [];
  let at = DELTA_HEADER_WORDS;
  for (let coin = 0; coin < words[1]! + words[2]!; coin++) {
    (coin < words[1]! ? removed : created).push(at);
    at += coinWords(words[at + COIN_SCRIPT_BYTES]!);
  }
  assert(at === words[3], "a delta ends where its header says");
  return { removed, created };
}

/** Joins the deltas of a block's partitions into the payload of one record. */
export function joinDeltas(deltas: readonly Uint32Array[]): Uint8Array[] {
  return deltas.map((words) => new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
}

/** The deltas of a record's payload, or null when the lengths do not add up. */
export function splitDeltas(payload: Bytes): Uint32Array[] | null {
  if (payload.length % 4 !== 0) return null;
  const copy = payload.byteOffset % 4 === 0 ? payload : payload.slice();
  const all = new Uint32Array(copy.buffer, copy.byteOffset, copy.length / 4);
  const deltas: Uint32Array[] = [];
  for (let at = 0; at < all.length; ) {
    const length = all[at + 3] ?? 0;
    if (length < DELTA_HEADER_WORDS || at + length > all.length) return null;
    deltas.push(all.subarray(at, at + length));
    at += length;
  }
  return deltas;
}
