// REST as Bitcoin Core has it (its doc/REST-interface.md): read-only, no password, three formats.
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Bytes, concatBytes, fromDisplayHex, toDisplayHex, toHex } from "../../base/bytes.ts";
import { decodeTransaction } from "../../ledger/bitcoin/transaction.ts";
import { Writer } from "../../network/wire/writer.ts";
import type { ChainHeader } from "../../ports/chain.ts";
import type { ConfirmedCoin } from "../../ports/coins.ts";
import type { ApiContext } from "../context.ts";
import { reply } from "../http/listener.ts";
import { Amount, type Json, type JsonObject } from "../json/value.ts";
import { writeJson } from "../json/write.ts";
import { REST_HEADERS_MAX, REST_OUTPOINTS_MAX } from "../limits.ts";
import type { Dispatcher } from "../rpc/dispatch.ts";
import { RpcError } from "../rpc/errors.ts";
import { Call } from "../rpc/method.ts";
import { mempoolInfoJson, mempoolJson } from "../rpc/methods/mempool.ts";
import { blockJson, decodeWhole, headerJson, isActive } from "../shapes/block.ts";
import { lockJson } from "../shapes/script.ts";

class RestError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

type Format = "bin" | "hex" | "json";

/** What one resource can be shown as. */
interface Shown {
  readonly bytes?: Bytes;
  readonly json?: Json;
}

const OUTPUT_FORMATS = "(available: .bin, .hex, .json)";

/** The path without its ending, and the ending. */
function formatOf(path: string): { rest: string; format: Format } {
  const match = /^(.*)\.(bin|hex|json)$/.exec(path);
  if (match === null) throw new RestError(404, `output format not found ${OUTPUT_FORMATS}`);
  return { rest: match[1]!, format: match[2] as Format };
}

function hashOf(text: string): Bytes {
  const hash = text.length === 64 ? fromDisplayHex(text) : null;
  if (hash === null) throw new RestError(400, `Invalid hash: ${text}`);
  return hash;
}

export class RestHandler {
  readonly #context: ApiContext;
  readonly #dispatcher: Dispatcher;

