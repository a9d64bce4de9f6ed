// Proofs that transactions stand in a block: a header and a partial Merkle tree (Bitcoin Core's
// merkleblock.h, which BIP37 specifies).
import {
  type Bytes,
  bytesEqual,
  concatBytes,
  readU32,
  toDisplayHex,
  toHex,
} from "../../../base/bytes.ts";
import { Reader } from "../../../base/reader.ts";
import { hash256 } from "../../../crypto/hash.ts";
import { HEADER_BYTES } from "../../../ledger/bitcoin/block.ts";
import { isActive } from "../../../network/locator.ts";
import { Writer } from "../../../network/wire/writer.ts";
import type { ChainHeader } from "../../../ports/chain.ts";
import type { Json } from "../../json/value.ts";
import { RPC, RpcError } from "../errors.ts";
import { type Call, hashOf, type Method } from "../method.ts";
import { headerArgument, wholeBlock } from "./chain.ts";

/** A transaction takes 60 bytes at least: it bounds what a count may claim. */
const TRANSACTIONS_MAX = 4_000_000 / 60;

interface Tree {
  readonly hashes: Bytes[];
  readonly bits: boolean[];
}

function width(count: number, height: number): number {
  return (count + 2 ** height - 1) >>> height;
}

function heightOf(count: number): number {
  let height = 0;
  while (width(count, height) > 1) height++;
  return height;
}

/** The rows of the Merkle tree, leaves first. */
function rows(txids: readonly Bytes[]): Bytes[][] {
  const all: Bytes[][] = [[...txids]];
  while (all.at(-1)!.length > 1) {
    const below = all.at(-1)!;
    const row: Bytes[] = [];
    for (let at = 0; at < below.length; at += 2) {
      row.push(hash256(concatBytes(below[at]!, below[at + 1] ?? below[at]!)));
    }
    all.push(row);
  }
  return all;
}

/** Depth first: a bit for each node on the way to a match, a hash where nothing below matches. */
function prune(all: Bytes[][], matches: readonly boolean[], tree: Tree): void {
  const visit = (height: number, at: number): void => {
    let match = false;
    const last = Math.min((at + 1) * 2 ** height, matches.length);
    for (let leaf = at * 2 ** height; leaf < last; leaf++) if (matches[leaf] === true) match = true;
    tree.bits.push(match);
    if (height === 0 || !match) {
      tree.hashes.push(all[height]![at]!);
      return;
    }
    visit(height - 1, at * 2);
    if (at * 2 + 1 < all[height - 1]!.length) visit(height - 1, at * 2 + 1);
  };
  visit(all.length - 1, 0);
}

export function encodeProof(header: Bytes, txids: readonly Bytes[], matches: boolean[]): Bytes {
  const tree: Tree = { hashes: [], bits: [] };
  prune(rows(txids), matches, tree);
  const writer = new Writer();
  writer.bytes(header).u32(txids.length).compactSize(tree.hashes.length);
  for (const hash of tree.hashes) writer.bytes(hash);
  const bytes = new Uint8Array(Math.ceil(tree.bits.length / 8));
  tree.bits.forEach((bit, index) => {
    if (bit) bytes[index >>> 3]! |= 1 << (index & 7);
  });
  return writer.variable(bytes).done();
}

export interface Proven {
  readonly header: Bytes;
  readonly txids: readonly Bytes[];
  readonly count: number;
}

