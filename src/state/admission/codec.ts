// Changes of a partition as bytes, for the journal. Confirmed coins live in the coin set and never
// here: a change that makes a coin confirmed is written as its removal. Little-endian; counts and
// lengths first; ids as bytes.
//
//   change = space u8 | key | 0  or  space u8 | key | 1 | value
import { assert } from "../../base/assert.ts";
import type { Bytes } from "../../base/bytes.ts";
import { Reader } from "../../base/reader.ts";
import type { Writer } from "../../base/writer.ts";
import { candidateOf } from "./candidate.ts";
import { type OutpointKey, storedOutpointKey, type Txid, txidKey } from "./keys.ts";
import {
  type AdmissionRecord,
  type Attempt,
  type Claim,
  type CoinFacts,
  type CoinRecord,
  type Heir,
  type LeaveCause,
  type OutboxEntry,
  type Tombstone,
  UNCONFIRMED,
} from "./records.ts";
import type { Change, MetaKey } from "./store.ts";

const SPACES = ["coin", "claim", "record", "leaving", "outbox", "released", "meta"] as const;
const CAUSES: readonly LeaveCause[] = [
  "chain",
  "lock",
  "rules",
  "policy",
  "expired",
  "replaced",
  "reset",
];
const METAS: readonly MetaKey[] = ["seq", "outboxNext", "generation", "acknowledged"];
/** Space of a log's length: behind it the round. */
const META_LOG = 255;

/** Writes one change. */
export function encodeChange(out: Writer, change: Change): void {
  out.u8(SPACES.indexOf(change.space));
  writeKey(out, change);
  switch (change.space) {
    case "coin": {
      const coin = change.value?.height === UNCONFIRMED ? change.value : null;
      writeValue(out, coin, writeCoin);
      return;
    }
    case "claim":
      writeValue(out, change.value, writeClaim);
      return;
    case "record":
      writeValue(out, change.value, writeRecord);
      return;
    case "leaving":
      writeValue(out, change.value, writeTombstone);
      return;
    case "outbox":
      writeValue(out, change.value, writeEntry);
      return;
    case "released":
      writeValue(out, change.value, writeAttempt);
      return;
    case "meta":
      writeValue(out, change.value, (to, value) => to.f64(value));
      return;
  }
}

function writeKey(out: Writer, change: Change): void {
  if (change.space === "outbox") {
    out.f64(change.key);
    return;
  }
  if (change.space !== "meta") {
    out.key(change.key);
    return;
  }
  const code = METAS.indexOf(change.key);
  if (code >= 0) {
    out.u8(code);
    return;
  }
  out.u8(META_LOG);
  out.i32(Number(change.key.slice("log:".length)));
}

function writeValue<T>(out: Writer, value: T | null, write: (out: Writer, value: T) => void): void {
  out.u8(value === null ? 0 : 1);
  if (value !== null) write(out, value);
}

function writeAttempt(out: Writer, { seq, epoch, counter }: Attempt): void {
  out.u32(seq);
  out.u32(epoch);
  out.f64(counter);
}

function writeCoin(out: Writer, coin: CoinRecord): void {
  out.f64(coin.value);
  out.sized(coin.script);
  out.u8((coin.coinbase ? 1 : 0) | (coin.open ? 2 : 0) | (coin.attempt === null ? 0 : 4));
  out.i32(coin.round);
  out.u32(coin.ancestors);
  if (coin.attempt !== null) writeAttempt(out, coin.attempt);
}

function writeClaim(out: Writer, claim: Claim): void {
  out.key(claim.spender);
  out.u32(claim.vin);
  writeAttempt(out, claim.attempt);
  out.u8(claim.mode === "held" ? 0 : 1);
  out.f64(claim.lock);
}

function writeRecord(out: Writer, record: AdmissionRecord): void {
  const { order, candidate } = record;
  writeAttempt(out, record.attempt);
  for (const part of [order.restoredBy, order.major, order.minor]) out.i32(part);
  for (const part of [record.round, record.position, record.ancestors, record.flags]) out.i32(part);
  out.f64(record.fee);
  out.u32(record.sigops);
  out.f64(record.since);
  out.u32(candidate.size);
  out.sized(candidate.raw);
}

