// The methods about single transactions.
import {
  type Bytes,
  bytesEqual,
  fromHex,
  readU32,
  toDisplayHex,
  toHex,
} from "../../../base/bytes.ts";
import { Reader } from "../../../base/reader.ts";
import { hash160, sha256 } from "../../../crypto/hash.ts";
import { addressScript, scriptAddress } from "../../../ledger/bitcoin/address.ts";
import {
  encodeTransaction,
  type NewInput,
  type NewOutput,
} from "../../../ledger/bitcoin/encode.ts";
import { burntValue } from "../../../ledger/bitcoin/policy/standard.ts";
import { witnessVersion } from "../../../ledger/bitcoin/script/script-bytes.ts";
import {
  decodeTransaction,
  readTransaction,
  type Transaction,
} from "../../../ledger/bitcoin/transaction.ts";
import type { ChainHeader } from "../../../ports/chain.ts";
import type { MempoolView, TransactionVerdict } from "../../../ports/mempool.ts";
import { Amount, isObject, type Json, type JsonObject } from "../../json/value.ts";
import { confirmationsOf } from "../../shapes/block.ts";
import { lockJson, scriptAssembly, scriptDescriptor, solveScript } from "../../shapes/script.ts";
import { transactionJson } from "../../shapes/transaction.ts";
import { RPC, RpcError } from "../errors.ts";
import { amountOf, type Call, hashOf, integerOf, type Method, wrongType } from "../method.ts";
import { headerArgument, wholeBlock } from "./chain.ts";

const PACKAGE_COUNT_MAX = 25;
const DEFAULT_FEE_RATE_MAX = 10_000_000;

/**
 * A whole transaction in hex: with witness first, then without, as Bitcoin Core guesses. Its ids are
 * zero when they are not asked for.
 */
export function parseTransaction(text: string, withHashes = true): Transaction | null {
  // Wrong digits end what is read.
  const bytes = Buffer.from(text, "hex");
  return bytes.length * 2 === text.length ? decodeRaw(bytes, withHashes) : null;
}

function decodeRaw(bytes: Bytes, withHashes = true): Transaction | null {
  for (const allowWitness of [true, false]) {
    const transaction = readTransaction(new Reader(bytes), allowWitness, withHashes);
    if (transaction?.end === bytes.length) return transaction;
  }
  return null;
}

const TOO_MUCH_BURNT = "Unspendable output exceeds maximum configured by user (maxburnamount)";
const DECODE_FAILED = "TX decode failed. Make sure the tx has at least one input.";

interface Found {
  readonly transaction: Transaction;
  /** Null when unconfirmed. */
  readonly block: ChainHeader | null;
  readonly place: number;
}

async function inBlock(call: Call, header: ChainHeader, txid: Bytes): Promise<Found | null> {
  const block = await wholeBlock(call.context, header);
  const place = block.transactions.findIndex((one) => bytesEqual(one.txid, txid));
  return place < 0 ? null : { transaction: block.transactions[place]!, block: header, place };
}

async function findTransaction(call: Call, txid: Bytes): Promise<Found> {
  const { chain, mempool, control } = call.context;
  if (call.has(2)) {
    const found = await inBlock(call, headerArgument(call, 2), txid);
    if (found !== null) return found;
    const text = "No such transaction found in the provided block.";
    throw new RpcError(RPC.address, `${text} Use gettransaction for wallet transactions.`);
  }
  const entry = mempool.entry(txid);
  const decoded = entry === null ? null : decodeTransaction(entry.raw);
  if (decoded?.ok === true) return { transaction: decoded.value, block: null, place: 0 };
  const indexed = await control.transaction(txid);
  const header = indexed === null ? null : chain.header(indexed.block);
  const found = header === null ? null : await inBlock(call, header, txid);
  if (found !== null) return found;
  const where = control.indexed
    ? "No such mempool or blockchain transaction."
    : "No such mempool transaction. Use -txindex or provide a block hash to enable blockchain transaction queries.";
  throw new RpcError(RPC.address, `${where} Use gettransaction for wallet transactions.`);
}

