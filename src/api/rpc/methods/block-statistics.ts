// The methods with figures about blocks and their transactions.
import { readU32, toDisplayHex } from "../../../base/bytes.ts";
import type { Block } from "../../../ledger/bitcoin/block.ts";
import { blockSubsidy } from "../../../ledger/bitcoin/subsidy.ts";
import { type Transaction, transactionWeight } from "../../../ledger/bitcoin/transaction.ts";
import type { ChainHeader } from "../../../ports/chain.ts";
import type { ConfirmedCoin } from "../../../ports/coins.ts";
import type { ApiContext } from "../../context.ts";
import type { Json, JsonObject } from "../../json/value.ts";
import { isActive, medianTime } from "../../shapes/block.ts";
import { RPC, RpcError } from "../errors.ts";
import { type Call, hashOf, integerOf, type Method } from "../method.ts";
import { chainName, headerArgument, transactionCount, wholeBlock } from "./chain.ts";

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

export const blockStatisticsMethods: readonly Method[] = [
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
];
