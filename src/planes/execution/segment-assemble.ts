// A block from logs: the layout, the roots of its seams, and the fold of all roots. Seals bring their
// roots with them, so the work at block time is the seams only; a new coinbase changes one path.
import { type Bytes, concatBytes } from "../../base/bytes.ts";
import { foldBranch, merkleBranch, merkleRoot } from "../../crypto/merkle.ts";
import { layout } from "./layout.ts";
import { type LogEntry, type LogRange, RoundLog, type Sealed, sealedEntries } from "./rounds.ts";
import { ID_BYTES, type Roots, SegmentHasher } from "./segment.ts";

/** One segment of an assembled block. */
export interface AssembledSegment extends Roots {
  readonly count: number;
  readonly isSealed: boolean;
  /** Its transactions in order. */
  entries(): Iterable<LogEntry>;
}

export interface Assembled {
  readonly segments: readonly AssembledSegment[];
  readonly count: number;
  /** With the coinbase placeholder: zero in both trees. */
  readonly txRoot: Bytes;
  readonly witnessRoot: Bytes;
  /** The hashes beside the coinbase's path: its txid folded with them is the block's Merkle root. */
  readonly coinbaseBranch: Bytes;
}

/** Restored transactions, in their order, as a log without seals. */
export function restoredLog(
  ids: readonly { txid: Bytes; wtxid: Bytes; entry: object }[],
): RoundLog {
  const log = new RoundLog(-1, -1, 31, new SegmentHasher(0));
  for (const { txid, wtxid, entry } of ids) log.add(txid, wtxid, entry);
  return log;
}

/** Assembles the block of these ranges; `restored` stand first, behind the coinbase. */
export function assembleSegments(
  restored: RoundLog | null,
  ranges: readonly LogRange[],
  bits: number,
): Assembled {
  const size = 1 << bits;
  const first = restoredLog([{ txid: ZERO, wtxid: ZERO, entry: PLACEHOLDER }]);
  const head: LogEntry[] = [{ log: first, position: 0 }];
  for (let position = 0; position < (restored?.entries.length ?? 0); position++) {
    if (restored!.entries[position] !== null) head.push({ log: restored!, position });
  }
  const laid = layout<Sealed, LogEntry>(head, ranges, size, sealedEntries);
  const hasher = new SegmentHasher(bits);
  const segments = laid.map((one): AssembledSegment => {
    if (one.kind === "whole") return wholeSegment(one.whole);
    const entries = one.pieces.flatMap((piece) => sorted(piece.log, piece.entries));
    for (const { log, position } of entries) hasher.add(log.ids, position);
    const roots = hasher.finish(laid.length === 1);
    return { ...roots, count: one.count, isSealed: false, entries: () => entries };
  });
  return fold(segments);
}

const ZERO: Bytes = new Uint8Array(32);
const PLACEHOLDER = {};

function wholeSegment(sealed: Sealed): AssembledSegment {
  const { txRoot, witnessRoot } = sealed;
  const count = sealed.order.length;
  return { txRoot, witnessRoot, count, isSealed: true, entries: () => sealedEntries(sealed) };
}

/** A piece that was cut from one sorted run is sorted already; the check is cheaper than the sort. */
function sorted(log: string | null, entries: readonly LogEntry[]): readonly LogEntry[] {
  if (log === null) return entries;
  for (let index = 1; index < entries.length; index++) {
    if (compareEntries(entries[index - 1]!, entries[index]!) > 0) {
      return [...entries].sort(compareEntries);
    }
  }
  return entries;
}

function compareEntries(a: LogEntry, b: LogEntry): number {
  for (let byte = 0; byte < 32; byte++) {
    const difference =
      a.log.ids[a.position * ID_BYTES + byte]! - b.log.ids[b.position * ID_BYTES + byte]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function fold(segments: readonly AssembledSegment[]): Assembled {
  const txRoots = concatBytes(...segments.map(({ txRoot }) => txRoot));
  const witnessRoots = concatBytes(...segments.map(({ witnessRoot }) => witnessRoot));
  const count = segments.reduce((sum, segment) => sum + segment.count, 0);
  const head = segments[0]!;
  const txids = new Uint8Array(head.count * 32);
  let at = 0;
  for (const { log, position } of head.entries()) {
    txids.set(log.ids.subarray(position * ID_BYTES, position * ID_BYTES + 32), at);
    at += 32;
  }
  // A first segment is full whenever others follow, so its branch has a hash for each level.
  const inside = merkleBranch(txids, head.count, 0);
  return {
    segments,
    count,
    txRoot: merkleRoot(txRoots, segments.length).root,
    witnessRoot: merkleRoot(witnessRoots, segments.length).root,
    coinbaseBranch: concatBytes(inside, merkleBranch(txRoots, segments.length, 0)),
  };
}

/** The block's Merkle root with this coinbase. */
export function rootWithCoinbase(assembled: Assembled, coinbaseTxid: Bytes): Bytes {
  return foldBranch(coinbaseTxid, 0, assembled.coinbaseBranch);
}
