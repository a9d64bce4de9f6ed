// Hot: an admitted transaction as the node's index holds it, and as the servers and peers see it. What
// is known of it lies packed in front of its bytes, so that many transactions are few objects: the
// garbage collector copies each object that stays twice before it lets it lie. What depends on its
// relatives is computed when asked: walks are bounded by the limits of admission.

import type { Bytes } from "../../base/bytes.ts";
import { Reader } from "../../base/reader.ts";
import { type Transaction, transactionWeight } from "../../ledger/bitcoin/transaction.ts";
import type { AdmittedMessage } from "../../planes/execution/admission-host/wire.ts";
import { adjustedSize } from "../../planes/execution/judge-transaction.ts";
import type { MempoolEntry } from "../../ports/mempool.ts";
import { inputCount, skipInput } from "../../state/admission/candidate.ts";
import { type OutpointKey, outpointKeyAt, type Txid, txidKey } from "../../state/admission/keys.ts";
import type { OrderKey } from "../../state/admission/records.ts";
import type { Slab } from "./slabs.ts";

/** Sequences below this one say that the transaction may be replaced (BIP125). */
const REPLACEABLE_BELOW = 0xfffffffe;

interface Totals {
  readonly count: number;
  readonly size: number;
  readonly fees: number;
}

/** Most transactions have no relatives in the mempool. */
const NOBODY: ReadonlySet<Entry> = new Set();

// A record, little-endian, its bytes behind it.
const FEE = 0;
const FEE_DELTA = 8;
const TIME = 16;
const NUMBER = 24;
const LENGTH = 28;
const WEIGHT = 32;
const SIZE = 36;
const SIGOPS = 40;
const HEIGHT = 44;
const VERSION = 48;
const ROUND = 52;
const POSITION = 56;
const ORDER = 60;
const INPUTS = 72;
const OUTPUTS = 76;
const PARTITION = 80;
const FLAGS = 82;
export const TXID_AT = 84;
const WTXID_AT = 116;
const RAW_AT = 148;

const HAS_WITNESS = 1;
const SIGNALS_REPLACEMENT = 2;
const UNBROADCAST = 4;
const TEACHES_FEES = 8;

const LITTLE = true;

/** Bytes of a record with a transaction of `length` bytes. */
export function recordBytes(length: number): number {
  return RAW_AT + length;
}

/** The number and the length of the record at `at`. */
export function recordHead({ view }: Slab, at: number): { number: number; length: number } {
  const length = recordBytes(view.getUint32(at + LENGTH, LITTLE));
  return { number: view.getUint32(at + NUMBER, LITTLE), length };
}

/** What the node knows of an entry beside what its home says. */
export interface Arrival {
  readonly transaction: Transaction;
  readonly time: number;
  readonly height: number;
  /** What miners pretend that it pays more. */
  readonly feeDelta: number;
}

/** Writes the record of what was admitted at `at`, where there is room for it. */
export function writeRecord(
  { bytes, view }: Slab,
  at: number,
  number: number,
  admitted: AdmittedMessage,
  { transaction, time, height, feeDelta }: Arrival,
): void {
  const { fee, sigops, order, raw } = admitted;
  const weight = transactionWeight(transaction);
  view.setFloat64(at + FEE, fee, LITTLE);
  view.setFloat64(at + FEE_DELTA, feeDelta, LITTLE);
  view.setFloat64(at + TIME, time, LITTLE);
  view.setUint32(at + NUMBER, number, LITTLE);
  view.setUint32(at + LENGTH, raw.length, LITTLE);
  view.setUint32(at + WEIGHT, weight, LITTLE);
  view.setUint32(at + SIZE, adjustedSize(weight, sigops), LITTLE);
  view.setUint32(at + SIGOPS, sigops, LITTLE);
  view.setUint32(at + HEIGHT, height, LITTLE);
  view.setUint32(at + VERSION, transaction.version, LITTLE);
  view.setInt32(at + ROUND, admitted.round, LITTLE);
  view.setInt32(at + POSITION, admitted.position, LITTLE);
  view.setInt32(at + ORDER, order.restoredBy, LITTLE);
  view.setInt32(at + ORDER + 4, order.major, LITTLE);
  view.setInt32(at + ORDER + 8, order.minor, LITTLE);
  view.setUint32(at + INPUTS, transaction.inputs.length, LITTLE);
  view.setUint32(at + OUTPUTS, transaction.outputs.length, LITTLE);
  view.setUint16(at + PARTITION, admitted.partition, LITTLE);
  let flags = transaction.hasWitness ? HAS_WITNESS : 0;
  for (const { sequence } of transaction.inputs) {
    if (sequence < REPLACEABLE_BELOW) flags |= SIGNALS_REPLACEMENT;
  }
  view.setUint16(at + FLAGS, flags, LITTLE);
  bytes.set(transaction.txid, at + TXID_AT);
  bytes.set(transaction.wtxid, at + WTXID_AT);
  bytes.set(raw, at + RAW_AT);
}

