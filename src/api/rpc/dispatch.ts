// A request's text to its answer: two dialects, batches in order, named parameters (Bitcoin Core's
// rpc/request.cpp, rpc/server.cpp and doc/JSON-RPC-interface.md). Knows nothing of HTTP but the
// status that each dialect asks for.
import { isOwnNetwork } from "../../ledger/bitcoin/params.ts";
import { StorageFull } from "../../ports/storage-error.ts";
import type { ApiContext } from "../context.ts";
import { parseJson } from "../json/parse.ts";
import { isObject, type Json, type JsonObject } from "../json/value.ts";
import { writeJson } from "../json/write.ts";
import { BATCH_MAX } from "../limits.ts";
import { RPC, RpcError } from "./errors.ts";
import { helpOf } from "./help.ts";
import { Call, type Caller, checkTypes, type Method } from "./method.ts";

export interface Answer {
  readonly status: number;
  /** The body with its newline; null for 204. */
  readonly body: string | null;
}

export interface Observer {
  /** `method` is a known name or "unknown"; `code` 0 for success. */
  called(method: string, code: number, ms: number): void;
  failed(method: string, error: unknown): void;
}

type Outcome =
  | { readonly ok: true; readonly result: Json }
  | { readonly ok: false; readonly code: number; readonly message: string };

interface Reply {
  readonly id: Json | undefined;
  readonly modern: boolean;
  readonly outcome: Outcome;
}

export class Dispatcher {
  readonly #context: ApiContext;
  readonly methods: ReadonlyMap<string, Method>;
  readonly #observer: Observer;

  constructor(context: ApiContext, methods: readonly Method[], observer: Observer) {
    this.#context = context;
    this.#observer = observer;
    const test = isOwnNetwork(context.params);
    const offered = methods.filter((method) => method.testOnly !== true || test);
    this.methods = new Map(offered.map((method) => [method.name, method]));
  }

  /** The answer to one request's body. */
  async answer(text: string, caller: Caller): Promise<Answer> {
    const parsed = parseJson(text);
    if (!parsed.ok) return single(bad(undefined, RPC.parse, "Parse error"));
    if (this.#forbidden(parsed.value, caller)) return { status: 403, body: null };
    if (!Array.isArray(parsed.value) && !isObject(parsed.value)) {
      return single(bad(undefined, RPC.parse, "Top-level object parse error"));
    }
    if (Array.isArray(parsed.value)) return this.#batch(parsed.value as readonly Json[], caller);
    const reply = await this.#one(parsed.value, caller);
    return reply === null ? { status: 204, body: null } : single(reply);
  }

  /** True when any call of the request is not on the caller's list. */
  #forbidden(request: Json, { allowed }: Caller): boolean {
    if (allowed === null) return false;
    const calls = Array.isArray(request) ? (request as readonly Json[]) : [request];
    return calls.some((call) => {
      const method = isObject(call) ? call["method"] : null;
      return typeof method === "string" && !allowed.has(method);
    });
  }

  async #batch(requests: readonly Json[], caller: Caller): Promise<Answer> {
    if (requests.length > BATCH_MAX) {
      const text = `Batch of more than ${BATCH_MAX} calls`;
      return single(bad(undefined, RPC.invalidRequest, text));
    }
    const replies: string[] = [];
    // Calls of one kind that may overlap are begun in order and awaited together, so that a batch of
    // submissions costs one wait for the disk, not one each.
    let begun: Promise<Reply | null>[] = [];
    const finish = async (): Promise<void> => {
      for (const reply of await Promise.all(begun)) {
        if (reply !== null) replies.push(replyText(reply));
      }
      begun = [];
    };
    for (const request of requests) {
      const overlaps = this.#overlaps(request);
      if (!overlaps) await finish();
      begun.push(this.#one(request, caller));
      if (!overlaps) await finish();
    }
    await finish();
    // Nothing but notifications: nothing to say.
    if (requests.length > 0 && replies.length === 0) return { status: 204, body: null };
    return { status: 200, body: `[${replies.join(",")}]\n` };
  }