function writeTombstone(out: Writer, tombstone: Tombstone): void {
  const { attempt, cause, seq, partitions, inputs, outputCount, heir } = tombstone;
  writeAttempt(out, attempt);
  out.u8(CAUSES.indexOf(cause));
  out.u32(seq);
  out.u32(partitions.length);
  for (const partition of partitions) out.u16(partition);
  out.u32(inputs.length);
  for (const input of inputs) out.key(input);
  out.u32(outputCount);
  writeValue(out, heir, writeHeir);
}

function writeHeir(out: Writer, { txid, attempt, inputs }: Heir): void {
  out.key(txid);
  writeAttempt(out, attempt);
  out.u32(inputs.length);
  for (const { outpoint, vin, lock } of inputs) {
    out.key(outpoint);
    out.u32(vin);
    out.f64(lock);
  }
}

function writeEntry(out: Writer, entry: OutboxEntry): void {
  out.key(entry.child);
  writeAttempt(out, entry.attempt);
  out.u32(entry.seq);
  out.u8(CAUSES.indexOf(entry.cause));
  writeValue(out, entry.parent, (to, txid) => to.key(txid));
  writeValue(out, entry.by, (to, txid) => to.key(txid));
}

/** Bytes of a change before its value: with an outpoint as key, and with a txid. */
export const OUTPOINT_VALUE_AT: number = 1 + 36 + 1;
export const TXID_VALUE_AT: number = 1 + 32 + 1;

/** Begins a change that puts the value that follows. */
export function beginPut(out: Writer, space: "coin" | "claim" | "record", key: string): void {
  out.u8(SPACES.indexOf(space));
  out.key(key);
  out.u8(1);
}

/** Reads changes, or single values, where `encodeChange` wrote them. */
export class ChangeReader {
  readonly #in: Reader;
  readonly #view: DataView;

  constructor(
    bytes: Bytes,
    at = 0,
    view: DataView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  ) {
    this.#in = new Reader(bytes, at);
    this.#view = view;
  }

  get at(): number {
    return this.#in.at;
  }

  get done(): boolean {
    return this.#in.at >= this.#in.end;
  }

  get sound(): boolean {
    return this.#in.fault === null;
  }

  u16(): number {
    return this.#in.u16();
  }

  u32(): number {
    return this.#in.u32();
  }

