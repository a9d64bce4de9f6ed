// What goes into the next block: packages by fee rate under the limits of weight and signature
// checks, in an order that parents precede children; or, where blocks are large, whole segments.
// Every list is tried against the coin set as if it had come from outside before it is handed out.
import { concatBytes } from "../../base/bytes.ts";
import { STAKED_HEADER_BYTES } from "../../ledger/bitcoin/block.ts";
import { encodeBlock, encodeHeader, encodeTransaction } from "../../ledger/bitcoin/encode.ts";
import { medianTimePast } from "../../ledger/bitcoin/header-rules.ts";
import { BLOCK_WEIGHT_MAX } from "../../ledger/bitcoin/limits.ts";
import type { Params } from "../../ledger/bitcoin/params.ts";
import { retargetInterval } from "../../ledger/bitcoin/params.ts";
import { blockSubsidy } from "../../ledger/bitcoin/subsidy.ts";
import { type HeaderNode, nextBits } from "../../ledger/bitcoin/work.ts";
import { type FeeGraph, selectByFee } from "../../planes/execution/select.ts";
import type {
  BlockReserve,
  BlockTemplate,
  TemplateSegments,
  TemplateTransaction,
} from "../../ports/mempool.ts";
import { sigopCostMax } from "../chain/branch.ts";
import type { Entry } from "./entry.ts";

/** Kept free for the header and the coinbase, as Bitcoin Core does. */
const RESERVE: BlockReserve = { weight: 8_000, sigops: 400 };
/** One unit in 1,000 virtual bytes: below it a transaction is not mined. */
const FEE_PER_WEIGHT_MIN = 1 / 4_000;
const VERSION = 0x2000_0000;
/** BIP94: how far the first block of a period may lie behind the one before it, seconds. */
const TIMEWARP_SECONDS = 600;

/** What the mempool may fill of the next block. */
export interface BlockRoom {
  /** Bytes where stakers make the blocks: there they are what is scarce. */
  readonly unit: "weight" | "bytes";
  readonly weightMax: number;
  readonly sigopsMax: number;
}

export function blockRoom(params: Params, reserve: BlockReserve = RESERVE): BlockRoom {
  const { staked } = params;
  return {
    unit: staked === null ? "weight" : "bytes",
    weightMax: (staked === null ? BLOCK_WEIGHT_MAX : staked.blockBytesMax) - reserve.weight,
    sigopsMax: sigopCostMax(params) - reserve.sigops,
  };
}

function weightOf({ weight, rawLength }: Entry, { unit }: BlockRoom): number {
  return unit === "weight" ? weight : rawLength;
}

/** True when one block has room for them all, and nobody has said that some should come first. */
export function fitInOne(entries: readonly Entry[], room: BlockRoom): boolean {
  let [weight, sigops] = [0, 0];
  for (const entry of entries) {
    if (entry.feeDelta !== 0) return false;
    weight += weightOf(entry, room);
    sigops += entry.sigops;
  }
  return weight <= room.weightMax && sigops <= room.sigopsMax;
}

/** The entries of the next block by what they pay, in its order. */
export function chooseEntries(entries: Iterable<Entry>, room: BlockRoom): Entry[] {
  const all = [...entries];
  const place = new Map(all.map((entry, index) => [entry, index]));
  const graph: FeeGraph = {
    fees: all.map(({ modifiedFee }) => modifiedFee),
    weights: all.map((entry) => weightOf(entry, room)),
    sigops: all.map(({ sigops }) => sigops),
    parents: all.map(({ parents }) => [...parents].map((parent) => place.get(parent)!)),
  };
  const { order } = selectByFee(graph, {
    weightMax: Math.max(0, room.weightMax),
    sigopsMax: Math.max(0, room.sigopsMax),
    feePerWeightMin: FEE_PER_WEIGHT_MIN,
  });
  return order.map((index) => all[index]!);
}

export interface TemplateFacts {
  readonly params: Params;
  readonly previous: HeaderNode;
  readonly previousHash: Uint8Array;
  /** Seconds since 1970. */
  readonly now: number;
  readonly sequence: number;
}

/** What the next block holds, in its order. */
export interface Choice {
  readonly entries: readonly Entry[];
  readonly segments: TemplateSegments | null;
}

/** The template of these entries on top of `previous`. */
export function buildTemplate(facts: TemplateFacts, { entries, segments }: Choice): BlockTemplate {
  const { params, previous, now, sequence } = facts;
  const height = previous.height + 1;
  const timeMin = leastTime(params, previous);
  const time = Math.max(now, timeMin);
  const place = new Map(entries.map((entry, index) => [entry, index]));
  let fees = 0;
  const transactions = entries.map((entry): TemplateTransaction => {
    const { raw, txid, wtxid, fee, sigops, weight } = entry;
    fees += fee;
    const depends = [...entry.parents].map((parent) => place.get(parent)!).sort((a, b) => a - b);
    return { raw, txid, wtxid, fee, sigops, weight, depends };
  });
  return {
    previous: facts.previousHash.slice(),
    height,
    version: VERSION,
    bits: params.staked === null ? nextBits(params, previous, time) : 0,
    timeMin,
    time,
    coinbaseValue: blockSubsidy(height, params) + fees,
    transactions,
    segments,
    sequence,
  };
}

function leastTime(params: Params, previous: HeaderNode): number {
  const after = medianTimePast(previous) + 1;
  const firstOfPeriod = (previous.height + 1) % retargetInterval(params.work) === 0;
  return firstOfPeriod ? Math.max(after, previous.time - TIMEWARP_SECONDS) : after;
}

const NULL_HASH = new Uint8Array(32);

/** A block of the template for a trial: its coinbase claims nothing, its header has no work. */
export function trialBlock(template: BlockTemplate, params: Params): Uint8Array {
  const coinbase = encodeTransaction({
    version: 1,
    inputs: [
      {
        txid: NULL_HASH,
        index: 0xffff_ffff,
        script: concatBytes(Uint8Array.of(4), new Uint8Array(4)),
        sequence: 0xffff_ffff,
        witness: [],
      },
    ],
    outputs: [{ value: 0, script: Uint8Array.of(0x6a) }],
    lockTime: 0,
  });
  const header = encodeHeader({
    version: template.version,
    previous: template.previous,
    merkleRoot: NULL_HASH,
    time: template.time,
    bits: template.bits,
    nonce: 0,
  });
  const raws = [coinbase, ...template.transactions.map(({ raw }) => raw)];
  if (params.staked === null) return encodeBlock(header, raws);
  // The rest of the header, a signature and no extras; nobody looks at them in a trial.
  const rest = new Uint8Array(STAKED_HEADER_BYTES - header.length + 64 + 4);
  return encodeBlock(concatBytes(header, rest), raws);
}
