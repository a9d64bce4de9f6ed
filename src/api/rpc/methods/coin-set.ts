// The methods about unspent outputs.
import { toDisplayHex, toHex } from "../../../base/bytes.ts";
import { decodeTransaction } from "../../../ledger/bitcoin/transaction.ts";
import { Amount, type Json, type JsonObject } from "../../json/value.ts";
import { confirmationsAt } from "../../shapes/block.ts";
import { lockJson } from "../../shapes/script.ts";
import { RPC, RpcError } from "../errors.ts";
import type { Call, Method } from "../method.ts";
import { scriptsOf } from "./scan.ts";

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

export const coinSetMethods: readonly Method[] = [
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
];
