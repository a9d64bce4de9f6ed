// The methods about unconfirmed transactions.
import { toDisplayHex, toHex } from "../../../base/bytes.ts";
import type { MempoolEntry, MempoolView } from "../../../ports/mempool.ts";
import { Amount, isObject, type Json, type JsonObject } from "../../json/value.ts";
import { RPC, RpcError } from "../errors.ts";
import { type Call, hashOf, integerOf, type Method, wrongType } from "../method.ts";

export function entryJson(entry: MempoolEntry): JsonObject {
  return {
    vsize: entry.size,
    weight: entry.weight,
    time: entry.time,
    height: entry.height,
    descendantcount: entry.descendants.count,
    descendantsize: entry.descendants.size,
    ancestorcount: entry.ancestors.count,
    ancestorsize: entry.ancestors.size,
    wtxid: toDisplayHex(entry.wtxid),
    fees: {
      base: new Amount(entry.fee),
      modified: new Amount(entry.modifiedFee),
      ancestor: new Amount(entry.ancestors.fees),
      descendant: new Amount(entry.descendants.fees),
    },
    depends: entry.depends.map((txid) => toDisplayHex(txid)),
    spentby: entry.spentBy.map((txid) => toDisplayHex(txid)),
    "bip125-replaceable": entry.replaceable,
    unbroadcast: entry.unbroadcast,
  };
}

export function mempoolInfoJson(mempool: MempoolView): JsonObject {
  const info = mempool.info();
  return {
    loaded: info.loaded,
    size: info.count,
    bytes: info.bytes,
    usage: info.memoryBytes,
    total_fee: new Amount(info.totalFee),
    maxmempool: info.memoryBytesMax,
    mempoolminfee: new Amount(Math.max(info.feeFloor, info.relayFee)),
    minrelaytxfee: new Amount(info.relayFee),
    incrementalrelayfee: new Amount(info.incrementalFee),
    unbroadcastcount: info.unbroadcastCount,
    fullrbf: info.fullReplacement,
    limitclustercount: info.clusterCountMax,
    limitclustersize: info.clusterSizeMax,
  };
}

/** Every id, or every entry by id. */
export function mempoolJson(mempool: MempoolView, verbose: boolean): Json {
  const entries = [...mempool.entries()];
  if (!verbose) return entries.map(({ txid }) => toDisplayHex(txid));
  return Object.fromEntries(entries.map((entry) => [toDisplayHex(entry.txid), entryJson(entry)]));
}

function rawMempool(call: Call): Json {
  const { mempool } = call.context;
  const verbose = call.boolean(0, false);
  const withSequence = call.boolean(1, false);
  if (verbose && withSequence) {
    const text = "Verbose results cannot contain mempool sequence values.";
    throw new RpcError(RPC.parameter, text);
  }
  const listed = mempoolJson(mempool, verbose);
  return withSequence ? { txids: listed, mempool_sequence: mempool.sequence() } : listed;
}

function entryArgument(call: Call): MempoolEntry {
  const entry = call.context.mempool.entry(call.hash(0, "txid"));
  if (entry === null) throw new RpcError(RPC.address, "Transaction not in mempool");
  return entry;
}

/** All that can be reached from `start` by `next`, without itself. */
function reach(
  mempool: MempoolView,
  start: MempoolEntry,
  next: (entry: MempoolEntry) => readonly Uint8Array[],
): MempoolEntry[] {
  const found = new Map<string, MempoolEntry>();
  const open = [start];
  for (let entry = open.pop(); entry !== undefined; entry = open.pop()) {
    for (const txid of next(entry)) {
      const key = toHex(txid);
      const other = found.has(key) ? null : mempool.entry(txid);
      if (other === null) continue;
      found.set(key, other);
      open.push(other);
    }
  }
  found.delete(toHex(start.txid));
  return [...found.values()];
}

function relatives(call: Call, next: (entry: MempoolEntry) => readonly Uint8Array[]): Json {
  const found = reach(call.context.mempool, entryArgument(call), next);
  if (!call.boolean(1, false)) return found.map(({ txid }) => toDisplayHex(txid));
  return Object.fromEntries(found.map((entry) => [toDisplayHex(entry.txid), entryJson(entry)]));
}