async function getRawTransaction(call: Call): Promise<Json> {
  const { chain, params, control } = call.context;
  const txid = call.hash(0, "parameter 1");
  const genesis = chain.headerAt(0)!;
  if (bytesEqual(genesis.bytes.subarray(36, 68), txid)) {
    const text =
      "The genesis block coinbase is not considered an ordinary transaction and cannot be retrieved";
    throw new RpcError(RPC.address, text);
  }
  const given = call.value(1);
  const verbosity = typeof given === "boolean" ? Number(given) : call.integer(1, 0);
  const { transaction, block, place } = await findTransaction(call, txid);
  if (verbosity <= 0) {
    return toHex(transaction.bytes, transaction.start, transaction.end);
  }
  const coins = verbosity >= 2 && block !== null ? await control.spentCoins(block.hash) : null;
  const shape = {
    params: params.address,
    spent: place > 0 ? (coins?.[place - 1] ?? null) : null,
    withCoins: verbosity >= 2,
    withHex: true,
  };
  const confirmations = block === null ? 0 : confirmationsOf(call.context, block);
  const time = block === null ? undefined : readU32(block.bytes, 68);
  const active = block !== null && confirmations >= 0;
  return {
    in_active_chain: call.has(2) ? active : undefined,
    ...transactionJson(transaction, shape),
    blockhash: block === null ? undefined : toDisplayHex(block.hash),
    confirmations: block === null ? undefined : Math.max(0, confirmations),
    time: active ? time : undefined,
    blocktime: active ? time : undefined,
  };
}

function decodeRawTransaction(call: Call): Json {
  const text = call.text(0);
  const bytes = fromHex(text);
  const witness = call.value(1);
  let transaction: Transaction | null = null;
  if (bytes !== null && typeof witness === "boolean") {
    const decoded = decodeTransaction(bytes, 0, witness);
    if (decoded.ok && decoded.end === bytes.length) transaction = decoded.value;
  } else transaction = parseTransaction(text);
  if (transaction === null) throw new RpcError(RPC.deserialization, "TX decode failed");
  const params = call.context.params.address;
  return transactionJson(transaction, { params, spent: null, withCoins: false, withHex: false });
}

/** Fee rate in base units per 1,000 virtual bytes; 0 means no bound. */
function feeRateMax(call: Call, index: number): number {
  const units = call.amount(index, DEFAULT_FEE_RATE_MAX);
  if (units > 100_000_000) {
    throw new RpcError(
      RPC.parameter,
      "Fee rates larger than or equal to 1BTC/kvB are not accepted",
    );
  }
  return units;
}

/** The error for a refused transaction, as Bitcoin Core words it. */
function refusal(verdict: TransactionVerdict & { ok: false }): RpcError {
  const text = verdict.debug === null ? verdict.code : `${verdict.code}, ${verdict.debug}`;
  switch (verdict.kind) {
    case "missing":
      return new RpcError(RPC.verify, text);
    case "confirmed":
      return new RpcError(RPC.verifyAlreadyKnown, "Transaction outputs already in utxo set");
    case "busy": {
      if (verdict.code === "disk-full") return new RpcError(RPC.database, text);
      const ms = verdict.retryAfterMs ?? 1_000;
      return new RpcError(RPC.outOfMemory, `The node is busy; try again in ${ms} ms`);
    }
    default:
      if (verdict.code === "max-fee-exceeded") {
        const limit = "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)";
        return new RpcError(RPC.verify, limit);
      }
      return new RpcError(RPC.verifyRejected, text);
  }
}

async function sendRawTransaction(call: Call): Promise<Json> {
  const text = call.text(0);
  // Wrong digits end what is read.
  const raw = Buffer.from(text, "hex");
  if (raw.length * 2 !== text.length) throw new RpcError(RPC.deserialization, DECODE_FAILED);
  const burnMax = call.amount(2, 0);
  const { mempool } = call.context;
  const verdict = await mempool.submit(raw, { feeRateMax: feeRateMax(call, 1), burnMax });
  // One that is there already is simply announced again.
  if (!verdict.ok && verdict.kind !== "known") throw refusedRaw(raw, burnMax, verdict);
  const txid = verdict.ok ? verdict.txid : decodeRaw(raw)!.txid;
  mempool.broadcast(txid);
  return toDisplayHex(txid);
}

/** The gateway decodes; what it has refused is looked at once more, for Bitcoin Core's words. */
function refusedRaw(
  raw: Bytes,
  burnMax: number,
  verdict: TransactionVerdict & { ok: false },
): RpcError {
  // Nobody has looked at it, and whoever has too much to do does not now.
  if (verdict.kind === "busy") return refusal(verdict);
  const transaction = decodeRaw(raw, false);
  if (transaction === null || transaction.inputs.length === 0) {
    return new RpcError(RPC.deserialization, DECODE_FAILED);
  }
  if (burntValue(transaction) > burnMax) return new RpcError(RPC.verify, TOO_MUCH_BURNT);
  return refusal(verdict);
}

