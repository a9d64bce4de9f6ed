// Headers and blocks as JSON (Bitcoin Core's blockheaderToJSON and blockToJSON).
import { type Bytes, bytesEqual, readI32, readU32, toDisplayHex } from "../../base/bytes.ts";
import {
  type Block,
  decodeBlock,
  type Header,
  readHeader,
  STAKED_HEADER_BYTES,
} from "../../ledger/bitcoin/block.ts";
import { blockWeight, strippedBlockBytes } from "../../ledger/bitcoin/check-block.ts";
import { formOf } from "../../ledger/bitcoin/params.ts";
import type { Decoded } from "../../ledger/bitcoin/transaction.ts";
import { targetFromBits } from "../../ledger/bitcoin/work.ts";
import type { ChainHeader, ChainView } from "../../ports/chain.ts";
import type { ConfirmedCoin } from "../../ports/coins.ts";
import type { ApiContext } from "../context.ts";
import { type Json, type JsonObject, NumberText } from "../json/value.ts";
import { transactionJson } from "./transaction.ts";

/** Decodes a block in the form of the node's network. */
export function decodeWhole({ params }: Pick<ApiContext, "params">, bytes: Bytes): Decoded<Block> {
  return decodeBlock(bytes, 0, bytes.length, formOf(params));
}

/** How many times harder than the easiest target of the first network. */
export function difficultyOf(bits: number): number {
  let shift = (bits >>> 24) & 0xff;
  let difficulty = 0x0000ffff / (bits & 0x00ffffff);
  for (; shift < 29; shift++) difficulty *= 256;
  for (; shift > 29; shift--) difficulty /= 256;
  return difficulty;
}

const hex64 = (value: bigint): string => value.toString(16).padStart(64, "0");

export function workText(work: bigint): string {
  return hex64(work);
}

export function targetText(bits: number): string {
  return hex64(targetFromBits(bits) ?? 0n);
}

export function bitsText(bits: number): string {
  return bits.toString(16).padStart(8, "0");
}

/** The median of the times of a header and the ten before it. */
export function medianTime(chain: ChainView, header: ChainHeader): number {
  const times: number[] = [];
  for (let height = header.height; height >= 0 && times.length < 11; height--) {
    const at = chain.ancestor(header, height);
    if (at === null) break;
    times.push(readU32(at.bytes, 68));
  }
  times.sort((a, b) => a - b);
  return times[times.length >> 1]!;
}

export function isActive(chain: ChainView, header: ChainHeader): boolean {
  const active = chain.headerAt(header.height);
  return active !== null && bytesEqual(active.hash, header.hash);
}

type ConfirmationContext = Pick<ApiContext, "chain" | "staking">;

/**
 * Blocks on the active chain from this one on; -1 for a block beside it. On networks of stakers 0
 * while too little weight stands behind the block: whoever is cut off makes such blocks alone.
 */
export function confirmationsOf(context: ConfirmationContext, header: ChainHeader): number {
  const { chain, staking } = context;
  if (!isActive(chain, header)) return -1;
  const power = staking?.power(toDisplayHex(header.hash)) ?? null;
  return power?.status === "provisional" ? 0 : chain.tip().height - header.height + 1;
}

/** The same for what the active chain holds at a height. */
export function confirmationsAt(context: ConfirmationContext, height: number): number {
  const header = context.chain.headerAt(height);
  return header === null ? 0 : confirmationsOf(context, header);
}

/** `count` is the number of transactions; 0 when the block is not here. */
export function headerJson(
  context: ConfirmationContext,
  header: ChainHeader,
  count: number,
): JsonObject {
  const { chain } = context;
  const fields = readHeader(header.bytes);
  const confirmations = confirmationsOf(context, header);
  const next = confirmations >= 0 ? chain.headerAt(header.height + 1) : null;
  const version = readI32(header.bytes, 0);
  const staked = header.bytes.length === STAKED_HEADER_BYTES;
  return {
    hash: toDisplayHex(header.hash),
    confirmations,
    height: header.height,
    version,
    versionHex: (version >>> 0).toString(16).padStart(8, "0"),
    merkleroot: toDisplayHex(fields.merkleRoot),
    time: fields.time,
    mediantime: medianTime(chain, header),
    ...(staked ? stakedFields(header.bytes) : workFields(header, fields)),
    nTx: count,
    previousblockhash: header.height === 0 ? undefined : toDisplayHex(fields.previous),
    nextblockhash: next === null ? undefined : toDisplayHex(next.hash),
  };
}

function workFields(header: ChainHeader, { bits, nonce }: Header): JsonObject {
  return {
    nonce,
    bits: bitsText(bits),
    target: targetText(bits),
    difficulty: difficultyOf(bits),
    chainwork: workText(header.work),
  };
}

/** What the header of a network of stakers says instead (docs/internals/qpos.md). */
function stakedFields(bytes: Bytes): JsonObject {
  return {
    slot: readU32(bytes, 72),
    round: readU32(bytes, 80),
    staker: readU32(bytes, 88),
  };
}

export type BlockDetail = "ids" | "transactions" | "coins";

/** `spent`: the coins of each transaction but the first, where they are known. */
export function blockJson(
  context: Pick<ApiContext, "chain" | "params" | "staking">,
  header: ChainHeader,
  block: Block,
  detail: BlockDetail,
  spent: readonly (readonly ConfirmedCoin[])[] | null,
): JsonObject {
  const { params, staking } = context;
  const power = staking?.power(toDisplayHex(header.hash)) ?? null;
  const tx = block.transactions.map((transaction, place): Json => {
    if (detail === "ids") return toDisplayHex(transaction.txid);
    return transactionJson(transaction, {
      params: params.address,
      spent: place === 0 ? null : (spent?.[place - 1] ?? null),
      withCoins: detail === "coins",
      withHex: true,
    });
  });
  return {
    ...headerJson(context, header, block.transactions.length),
    strippedsize: strippedBlockBytes(block),
    size: block.end - block.start,
    weight: blockWeight(block),
    power: power === null ? undefined : new NumberText(power.power),
    status: power === null ? undefined : power.status,
    tx,
  };
}
