// Hot: the node's index of what its partitions have admitted, fed by their events: by id, by witness
// id, by coin spent, with parents and children; about 2 us and one small object for a transaction.
// Events of two partitions may cross, so a child may come before its parent and a replacement before
// the replaced one leaves. Hashes are salted: nobody outside can aim at one place of a table.
import { randomBytes } from "node:crypto";
import { type Bytes, rangeEqual, readU32, readU32BE } from "../../base/bytes.ts";
import { mix32 } from "../../base/mix.ts";
import { Reader } from "../../base/reader.ts";
import { readTransaction, type Transaction } from "../../ledger/bitcoin/transaction.ts";
import type { AdmittedMessage } from "../../planes/execution/admission-host/wire.ts";
import {
  type OutpointKey,
  outpointIndex,
  TXID_UNITS,
  type Txid,
} from "../../state/admission/keys.ts";
import { Entry, recordBytes, recordHead, TXID_AT, writeRecord } from "./entry.ts";
import { NumberTable } from "./number-table.ts";
import { type Slab, Slabs } from "./slabs.ts";

/** The object of an entry and its place in the list, in V8's heap. */
const ENTRY_OBJECT_BYTES = 72;
/** A set of relatives and a place in it, roughly. */
const LINK_BYTES = 300;

/** Entries by txid, for those who have keys. */
export interface EntriesById {
  readonly size: number;
  get(id: Txid): Entry | undefined;
  has(id: Txid): boolean;
  values(): Iterable<Entry>;
}

export class Entries {
  /** By number; null where one has left, and the number is free. */
  readonly #all: (Entry | null)[] = [];
  readonly #freeNumbers: number[] = [];
  readonly #slabs = new Slabs();
  readonly #byId = new NumberTable();
  /** Those with a witness; of others it is the txid. */
  readonly #byWitnessId = new NumberTable();
  /** By outpoint; the detail is where the outpoint is named, from the start of the record. */
  readonly #spenders = new NumberTable();
  readonly #salt: Uint32Array = new Uint32Array(new Uint8Array(randomBytes(16)).buffer);
  #links = 0;
  readonly byId: EntriesById;
  /** Fees that miners pretend, by id; kept for transactions that are not here yet. */
  readonly feeDeltas: Map<string, number> = new Map();
  bytes = 0;
  fees = 0;
  rawBytes = 0;

  constructor() {
    // Multipliers are odd, so that no bit of a word is lost.
    this.#salt[2]! |= 1;
    this.#salt[3]! |= 1;
    this.byId = new ById(this);
  }

  get count(): number {
    return this.#byId.count;
  }

  /** What is held, of buffers exactly. */
  get memoryBytes(): number {
    const tables =
      this.#byId.memoryBytes + this.#byWitnessId.memoryBytes + this.#spenders.memoryBytes;
    const objects = this.#all.length * ENTRY_OBJECT_BYTES + this.#links * LINK_BYTES;
    return this.#slabs.memoryBytes + tables + objects;
  }

  *values(): Generator<Entry, void> {
    for (const entry of this.#all) if (entry !== null) yield entry;
  }

  #hash(first: number, second: number): number {
    const salt = this.#salt;
    const one = Math.imul(first ^ salt[0]!, salt[2]!);
    return mix32((one + Math.imul(second ^ salt[1]!, salt[3]!)) | 0);
  }

