// The methods about blocks and headers.
import { readU32, toDisplayHex, toHex } from "../../../base/bytes.ts";
import { type Block, bodyAt } from "../../../ledger/bitcoin/block.ts";
import { formOf } from "../../../ledger/bitcoin/params.ts";
import type { ChainHeader } from "../../../ports/chain.ts";
import type { ApiContext } from "../../context.ts";
import type { Json } from "../../json/value.ts";
import {
  bitsText,
  blockJson,
  decodeWhole,
  difficultyOf,
  headerJson,
  isActive,
  medianTime,
  targetText,
  workText,
} from "../../shapes/block.ts";
import { RPC, RpcError } from "../errors.ts";
import { type Call, integerOf, type Method } from "../method.ts";

/** The header that an argument names, by hash. */
export function headerArgument(call: Call, index: number, name = "blockhash"): ChainHeader {
  const header = call.context.chain.header(call.hash(index, name));
  if (header === null) throw new RpcError(RPC.address, "Block not found");
  return header;
}

/** The bytes of a block that must be here. */
export async function blockBytes(context: ApiContext, header: ChainHeader): Promise<Uint8Array> {
  const bytes = await context.chain.blockBytes(header.hash);
  if (bytes !== null) return bytes;
  const pruned = header.height < context.control.pruneHeight();
  const text = pruned
    ? "Block not available (pruned data)"
    : "Block not available (not fully downloaded)";
  throw new RpcError(RPC.misc, text);
}

export async function wholeBlock(context: ApiContext, header: ChainHeader): Promise<Block> {
  const decoded = decodeWhole(context, await blockBytes(context, header));
  if (!decoded.ok) throw new RpcError(RPC.database, "Block cannot be decoded");
  return decoded.value;
}

/** How many transactions a stored block has: the CompactSize behind its header. */
export async function transactionCount(context: ApiContext, header: ChainHeader): Promise<number> {
  const bytes = await context.chain.blockBytes(header.hash);
  if (bytes === null) return 0;
  const at = bodyAt(bytes, 0, formOf(context.params));
  const first = bytes[at]!;
  if (first < 0xfd) return first;
  return first === 0xfd ? bytes[at + 1]! + bytes[at + 2]! * 256 : readU32(bytes, at + 1);
}

/** How much of the chain has been judged, by time: 1 at the tip. */
function progressOf(context: ApiContext): number {
  const { chain, clock } = context;
  const time = readU32(chain.tip().bytes, 68);
  const genesis = readU32(chain.headerAt(0)!.bytes, 68);
  const now = Math.floor(clock.now() / 1000);
  if (!chain.initialDownload()) return 1;
  const best = chain.bestHeader().height;
  const byHeight = best === 0 ? 0 : chain.tip().height / best;
  return Math.min(
    1,
    Math.max(0, Math.min(byHeight, (time - genesis) / Math.max(1, now - genesis))),
  );
}

export function chainName(name: string): string {
  return name === "testnet3" ? "test" : name;
}

function blockchainInfo({ context }: Call): Json {
  const { chain, params, control } = context;
  const tip = chain.tip();
  const bits = readU32(tip.bytes, 72);
  const mined = params.staked === null;
  const pruneHeight = control.pruneHeight();
  return {
    chain: chainName(params.name),
    blocks: tip.height,
    headers: chain.bestHeader().height,
    bestblockhash: toDisplayHex(tip.hash),
    bits: mined ? bitsText(bits) : undefined,
    target: mined ? targetText(bits) : undefined,
    difficulty: mined ? difficultyOf(bits) : undefined,
    time: readU32(tip.bytes, 68),
    mediantime: medianTime(chain, tip),
    verificationprogress: progressOf(context),
    initialblockdownload: chain.initialDownload(),
    chainwork: mined ? workText(tip.work) : undefined,
    size_on_disk: control.dataBytes(),
    pruned: pruneHeight > 0,
    pruneheight: pruneHeight > 0 ? pruneHeight : undefined,
    signet_challenge: params.signetChallenge === null ? undefined : toHex(params.signetChallenge),
    warnings: [...control.warnings()],
  };
}

async function blockHeader(call: Call): Promise<Json> {
  const header = headerArgument(call, 0);
  if (!call.boolean(1, true)) return toHex(header.bytes);
  return headerJson(call.context, header, await transactionCount(call.context, header));
}

/** 0 to 3; true and false mean 1 and 0. */
function verbosityOf(value: Json, otherwise: number): number {
  if (value === null) return otherwise;
  if (typeof value === "boolean") return value ? 1 : 0;
  return integerOf(value);
}

async function block(call: Call): Promise<Json> {
  const { context } = call;
  const header = headerArgument(call, 0);
  const verbosity = verbosityOf(call.value(1), 1);
  const bytes = await blockBytes(context, header);
  if (verbosity <= 0) return toHex(bytes);
  const decoded = decodeWhole(context, bytes);
  if (!decoded.ok) throw new RpcError(RPC.database, "Block cannot be decoded");
  const spent = verbosity >= 2 ? await context.control.spentCoins(header.hash) : null;
  const detail = verbosity === 1 ? "ids" : verbosity === 2 ? "transactions" : "coins";
  return blockJson(context, header, decoded.value, detail, spent);
}

