// Hot: one partition of the coin set. It stages blocks on its view (CREATE all outputs, then SPEND
// all inputs, order-free by position), answers with a delta, undoes and redoes deltas, and flushes
// to its store. Rules and their reasons: state.md section 7.1; the overlay: coin-table.ts.
import { assert } from "../base/assert.ts";
import { type Bytes, readU32, readU32BE } from "../base/bytes.ts";
import { Reader } from "../base/reader.ts";
import { isUnspendable } from "../ledger/bitcoin/script/script-bytes.ts";
import { ALL_BLOCK_RULES, type BlockRules } from "./block-rules.ts";
import { packRuns, sortByKey, writeStoredCoin, writeStoredKey } from "./coin-batch.ts";
import {
  COIN_KEY_BYTES,
  type CoinStore,
  STORED_COIN_HEADER_BYTES,
  writeCoinKey,
} from "./coin-store.ts";
import {
  CoinTable,
  DELETED,
  DIRTY,
  IN_STORE,
  outpointHash,
  SPENT_IN_BLOCK,
  WORD_CODE,
  WORD_FLAGS,
  WORD_POSITION,
  WORD_SCRIPT,
  WORD_SCRIPT_BYTES,
} from "./coin-table.ts";
import {
  COIN_CODE,
  COIN_INDEX,
  COIN_SCRIPT,
  COIN_SCRIPT_BYTES,
  COIN_VALUE,
  DeltaWriter,
  deltaCoins,
} from "./delta.ts";
import type { Placement } from "./placement.ts";

/** Words of a CREATE: transaction, hash low, hash high, output count's offset, txid's offset. */
export const CREATE_WORDS = 5;
/** Words of a SPEND: spender's position, hash low, hash high, outpoint's offset, input number. */
export const SPEND_WORDS = 5;

/** An input whose coin is missing or spent. */
export const MISSING = -1;
/** `IN_BLOCK - t`: the coin is an output of transaction t of the same block. */
export const IN_BLOCK = -2;

/**
 * How CREATE meets an outpoint that is unspent already (BIP30). "overlay": it cannot happen in a
 * valid block, so the store is not asked.
 */
export type Duplicates = "overlay" | "refuse" | "overwrite";

export interface StageRequest {
  /** Height of the block; coins it creates carry it. */
  readonly height: number;
  readonly duplicates: Duplicates;
  /** The block's bytes with the txids behind it; offsets in the operations point here. */
  readonly bytes: Bytes;
  readonly creates: Int32Array;
  readonly spends: Int32Array;
  /** Answer per input number: first word of the coin in the delta, MISSING or IN_BLOCK - t. */
  readonly resolved: Int32Array;
}

export interface StageAnswer {
  readonly delta: Uint32Array<ArrayBuffer>;
  /** A transaction that creates an unspent outpoint again, or -1. */
  readonly duplicate: number;
}

/**
 * Changes in one transaction of the store: it may touch a page for each, and a store keeps the
 * memory of its largest transaction.
 */
const FLUSH_COUNT_MAX = 2_048;
const FLUSH_BYTES_MAX: number = 4 * 1024 * 1024;

export class Partition {
  readonly number: number;
  readonly store: CoinStore;
  readonly #placement: Placement;
  readonly #flushCountMax: number;
  readonly #table = new CoinTable();
  readonly #writer = new DeltaWriter();
  readonly #key: Bytes = new Uint8Array(COIN_KEY_BYTES);
  readonly #rules: BlockRules;
  /** Entries that the block being staged created: hash and address by turns. */
  #fresh: number[] = [];

  constructor(
    number: number,
    store: CoinStore,
    placement: Placement,
    flushCountMax: number = FLUSH_COUNT_MAX,
    rules: BlockRules = ALL_BLOCK_RULES,
  ) {
    this.#rules = rules;
    this.number = number;
    this.store = store;
    this.#placement = placement;
    this.#flushCountMax = flushCountMax;
  }

  get memoryBytes(): number {
    return this.#table.memoryBytes;
  }

