// The logs of one partition: every admitted transaction takes the next position of its round's log,
// and whole segments are sealed as they fill. Removing an entry of a sealed segment ends its range:
// the survivors become a range of their own, and no other seal moves (docs/internals/admission.md).
import { assert } from "../../base/assert.ts";
import type { Bytes } from "../../base/bytes.ts";
import { ID_BYTES, type Roots, SegmentHasher, sortByTxid } from "./segment.ts";

/** A sealed segment: its entries in block order, and its roots. */
export interface Sealed extends Roots {
  readonly log: RoundLog;
  readonly start: number;
  readonly end: number;
  readonly order: Uint32Array;
}

/** A stretch of a log: sealed, or survivors that wait for a seam. */
interface Run {
  readonly start: number;
  end: number;
  sealed: Sealed | null;
}

/** The log of one round: columns by position, positions dense and final. */
export class RoundLog {
  readonly round: number;
  readonly partition: number;
  /** 64 bytes for each position: txid and wtxid. */
  ids: Bytes = new Uint8Array(ID_BYTES * 256);
  /** What the host keeps for each position, e.g. the raw bytes' place; null once removed. */
  readonly entries: (object | null)[] = [];
  private readonly bits: number;
  private readonly hasher: SegmentHasher;
  /** In order of position; the last one is open. */
  private readonly runs: Run[] = [{ start: 0, end: 0, sealed: null }];
  /** Live entries of the open run. */
  private open = 0;
  live = 0;

  constructor(partition: number, round: number, bits: number, hasher: SegmentHasher) {
    this.partition = partition;
    this.round = round;
    this.bits = bits;
    this.hasher = hasher;
  }

  /** Appends an entry, at the next position or further on (what lies between has left). */
  add(txid: Bytes, wtxid: Bytes, entry: object, position: number = this.entries.length): number {
    assert(position >= this.entries.length, "positions of a log only grow");
    while (this.entries.length < position) this.entries.push(null);
    while ((position + 1) * ID_BYTES > this.ids.length) {
      const ids = new Uint8Array(this.ids.length * 2);
      ids.set(this.ids);
      this.ids = ids;
    }
    this.ids.set(txid, position * ID_BYTES);
    this.ids.set(wtxid, position * ID_BYTES + 32);
    this.entries.push(entry);
    this.live++;
    this.open++;
    this.runs.at(-1)!.end = position + 1;
    if (this.open === 1 << this.bits) this.seal();
    return position;
  }

  /** The open run is full: sorted, hashed, closed. */
  private seal(): void {
    const run = this.runs.at(-1)!;
    const { start, end } = run;
    const order = sortByTxid(this.ids, this.livePositions(run));
    for (const position of order) this.hasher.add(this.ids, position);
    run.sealed = { log: this, start, end, order, ...this.hasher.finish(false) };
    this.runs.push({ start: end, end, sealed: null });
    this.open = 0;
  }

  /** Takes an entry out; false when it is out already. */
  remove(position: number): boolean {
    if (this.entries[position] == null) return false;
    this.entries[position] = null;
    this.live--;
    const run = this.runs[this.runAt(position)]!;
    if (run === this.runs.at(-1)) this.open--;
    else run.sealed = null;
    return true;
  }

  private runAt(position: number): number {
    let low = 0;
    let high = this.runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.runs[middle]!.start <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** True when a sealed segment holds this position. */
  isSealed(position: number): boolean {
    return this.runs[this.runAt(position)]!.sealed !== null;
  }

  private livePositions({ start, end }: Run): Uint32Array {
    const positions: number[] = [];
    for (let at = start; at < end; at++) if (this.entries[at] !== null) positions.push(at);
    return Uint32Array.from(positions);
  }

  /** The ranges of this log as the layout wants them: seals in a row and what follows them. */
  ranges(): LogRange[] {
    const ranges: LogRange[] = [];
    let whole: Sealed[] = [];
    let start = 0;
    for (const run of this.runs) {
      if (run.sealed !== null) {
        if (whole.length === 0) start = run.start;
        whole.push(run.sealed);
        continue;
      }
      const isOpen = run === this.runs.at(-1);
      const tail = [...sortByTxid(this.ids, this.livePositions(run))].map((position) => ({
        log: this as RoundLog,
        position,
      }));
      if (isOpen) {
        if (whole.length === 0) start = run.start;
        if (whole.length + tail.length > 0) ranges.push(this.range(start, whole, tail));
        continue;
      }
      if (whole.length > 0) ranges.push(this.range(start, whole, []));
      if (tail.length > 0) ranges.push(this.range(run.start, [], tail));
      whole = [];
    }
    return ranges;
  }

  private range(start: number, whole: readonly Sealed[], tail: readonly LogEntry[]): LogRange {
    return { round: this.round, log: this.partition, start, whole, tail };
  }
}

/** One position of one log. */
export interface LogEntry {
  readonly log: RoundLog;
  readonly position: number;
}

export interface LogRange {
  readonly round: number;
  readonly log: number;
  readonly start: number;
  readonly whole: readonly Sealed[];
  readonly tail: readonly LogEntry[];
}

/** All logs of one partition. */
export class PartitionLogs {
  readonly partition: number;
  readonly bits: number;
  private readonly hasher: SegmentHasher;
  private readonly logs: Map<number, RoundLog> = new Map();

  constructor(partition: number, bits: number) {
    assert(bits >= 0 && bits <= 20, "segments of 1 to 2^20 transactions");
    this.partition = partition;
    this.bits = bits;
    this.hasher = new SegmentHasher(bits);
  }

  log(round: number): RoundLog {
    let log = this.logs.get(round);
    if (log === undefined) {
      log = new RoundLog(this.partition, round, this.bits, this.hasher);
      this.logs.set(round, log);
    }
    return log;
  }

  ranges(): LogRange[] {
    return [...this.logs.values()].flatMap((log) => log.ranges());
  }
}

/** The entries of a sealed segment, in its order. */
export function sealedEntries(sealed: Sealed): LogEntry[] {
  return [...sealed.order].map((position) => ({ log: sealed.log, position }));
}