function packageOf(call: Call, most: number): Transaction[] {
  const raws = call.array(0);
  if (raws.length === 0 || raws.length > most) {
    const text = `Array must contain between 1 and ${most} transactions.`;
    throw new RpcError(RPC.parameter, text);
  }
  return raws.map((raw) => {
    if (typeof raw !== "string") throw wrongType(raw, "string");
    const transaction = parseTransaction(raw);
    if (transaction === null) {
      throw new RpcError(
        RPC.deserialization,
        `TX decode failed: ${raw} Make sure the tx has at least one input.`,
      );
    }
    return transaction;
  });
}

function feesJson({ fee, size, wtxid, effective }: TransactionVerdict & { ok: true }): JsonObject {
  const { rate, includes } = effective ?? {
    rate: Math.floor((fee * 1000) / size),
    includes: [wtxid],
  };
  return {
    base: new Amount(fee),
    "effective-feerate": new Amount(rate),
    "effective-includes": includes.map((id) => toDisplayHex(id)),
  };
}

async function testMempoolAccept(call: Call): Promise<Json> {
  const transactions = packageOf(call, PACKAGE_COUNT_MAX);
  const options = { feeRateMax: feeRateMax(call, 1), dry: true };
  const raws = transactions.map(({ bytes }) => bytes);
  const { mempool } = call.context;
  const { message, policy, results } =
    raws.length === 1
      ? { message: "", policy: false, results: [await mempool.submit(raws[0]!, options)] }
      : await mempool.submitPackage(raws, options);
  return transactions.map((transaction, index): Json => {
    const ids = {
      txid: toDisplayHex(transaction.txid),
      wtxid: toDisplayHex(transaction.wtxid),
      "package-error": policy ? message : undefined,
    };
    const verdict = results[index] ?? null;
    if (verdict === null) return ids;
    if (verdict.ok) {
      return { ...ids, allowed: true, vsize: verdict.size, fees: feesJson(verdict) };
    }
    const code = verdict.kind === "missing" ? "missing-inputs" : verdict.code;
    const details = { "reject-reason": code, "reject-details": reasonOf(verdict) };
    return { ...ids, allowed: false, ...details };
  });
}

function reasonOf({ code, debug }: TransactionVerdict & { ok: false }): string {
  return debug === null ? code : `${code}, ${debug}`;
}

const DISALLOWED =
  "package topology disallowed. not child-with-parents or parents depend on each other.";

/** The last spends each of the others, which spend none of one another. */
function isChildWithParentsTree(transactions: readonly Transaction[]): boolean {
  const ids = new Set(transactions.map(({ txid }) => toHex(txid)));
  const parentsOf = ({ bytes, inputs }: Transaction): string[] =>
    inputs.map(({ outpointAt }) => toHex(bytes, outpointAt, outpointAt + 32));
  const child = transactions.at(-1)!;
  const spent = new Set(parentsOf(child));
  return transactions.slice(0, -1).every((parent) => {
    if (!spent.has(toHex(parent.txid))) return false;
    return parentsOf(parent).every((id) => !ids.has(id));
  });
}

async function submitPackage(call: Call): Promise<Json> {
  const transactions = packageOf(call, PACKAGE_COUNT_MAX);
  const { mempool } = call.context;
  const options = { feeRateMax: feeRateMax(call, 1) };
  for (const transaction of transactions) {
    if (burntValue(transaction) <= call.amount(2, 0)) continue;
    throw new RpcError(RPC.verify, TOO_MUCH_BURNT);
  }
  if (transactions.length > 1 && !isChildWithParentsTree(transactions)) {
    throw new RpcError(RPC.verify, DISALLOWED);
  }
  const raws = transactions.map(({ bytes }) => bytes);
  const { message, results } = await mempool.submitPackage(raws, options);
  for (const { txid } of transactions) mempool.broadcast(txid);
  const shown = transactions.map((transaction, index): [string, Json] => {
    const result = packageResult(mempool, transaction, results[index] ?? null);
    return [toDisplayHex(transaction.wtxid), result];
  });
  return {
    package_msg: message,
    "tx-results": Object.fromEntries(shown),
    "replaced-transactions": replacedBy(results),
  };
}