  /** Applies one block to the view; the delta undoes it when the block is refused elsewhere. */
  stage(request: StageRequest): StageAnswer {
    this.#writer.begin(this.number);
    this.#fresh = [];
    if (!this.#rules.createsFirst) this.#spendAll(request);
    const duplicate = this.#createAll(request);
    if (this.#rules.createsFirst) this.#spendAll(request);
    this.#settleFresh();
    return { delta: this.#writer.finish(), duplicate };
  }

  #createAll(request: StageRequest): number {
    const { creates, bytes } = request;
    let duplicate = -1;
    for (let at = 0; at < creates.length; at += CREATE_WORDS) {
      const again = this.#createOutputs(request, at, bytes);
      if (again && duplicate < 0) duplicate = creates[at]!;
    }
    return duplicate;
  }

  #createOutputs(request: StageRequest, at: number, bytes: Bytes): boolean {
    const { creates, duplicates } = request;
    const position = creates[at]!;
    const low = creates[at + 1]!;
    const high = creates[at + 2]!;
    const reader = new Reader(bytes, creates[at + 3]!);
    const txidAt = creates[at + 4]!;
    // What the first block of a network allocates is nobody's reward and need not mature.
    const code = request.height * 2 + (position === 0 && request.height > 0 ? 1 : 0);
    const count = reader.compactSize();
    let again = false;
    if (duplicates !== "overlay") this.#loadOutputs(bytes, txidAt, low, high, count);
    for (let index = 0; index < count; index++) {
      const valueAt = reader.skip(8);
      const scriptBytes = reader.compactSize();
      const scriptAt = reader.skip(scriptBytes);
      if (isUnspendable(bytes, scriptAt, scriptAt + scriptBytes)) continue;
      const hash = outpointHash(low, high, index);
      let flags = DIRTY;
      const old = this.#table.find(hash, bytes, txidAt, index);
      if (old >= 0) {
        flags |= this.#table.flags(old) & IN_STORE;
        if (!this.#dropFresh(old) && (this.#table.flags(old) & DELETED) === 0) {
          again = true;
          this.#recordRemoved(old);
        }
        this.#table.remove(hash, old);
      }
      const address = this.#table.insert(
        hash,
        bytes,
        txidAt,
        index,
        code,
        readU32(bytes, valueAt),
        readU32(bytes, valueAt + 4),
        flags,
        bytes,
        scriptAt,
        scriptBytes,
      );
      this.#table.words(address)[this.#table.offset(address) + WORD_POSITION] = position;
      this.#fresh.push(hash, address);
    }
    return again && duplicates === "refuse";
  }

  /** Brings the stored coins of a transaction into the overlay, so that CREATE meets them. */
  #loadOutputs(bytes: Bytes, txidAt: number, low: number, high: number, count: number): void {
    if (!this.store.hasTransaction(bytes.subarray(txidAt, txidAt + 32))) return;
    for (let index = 0; index < count; index++) {
      const hash = outpointHash(low, high, index);
      if (this.#table.find(hash, bytes, txidAt, index) < 0) this.#load(hash, bytes, txidAt, index);
    }
  }

  /** Brings one stored coin into the overlay, clean; its address, or -1 when it is not stored. */
  #load(hash: number, txid: Bytes, at: number, index: number): number {
    writeCoinKey(this.#key, 0, txid, at, index);
    const value = this.store.get(this.#key);
    if (value === null) return -1;
    return this.#table.insert(
      hash,
      txid,
      at,
      index,
      readU32(value, 0),
      readU32(value, 4),
      readU32(value, 8),
      IN_STORE,
      value,
      STORED_COIN_HEADER_BYTES,
      value.length - STORED_COIN_HEADER_BYTES,
    );
  }

