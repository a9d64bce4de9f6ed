// `bench assemble`: a block of a million transactions from full logs of four partitions, segments of
// 2^12: what each costs as it is admitted (sealing included), and what is left to do at block time.
import { merkleRoot } from "../../../src/crypto/merkle.ts";
import { PartitionLogs } from "../../../src/planes/execution/rounds.ts";
import {
  assembleSegments,
  rootWithCoinbase,
} from "../../../src/planes/execution/segment-assemble.ts";
import { noise } from "../../measure.ts";

const PARTITIONS = 4;
const BITS = 12;
/** Shares of the rounds: most transactions spend confirmed coins. */
const ROUNDS = [0.9, 0.08, 0.02];

/** `quick`: a tenth of the transactions. */
export async function run(options: { quick: boolean }): Promise<Record<string, number | string>> {
  const count = options.quick ? 100_000 : 1_000_000;
  const ids = noise(1 << 20);
  const logs = Array.from({ length: PARTITIONS }, (_, p) => new PartitionLogs(p, BITS));
  const entry = {};
  const txid = new Uint8Array(32);
  const began = performance.now();
  for (let number = 0; number < count; number++) {
    // Spread over the partitions and rounds as a keyed hash would.
    const at = (Math.imul(number, 0x9e3779b1) >>> 12) % (ids.length - 64);
    txid.set(ids.subarray(at, at + 32));
    new DataView(txid.buffer).setUint32(28, number);
    const share = ((number * 7919) % 1000) / 1000;
    const round = share < ROUNDS[0]! ? 0 : share < ROUNDS[0]! + ROUNDS[1]! ? 1 : 2;
    logs[number % PARTITIONS]!.log(round).add(txid, txid, entry);
  }
  const fillMs = performance.now() - began;
  const assembleMs: number[] = [];
  let sealed = 0;
  let segments = 0;
  for (let round = 0; round < 3; round++) {
    const started = performance.now();
    const assembled = assembleSegments(
      null,
      logs.flatMap((one) => one.ranges()),
      BITS,
    );
    const root = rootWithCoinbase(assembled, ids.subarray(0, 32));
    assembleMs.push(performance.now() - started);
    if (assembled.count !== count + 1 || root.length !== 32) throw new Error("transactions lost");
    segments = assembled.segments.length;
    sealed = assembled.segments.filter(({ isSealed }) => isSealed).length;
  }
  const flat = new Uint8Array(count * 32);
  for (let at = 0; at < count; at++) flat.set(ids.subarray(0, 32), at * 32);
  const startedFlat = performance.now();
  merkleRoot(flat, count);
  const flatMs = performance.now() - startedFlat;
  return {
    transactions: count,
    segments,
    sealedSegments: sealed,
    usPerTransactionAtAdmission: Number(((fillMs * 1000) / count).toFixed(2)),
    assembleMs: Number(assembleMs.sort((a, b) => a - b)[1]!.toFixed(1)),
    wholeTreeMs: Number(flatMs.toFixed(1)),
  };
}