  #hashAt(bytes: Bytes, at: number): number {
    return this.#hash(readU32BE(bytes, at), readU32BE(bytes, at + 4));
  }

  #hashKey(key: string): number {
    const first = (key.charCodeAt(0) << 16) | key.charCodeAt(1);
    return this.#hash(first, (key.charCodeAt(2) << 16) | key.charCodeAt(3));
  }

  /** Of an outpoint, from the hash of its txid. */
  #outpointHash(idHash: number, index: number): number {
    const mixed = Math.imul(idHash ^ Math.imul(index + 1, this.#salt[2]!), 0x7feb352d);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** The entry whose txid lies at `at`; null when there is none. */
  at(bytes: Bytes, at = 0): Entry | null {
    const table = this.#byId;
    for (let place = table.first(this.#hashAt(bytes, at)); place >= 0; place = table.next(place)) {
      const entry = this.#all[table.number(place)]!;
      if (rangeEqual(entry.slab.bytes, entry.at + TXID_AT, bytes, at, 32)) return entry;
    }
    return null;
  }

  /** The entry of a key. */
  ofKey(id: Txid): Entry | null {
    const table = this.#byId;
    for (let place = table.first(this.#hashKey(id)); place >= 0; place = table.next(place)) {
      const entry = this.#all[table.number(place)]!;
      if (isKeyAt(entry.slab.bytes, entry.at + TXID_AT, id)) return entry;
    }
    return null;
  }

  /** The entry with this witness id. */
  byWitness(wtxid: Bytes): Entry | null {
    const place = this.#witnessPlace(wtxid);
    if (place >= 0) return this.#all[this.#byWitnessId.number(place)]!;
    const entry = this.at(wtxid);
    return entry?.hasWitness === false ? entry : null;
  }

  #witnessPlace(wtxid: Bytes): number {
    const table = this.#byWitnessId;
    let place = table.first(this.#hashAt(wtxid, 0));
    while (place >= 0) {
      const { wtxid: own } = this.#all[table.number(place)]!;
      if (rangeEqual(own, 0, wtxid, 0, 32)) return place;
      place = table.next(place);
    }
    return -1;
  }

  /** Who spends output `index` of a transaction. */
  spender(txid: Bytes, index: number): Entry | null {
    const table = this.#spenders;
    let place = table.first(this.#outpointHash(this.#hashAt(txid, 0), index));
    for (; place >= 0; place = table.next(place)) {
      const entry = this.#all[table.number(place)]!;
      const at = entry.at + table.detail(place);
      const { bytes } = entry.slab;
      if (rangeEqual(bytes, at, txid, 0, 32) && readU32(bytes, at + 32) === index) return entry;
    }
    return null;
  }

  #spenderOfKey(key: OutpointKey): Entry | null {
    const table = this.#spenders;
    const index = outpointIndex(key);
    let place = table.first(this.#outpointHash(this.#hashKey(key), index));
    for (; place >= 0; place = table.next(place)) {
      const entry = this.#all[table.number(place)]!;
      const at = entry.at + table.detail(place);
      const { bytes } = entry.slab;
      if (readU32(bytes, at + 32) === index && isKeyAt(bytes, at, key)) return entry;
    }
    return null;
  }

  /** The place of the outpoint at `at`, or -1. */
  #spenderPlace(hash: number, bytes: Bytes, at: number): number {
    const table = this.#spenders;
    let place = table.first(hash);
    while (place >= 0) {
      const entry = this.#all[table.number(place)]!;
      const other = entry.at + table.detail(place);
      if (rangeEqual(entry.slab.bytes, other, bytes, at, 36)) return place;
      place = table.next(place);
    }
    return -1;
  }

  /** Null when it is here already. `decoded`: the transaction, where it is known. */
  add(
    admitted: AdmittedMessage,
    decoded: Transaction | null,
    time: number,
    height: number,
  ): Entry | null {
    if (this.ofKey(admitted.txid) !== null) return null;
    const transaction = decoded ?? readTransaction(new Reader(admitted.raw))!;
    const length = recordBytes(admitted.raw.length);
    const slab = this.#slabs.room(length);
    const at = slab.take(length);
    const number = this.#freeNumbers.pop() ?? this.#all.length;
    const feeDelta = this.feeDeltas.size === 0 ? 0 : (this.feeDeltas.get(admitted.txid) ?? 0);
    writeRecord(slab, at, number, admitted, { transaction, time, height, feeDelta });
    const entry = new Entry(slab, at);
    this.#all[number] = entry;
    const hash = this.#hashAt(transaction.txid, 0);
    this.#byId.add(hash, number);
    if (transaction.hasWitness) this.#setWitness(transaction.wtxid, number);
    this.#spend(entry, number);
    this.#meetChildren(entry, hash, transaction);
    this.bytes += entry.size;
    this.fees += admitted.fee;
    this.rawBytes += admitted.raw.length;
    return entry;
  }

  #setWitness(wtxid: Bytes, number: number): void {
    const place = this.#witnessPlace(wtxid);
    if (place >= 0) this.#byWitnessId.replace(place, number);
    else this.#byWitnessId.add(this.#hashAt(wtxid, 0), number);
  }

  #spend(entry: Entry, number: number): void {
    entry.eachOutpoint((bytes, at, offset) => {
      const idHash = this.#hashAt(bytes, at);
      const hash = this.#outpointHash(idHash, readU32(bytes, at + 32));
      const place = this.#spenderPlace(hash, bytes, at);
      if (place >= 0) this.#spenders.replace(place, number, offset);
      else this.#spenders.add(hash, number, offset);
      const parent = this.at(bytes, at);
      if (parent !== null) this.#link(parent, entry);
    });
  }

  /** Children that came before it. */
  #meetChildren(entry: Entry, idHash: number, { txid, outputs }: Transaction): void {
    for (let index = 0; index < outputs.length; index++) {
      if (this.#spenders.first(this.#outpointHash(idHash, index)) < 0) continue;
      const child = this.spender(txid, index);
      if (child !== null) this.#link(entry, child);
    }
  }

  #link(parent: Entry, child: Entry): void {
    if (parent.children.has(child)) return;
    parent.linkChild(child);
    child.linkParent(parent);
    this.#links++;
  }

  remove(id: Txid): Entry | null {
    const entry = this.ofKey(id);
    if (entry === null) return null;
    const { number } = entry;
    this.#forget(entry, number);
    this.#links -= entry.parents.size + entry.children.size;
    for (const parent of entry.parents) parent.unlinkChild(entry);
    for (const child of entry.children) child.unlinkParent(entry);
    entry.unlink();
    this.#all[number] = null;
    this.#freeNumbers.push(number);
    if (this.count === 0) {
      this.#all.length = 0;
      this.#freeNumbers.length = 0;
    }
    this.bytes -= entry.size;
    this.fees -= entry.fee;
    this.rawBytes -= entry.rawLength;
    this.#slabs.free(entry.slab, entry.recordBytes);
    this.#closeGaps();
    return entry;
  }

  /** Takes it out of the tables. */
  #forget(entry: Entry, number: number): void {
    const { bytes } = entry.slab;
    const byId = this.#byId;
    let place = byId.first(this.#hashAt(bytes, entry.at + TXID_AT));
    while (byId.number(place) !== number) place = byId.next(place);
    byId.removeAt(place);
    if (entry.hasWitness) {
      const witness = this.#witnessPlace(entry.wtxid);
      if (witness >= 0 && this.#byWitnessId.number(witness) === number) {
        this.#byWitnessId.removeAt(witness);
      }
    }
    entry.eachOutpoint((_, at) => {
      const hash = this.#outpointHash(this.#hashAt(bytes, at), readU32(bytes, at + 32));
      const spent = this.#spenderPlace(hash, bytes, at);
      if (spent >= 0 && this.#spenders.number(spent) === number) this.#spenders.removeAt(spent);
    });
  }

  #closeGaps(): void {
    for (let slab = this.#slabs.sparsest(); slab !== null; slab = this.#slabs.sparsest()) {
      this.#moveAll(slab);
    }
  }

  /** Moves what is left of a slab, which is given up then. */
  #moveAll(slab: Slab): void {
    const { used } = slab;
    for (let at = 0; at < used; ) {
      const { number, length } = recordHead(slab, at);
      const entry = this.#all[number];
      if (entry?.slab === slab && entry.at === at) {
        const to = this.#slabs.room(length);
        const place = to.take(length);
        to.bytes.set(slab.bytes.subarray(at, at + length), place);
        entry.moveTo(to, place);
        this.#slabs.free(slab, length);
      }
      at += length;
    }
  }

  /** Entries that spend a coin of `inputs` and are not `self`; null when there is none. */
  conflicts(inputs: readonly OutpointKey[], self: Txid): Set<Entry> | null {
    let found: Set<Entry> | null = null;
    for (const outpoint of inputs) {
      const spender = this.#spenderOfKey(outpoint);
      if (spender === null || spender.id === self) continue;
      found ??= new Set();
      found.add(spender);
    }
    return found;
  }
}

class ById implements EntriesById {
  readonly #entries: Entries;

  constructor(entries: Entries) {
    this.#entries = entries;
  }

  get size(): number {
    return this.#entries.count;
  }

  get(id: Txid): Entry | undefined {
    return this.#entries.ofKey(id) ?? undefined;
  }

  has(id: Txid): boolean {
    return this.#entries.ofKey(id) !== null;
  }

  values(): Iterable<Entry> {
    return this.#entries.values();
  }
}

/** True when the txid at `at` is that of a key, its own or its outpoint's. */
function isKeyAt(bytes: Bytes, at: number, key: string): boolean {
  for (let unit = 0; unit < TXID_UNITS; unit++) {
    const code = (bytes[at + unit * 2]! << 8) | bytes[at + unit * 2 + 1]!;
    if (key.charCodeAt(unit) !== code) return false;
  }
  return true;
}
