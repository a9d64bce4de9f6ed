// What a method is: its name, its parameters with types, and what it does. Checks, help and the
// machine-readable description all come from this one table.
import { type Bytes, fromDisplayHex, fromHex } from "../../base/bytes.ts";
import type { ApiContext } from "../context.ts";
import { isObject, type Json, type JsonObject, NumberText, parseAmount } from "../json/value.ts";
import { RPC, RpcError } from "./errors.ts";

export type ParamType =
  | "string"
  | "number"
  | "integer"
  | "boolean"
  | "array"
  | "object"
  | "amount"
  /** Checked by the method. */
  | "any";

export interface Param {
  /** Aliases behind a bar: `verbosity|verbose`. */
  readonly name: string;
  readonly type: ParamType;
  readonly required?: boolean;
  readonly about: string;
}

export type Group =
  | "Blockchain"
  | "Control"
  | "Mempool"
  | "Mining"
  | "Network"
  | "Rawtransactions"
  | "Staking"
  | "Util"
  | "Generating"
  | "Pando";

export interface Method {
  readonly name: string;
  readonly group: Group;
  readonly about: string;
  readonly params: readonly Param[];
  readonly result: string;
  /** Not listed by `help`. */
  readonly hidden?: boolean;
  /** Only on networks made for tests. */
  readonly testOnly?: boolean;
  /** In a batch it may run while others of its kind do. */
  readonly overlaps?: boolean;
  /** Answered while the node is still starting. */
  readonly duringWarmup?: boolean;
  readonly run: (call: Call) => Promise<Json> | Json;
}

/** The kind of a value as Bitcoin Core's error texts name it. */
export function kindOf(value: Json): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number" || value instanceof NumberText) return "number";
  if (typeof value === "boolean") return "bool";
  return typeof value === "string" ? "string" : "object";
}

const EXPECTED: Readonly<Record<ParamType, readonly string[]>> = {
  string: ["string"],
  number: ["number"],
  integer: ["number"],
  boolean: ["bool"],
  array: ["array"],
  object: ["object"],
  amount: ["number", "string"],
  any: ["null", "array", "number", "bool", "string", "object"],
};

export function wrongType(value: Json, expected: string): RpcError {
  const text = `JSON value of type ${kindOf(value)} is not of expected type ${expected}`;
  return new RpcError(RPC.type, text);
}

/** Checks the types of positional arguments, all at once, as Bitcoin Core does. */
export function checkTypes(method: Method, args: readonly (Json | undefined)[]): void {
  let wrong: string[] | null = null;
  const { params } = method;
  for (let index = 0; index < params.length; index++) {
    const param = params[index]!;
    const value = args[index];
    if (value === undefined || (value === null && param.required !== true)) continue;
    const expected = EXPECTED[param.type];
    if (expected.includes(kindOf(value))) continue;
    const name = param.name.split("|")[0];
    wrong ??= [];
    wrong.push(
      `    "Position ${index + 1} (${name})": "JSON value of type ${kindOf(value)} is not of expected type ${expected[0]}"`,
    );
  }
  if (wrong !== null) {
    throw new RpcError(RPC.type, `Wrong type passed:\n{\n${wrong.join(",\n")}\n}`);
  }
}

/** Who calls, and how long it will wait. */
export interface Caller {
  /** Null: every method. */
  readonly allowed: ReadonlySet<string> | null;
  /** Fires when the caller has gone. */
  readonly gone: AbortSignal;
  /** Waits for something outside the node without keeping others from their turn. */
  outside<T>(wait: Promise<T>): Promise<T>;
}

/** One call: its arguments, read with their types, and who is calling. */
export class Call {
  readonly context: ApiContext;
  readonly args: readonly (Json | undefined)[];
  readonly caller: Caller;

  constructor(context: ApiContext, args: readonly (Json | undefined)[], caller: Caller) {
    this.context = context;
    this.args = args;
    this.caller = caller;
  }

  /** The argument, or null when it was left out. */
  value(index: number): Json {
    return this.args[index] ?? null;
  }

  has(index: number): boolean {
    return this.value(index) !== null;
  }

  text(index: number, otherwise?: string): string {
    const value = this.value(index);
    if (value === null && otherwise !== undefined) return otherwise;
    if (typeof value !== "string") throw wrongType(value, "string");
    return value;
  }

  boolean(index: number, otherwise: boolean): boolean {
    const value = this.value(index);
    if (value === null) return otherwise;
    if (typeof value !== "boolean") throw wrongType(value, "bool");
    return value;
  }

  integer(index: number, otherwise?: number): number {
    const value = this.value(index);
    if (value === null && otherwise !== undefined) return otherwise;
    return integerOf(value);
  }

  number(index: number, otherwise?: number): number {
    const value = this.value(index);
    if (value === null && otherwise !== undefined) return otherwise;
    return numberOf(value);
  }

  array(index: number): readonly Json[] {
    const value = this.value(index);
    if (!Array.isArray(value)) throw wrongType(value, "array");
    return value as readonly Json[];
  }

  object(index: number): JsonObject {
    const value = this.value(index);
    if (!isObject(value)) throw wrongType(value, "object");
    return value;
  }

  /** Base units. */
  amount(index: number, otherwise: number): number {
    const value = this.value(index);
    return value === null ? otherwise : amountOf(value);
  }

  /** A hash in display order, given back in hash order. */
  hash(index: number, name: string): Bytes {
    return hashOf(this.text(index), name);
  }

  hex(index: number, error: string): Bytes {
    const bytes = fromHex(this.text(index));
    if (bytes === null) throw new RpcError(RPC.deserialization, error);
    return bytes;
  }
}

export function numberOf(value: Json): number {
  if (typeof value === "number") return value;
  if (value instanceof NumberText) return Number(value.text);
  throw wrongType(value, "number");
}

export function integerOf(value: Json): number {
  const number = numberOf(value);
  if (!Number.isSafeInteger(number)) {
    throw new RpcError(RPC.misc, "JSON integer out of range");
  }
  return number;
}

/** Base units of a number or text. */
export function amountOf(value: Json): number {
  const text = value instanceof NumberText ? value.text : String(value);
  const known =
    typeof value === "string" || typeof value === "number" || value instanceof NumberText;
  if (!known) throw new RpcError(RPC.type, "Amount is not a number or string");
  const units = parseAmount(text);
  if (units === null) throw new RpcError(RPC.type, "Invalid amount");
  if (units < 0 || units > 21_000_000 * 100_000_000) {
    throw new RpcError(RPC.type, "Amount out of range");
  }
  return units;
}

/** A hash in display order, with Bitcoin Core's words for what is wrong with it. */
export function hashOf(text: string, name: string): Bytes {
  if (text.length !== 64) {
    const wrong = `${name} must be of length 64 (not ${text.length}, for '${text}')`;
    throw new RpcError(RPC.parameter, wrong);
  }
  const hash = fromDisplayHex(text);
  if (hash === null) {
    throw new RpcError(RPC.parameter, `${name} must be hexadecimal string (not '${text}')`);
  }
  return hash;
}
