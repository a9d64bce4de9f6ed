// Sealing and assembling a block of small transactions over 64 partitions: segments are sorted and
// hashed as they fill, in the partitions' threads, which hand over ranges when a block is built; what
// the node does then is the seams and the fold.

import {
  packRange,
  unpackRange,
} from "../../../src/planes/execution/admission-host/segment-ranges.ts";
import { PartitionLogs } from "../../../src/planes/execution/rounds.ts";
import {
  assembleSegments,
  rootWithCoinbase,
} from "../../../src/planes/execution/segment-assemble.ts";
import { noise, rounded } from "../../measure.ts";

const PARTITIONS = 64;
const SEGMENT_BITS = 12;
const NOISE_ENTRIES = 65_521;

export async function run({ quick }: { quick: boolean }): Promise<Record<string, number | string>> {
  const count = quick ? 100_000 : 1_000_000;
  const logs = Array.from({ length: PARTITIONS }, (_, at) => new PartitionLogs(at, SEGMENT_BITS));
  const ids = noise(NOISE_ENTRIES * 64);
  const entry = {};
  const began = performance.now();
  for (let index = 0; index < count; index++) {
    const at = (index % NOISE_ENTRIES) * 64;
    new DataView(ids.buffer).setUint32(at + 8, index);
    // Rounds of 90, 8 and 2 %: the depth of unconfirmed ancestry.
    const share = index % 100;
    const round = share < 90 ? 0 : share < 98 ? 1 : 2;
    const partition = Math.imul(index, 0x9e3779b1) >>> 26;
    logs[partition]!.log(round).add(
      ids.subarray(at, at + 32),
      ids.subarray(at + 32, at + 64),
      entry,
    );
  }
  const sealed = performance.now();
  const seconds: number[] = [];
  const packing: number[] = [];
  let segments = 0;
  let seals = 0;
  for (let round = 0; round < 3; round++) {
    const start = performance.now();
    const packed = logs.flatMap((log) => log.ranges().map(packRange));
    const from = performance.now();
    packing.push(from - start);
    const block = assembleSegments(null, packed.map(unpackRange), SEGMENT_BITS);
    rootWithCoinbase(block, new Uint8Array(32));
    seconds.push((performance.now() - from) / 1_000);
    segments = block.segments.length;
    seals = block.segments.filter((segment) => segment.isSealed).length;
  }
  return {
    transactions: count,
    "seal us per transaction": rounded(((sealed - began) * 1_000) / count),
    "hand over ms, all partitions": rounded(packing.sort((a, b) => a - b)[1]!),
    "assemble ms": rounded(seconds.sort((a, b) => a - b)[1]! * 1_000),
    segments,
    sealed: seals,
  };
}
