// The logs of all partitions as the assembler wants them, for networks whose blocks take everything:
// whole segments are sealed and hashed as they fill, so that a block only folds them. Positions here
// are this node's own; entries that left are forgotten when they outweigh the rest.

import { PartitionLogs, type RoundLog } from "../../planes/execution/rounds.ts";
import {
  type Assembled,
  assembleSegments,
  restoredLog,
} from "../../planes/execution/segment-assemble.ts";
import type { Entry } from "./entry.ts";

interface Place {
  readonly log: RoundLog;
  readonly position: number;
}

/** A partition's logs are built anew when they hold so many positions that are empty. */
const EMPTY_POSITIONS_MAX = 1 << 20;

export class SegmentLogs {
  readonly #bits: number;
  readonly #partitions: PartitionLogs[];
  readonly #entries: Set<Entry>[];
  readonly #empty: number[];
  readonly #places = new Map<Entry, Place>();
  readonly #restored = new Set<Entry>();

  constructor(partitions: number, bits: number) {
    this.#bits = bits;
    this.#partitions = Array.from({ length: partitions }, (_, p) => new PartitionLogs(p, bits));
    this.#entries = this.#partitions.map(() => new Set());
    this.#empty = this.#partitions.map(() => 0);
  }

  add(entry: Entry): void {
    if (entry.order.restoredBy > 0) {
      this.#restored.add(entry);
      return;
    }
    this.#entries[entry.partition]!.add(entry);
    this.#place(entry);
  }

  #place(entry: Entry): void {
    const log = this.#partitions[entry.partition]!.log(entry.round);
    this.#places.set(entry, { log, position: log.add(entry.txid, entry.wtxid, entry) });
  }

  remove(entry: Entry): void {
    this.#restored.delete(entry);
    const place = this.#places.get(entry);
    if (place === undefined) return;
    const { partition } = entry;
    place.log.remove(place.position);
    this.#places.delete(entry);
    this.#entries[partition]!.delete(entry);
    this.#empty[partition]! += 1;
    const live = this.#entries[partition]!.size;
    if (this.#empty[partition]! > EMPTY_POSITIONS_MAX + live) this.#rebuild(partition);
  }

  #rebuild(partition: number): void {
    this.#partitions[partition] = new PartitionLogs(partition, this.#bits);
    this.#empty[partition] = 0;
    for (const entry of this.#entries[partition]!) this.#place(entry);
  }

  /** The block of everything admitted, in segments of 2^bits. */
  assemble(): Assembled {
    const restored = [...this.#restored].sort(compareRestored);
    const first = restoredLog(
      restored.map((entry) => ({ txid: entry.txid, wtxid: entry.wtxid, entry })),
    );
    const ranges = this.#partitions.flatMap((logs) => logs.ranges());
    return assembleSegments(first, ranges, this.#bits);
  }
}

/** The newest restoration first, each in the order of its old blocks. */
function compareRestored(a: Entry, b: Entry): number {
  const newest = b.order.restoredBy - a.order.restoredBy;
  return newest || a.order.major - b.order.major || a.order.minor - b.order.minor;
}

/** The entries of an assembled block, in its order, without the coinbase's place. */
export function assembledEntries(assembled: Assembled): Entry[] {
  const entries: Entry[] = [];
  for (const segment of assembled.segments) {
    for (const { log, position } of segment.entries()) {
      const entry = log.entries[position];
      if (entry != null && "txid" in entry) entries.push(entry as Entry);
    }
  }
  return entries;
}