  #f64(): number {
    const at = this.#in.skip(8);
    return this.sound ? this.#view.getFloat64(at, true) : 0;
  }

  #i32(): number {
    return this.#in.u32() | 0;
  }

  #txid(): Txid {
    const at = this.#in.skip(32);
    return this.sound ? txidKey(this.#in.bytes, at) : "";
  }

  #outpoint(): OutpointKey {
    const at = this.#in.skip(36);
    return this.sound ? storedOutpointKey(this.#in.bytes, at) : "";
  }

  #sized(): Bytes {
    return this.#in.take(this.#in.u32());
  }

  #sizedView(): Bytes {
    const length = this.#in.u32();
    const at = this.#in.skip(length);
    return this.#in.bytes.subarray(at, this.sound ? at + length : at);
  }

  #optional<T>(read: () => T): T | null {
    return this.#in.u8() === 0 ? null : read();
  }

  /** A count and so many items of `bytes` bytes; a count that the bytes do not hold is a fault. */
  #list<T>(bytes: number, read: () => T): T[] {
    const count = this.#in.u32();
    if (count * bytes > this.#in.end - this.#in.at) {
      this.#in.fail("truncated");
      return [];
    }
    return Array.from({ length: count }, read);
  }

  /** The next change. Its bytes passed a checksum: what is wrong with them is our own mistake. */
  change(): Change {
    const change = this.#change();
    assert(this.sound, "a change ends within its record");
    return change;
  }

  #change(): Change {
    const space = SPACES[this.#in.u8()];
    assert(space !== undefined, "a journal that passed its checksum holds known spaces");
    switch (space) {
      case "coin":
        return { space, key: this.#outpoint(), value: this.#optional(() => this.coin()) };
      case "claim":
        return { space, key: this.#outpoint(), value: this.#optional(() => this.claim()) };
      case "record": {
        const key = this.#txid();
        return { space, key, value: this.#optional(() => this.record(key)) };
      }
      case "leaving":
        return { space, key: this.#txid(), value: this.#optional(() => this.#tombstone()) };
      case "outbox":
        return { space, key: this.#f64(), value: this.#optional(() => this.#entry()) };
      case "released":
        return { space, key: this.#txid(), value: this.#optional(() => this.#attempt()) };
      case "meta":
        return { space, key: this.#metaKey(), value: this.#optional(() => this.#f64()) };
    }
  }

  #metaKey(): MetaKey {
    const code = this.#in.u8();
    if (code === META_LOG) return `log:${this.#i32()}`;
    const key = METAS[code];
    assert(key !== undefined, "a journal that passed its checksum holds known keys");
    return key;
  }

  #cause(): LeaveCause {
    const cause = CAUSES[this.#in.u8()];
    assert(cause !== undefined, "a journal that passed its checksum holds known causes");
    return cause;
  }

  #attempt(): Attempt {
    return { seq: this.#in.u32(), epoch: this.#in.u32(), counter: this.#f64() };
  }

  coin(): CoinRecord {
    const value = this.#f64();
    const script = this.#sized();
    return { script, ...this.#facts(value) };
  }

  /** The same without a copy of the script. */
  coinFacts(): CoinFacts {
    const value = this.#f64();
    this.#in.skip(this.#in.u32());
    return this.#facts(value);
  }

  #facts(value: number): CoinFacts {
    const flags = this.#in.u8();
    return {
      value,
      coinbase: (flags & 1) !== 0,
      open: (flags & 2) !== 0,
      height: UNCONFIRMED,
      round: this.#i32(),
      ancestors: this.#in.u32(),
      attempt: (flags & 4) !== 0 ? this.#attempt() : null,
    };
  }

  claim(): Claim {
    return {
      spender: this.#txid(),
      vin: this.#in.u32(),
      attempt: this.#attempt(),
      mode: this.#in.u8() === 0 ? "held" : "spent",
      lock: this.#f64(),
    };
  }

  /** Its candidate looks at the bytes here. */
  record(txid: string): AdmissionRecord {
    const attempt = this.#attempt();
    const order = { restoredBy: this.#i32(), major: this.#i32(), minor: this.#i32() };
    const round = this.#i32();
    const position = this.#i32();
    const ancestors = this.#i32();
    const flags = this.#i32();
    const fee = this.#f64();
    const sigops = this.#in.u32();
    const since = this.#f64();
    const size = this.#in.u32();
    const candidate = candidateOf(this.#sizedView(), txid, size);
    return {
      txid,
      attempt,
      order,
      round,
      position,
      fee,
      sigops,
      ancestors,
      flags,
      since,
      candidate,
    };
  }

  #tombstone(): Tombstone {
    const attempt = this.#attempt();
    const cause = this.#cause();
    const seq = this.#in.u32();
    const partitions = this.#list(2, () => this.#in.u16());
    const inputs = this.#list(36, () => this.#outpoint());
    const outputCount = this.#in.u32();
    const heir = this.#optional(() => this.#heir());
    return { attempt, cause, seq, partitions, inputs, outputCount, heir };
  }

  #heir(): Heir {
    const txid = this.#txid();
    const attempt = this.#attempt();
    const inputs = this.#list(48, () => ({
      outpoint: this.#outpoint(),
      vin: this.#in.u32(),
      lock: this.#f64(),
    }));
    return { txid, attempt, inputs };
  }

  #entry(): OutboxEntry {
    return {
      child: this.#txid(),
      attempt: this.#attempt(),
      seq: this.#in.u32(),
      cause: this.#cause(),
      parent: this.#optional(() => this.#txid()),
      by: this.#optional(() => this.#txid()),
    };
  }
}