  constructor(context: ApiContext, dispatcher: Dispatcher) {
    this.#context = context;
    this.#dispatcher = dispatcher;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    void this.#answer(request, response);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (request.method !== "GET") throw new RestError(405, "REST is for reading: use GET");
      const warmup = this.#context.control.warmup();
      if (warmup !== null) {
        throw new RestError(503, `Service temporarily unavailable: ${warmup}`);
      }
      const path = request.url ?? "/";
      // Behind two slashes stands a host, which may be none.
      if (!URL.canParse(path, "http://rest")) throw new RestError(404, "Not found");
      const url = new URL(path, "http://rest");
      const { rest, format } = formatOf(url.pathname.slice("/rest/".length));
      this.#send(response, format, await this.#show(rest, url.searchParams));
    } catch (error) {
      const known = error instanceof RestError || error instanceof RpcError;
      const status = error instanceof RestError ? error.status : known ? 404 : 500;
      const text = known ? error.message : "Internal error";
      reply(response, { status, type: "text/plain", body: `${text}\r\n` });
    }
  }

  #send(response: ServerResponse, format: Format, { bytes, json }: Shown): void {
    if (format === "json" && json !== undefined) {
      const body = `${writeJson(json)}\n`;
      reply(response, { status: 200, type: "application/json", body });
    } else if (format === "hex" && bytes !== undefined) {
      reply(response, { status: 200, type: "text/plain", body: `${toHex(bytes)}\n` });
    } else if (format === "bin" && bytes !== undefined) {
      reply(response, { status: 200, type: "application/octet-stream", body: bytes });
    } else throw new RestError(404, `output format not found ${OUTPUT_FORMATS}`);
  }

  async #show(path: string, query: URLSearchParams): Promise<Shown> {
    const [first = "", ...rest] = path.split("/");
    switch (first) {
      case "tx":
        return this.#transaction(rest.join("/"));
      case "block":
        return rest[0] === "notxdetails"
          ? this.#block(rest[1] ?? "", false)
          : this.#block(rest[0] ?? "", true);
      case "headers":
        return this.#headers(rest, query);
      case "blockhashbyheight":
        return this.#hashByHeight(rest[0] ?? "");
      case "chaininfo":
        return { json: await this.#method("getblockchaininfo", []) };
      case "deploymentinfo":
        return { json: await this.#method("getdeploymentinfo", rest[0] ? [rest[0]] : []) };
      case "mempool":
        return this.#mempool(rest[0] ?? "", query);
      case "getutxos":
        return this.#outputs(rest);
      default:
        throw new RestError(404, "Not found");
    }
  }

  async #method(name: string, args: Json[]): Promise<Json> {
    const method = this.#dispatcher.methods.get(name);
    if (method === undefined) throw new RestError(404, "Not found");
    const caller = {
      allowed: null,
      gone: new AbortController().signal,
      outside: <T>(wait: Promise<T>): Promise<T> => wait,
    };
    return method.run(new Call(this.#context, args, caller));
  }

  async #transaction(text: string): Promise<Shown> {
    const txid = hashOf(text);
    const { mempool, control } = this.#context;
    const found = mempool.entry(txid) ?? (await control.transaction(txid));
    if (found === null) throw new RestError(404, `${text} not found`);
    const decoded = decodeTransaction(found.raw);
    if (!decoded.ok) throw new RestError(500, "Transaction cannot be decoded");
    const json = await this.#method("getrawtransaction", [text, true]);
    return { bytes: found.raw, json };
  }

  #header(text: string): ChainHeader {
    const header = this.#context.chain.header(hashOf(text));
    if (header === null) throw new RestError(404, `${text} not found`);
    return header;
  }

  async #block(text: string, details: boolean): Promise<Shown> {
    const header = this.#header(text);
    const bytes = await this.#context.chain.blockBytes(header.hash);
    if (bytes === null) throw new RestError(404, `${text} not available (not fully downloaded)`);
    const decoded = decodeWhole(this.#context, bytes);
    if (!decoded.ok) throw new RestError(500, "Block cannot be decoded");
    const spent = details ? await this.#context.control.spentCoins(header.hash) : null;
    const detail = details ? "coins" : "ids";
    return { bytes, json: blockJson(this.#context, header, decoded.value, detail, spent) };
  }

  /** `HASH?count=N`, or the older `N/HASH`. */
  async #headers(path: readonly string[], query: URLSearchParams): Promise<Shown> {
    const [first = "", second] = path;
    const text = second === undefined ? first : second;
    const count = Number(second === undefined ? (query.get("count") ?? "5") : first);
    if (!Number.isInteger(count) || count < 1 || count > REST_HEADERS_MAX) {
      const wrong = `Header count is invalid or out of acceptable range (1-${REST_HEADERS_MAX})`;
      throw new RestError(400, wrong);
    }
    const { chain } = this.#context;
    const from = this.#header(text);
    const headers: ChainHeader[] = [];
    const stands = isActive(chain, from);
    for (let height = from.height; stands && headers.length < count; height++) {
      const header = chain.headerAt(height);
      if (header === null) break;
      headers.push(header);
    }
    const json: Json[] = [];
    for (const header of headers) {
      const bytes = await chain.blockBytes(header.hash);
      const decoded = bytes === null ? null : decodeWhole(this.#context, bytes);
      const transactions = decoded?.ok === true ? decoded.value.transactions.length : 0;
      json.push(headerJson(this.#context, header, transactions));
    }
    return { bytes: concatBytes(...headers.map((header) => header.bytes)), json };
  }

  #hashByHeight(text: string): Shown {
    if (!/^\d{1,9}$/.test(text)) throw new RestError(400, `Invalid height: ${text}`);
    const header = this.#context.chain.headerAt(Number(text));
    if (header === null) throw new RestError(404, "Block height out of range");
    return { bytes: header.hash, json: { blockhash: toDisplayHex(header.hash) } };
  }

  #mempool(what: string, query: URLSearchParams): Shown {
    const { mempool } = this.#context;
    if (what === "info") return { json: mempoolInfoJson(mempool) };
    if (what !== "contents")
      throw new RestError(400, "Invalid URI format. Expected /rest/mempool/<info|contents>.json");
    const verbose = (query.get("verbose") ?? "true") === "true";
    const listed = mempoolJson(mempool, verbose);
    if (query.get("mempool_sequence") !== "true") return { json: listed };
    return { json: { txids: listed, mempool_sequence: mempool.sequence() } };
  }

  /** `checkmempool/TXID-N/TXID-N ...`. */
  async #outputs(path: readonly string[]): Promise<Shown> {
    const withMempool = path[0] === "checkmempool";
    const names = withMempool ? path.slice(1) : path;
    if (names.length === 0) throw new RestError(400, "Error: empty request");
    if (names.length > REST_OUTPOINTS_MAX) {
      const most = `max outpoints exceeded (max: ${REST_OUTPOINTS_MAX}, tried: ${names.length})`;
      throw new RestError(400, `Error: ${most}`);
    }
    const coins = await Promise.all(names.map((name) => this.#coin(name, withMempool)));
    const { chain } = this.#context;
    const tip = chain.tip();
    const found = coins.filter((coin): coin is ConfirmedCoin => coin !== null);
    const bitmap = new Uint8Array(Math.ceil(coins.length / 8));
    coins.forEach((coin, index) => {
      if (coin !== null) bitmap[index >>> 3]! |= 1 << (index & 7);
    });
    const writer = new Writer().u32(tip.height).bytes(tip.hash).variable(bitmap);
    writer.compactSize(found.length);
    for (const { height, value, script } of found) {
      writer.u32(0).u32(height).u64(value).variable(script);
    }
    const json: JsonObject = {
      chainHeight: tip.height,
      chaintipHash: toDisplayHex(tip.hash),
      bitmap: coins.map((coin) => (coin === null ? "0" : "1")).join(""),
      utxos: found.map(({ height, value, script }): Json => {
        const scriptPubKey = lockJson(script, this.#context.params.address);
        return { height, value: new Amount(value), scriptPubKey };
      }),
    };
    return { bytes: writer.done(), json };
  }

  async #coin(name: string, withMempool: boolean): Promise<ConfirmedCoin | null> {
    const match = /^([0-9a-fA-F]{64})-(\d{1,10})$/.exec(name);
    if (match === null) throw new RestError(400, "Parse error");
    const txid = hashOf(match[1]!);
    const index = Number(match[2]);
    const { mempool, coins } = this.#context;
    if (withMempool) {
      if (mempool.spender(txid, index) !== null) return null;
      const entry = mempool.entry(txid);
      const decoded = entry === null ? null : decodeTransaction(entry.raw);
      const output = decoded?.ok === true ? decoded.value.outputs[index] : undefined;
      if (entry !== null && output !== undefined) {
        const script = entry.raw.slice(output.scriptAt, output.scriptEnd);
        return { value: output.value, script, height: 0x7fffffff, coinbase: false };
      }
    }
    return coins.coin(txid, index);
  }
}
