// Blocks of networks that take everything: the partitions' threads keep the logs, seal and hash whole
// segments as they fill, and the node lays out and folds what they give it. What a reorganisation has
// restored stands in no log and is kept here.
import type { Bytes } from "../../base/bytes.ts";
import {
  type PackedRange,
  unpackRange,
} from "../../planes/execution/admission-host/segment-ranges.ts";
import { ID_BYTES } from "../../planes/execution/segment.ts";
import {
  type Assembled,
  assembleSegments,
  restoredLog,
} from "../../planes/execution/segment-assemble.ts";
import type { Entry } from "./entry.ts";

export class Segments {
  readonly bits: number;
  readonly #restored = new Set<Entry>();

  constructor(bits: number) {
    this.bits = bits;
  }

  add(entry: Entry): void {
    if (entry.order.restoredBy > 0) this.#restored.add(entry);
  }

  remove(entry: Entry): void {
    this.#restored.delete(entry);
  }

  /** The block of these ranges, behind what was restored, in segments of 2^bits. */
  assemble(ranges: readonly PackedRange[]): Assembled {
    const restored = [...this.#restored].sort(compareRestored);
    const first = restoredLog(
      restored.map((entry) => ({ txid: entry.txid, wtxid: entry.wtxid, entry })),
    );
    return assembleSegments(first, ranges.map(unpackRange), this.bits);
  }
}

/** The newest restoration first, each in the order of its old blocks. */
function compareRestored(a: Entry, b: Entry): number {
  const newest = b.order.restoredBy - a.order.restoredBy;
  return newest || a.order.major - b.order.major || a.order.minor - b.order.minor;
}

/**
 * The entries of an assembled block, in its order, without the coinbase's place; null when one of them
 * has left since its partition was asked, or when its parent came after the parent's was.
 */
export function assembledEntries(
  assembled: Assembled,
  entryOf: (ids: Bytes, at: number) => Entry | null,
): Entry[] | null {
  const entries = new Set<Entry>();
  let isCoinbase = true;
  for (const segment of assembled.segments) {
    for (const { log, position } of segment.entries()) {
      if (isCoinbase) {
        isCoinbase = false;
        continue;
      }
      const entry = entryOf(log.ids, position * ID_BYTES);
      if (entry === null) return null;
      for (const parent of entry.parents) if (!entries.has(parent)) return null;
      entries.add(entry);
    }
  }
  return [...entries];
}
