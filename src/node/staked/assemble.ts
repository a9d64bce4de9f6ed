// The body of an own block: a coinbase that pays what is due and then the staker, the transactions
// that the mempool chose, and what the header says of them.
import { type Bytes, concatBytes, hex, toHex, writeU32 } from "../../base/bytes.ts";
import { compactSizeBytes, writeCompactSize } from "../../base/reader.ts";
import { merkleRoot } from "../../crypto/merkle.ts";
import { heightScript } from "../../ledger/bitcoin/check-block.ts";
import { encodeTransaction, type NewOutput } from "../../ledger/bitcoin/encode.ts";
import { encodeHeader, SEGMENTS_MAX } from "../../planes/consensus/qpos/header.ts";
import type { Body, SealedBlock } from "../../planes/consensus/qpos/message.ts";
import type { Payment } from "../../planes/consensus/qpos/registry.ts";
import type { BlockTemplate } from "../../ports/mempool.ts";
import { txidOf } from "./genesis.ts";

const ZERO = "00".repeat(32);
/** Segments of 1,024 transactions, as long as they are not too many. */
const SEGMENT_BITS_MIN = 10;

export interface BodyRequest {
  readonly height: number;
  readonly slot: number;
  readonly due: readonly Payment[];
  /** The script that the staker is paid to, in hex. */
  readonly payout: string;
  /** Subsidy and fees. */
  readonly reward: number;
  readonly transactions: BlockTemplate["transactions"];
}

export interface AssembledBody {
  readonly body: Body;
  /** The coinbase first. */
  readonly raws: readonly Bytes[];
}

function coinbaseOf({ height, slot, due, payout, reward }: BodyRequest): Bytes {
  const extra = new Uint8Array(5);
  extra[0] = 4;
  writeU32(extra, 1, slot);
  const outputs: NewOutput[] = due.map(({ value, script }) => ({ value, script: hex(script) }));
  if (reward > 0 || outputs.length === 0) outputs.push({ value: reward, script: hex(payout) });
  return encodeTransaction({
    version: 1,
    inputs: [
      {
        txid: new Uint8Array(32),
        index: 0xffffffff,
        script: concatBytes(heightScript(height), extra),
        sequence: 0xffffffff,
        witness: [],
      },
    ],
    outputs,
    lockTime: 0,
  });
}

function segmentBitsOf(count: number): number {
  let bits = SEGMENT_BITS_MIN;
  while (Math.ceil(count / 2 ** bits) > SEGMENTS_MAX) bits++;
  return bits;
}

/** The body of a block. The coin set's hash is not kept in this version: zero. */
export function assembleBody(request: BodyRequest): AssembledBody {
  const coinbase = coinbaseOf(request);
  const { transactions } = request;
  const count = transactions.length + 1;
  const txids = new Uint8Array(count * 32);
  const wtxids = new Uint8Array(count * 32);
  txids.set(hex(txidOf(coinbase)), 0);
  transactions.forEach(({ txid, wtxid }, at) => {
    txids.set(txid, (at + 1) * 32);
    wtxids.set(wtxid, (at + 1) * 32);
  });
  const body: Body = {
    txRoot: toHex(merkleRoot(txids, count).root),
    witnessRoot: toHex(merkleRoot(wtxids, count).root),
    txCount: count,
    segmentBits: segmentBitsOf(count),
    coinSetHash: ZERO,
  };
  return { body, raws: [coinbase, ...transactions.map(({ raw }) => raw)] };
}

/** The bytes of a block, on disk and on the wire. */
export function blockBytesOf(
  block: Pick<SealedBlock, "header" | "sig">,
  extras: Bytes,
  raws: readonly Bytes[],
): Bytes {
  const length = new Uint8Array(4);
  writeU32(length, 0, extras.length);
  const count = new Uint8Array(compactSizeBytes(raws.length));
  writeCompactSize(count, 0, raws.length);
  return concatBytes(encodeHeader(block.header), hex(block.sig), length, extras, count, ...raws);
}