/** What a proof proves; null when it is malformed or does not fold to the header's root. */
export function decodeProof(bytes: Bytes): Proven | null {
  const reader = new Reader(bytes);
  const header = reader.take(HEADER_BYTES);
  const count = reader.u32();
  const hashes: Bytes[] = [];
  for (let left = reader.count(32); left > 0; left--) hashes.push(reader.take(32));
  const bits = reader.take(reader.compactSize());
  const whole = reader.fault === null && reader.at === reader.end;
  if (!whole || count === 0 || count > TRANSACTIONS_MAX || hashes.length > count) return null;
  if (bits.length * 8 < hashes.length) return null;
  const walk = { bit: 0, hash: 0, bad: false };
  const txids: Bytes[] = [];
  const visit = (height: number, at: number): Bytes => {
    if (walk.bit >= bits.length * 8 || walk.bad) {
      walk.bad = true;
      return new Uint8Array(32);
    }
    const match = ((bits[walk.bit >>> 3]! >>> (walk.bit & 7)) & 1) === 1;
    walk.bit++;
    if (height === 0 || !match) {
      const hash = hashes[walk.hash++];
      if (hash === undefined) walk.bad = true;
      else if (match) txids.push(hash);
      return hash ?? new Uint8Array(32);
    }
    const left = visit(height - 1, at * 2);
    if (at * 2 + 1 >= width(count, height - 1)) return hash256(concatBytes(left, left));
    const right = visit(height - 1, at * 2 + 1);
    // Equal neighbours would let one proof stand for two trees (CVE-2012-2459).
    if (bytesEqual(left, right)) walk.bad = true;
    return hash256(concatBytes(left, right));
  };
  const root = visit(heightOf(count), 0);
  const used = (walk.bit + 7) >>> 3 === bits.length && walk.hash === hashes.length;
  if (walk.bad || !used || !bytesEqual(root, header.subarray(36, 68))) return null;
  return { header, txids, count };
}

async function blockOf(call: Call, txids: readonly Bytes[]): Promise<ChainHeader> {
  if (call.has(1)) return headerArgument(call, 1);
  const { chain, coins, control } = call.context;
  for (const txid of txids) {
    for (let index = 0; index < 32; index++) {
      const coin = await coins.coin(txid, index);
      const header = coin === null ? null : chain.headerAt(coin.height);
      if (header !== null) return header;
    }
    const indexed = await control.transaction(txid);
    const header = indexed === null ? null : chain.header(indexed.block);
    if (header !== null) return header;
  }
  throw new RpcError(RPC.address, "Transaction not yet in block");
}

async function getProof(call: Call): Promise<Json> {
  const wanted = call.array(0).map((value) => hashOf(String(value), "txid"));
  if (wanted.length === 0) {
    throw new RpcError(RPC.parameter, "Parameter 'txids' cannot be empty");
  }
  const keys = new Set(wanted.map((txid) => toHex(txid)));
  if (keys.size !== wanted.length) {
    throw new RpcError(RPC.parameter, "Invalid parameter, duplicated txid");
  }
  const header = await blockOf(call, wanted);
  const block = await wholeBlock(call.context, header);
  const txids = block.transactions.map(({ txid }) => txid);
  const matches = txids.map((txid) => keys.has(toHex(txid)));
  if (matches.filter(Boolean).length !== keys.size) {
    throw new RpcError(RPC.address, "Not all transactions found in specified or retrieved block");
  }
  return toHex(encodeProof(header.bytes, txids, matches));
}

async function verifyProof(call: Call): Promise<Json> {
  const proven = decodeProof(call.hex(0, "proof must be hexadecimal string"));
  if (proven === null) return [];
  const { chain } = call.context;
  const header = chain.header(hash256(proven.header));
  if (header === null || !isActive(chain, header)) {
    throw new RpcError(RPC.address, "Block not found in chain");
  }
  // The count is part of the proof: a tree of another size can look alike (CVE-2017-12842).
  const bytes = await chain.blockBytes(header.hash);
  if (bytes !== null) {
    const first = bytes[HEADER_BYTES]!;
    const wide = first === 0xfd ? bytes[81]! + bytes[82]! * 256 : readU32(bytes, 81);
    if ((first < 0xfd ? first : wide) !== proven.count) return [];
  }
  return proven.txids.map((txid) => toDisplayHex(txid));
}

export const proofMethods: readonly Method[] = [
  {
    name: "gettxoutproof",
    group: "Blockchain",
    about: "Returns a proof that transactions stand in a block.",
    params: [
      { name: "txids", type: "array", required: true, about: "The transactions" },
      { name: "blockhash", type: "string", about: "Their block" },
    ],
    result: "Hex.",
    run: getProof,
  },
  {
    name: "verifytxoutproof",
    group: "Blockchain",
    about: "Returns the transactions that a proof proves.",
    params: [{ name: "proof", type: "string", required: true, about: "Hex" }],
    result: "A list of txids, empty when the proof is no good.",
    run: verifyProof,
  },
];
