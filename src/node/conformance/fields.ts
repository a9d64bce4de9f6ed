// Reading the fields of test cases: each either has the type that is asked for, or the case is
// malformed, and says so.
import { type Bytes, fromHex } from "../../base/bytes.ts";
import { decodeTransaction, type Transaction } from "../../ledger/bitcoin/transaction.ts";
import { MalformedCase } from "./report.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json | undefined;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function objectOf(value: Json | undefined): JsonObject {
  if (!isObject(value)) throw new MalformedCase("an object is missing");
  return value;
}

export function arrayOf(value: Json | undefined): readonly Json[] {
  if (!isArray(value)) throw new MalformedCase("an array is missing");
  return value;
}

export function textOf(value: Json | undefined): string {
  if (typeof value !== "string") throw new MalformedCase("a string is missing");
  return value;
}

export function numberOf(value: Json | undefined): number {
  if (typeof value !== "number") throw new MalformedCase("a number is missing");
  return value;
}

export function hexOf(value: Json | undefined): Bytes {
  const bytes = fromHex(textOf(value));
  if (bytes === null) throw new MalformedCase(`'${textOf(value)}' is not hex`);
  return bytes;
}

/** Hex of exactly `length` bytes. */
export function hexOfLength(value: Json | undefined, length: number): Bytes {
  const bytes = hexOf(value);
  if (bytes.length !== length) throw new MalformedCase(`${length} bytes of hex are missing`);
  return bytes;
}

export function transactionOf(value: Json | undefined): Transaction {
  const decoded = decodeTransaction(hexOf(value));
  if (!decoded.ok) throw new MalformedCase(`the transaction does not decode: ${decoded.code}`);
  return decoded.value;
}

/** The cases of a file of arrays, with their place in it; arrays of one text are comments. */
export function* casesOf(file: Json): Generator<readonly [number, readonly Json[]]> {
  for (const [index, value] of arrayOf(file).entries()) {
    if (isArray(value) && value.length > 1) yield [index, value];
  }
}
