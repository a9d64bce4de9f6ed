// Hot: sealing. A segment is 2^n transactions in ascending order of txid; its two roots are subtrees
// of the block's Merkle trees, computed when the segment fills, so that assembling a block only folds
// them. About 1.2 us per transaction, sorted and hashed twice (bench/planes/execution/assemble.ts).
import { type Bytes, compareBytes, readU32BE } from "../../base/bytes.ts";
import { segmentRoot } from "../../crypto/merkle.ts";

/** Ids of entries: 64 bytes each, txid then wtxid. */
export const ID_BYTES = 64;

export interface Roots {
  readonly txRoot: Bytes;
  readonly witnessRoot: Bytes;
}

/** Positions of `ids` (entry `at[i]` at byte `at[i] * 64`) in ascending order of txid. */
export function sortByTxid(ids: Bytes, at: Uint32Array): Uint32Array {
  const { length } = at;
  // The first 53 bits decide nearly always; a number is compared faster than bytes.
  const keys = new Float64Array(length);
  const order = new Uint32Array(length);
  for (let index = 0; index < length; index++) {
    const byte = at[index]! * ID_BYTES;
    keys[index] = readU32BE(ids, byte) * 0x20_0000 + (readU32BE(ids, byte + 4) >>> 11);
    order[index] = index;
  }
  order.sort((a, b) => keys[a]! - keys[b]! || compareIds(ids, at[a]!, at[b]!));
  for (let index = 0; index < length; index++) order[index] = at[order[index]!]!;
  return order;
}

function compareIds(ids: Bytes, a: number, b: number): number {
  const left = ids.subarray(a * ID_BYTES, a * ID_BYTES + 32);
  return compareBytes(left, ids.subarray(b * ID_BYTES, b * ID_BYTES + 32));
}

/** Collects the ids of one segment, in order, and folds them. */
export class SegmentHasher {
  private readonly txids: Bytes;
  private readonly wtxids: Bytes;
  private readonly bits: number;
  count = 0;

  constructor(bits: number) {
    this.bits = bits;
    this.txids = new Uint8Array(32 << bits);
    this.wtxids = new Uint8Array(32 << bits);
  }

  add(ids: Bytes, entry: number): void {
    const from = entry * ID_BYTES;
    this.txids.set(ids.subarray(from, from + 32), this.count * 32);
    this.wtxids.set(ids.subarray(from + 32, from + 64), this.count * 32);
    this.count++;
  }

  /** The roots of what was added; begins anew. `isOnly`: the block has no other segment. */
  finish(isOnly: boolean): Roots {
    const { count, bits } = this;
    this.count = 0;
    const txRoot = segmentRoot(this.txids, count, bits, isOnly).root;
    return { txRoot, witnessRoot: segmentRoot(this.wtxids, count, bits, isOnly).root };
  }
}