/** Txids as shown of what left for these, each once. */
function replacedBy(results: readonly (TransactionVerdict | null)[]): string[] {
  const txids = results.flatMap((result) => (result?.ok === true ? (result.replaced ?? []) : []));
  return [...new Set(txids.map((txid) => toDisplayHex(txid)))];
}

function packageResult(
  mempool: MempoolView,
  { txid }: Transaction,
  verdict: TransactionVerdict | null,
): Json {
  const ids = { txid: toDisplayHex(txid) };
  if (verdict === null) return { ...ids, error: "package-not-validated" };
  if (verdict.ok) return { ...ids, vsize: verdict.size, fees: feesJson(verdict) };
  const entry = verdict.kind === "known" ? mempool.entry(txid) : null;
  if (entry === null) return { ...ids, error: reasonOf(verdict) };
  if (verdict.code === "txn-same-nonwitness-data-in-mempool") {
    return { ...ids, "other-wtxid": toDisplayHex(entry.wtxid) };
  }
  return { ...ids, vsize: entry.size, fees: { base: new Amount(entry.fee) } };
}

function validateAddress(call: Call): Json {
  const { params } = call.context;
  const address = call.text(0);
  const script = addressScript(address, params.address);
  if (script === null) {
    const error = "Invalid or unsupported Segwit (Bech32) or Base58 encoding.";
    return { isvalid: false, error_locations: [], error };
  }
  const version = witnessVersion(script);
  return {
    isvalid: true,
    address: scriptAddress(script, params.address) ?? address,
    scriptPubKey: toHex(script),
    isscript: solveScript(script).type === "scripthash" || script.length === 34,
    iswitness: version >= 0,
    witness_version: version >= 0 ? version : undefined,
    witness_program: version >= 0 ? toHex(script, 2) : undefined,
  };
}

function decodeScript(call: Call): Json {
  const { params } = call.context;
  const text = call.text(0);
  const script = text === "" ? new Uint8Array(0) : fromHex(text);
  if (script === null) {
    throw new RpcError(RPC.parameter, `argument must be hexadecimal string (not '${text}')`);
  }
  const { type } = solveScript(script);
  const shown = lockJson(script, params.address, false);
  const wrappable = !["scripthash", "nulldata", "nonstandard"].includes(type);
  const hash = Uint8Array.of(0xa9, 20, ...hash160(script), 0x87);
  const p2sh = scriptAddress(hash, params.address) ?? undefined;
  const nested = wrappable && !type.startsWith("witness") && type !== "anchor";
  const program =
    type === "pubkeyhash"
      ? Uint8Array.of(0, 20, ...script.subarray(3, 23))
      : Uint8Array.of(0, 32, ...sha256(script));
  const wrapped = Uint8Array.of(0xa9, 20, ...hash160(program), 0x87);
  const segwit: JsonObject = {
    asm: scriptAssembly(program),
    desc: scriptDescriptor(program, params.address),
    hex: toHex(program),
    address: scriptAddress(program, params.address) ?? undefined,
    type: solveScript(program).type,
    "p2sh-segwit": scriptAddress(wrapped, params.address) ?? undefined,
  };
  return { ...shown, p2sh: wrappable ? p2sh : undefined, segwit: nested ? segwit : undefined };
}

function inputOf(value: Json, sequence: number): NewInput {
  if (!isObject(value)) throw wrongType(value, "object");
  const { txid, vout, sequence: own } = value;
  if (typeof txid !== "string") throw new RpcError(RPC.parameter, "Missing txid key");
  const index = vout === undefined ? -1 : integerOf(vout);
  if (vout === undefined) throw new RpcError(RPC.parameter, "Invalid parameter, missing vout key");
  if (index < 0) throw new RpcError(RPC.parameter, "Invalid parameter, vout cannot be negative");
  return {
    txid: hashOf(txid, "txid"),
    index,
    script: new Uint8Array(0),
    sequence: own === undefined || own === null ? sequence : integerOf(own),
    witness: [],
  };
}

function outputOf(call: Call, name: string, value: Json): NewOutput {
  if (name === "data") {
    const data = typeof value === "string" ? fromHex(value) : null;
    if (data === null) throw new RpcError(RPC.parameter, "Data must be hexadecimal string");
    const head = data.length < 0x4c ? [0x6a, data.length] : [0x6a, 0x4c, data.length];
    return { value: 0, script: Uint8Array.of(...head, ...data) };
  }
  const script = addressScript(name, call.context.params.address);
  if (script === null) throw new RpcError(RPC.address, `Invalid Bitcoin address: ${name}`);
  return { value: amountOf(value), script };
}