export class Entry implements MempoolEntry {
  #slab: Slab;
  #at: number;
  #parents: Set<Entry> | null = null;
  #children: Set<Entry> | null = null;

  /** Of the record at `at`. */
  constructor(slab: Slab, at: number) {
    this.#slab = slab;
    this.#at = at;
  }

  /** Where its record lies. */
  get slab(): Slab {
    return this.#slab;
  }

  get at(): number {
    return this.#at;
  }

  /** Its record has been copied. */
  moveTo(slab: Slab, at: number): void {
    this.#slab = slab;
    this.#at = at;
  }

  /** Among the index's entries. */
  get number(): number {
    return this.#u32(NUMBER);
  }

  get recordBytes(): number {
    return recordBytes(this.#u32(LENGTH));
  }

  #u32(field: number): number {
    return this.#slab.view.getUint32(this.#at + field, LITTLE);
  }

  #i32(field: number): number {
    return this.#slab.view.getInt32(this.#at + field, LITTLE);
  }

  #f64(field: number): number {
    return this.#slab.view.getFloat64(this.#at + field, LITTLE);
  }

  #flag(flag: number): boolean {
    return (this.#slab.view.getUint16(this.#at + FLAGS, LITTLE) & flag) !== 0;
  }

  #setFlag(flag: number, value: boolean): void {
    const { view } = this.#slab;
    const flags = view.getUint16(this.#at + FLAGS, LITTLE);
    view.setUint16(this.#at + FLAGS, value ? flags | flag : flags & ~flag, LITTLE);
  }

  #view(field: number, length: number): Bytes {
    const from = this.#at + field;
    return this.#slab.bytes.subarray(from, from + length);
  }

  get id(): Txid {
    return txidKey(this.#slab.bytes, this.#at + TXID_AT);
  }

  get txid(): Bytes {
    return this.#view(TXID_AT, 32);
  }

  get wtxid(): Bytes {
    return this.#view(WTXID_AT, 32);
  }

  get witnessId(): Txid {
    return txidKey(this.#slab.bytes, this.#at + WTXID_AT);
  }

  get hasWitness(): boolean {
    return this.#flag(HAS_WITNESS);
  }

  get raw(): Bytes {
    return this.#view(RAW_AT, this.rawLength);
  }

  get rawLength(): number {
    return this.#u32(LENGTH);
  }

  get fee(): number {
    return this.#f64(FEE);
  }

  get feeDelta(): number {
    return this.#f64(FEE_DELTA);
  }

  set feeDelta(delta: number) {
    this.#slab.view.setFloat64(this.#at + FEE_DELTA, delta, LITTLE);
  }

  get modifiedFee(): number {
    return this.fee + this.feeDelta;
  }

  get weight(): number {
    return this.#u32(WEIGHT);
  }

  get size(): number {
    return this.#u32(SIZE);
  }

  get sigops(): number {
    return this.#u32(SIGOPS);
  }

  get time(): number {
    return this.#f64(TIME);
  }

  get height(): number {
    return this.#u32(HEIGHT);
  }

  get version(): number {
    return this.#u32(VERSION);
  }

  get partition(): number {
    return this.#slab.view.getUint16(this.#at + PARTITION, LITTLE);
  }

  get round(): number {
    return this.#i32(ROUND);
  }

  get position(): number {
    return this.#i32(POSITION);
  }

  get order(): OrderKey {
    return {
      restoredBy: this.#i32(ORDER),
      major: this.#i32(ORDER + 4),
      minor: this.#i32(ORDER + 8),
    };
  }

  get outputCount(): number {
    return this.#u32(OUTPUTS);
  }

  get signalsReplacement(): boolean {
    return this.#flag(SIGNALS_REPLACEMENT);
  }

  get unbroadcast(): boolean {
    return this.#flag(UNBROADCAST);
  }

  set unbroadcast(value: boolean) {
    this.#setFlag(UNBROADCAST, value);
  }

  /** How long it waits is counted by the fee estimator. */
  get teachesFees(): boolean {
    return this.#flag(TEACHES_FEES);
  }

  set teachesFees(value: boolean) {
    this.#setFlag(TEACHES_FEES, value);
  }

  /** Keys of the coins it spends, in order. */
  get inputs(): readonly OutpointKey[] {
    const keys: OutpointKey[] = [];
    this.eachOutpoint((bytes, at) => keys.push(outpointKeyAt(bytes, at)));
    return keys;
  }

  /** Where the coins it spends are named, in order; `offset` is from where its record begins. */
  eachOutpoint(visit: (bytes: Bytes, at: number, offset: number) => void): void {
    const { bytes } = this.#slab;
    const from = this.#at + RAW_AT;
    const reader = new Reader(bytes, from, from + this.rawLength);
    for (let left = inputCount(reader); left > 0; left--) {
      const at = skipInput(reader);
      visit(bytes, at, at - this.#at);
    }
  }

  get parents(): ReadonlySet<Entry> {
    return this.#parents ?? NOBODY;
  }

  get children(): ReadonlySet<Entry> {
    return this.#children ?? NOBODY;
  }

  linkParent(parent: Entry): void {
    this.#parents ??= new Set();
    this.#parents.add(parent);
  }

  linkChild(child: Entry): void {
    this.#children ??= new Set();
    this.#children.add(child);
  }

  unlinkParent(parent: Entry): void {
    this.#parents?.delete(parent);
  }

  unlinkChild(child: Entry): void {
    this.#children?.delete(child);
  }

  /** It has left: it has no relatives any more. */
  unlink(): void {
    this.#parents = null;
    this.#children = null;
  }

  get ancestors(): Totals {
    return totals(relatives(this, (entry) => entry.parents));
  }

  get descendants(): Totals {
    return totals(relatives(this, (entry) => entry.children));
  }

  get depends(): readonly Bytes[] {
    return [...this.parents].map(({ txid }) => txid);
  }

  get spentBy(): readonly Bytes[] {
    return [...this.children].map(({ txid }) => txid);
  }

  get replaceable(): boolean {
    for (const entry of relatives(this, ({ parents }) => parents)) {
      if (entry.signalsReplacement) return true;
    }
    return false;
  }
}

/** An entry and everything that `next` leads to. */
export function relatives(
  entry: Entry,
  next: (entry: Entry) => ReadonlySet<Entry>,
): ReadonlySet<Entry> {
  const found = new Set<Entry>([entry]);
  // A set visits what is added while it is walked.
  for (const one of found) for (const other of next(one)) found.add(other);
  return found;
}

function totals(entries: ReadonlySet<Entry>): Totals {
  let size = 0;
  let fees = 0;
  for (const entry of entries) {
    size += entry.size;
    fees += entry.modifiedFee;
  }
  return { count: entries.size, size, fees };
}