  #overlaps(request: Json): boolean {
    const name = isObject(request) ? request["method"] : null;
    return typeof name === "string" && this.methods.get(name)?.overlaps === true;
  }

  /** Null for a notification. */
  async #one(request: Json, caller: Caller): Promise<Reply | null> {
    if (!isObject(request)) return bad(undefined, RPC.invalidRequest, "Invalid Request object");
    const { id, jsonrpc } = request;
    if (jsonrpc !== undefined && jsonrpc !== null && typeof jsonrpc !== "string") {
      return bad(id, RPC.invalidRequest, "jsonrpc field must be a string");
    }
    const modern = jsonrpc === "2.0";
    if (typeof jsonrpc === "string" && !modern && jsonrpc !== "1.0" && jsonrpc !== "1.1") {
      return bad(id, RPC.invalidRequest, "JSON-RPC version not supported");
    }
    const begun = performance.now();
    const name = typeof request["method"] === "string" ? request["method"] : null;
    const label = name !== null && this.methods.has(name) ? name : "unknown";
    let outcome: Outcome;
    try {
      outcome = { ok: true, result: await this.#call(request, name, caller) };
    } catch (error) {
      outcome = this.#failure(label, error);
    }
    this.#observer.called(label, outcome.ok ? 0 : outcome.code, performance.now() - begun);
    if (modern && id === undefined) return null;
    return { id, modern, outcome };
  }

  #failure(label: string, error: unknown): Outcome {
    if (error instanceof RpcError) return { ok: false, code: error.code, message: error.message };
    if (error instanceof StorageFull) {
      return { ok: false, code: RPC.database, message: error.message };
    }
    this.#observer.failed(label, error);
    return { ok: false, code: RPC.internal, message: "Internal error" };
  }

  /** Runs the method, or throws what is wrong with the call. */
  #call(request: JsonObject, name: string | null, caller: Caller): Promise<Json> | Json {
    if (request["method"] === undefined) {
      throw new RpcError(RPC.invalidRequest, "Missing method");
    }
    if (name === null) throw new RpcError(RPC.invalidRequest, "Method must be a string");
    const method = this.methods.get(name);
    const warmup = this.#context.control.warmup();
    if (warmup !== null && method?.duringWarmup !== true) {
      throw new RpcError(RPC.inWarmup, warmup);
    }
    if (method === undefined) throw new RpcError(RPC.methodNotFound, "Method not found");
    const args = positional(method, request["params"] ?? null);
    if (!isCountRight(method, args)) throw new RpcError(RPC.misc, helpOf(method));
    checkTypes(method, args);
    return method.run(new Call(this.#context, args, caller));
  }
}

/** True when there are no more arguments than the method has, and all that it must have. */
function isCountRight({ params }: Method, args: readonly (Json | undefined)[]): boolean {
  let given = args.length;
  while (given > 0 && args[given - 1] === undefined) given--;
  let required = 0;
  let missing = false;
  for (let index = 0; index < params.length; index++) {
    if (params[index]!.required !== true) continue;
    required++;
    if (args[index] === undefined) missing = true;
  }
  return given <= params.length && !(missing && given <= required);
}

/** Named parameters in the places of the positional ones; `args` holds leading positional ones. */
function positional(method: Method, params: Json): readonly (Json | undefined)[] {
  if (params === null) return [];
  if (Array.isArray(params)) return params as readonly Json[];
  if (!isObject(params)) {
    throw new RpcError(RPC.invalidRequest, "Params must be an array or object");
  }
  const leading = params["args"];
  const args: (Json | undefined)[] = Array.isArray(leading) ? [...(leading as Json[])] : [];
  const places = new Map<string, number>();
  method.params.forEach(({ name }, index) => {
    for (const alias of name.split("|")) places.set(alias, index);
  });
  for (const [name, value] of Object.entries(params)) {
    if (name === "args" && Array.isArray(leading)) continue;
    const place = places.get(name);
    if (place === undefined) throw new RpcError(RPC.parameter, `Unknown named parameter ${name}`);
    if (args[place] !== undefined) {
      const text = `Parameter ${name} specified twice both as positional and named argument`;
      throw new RpcError(RPC.parameter, text);
    }
    args[place] = value;
  }
  return Array.from({ length: args.length }, (_, index) => args[index]);
}

function bad(id: Json | undefined, code: number, message: string): Reply {
  return { id, modern: false, outcome: { ok: false, code, message } };
}

/** The old dialect always has both keys; the new one has exactly one of them. */
function replyText({ id, modern, outcome }: Reply): string {
  const { ok } = outcome;
  const tail = `"id":${writeJson(id ?? null)}}`;
  const result = ok ? `"result":${writeJson(outcome.result)},` : "";
  if (ok) return modern ? `{"jsonrpc":"2.0",${result}${tail}` : `{${result}"error":null,${tail}`;
  const error = `"error":${writeJson({ code: outcome.code, message: outcome.message })},`;
  return modern ? `{"jsonrpc":"2.0",${error}${tail}` : `{"result":null,${error}${tail}`;
}

function statusOf({ modern, outcome }: Reply): number {
  if (outcome.ok || modern) return 200;
  if (outcome.code === RPC.invalidRequest) return 400;
  return outcome.code === RPC.methodNotFound ? 404 : 500;
}

function single(reply: Reply): Answer {
  return { status: statusOf(reply), body: `${replyText(reply)}\n` };
}