function spendingPrevout(call: Call): Json {
  const outputs = call.array(0);
  if (outputs.length === 0) {
    throw new RpcError(RPC.parameter, "Invalid parameter, outputs are missing");
  }
  return outputs.map((output): Json => {
    if (!isObject(output)) throw wrongType(output, "object");
    const { txid, vout } = output;
    if (typeof txid !== "string") throw wrongType(txid ?? null, "string");
    const index = integerOf(vout ?? null);
    if (index < 0) throw new RpcError(RPC.parameter, "Invalid parameter, vout cannot be negative");
    const spender = call.context.mempool.spender(hashOf(txid, "txid"), index);
    const spendingtxid = spender === null ? undefined : toDisplayHex(spender);
    return { txid, vout: index, spendingtxid };
  });
}

const CONFIRM_BLOCKS_MAX = 1_008;

function estimateSmartFee(call: Call): Json {
  const blocks = call.integer(0);
  if (blocks < 1 || blocks > CONFIRM_BLOCKS_MAX) {
    const text = `Invalid conf_target, must be between 1 and ${CONFIRM_BLOCKS_MAX}`;
    throw new RpcError(RPC.parameter, text);
  }
  const mode = call.text(1, "economical").toLowerCase();
  if (!["unset", "economical", "conservative"].includes(mode)) {
    const modes = `"unset", "economical", "conservative"`;
    throw new RpcError(RPC.parameter, `Invalid estimate_mode parameter, must be one of: ${modes}`);
  }
  const { mempool } = call.context;
  const estimate = mempool.estimateFee(blocks, mode === "conservative");
  if (estimate.rate === null) {
    return { errors: ["Insufficient data or no feerate found"], blocks: estimate.blocks };
  }
  const { feeFloor, relayFee } = mempool.info();
  const rate = Math.max(estimate.rate, feeFloor, relayFee);
  return { feerate: new Amount(rate), blocks: estimate.blocks };
}

const txidParam = {
  name: "txid",
  type: "string",
  required: true,
  about: "The transaction id",
} as const;
const verboseParam = { name: "verbose", type: "boolean", about: "Objects instead of ids" } as const;

export const mempoolMethods: readonly Method[] = [
  {
    name: "getrawmempool",
    group: "Mempool",
    about: "Returns the ids of all unconfirmed transactions.",
    params: [
      verboseParam,
      { name: "mempool_sequence", type: "boolean", about: "With the sequence number" },
    ],
    result: "A list of ids, or an object by id.",
    run: rawMempool,
  },
  {
    name: "getmempoolinfo",
    group: "Mempool",
    about: "Returns figures about the mempool.",
    params: [],
    result: "An object.",
    run: ({ context }) => mempoolInfoJson(context.mempool),
  },
  {
    name: "getmempoolentry",
    group: "Mempool",
    about: "Returns one unconfirmed transaction's standing.",
    params: [txidParam],
    result: "An object.",
    run: (call) => entryJson(entryArgument(call)),
  },
  {
    name: "getmempoolancestors",
    group: "Mempool",
    about: "Returns all unconfirmed ancestors of a transaction.",
    params: [txidParam, verboseParam],
    result: "A list of ids, or an object by id.",
    run: (call) => relatives(call, ({ depends }) => depends),
  },
  {
    name: "getmempooldescendants",
    group: "Mempool",
    about: "Returns all unconfirmed descendants of a transaction.",
    params: [txidParam, verboseParam],
    result: "A list of ids, or an object by id.",
    run: (call) => relatives(call, ({ spentBy }) => spentBy),
  },
  {
    name: "gettxspendingprevout",
    group: "Mempool",
    about: "Says which unconfirmed transactions spend outputs.",
    params: [
      { name: "outputs", type: "array", required: true, about: "Objects with txid and vout" },
    ],
    result: "A list of objects.",
    run: spendingPrevout,
  },
  {
    name: "estimatesmartfee",
    group: "Util",
    about: "Estimates the fee rate for confirmation within some blocks.",
    params: [
      { name: "conf_target", type: "integer", required: true, about: "Blocks, 1 to 1008" },
      { name: "estimate_mode", type: "string", about: "economical or conservative" },
    ],
    result: "feerate and blocks, or errors.",
    run: estimateSmartFee,
  },
  {
    name: "savemempool",
    group: "Mempool",
    about: "Writes the mempool to disk.",
    params: [],
    result: "The file's name.",
    run: async ({ context }) => ({ filename: await context.mempool.save() }),
  },
];
