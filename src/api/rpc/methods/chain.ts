// The methods about blocks and the coin set.
import { bytesEqual, readU32, toDisplayHex, toHex } from "../../../base/bytes.ts";
import { type Block, bodyAt } from "../../../ledger/bitcoin/block.ts";
import { formOf } from "../../../ledger/bitcoin/params.ts";
import { blockSubsidy } from "../../../ledger/bitcoin/subsidy.ts";
import {
  decodeTransaction,
  type Transaction,
  transactionWeight,
} from "../../../ledger/bitcoin/transaction.ts";
import type { ChainHeader } from "../../../ports/chain.ts";
import type { ConfirmedCoin } from "../../../ports/coins.ts";
import type { ApiContext } from "../../context.ts";
import { Amount, type Json, type JsonObject } from "../../json/value.ts";
import {
  bitsText,
  blockJson,
  confirmationsAt,
  decodeWhole,
  difficultyOf,
  headerJson,
  isActive,
  medianTime,
  targetText,
  workText,
} from "../../shapes/block.ts";
import { lockJson } from "../../shapes/script.ts";
import { RPC, RpcError } from "../errors.ts";
import { type Call, hashOf, integerOf, type Method } from "../method.ts";
import { scriptsOf } from "./scan.ts";

/** The header that an argument names, by hash. */
export function headerArgument(call: Call, index: number, name = "blockhash"): ChainHeader {
  const header = call.context.chain.header(call.hash(index, name));
  if (header === null) throw new RpcError(RPC.address, "Block not found");
  return header;
}