  /**
   * True when the block itself made this coin: a transaction that stands twice in a block spends its
   * inputs twice, and that is the fault to report.
   */
  #dropFresh(address: number): boolean {
    const at = this.#fresh.indexOf(address);
    if (at < 0 || at % 2 === 0) return false;
    this.#fresh.splice(at - 1, 2);
    return true;
  }

  #spendAll(request: StageRequest): void {
    const { spends, bytes, resolved } = request;
    for (let at = 0; at < spends.length; at += SPEND_WORDS) {
      const outpointAt = spends[at + 3]!;
      const index = readU32(bytes, outpointAt + 32);
      const hash = outpointHash(spends[at + 1]!, spends[at + 2]!, index);
      let address = this.#table.find(hash, bytes, outpointAt, index);
      if (address < 0) address = this.#load(hash, bytes, outpointAt, index);
      resolved[spends[at + 4]!] =
        address < 0 ? MISSING : this.#spend(hash, address, request.height, spends[at]!);
    }
  }

  #spend(hash: number, address: number, height: number, position: number): number {
    const table = this.#table;
    const words = table.words(address);
    const from = table.offset(address);
    const flags = words[from + WORD_FLAGS]!;
    if ((flags & (DELETED | SPENT_IN_BLOCK)) !== 0) return MISSING;
    if (words[from + WORD_CODE]! >>> 1 === height) {
      const creator = words[from + WORD_POSITION]!;
      if (creator >= position && this.#rules.spendByPosition) return MISSING;
      words[from + WORD_FLAGS] = flags | SPENT_IN_BLOCK;
      return IN_BLOCK - creator;
    }
    const recorded = this.#recordRemoved(address);
    this.#remove(hash, address);
    return recorded;
  }

  /** Takes a live coin out of the view; what the store holds leaves a tombstone. */
  #remove(hash: number, address: number): void {
    const flags = this.#table.flags(address);
    if ((flags & IN_STORE) === 0) this.#table.remove(hash, address);
    else this.#table.setFlags(address, IN_STORE | DIRTY | DELETED);
  }

  #recordRemoved(address: number): number {
    const from = this.#table.offset(address);
    const scriptBytes = this.#table.words(address)[from + WORD_SCRIPT_BYTES]!;
    const at = this.#writer.removed(scriptBytes);
    this.#copyCoin(address, at, scriptBytes);
    return at;
  }

  #copyCoin(address: number, at: number, scriptBytes: number): void {
    const source = this.#table.words(address);
    const from = this.#table.offset(address);
    const target = this.#writer.words;
    for (let word = 0; word < WORD_FLAGS; word++) target[at + word] = source[from + word]!;
    target[at + COIN_SCRIPT_BYTES] = scriptBytes;
    const bytes = this.#table.bytes(address);
    const fromByte = (from + WORD_SCRIPT) * 4;
    const toByte = (at + COIN_SCRIPT) * 4;
    for (let byte = 0; byte < scriptBytes; byte++) {
      this.#writer.bytes[toByte + byte] = bytes[fromByte + byte]!;
    }
  }

  /** Writes the block's surviving coins into the delta and frees those it spent itself. */
  #settleFresh(): void {
    const table = this.#table;
    for (let at = 0; at < this.#fresh.length; at += 2) {
      const address = this.#fresh[at + 1]!;
      const words = table.words(address);
      const from = table.offset(address);
      const flags = words[from + WORD_FLAGS]!;
      if ((flags & SPENT_IN_BLOCK) !== 0) {
        table.setFlags(address, flags & ~SPENT_IN_BLOCK);
        this.#remove(this.#fresh[at]!, address);
      } else {
        const scriptBytes = words[from + WORD_SCRIPT_BYTES]!;
        this.#copyCoin(address, this.#writer.created(scriptBytes), scriptBytes);
      }
    }
    this.#fresh = [];
  }

  /** Takes a staged or recorded block back: the coin set is as if it had never been. */
  undo(delta: Uint32Array): void {
    const coins = deltaCoins(delta);
    for (const at of coins.created) this.#forget(delta, at);
    for (const at of coins.removed) this.#restore(delta, at);
  }

  /** Applies a recorded block again, after a restart or when a reorganisation is called off. */
  redo(delta: Uint32Array): void {
    const coins = deltaCoins(delta);
    for (const at of coins.removed) this.#forget(delta, at);
    for (const at of coins.created) this.#restore(delta, at);
  }

  #hashOf(bytes: Bytes, byteAt: number, index: number): number {
    this.#placement.hash(bytes, byteAt);
    return outpointHash(this.#placement.low, this.#placement.high, index);
  }

  /** The coin of a delta leaves the view. */
  #forget(delta: Uint32Array, at: number): void {
    const bytes = new Uint8Array(delta.buffer, delta.byteOffset, delta.byteLength);
    const index = delta[at + COIN_INDEX]!;
    const hash = this.#hashOf(bytes, at * 4, index);
    const address = this.#table.find(hash, bytes, at * 4, index);
    if (address >= 0) this.#remove(hash, address);
    else {
      const flags = IN_STORE | DIRTY | DELETED;
      this.#table.insert(hash, bytes, at * 4, index, 0, 0, 0, flags, bytes, 0, 0);
    }
  }

  /**
   * The coin of a delta enters the view. One that the overlay knows nothing about counts as stored:
   * a flush that died half way may have written it, and then only a tombstone can take it out again.
   */
  #restore(delta: Uint32Array, at: number): void {
    const bytes = new Uint8Array(delta.buffer, delta.byteOffset, delta.byteLength);
    const index = delta[at + COIN_INDEX]!;
    const hash = this.#hashOf(bytes, at * 4, index);
    const old = this.#table.find(hash, bytes, at * 4, index);
    let flags = DIRTY | IN_STORE;
    if (old >= 0) {
      flags = DIRTY | (this.#table.flags(old) & IN_STORE);
      this.#table.remove(hash, old);
    }
    this.#table.insert(
      hash,
      bytes,
      at * 4,
      index,
      delta[at + COIN_CODE]!,
      delta[at + COIN_VALUE]!,
      delta[at + COIN_VALUE + 1]!,
      flags,
      bytes,
      (at + COIN_SCRIPT) * 4,
      delta[at + COIN_SCRIPT_BYTES]!,
    );
  }

  /** The coin under an outpoint in the view, as a stored coin; null when missing or spent. */
  get(txid: Bytes, index: number): Bytes | null {
    this.#placement.hash(txid, 0);
    const hash = outpointHash(this.#placement.low, this.#placement.high, index);
    const address = this.#table.find(hash, txid, 0, index);
    if (address < 0) {
      writeCoinKey(this.#key, 0, txid, 0, index);
      return this.store.get(this.#key);
    }
    return (this.#table.flags(address) & DELETED) !== 0 ? null : this.#storedCoin(address);
  }

  #storedCoin(address: number): Bytes {
    const words = this.#table.words(address);
    const scriptBytes = words[this.#table.offset(address) + WORD_SCRIPT_BYTES]!;
    const value = new Uint8Array(STORED_COIN_HEADER_BYTES + scriptBytes);
    writeStoredCoin(this.#table, address, value, 0);
    return value;
  }

  #storedKey(address: number): Bytes {
    const key = new Uint8Array(COIN_KEY_BYTES);
    writeStoredKey(this.#table, address, key, 0);
    return key;
  }

  /**
   * Writes every change since the last flush with the position, durably, then keeps the coins
   * created at or above `keepFrom` in memory, unless they are more than half of what was there: the
   * memory would be full again at once.
   */
  flush(position: Bytes, keepFrom: number): void {
    assert(this.#fresh.length === 0, "no block is half staged while flushing");
    const table = this.#table;
    const dirty = table.select((address) => (table.flags(address) & DIRTY) !== 0);
    sortByKey(table, dirty);
    this.store.flush(packRuns(table, dirty, this.#flushCountMax, FLUSH_BYTES_MAX), position);
    const isKept = (address: number): boolean => {
      const words = table.words(address);
      const from = table.offset(address);
      const live = (words[from + WORD_FLAGS]! & DELETED) === 0;
      return live && words[from + WORD_CODE]! >>> 1 >= keepFrom;
    };
    table.retain(isKept, 0.5);
    table.forEach((address) => {
      table.setFlags(address, IN_STORE);
    });
  }

  /** Every unspent coin of the view: stored ones in key order, then those only in memory. */
  scan(visit: (key: Bytes, value: Bytes) => void): void {
    this.store.scan((key, value) => {
      this.#placement.hash(key, 0);
      const index = readU32BE(key, 32);
      const hash = outpointHash(this.#placement.low, this.#placement.high, index);
      if (this.#table.find(hash, key, 0, index) < 0) visit(key, value);
    });
    this.#table.forEach((address) => {
      if ((this.#table.flags(address) & DELETED) !== 0) return;
      visit(this.#storedKey(address), this.#storedCoin(address));
    });
  }
}
