// The ranges of a host's logs on their way to the node, which lays out and folds: seals with their
// roots, and the ids of every entry, as one buffer a range that is given away. Hashing was done here
// when the segments filled.
//
//   ids = 64 bytes an entry, txid and wtxid: the seals one after another, then the tail
import type { LogEntry, LogRange, Sealed } from "../rounds.ts";
import { RoundLog } from "../rounds.ts";
import { ID_BYTES, type Roots, SegmentHasher } from "../segment.ts";

export interface PackedRange {
  readonly round: number;
  /** Partition. */
  readonly log: number;
  readonly start: number;
  readonly seals: readonly (Roots & { readonly count: number })[];
  readonly ids: Uint8Array<ArrayBuffer>;
}

export function packRange({ round, log, start, whole, tail }: LogRange): PackedRange {
  const sealed = whole.reduce((sum, { order }) => sum + order.length, 0);
  const ids = new Uint8Array((sealed + tail.length) * ID_BYTES);
  let at = 0;
  const put = (from: RoundLog, position: number): void => {
    ids.set(from.ids.subarray(position * ID_BYTES, (position + 1) * ID_BYTES), at);
    at += ID_BYTES;
  };
  for (const { log: from, order } of whole) for (const position of order) put(from, position);
  for (const { log: from, position } of tail) put(from, position);
  const seals = whole.map(({ order, txRoot, witnessRoot }) => {
    return { count: order.length, txRoot, witnessRoot };
  });
  return { round, log, start, seals, ids };
}

/** The range as the layout wants it; its entries are known by their ids only. */
export function unpackRange({ round, log, start, seals, ids }: PackedRange): LogRange {
  const own = new RoundLog(log, round, 31, new SegmentHasher(0));
  own.ids = ids;
  let at = 0;
  const whole = seals.map(({ count, txRoot, witnessRoot }): Sealed => {
    const order = Uint32Array.from({ length: count }, (_, index) => at + index);
    const from = at;
    at += count;
    return { log: own, start: from, end: at, order, txRoot, witnessRoot };
  });
  const tail: LogEntry[] = [];
  for (; at * ID_BYTES < ids.length; at++) tail.push({ log: own, position: at });
  return { round, log, start, whole, tail };
}