/** The header that an argument names, by hash or by height. */
function headerByEither(call: Call, index: number): ChainHeader {
  const { chain } = call.context;
  const value = call.value(index);
  if (typeof value === "string") {
    const header = chain.header(hashOf(value, "hash_or_height"));
    if (header === null) throw new RpcError(RPC.address, "Block not found");
    return header;
  }
  const height = integerOf(value);
  if (height < 0) throw new RpcError(RPC.parameter, `Target block height ${height} is negative`);
  const header = chain.headerAt(height);
  if (header === null) {
    const tip = chain.tip().height;
    throw new RpcError(RPC.parameter, `Target block height ${height} after current tip ${tip}`);
  }
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
async function transactionCount(context: ApiContext, header: ChainHeader): Promise<number> {
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

function chainName(name: string): string {
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

async function txOut(call: Call): Promise<Json> {
  const { chain, coins, mempool, params } = call.context;
  const txid = call.hash(0, "txid");
  const index = call.integer(1);
  const best = toDisplayHex(chain.tip().hash);
  const unconfirmed = call.boolean(2, true) ? mempool.entry(txid) : null;
  if (call.boolean(2, true) && mempool.spender(txid, index) !== null) return null;
  if (unconfirmed !== null) {
    const decoded = decodeTransaction(unconfirmed.raw);
    const output = decoded.ok ? decoded.value.outputs[index] : undefined;
    if (output === undefined) return null;
    const script = unconfirmed.raw.subarray(output.scriptAt, output.scriptEnd);
    return {
      bestblock: best,
      confirmations: 0,
      value: new Amount(output.value),
      scriptPubKey: lockJson(script, params.address),
      coinbase: false,
    };
  }
  const coin = await coins.coin(txid, index);
  if (coin === null) return null;
  return {
    bestblock: best,
    confirmations: confirmationsAt(call.context, coin.height),
    value: new Amount(coin.value),
    scriptPubKey: lockJson(coin.script, params.address),
    coinbase: coin.coinbase,
  };
}

async function txOutSetInfo(call: Call): Promise<Json> {
  const kind = call.text(0, "muhash");
  if (!["hash_serialized_3", "muhash", "none"].includes(kind)) {
    throw new RpcError(RPC.parameter, `'${kind}' is not a valid hash_type`);
  }
  if (kind === "hash_serialized_3") {
    throw new RpcError(RPC.parameter, "hash_serialized_3 is not kept; ask for muhash");
  }
  const info = await call.context.coins.info(kind === "muhash");
  const muhash = kind === "muhash" && info.muhash !== null ? toDisplayHex(info.muhash) : undefined;
  return {
    height: info.height,
    bestblock: toDisplayHex(info.hash),
    txouts: info.coins,
    bogosize: info.bytes,
    muhash,
    transactions: info.transactions ?? undefined,
    disk_size: info.diskBytes,
    total_amount: new Amount(info.amount),
  };
}

async function scanTxOutSet(call: Call): Promise<Json> {
  const action = call.text(0);
  if (action === "status") return null;
  if (action === "abort") return false;
  if (action !== "start") {
    throw new RpcError(RPC.parameter, `Invalid action '${action}'`);
  }
  if (!call.has(1)) {
    const text = "scanobjects argument is required for the start action";
    throw new RpcError(RPC.misc, text);
  }
  const { coins, chain, params } = call.context;
  const wanted = scriptsOf(call.array(1), params.address);
  const tip = chain.tip();
  let total = 0;
  const unspents: JsonObject[] = [];
  const count = await coins.scan(new Set(wanted.keys()), (coin) => {
    total += coin.value;
    const block = chain.headerAt(coin.height);
    unspents.push({
      txid: toDisplayHex(coin.txid),
      vout: coin.index,
      scriptPubKey: toHex(coin.script),
      desc: wanted.get(toHex(coin.script)) ?? "",
      amount: new Amount(coin.value),
      coinbase: coin.coinbase,
      height: coin.height,
      blockhash: block === null ? "" : toDisplayHex(block.hash),
      confirmations: confirmationsAt(call.context, coin.height),
    });
  });
  return {
    success: true,
    txouts: count,
    height: tip.height,
    bestblock: toDisplayHex(tip.hash),
    unspents,
    total_amount: new Amount(total),
  };
}

async function chainTxStats(call: Call): Promise<Json> {
  const { context } = call;
  const { chain, params } = context;
  const last = call.has(1) ? headerArgument(call, 1) : chain.tip();
  if (!isActive(chain, last)) {
    throw new RpcError(RPC.parameter, "Block is not in main chain");
  }
  const month = Math.floor((30 * 86_400) / params.work.spacing);
  const blocks = call.has(0) ? call.integer(0) : Math.max(0, Math.min(month, last.height - 1));
  if (blocks < 0 || (blocks > 0 && blocks >= last.height)) {
    const text = "Invalid block count: should be between 0 and the block's height - 1";
    throw new RpcError(RPC.parameter, text);
  }
  const first = chain.ancestor(last, last.height - blocks)!;
  const seconds = medianTime(chain, last) - medianTime(chain, first);
  let transactions = 0;
  for (let height = first.height + 1; height <= last.height; height++) {
    transactions += await transactionCount(context, chain.headerAt(height)!);
  }
  return {
    time: readU32(last.bytes, 68),
    window_final_block_hash: toDisplayHex(last.hash),
    window_final_block_height: last.height,
    window_block_count: blocks,
    window_interval: blocks > 0 ? seconds : undefined,
    window_tx_count: blocks > 0 ? transactions : undefined,
    txrate: blocks > 0 && seconds > 0 ? transactions / seconds : undefined,
  };
}

interface Totals {
  inputs: number;
  outputs: number;
  outputValue: number;
  fees: number[];
  rates: { rate: number; weight: number }[];
  sizes: number[];
  segwit: { count: number; size: number; weight: number };
  size: number;
  weight: number;
}

function addTransaction(totals: Totals, transaction: Transaction, spent: readonly ConfirmedCoin[]) {
  const size = transaction.end - transaction.start;
  const weight = transactionWeight(transaction);
  let fee = 0;
  for (const { value } of spent) fee += value;
  for (const { value } of transaction.outputs) {
    fee -= value;
    totals.outputValue += value;
  }
  totals.inputs += transaction.inputs.length;
  totals.fees.push(fee);
  totals.rates.push({ rate: Math.floor((fee * 4) / weight), weight });
  totals.sizes.push(size);
  totals.size += size;
  totals.weight += weight;
  if (transaction.hasWitness) {
    totals.segwit.count++;
    totals.segwit.size += size;
    totals.segwit.weight += weight;
  }
}

/** Bitcoin Core's percentiles of fee rates, by weight: 10, 25, 50, 75, 90. */
function percentiles(rates: { rate: number; weight: number }[], weight: number): number[] {
  const sorted = [...rates].sort((a, b) => a.rate - b.rate);
  const marks = [weight / 10, weight / 4, weight / 2, (weight * 3) / 4, (weight * 9) / 10];
  const found: number[] = [];
  let sum = 0;
  for (const one of sorted) {
    sum += one.weight;
    while (found.length < 5 && sum >= marks[found.length]!) found.push(one.rate);
  }
  while (found.length < 5) found.push(sorted.at(-1)?.rate ?? 0);
  return found;
}

function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]!
    : Math.floor((sorted[middle - 1]! + sorted[middle]!) / 2);
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const least = (values: readonly number[]): number =>
  values.length === 0 ? 0 : Math.min(...values);
const most = (values: readonly number[]): number => (values.length === 0 ? 0 : Math.max(...values));
const mean = (total: number, count: number): number =>
  count === 0 ? 0 : Math.floor(total / count);

async function blockStats(call: Call): Promise<Json> {
  const { context } = call;
  const { chain, params } = context;
  const header = headerByEither(call, 0);
  if (!isActive(chain, header)) {
    const hash = toDisplayHex(header.hash);
    throw new RpcError(RPC.parameter, `Block is not in chain ${chainName(params.name)}: ${hash}`);
  }
  const found = await wholeBlock(context, header);
  const spent = await context.control.spentCoins(header.hash);
  if (spent === null) throw new RpcError(RPC.misc, "Undo data not available");
  const totals: Totals = {
    inputs: 0,
    outputs: 0,
    outputValue: 0,
    fees: [],
    rates: [],
    sizes: [],
    segwit: { count: 0, size: 0, weight: 0 },
    size: 0,
    weight: 0,
  };
  found.transactions.forEach((transaction, place) => {
    totals.outputs += transaction.outputs.length;
    if (place > 0) addTransaction(totals, transaction, spent[place - 1] ?? []);
  });
  const stats = statsJson(context, header, found, totals);
  if (!call.has(1)) return stats;
  const wanted = call.array(1).map(String);
  for (const name of wanted) {
    if (!(name in stats)) {
      throw new RpcError(RPC.parameter, `Invalid selected statistic '${name}'`);
    }
  }
  return Object.fromEntries(wanted.map((name) => [name, stats[name]]));
}

function statsJson(
  { chain, params }: ApiContext,
  header: ChainHeader,
  found: Block,
  totals: Totals,
): JsonObject {
  const count = found.transactions.length - 1;
  const rates = totals.rates.map(({ rate }) => rate);
  const fee = sum(totals.fees);
  return {
    avgfee: mean(fee, count),
    avgfeerate: totals.weight === 0 ? 0 : Math.floor((fee * 4) / totals.weight),
    avgtxsize: mean(totals.size, count),
    blockhash: toDisplayHex(header.hash),
    feerate_percentiles: percentiles(totals.rates, totals.weight),
    height: header.height,
    ins: totals.inputs,
    maxfee: most(totals.fees),
    maxfeerate: most(rates),
    maxtxsize: most(totals.sizes),
    medianfee: median(totals.fees),
    mediantime: medianTime(chain, header),
    mediantxsize: median(totals.sizes),
    minfee: least(totals.fees),
    minfeerate: least(rates),
    mintxsize: least(totals.sizes),
    outs: totals.outputs,
    subsidy: blockSubsidy(header.height, params),
    swtotal_size: totals.segwit.size,
    swtotal_weight: totals.segwit.weight,
    swtxs: totals.segwit.count,
    time: readU32(header.bytes, 68),
    total_out: totals.outputValue,
    total_size: totals.size,
    total_weight: totals.weight,
    totalfee: fee,
    txs: found.transactions.length,
    utxo_increase: totals.outputs - totals.inputs,
  };
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

/** Waits until `done` or the time-out, on every change of the tip; answers with the tip. */
async function waitForTip(call: Call, timeoutMs: number, done: (tip: ChainHeader) => boolean) {
  const { chain } = call.context;
  if (!done(chain.tip())) {
    await call.caller.outside(
      new Promise<void>((resolve) => {
        const finish = (): void => {
          stop();
          clearTimeout(timer);
          call.caller.gone.removeEventListener("abort", finish);
          resolve();
        };
        const stop = chain.subscribe((event) => {
          if (event.kind === "tip" && done(event.tip)) finish();
        });
        const timer = timeoutMs > 0 ? setTimeout(finish, timeoutMs) : undefined;
        call.caller.gone.addEventListener("abort", finish);
      }),
    );
  }
  const tip = chain.tip();
  return { hash: toDisplayHex(tip.hash), height: tip.height };
}

function waitFor(call: Call, index: number, done: (tip: ChainHeader) => boolean): Promise<Json> {
  const timeout = call.integer(index, 0);
  if (timeout < 0) throw new RpcError(RPC.misc, "Negative timeout");
  return waitForTip(call, timeout, done);
}

const hashParam = {
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
    name: "gettxout",
    group: "Blockchain",
    overlaps: true,
    about: "Returns an unspent output, or null.",
    params: [
      { name: "txid", type: "string", required: true, about: "The transaction id" },
      { name: "n", type: "integer", required: true, about: "The output's place" },
      {
        name: "include_mempool",
        type: "boolean",
        about: "Count unconfirmed transactions; default true",
      },
    ],
    result: "An object or null.",
    run: txOut,
  },
  {
    name: "gettxoutsetinfo",
    group: "Blockchain",
    about:
      "Returns figures about all unspent outputs. They are counted beside the node's work; a hash that was made before is carried on with the blocks since.",
    params: [{ name: "hash_type", type: "string", about: "muhash (default) or none" }],
    result: "An object.",
    run: txOutSetInfo,
  },
  {
    name: "scantxoutset",
    group: "Blockchain",
    about: "Finds unspent outputs by addr(), raw() or pk-style descriptors.",
    params: [
      { name: "action", type: "string", required: true, about: "start, abort or status" },
      { name: "scanobjects", type: "array", about: "Descriptors" },
    ],
    result: "An object with what was found.",
    run: scanTxOutSet,
  },
  {
    name: "getchaintxstats",
    group: "Blockchain",
    about: "Returns figures about transactions over a window of blocks.",
    params: [
      { name: "nblocks", type: "integer", about: "Blocks in the window; default a month" },
      { name: "blockhash", type: "string", about: "The window's last block" },
    ],
    result: "An object.",
    run: chainTxStats,
  },
  {
    name: "getblockstats",
    group: "Blockchain",
    about: "Returns figures about one block.",
    params: [
      { name: "hash_or_height", type: "any", required: true, about: "The block" },
      { name: "stats", type: "array", about: "Only these figures" },
    ],
    result: "An object.",
    run: blockStats,
  },
  {
    name: "getdeploymentinfo",
    group: "Blockchain",
    about: "Returns which rule changes hold.",
    params: [{ name: "blockhash", type: "string", about: "At this block; default the tip" }],
    result: "An object.",
    run: deploymentInfo,
  },
  {
    name: "waitfornewblock",
    group: "Blockchain",
    about: "Waits for the tip to change.",
    params: [
      { name: "timeout", type: "integer", about: "Milliseconds; 0 waits for ever" },
      { name: "current_tip", type: "string", about: "The tip that is known" },
    ],
    result: "hash and height of the tip.",
    run: (call) => {
      const now = call.has(1) ? call.hash(1, "current_tip") : call.context.chain.tip().hash;
      return waitFor(call, 0, (tip) => !bytesEqual(tip.hash, now));
    },
  },
  {
    name: "waitforblock",
    group: "Blockchain",
    about: "Waits for a block to become the tip.",
    params: [
      hashParam,
      { name: "timeout", type: "integer", about: "Milliseconds; 0 waits for ever" },
    ],
    result: "hash and height of the tip.",
    run: (call) => {
      const hash = call.hash(0, "blockhash");
      return waitFor(call, 1, (tip) => bytesEqual(tip.hash, hash));
    },
  },
  {
    name: "waitforblockheight",
    group: "Blockchain",
    about: "Waits for the chain to reach a height.",
    params: [
      { name: "height", type: "integer", required: true, about: "The height" },
      { name: "timeout", type: "integer", about: "Milliseconds; 0 waits for ever" },
    ],
    result: "hash and height of the tip.",
    run: (call) => {
      const height = call.integer(0);
      return waitFor(call, 1, (tip) => tip.height >= height);
    },
  },
];
