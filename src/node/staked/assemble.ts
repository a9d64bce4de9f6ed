// The body of an own block: a coinbase that pays what is due and then the staker, the transactions
// that the mempool chose, and what the header says of them. Where they are laid out in segments, both
// roots follow from those of the segments (docs/internals/staked-node.md).
import { assert } from "../../base/assert.ts";
import { type Bytes, concatBytes, hex, toHex, writeU32 } from "../../base/bytes.ts";
import { compactSizeBytes, writeCompactSize } from "../../base/reader.ts";
import { foldBranch, merkleRoot } from "../../crypto/merkle.ts";
import { heightScript } from "../../ledger/bitcoin/check-block.ts";
import { encodeTransaction, type NewOutput } from "../../ledger/bitcoin/encode.ts";
import { legacySigops, WITNESS_SCALE } from "../../ledger/bitcoin/sigops.ts";
import { decodeTransaction } from "../../ledger/bitcoin/transaction.ts";
import { EVIDENCE_MAX, extrasBytesMost } from "../../planes/consensus/qpos/extras.ts";
import { encodeHeader, HEADER_BYTES, SEGMENTS_MAX } from "../../planes/consensus/qpos/header.ts";
import type { Body, SealedBlock } from "../../planes/consensus/qpos/message.ts";
import type { Payment } from "../../planes/consensus/qpos/registry.ts";
import type { BlockReserve, BlockTemplate, TemplateSegments } from "../../ports/mempool.ts";
import { txidOf } from "./genesis.ts";

const ZERO = "00".repeat(32);
/** Header, signature, length of the extras and count of transactions. */
const FIXED_BYTES: number = HEADER_BYTES + 64 + 4 + 9;
/** Evidence that may turn up between the choice of the transactions and the header. */
const EVIDENCE_SLACK = 8;

export interface BodyRequest {
  readonly height: number;
  readonly slot: number;
  readonly due: readonly Payment[];
  /** The script that the staker is paid to, in hex. */
  readonly payout: string;
  /** Subsidy and fees. */
  readonly reward: number;
  readonly transactions: BlockTemplate["transactions"];
  /** How they are laid out already, or null. */
  readonly segments: TemplateSegments | null;
  /** The network's. */
  readonly segmentBits: number;
}

export interface AssembledBody {
  readonly body: Body;
  /** The coinbase first. */
  readonly raws: readonly Bytes[];
}

type CoinbaseRequest = Pick<BodyRequest, "height" | "slot" | "due" | "payout" | "reward">;

function coinbaseOf({ height, slot, due, payout, reward }: CoinbaseRequest): Bytes {
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

/** A header has no room for more segments than SEGMENTS_MAX: then they count in larger ones. */
function segmentBitsOf(count: number, least: number): number {
  let bits = least;
  while (Math.ceil(count / 2 ** bits) > SEGMENTS_MAX) bits++;
  return bits;
}

/** What a block of this staker holds beside transactions of the mempool, at most. */
export function reserveFor(
  request: Pick<CoinbaseRequest, "height" | "slot" | "due" | "payout">,
  stakers: number,
  evidenceCount: number,
): BlockReserve {
  const raw = coinbaseOf({ ...request, reward: 1 });
  const coinbase = decodeTransaction(raw);
  assert(coinbase.ok, "an own coinbase decodes");
  const evidence = Math.min(EVIDENCE_MAX, evidenceCount + EVIDENCE_SLACK);
  return {
    weight: FIXED_BYTES + raw.length + extrasBytesMost(stakers, evidence),
    sigops: legacySigops(coinbase.value) * WITNESS_SCALE,
  };
}

/** Both roots of the trees over the coinbase and these. */
function rootsOf(
  coinbaseTxid: Bytes,
  transactions: BodyRequest["transactions"],
): { readonly txRoot: Bytes; readonly witnessRoot: Bytes } {
  const count = transactions.length + 1;
  const txids = new Uint8Array(count * 32);
  const wtxids = new Uint8Array(count * 32);
  txids.set(coinbaseTxid, 0);
  transactions.forEach(({ txid, wtxid }, at) => {
    txids.set(txid, (at + 1) * 32);
    wtxids.set(wtxid, (at + 1) * 32);
  });
  return { txRoot: merkleRoot(txids, count).root, witnessRoot: merkleRoot(wtxids, count).root };
}

/** The body of a block. The coin set's hash is not kept in this version: zero. */
export function assembleBody(request: BodyRequest): AssembledBody {
  const coinbase = coinbaseOf(request);
  const { transactions, segments, segmentBits } = request;
  const count = transactions.length + 1;
  const txid = hex(txidOf(coinbase));
  const { txRoot, witnessRoot } =
    segments === null
      ? rootsOf(txid, transactions)
      : {
          txRoot: foldBranch(txid, 0, segments.coinbaseBranch),
          witnessRoot: segments.witnessRoot,
        };
  const body: Body = {
    txRoot: toHex(txRoot),
    witnessRoot: toHex(witnessRoot),
    txCount: count,
    segmentBits: segmentBitsOf(count, segments?.bits ?? segmentBits),
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