function chainTips({ context }: Call): Json {
  const { chain } = context;
  const words = {
    active: "active",
    "valid-fork": "valid-fork",
    stored: "valid-headers",
    "headers-only": "headers-only",
    invalid: "invalid",
  } as const;
  return [...chain.tips()]
    .sort((a, b) => b.height - a.height)
    .map((tip) => {
      let fork: ChainHeader | null = tip;
      while (fork !== null && !isActive(chain, fork)) {
        fork = chain.ancestor(fork, fork.height - 1);
      }
      return {
        height: tip.height,
        hash: toDisplayHex(tip.hash),
        branchlen: tip.height - (fork?.height ?? 0),
        status: words[chain.standing(tip.hash) ?? "headers-only"],
      };
    });
}

async function deploymentInfo(call: Call): Promise<Json> {
  const { chain, params } = call.context;
  const header = call.has(0) ? headerArgument(call, 0) : chain.tip();
  const { bip34, bip65, bip66, csv, segwit } = params.activation;
  const buried = (height: number): Json => ({
    type: "buried",
    active: header.height + 1 >= height,
    height,
  });
  return {
    hash: toDisplayHex(header.hash),
    height: header.height,
    deployments: {
      bip34: buried(bip34),
      bip66: buried(bip66),
      bip65: buried(bip65),
      csv: buried(csv),
      segwit: buried(segwit),
    },
  };
}

/** A parameter that names a block. */
export const hashParam = {
  name: "blockhash",
  type: "string",
  required: true,
  about: "The block hash",
} as const;

export const chainMethods: readonly Method[] = [
  {
    name: "getblockchaininfo",
    group: "Blockchain",
    about: "Returns what state the chain is in.",
    params: [],
    result: "An object: chain, blocks, headers, bestblockhash, difficulty, and more.",
    run: blockchainInfo,
  },
  {
    name: "getblockcount",
    group: "Blockchain",
    about: "Returns the height of the active chain's tip; the first block has height 0.",
    params: [],
    result: "A number.",
    run: ({ context }) => context.chain.tip().height,
  },
  {
    name: "getbestblockhash",
    group: "Blockchain",
    about: "Returns the hash of the active chain's tip.",
    params: [],
    result: "The hash.",
    run: ({ context }) => toDisplayHex(context.chain.tip().hash),
  },
  {
    name: "getblockhash",
    group: "Blockchain",
    about: "Returns the hash of the active block at a height.",
    params: [{ name: "height", type: "integer", required: true, about: "The height" }],
    result: "The hash.",
    run: (call) => {
      const header = call.context.chain.headerAt(call.integer(0));
      if (header === null) throw new RpcError(RPC.parameter, "Block height out of range");
      return toDisplayHex(header.hash);
    },
  },
  {
    name: "getblockheader",
    group: "Blockchain",
    overlaps: true,
    about: "Returns a block's header, as an object or as hex.",
    params: [
      hashParam,
      { name: "verbose", type: "boolean", about: "true for an object, false for hex" },
    ],
    result: "An object, or the 80 bytes in hex.",
    run: blockHeader,
  },
  {
    name: "getblock",
    group: "Blockchain",
    overlaps: true,
    about:
      "Returns a block: 0 hex, 1 with txids, 2 with transactions, 3 with the coins they spend.",
    params: [hashParam, { name: "verbosity|verbose", type: "any", about: "0 to 3" }],
    result: "Hex or an object.",
    run: block,
  },
  {
    name: "getdifficulty",
    group: "Blockchain",
    about: "Returns the tip's difficulty, as a multiple of the least.",
    params: [],
    result: "A number.",
    run: ({ context }) => difficultyOf(readU32(context.chain.tip().bytes, 72)),
  },
  {
    name: "getchaintips",
    group: "Blockchain",
    about: "Returns the ends of all known branches.",
    params: [],
    result: "A list of objects: height, hash, branchlen, status.",
    run: chainTips,
  },
  {
    name: "getindexinfo",
    group: "Util",
    about: "Returns the state of the indexes that are kept.",
    params: [{ name: "index_name", type: "string", about: "Only this index" }],
    result: "An object by index name.",
    run: (call): Json => {
      const { chain, control } = call.context;
      const only = call.text(0, "");
      if (!control.indexed || (only !== "" && only !== "txindex")) return {};
      return { txindex: { synced: true, best_block_height: chain.tip().height } };
    },
  },
  {
    name: "getdeploymentinfo",
    group: "Blockchain",
    about: "Returns which rule changes hold.",
    params: [{ name: "blockhash", type: "string", about: "At this block; default the tip" }],
    result: "An object.",
    run: deploymentInfo,
  },
];