function createRawTransaction(call: Call): Json {
  const lockTime = call.integer(2, 0);
  if (lockTime < 0 || lockTime > 0xffffffff) {
    throw new RpcError(RPC.parameter, "Invalid parameter, locktime out of range");
  }
  const sequence = call.boolean(3, true) ? 0xfffffffd : lockTime > 0 ? 0xfffffffe : 0xffffffff;
  const inputs = call.array(0).map((value) => inputOf(value, sequence));
  const given = call.value(1);
  const objects = Array.isArray(given) ? (given as readonly Json[]) : [given];
  const outputs = objects.flatMap((object) => {
    if (!isObject(object)) throw wrongType(object, "object");
    return Object.entries(object).map(([name, value]) => outputOf(call, name, value ?? null));
  });
  return toHex(encodeTransaction({ version: 2, inputs, outputs, lockTime }));
}

const hexParam = {
  name: "hexstring",
  type: "string",
  required: true,
  about: "The transaction in hex",
} as const;
const feeRateParam = {
  name: "maxfeerate",
  type: "amount",
  about: "Refuse above this rate per 1,000 virtual bytes; 0 for none",
} as const;

export const transactionMethods: readonly Method[] = [
  {
    name: "getrawtransaction",
    group: "Rawtransactions",
    overlaps: true,
    about: "Returns a transaction: from the mempool, the index, or a named block.",
    params: [
      { name: "txid", type: "string", required: true, about: "The transaction id" },
      { name: "verbosity|verbose", type: "any", about: "0 hex, 1 an object, 2 with coins and fee" },
      { name: "blockhash", type: "string", about: "Look in this block" },
    ],
    result: "Hex or an object.",
    run: getRawTransaction,
  },
  {
    name: "sendrawtransaction",
    group: "Rawtransactions",
    overlaps: true,
    about: "Submits a transaction; answers when its admission is durable.",
    params: [
      hexParam,
      feeRateParam,
      { name: "maxburnamount", type: "amount", about: "Refuse when more is made unspendable" },
    ],
    result: "The txid.",
    run: sendRawTransaction,
  },
  {
    name: "decoderawtransaction",
    group: "Rawtransactions",
    about: "Returns what a transaction's bytes say.",
    params: [
      hexParam,
      { name: "iswitness", type: "boolean", about: "With witness; default: guess" },
    ],
    result: "An object.",
    run: decodeRawTransaction,
  },
  {
    name: "decodescript",
    group: "Rawtransactions",
    about: "Returns what a script's bytes say.",
    params: [{ name: "hexstring", type: "string", required: true, about: "The script in hex" }],
    result: "An object.",
    run: decodeScript,
  },
  {
    name: "createrawtransaction",
    group: "Rawtransactions",
    about: "Returns an unsigned transaction in hex.",
    params: [
      { name: "inputs", type: "array", required: true, about: "Objects with txid, vout, sequence" },
      {
        name: "outputs",
        type: "any",
        required: true,
        about: "Objects of address to amount, or data",
      },
      { name: "locktime", type: "integer", about: "Default 0" },
      { name: "replaceable", type: "boolean", about: "Default true" },
    ],
    result: "Hex.",
    run: createRawTransaction,
  },
  {
    name: "testmempoolaccept",
    group: "Rawtransactions",
    about: "Says whether transactions would be admitted, without admitting them.",
    params: [
      { name: "rawtxs", type: "array", required: true, about: "Transactions in hex" },
      feeRateParam,
    ],
    result: "A list of objects.",
    run: testMempoolAccept,
  },
  {
    name: "submitpackage",
    group: "Rawtransactions",
    about: "Submits a child with its parents, parents first.",
    params: [
      { name: "package", type: "array", required: true, about: "Transactions in hex" },
      feeRateParam,
      { name: "maxburnamount", type: "amount", about: "Refuse when more is made unspendable" },
    ],
    result: "An object with a result for each.",
    run: submitPackage,
  },
  {
    name: "validateaddress",
    group: "Util",
    about: "Says what an address is.",
    params: [{ name: "address", type: "string", required: true, about: "The address" }],
    result: "An object.",
    run: validateAddress,
  },
];
