// Which kind of vectors a file holds, by what is in it; its name only where that leaves a doubt.
import { isArray, isObject, type Json } from "./fields.ts";
import type { Kind } from "./report.ts";

const BIP340_HEADER = /^index,\s*secret key,\s*public key/i;

/** tx_unsaid: tx_valid or tx_invalid. */
type RowKind = Exclude<Kind, "bip340"> | "tx_unsaid";

export type Recognised =
  | { readonly kind: RowKind; readonly json: Json }
  | { readonly kind: "bip340"; readonly text: string };

/** The kind of a whole file's text; null when it is none that is known. */
export function recognise(text: string, name: string): Recognised | null {
  if (BIP340_HEADER.test(text)) return { kind: "bip340", text };
  let json: Json;
  try {
    json = JSON.parse(text) as Json;
  } catch {
    return null;
  }
  const kind = kindOf(json, name);
  return kind === null ? null : { kind, json };
}

function kindOf(json: Json, name: string): RowKind | null {
  if (isObject(json)) {
    if (isArray(json["keyPathSpending"])) return "bip341_wallet_vectors";
    const bitcoin = JSON.stringify(json["schema"] ?? "").includes("bitcoin");
    return bitcoin && isArray(json["testGroups"]) ? "wycheproof_ecdsa_bitcoin" : null;
  }
  if (!isArray(json) || json.length === 0) return null;
  if (json.every(isObject)) {
    if ("prevouts" in json[0]!) return "script_assets_test";
    return "seed" in json[0]! ? "murmur3" : null;
  }
  return json.every(isArray) ? kindOfRows(json, name) : null;
}

/** Files of arrays: the first row that is no comment tells. */
function kindOfRows(rows: readonly (readonly Json[])[], name: string): RowKind | null {
  const row = rows.find((candidate) => candidate.length > 1);
  if (row === undefined) return rows.every(isText) ? "key_io_invalid" : null;
  if (row.length === 2) return row.every(isString) ? "base58_encode_decode" : null;
  if (row.length === 3) {
    if (isArray(row[0]) && isString(row[1]) && isString(row[2])) return validOrInvalid(rows, name);
    return isString(row[0]) && isString(row[1]) && isObject(row[2]) ? "key_io_valid" : null;
  }
  if (row.length === 5 && typeof row[2] === "number" && typeof row[3] === "number") {
    return "sighash";
  }
  const rest = isArray(row[0]) ? row.slice(1) : row;
  return rest.length >= 4 && rest.every(isString) ? "script_tests" : null;
}

function isString(value: Json | undefined): value is string {
  return typeof value === "string";
}

function isText(row: readonly Json[]): boolean {
  return row.length === 1 && isString(row[0]);
}

/**
 * tx_valid and tx_invalid have the same form: the first comment says which it is, only invalid ones
 * are BADTX, and then the file's name may tell. Where nothing does, judging will.
 */
function validOrInvalid(rows: readonly (readonly Json[])[], name: string): RowKind {
  for (const row of rows.filter(isText)) {
    const said = /transactions? (?:which|that) (?:are|is) (in)?valid/i.exec(String(row[0]));
    if (said !== null) return said[1] === undefined ? "tx_valid" : "tx_invalid";
  }
  if (rows.some((row) => row.length === 3 && row[2] === "BADTX")) return "tx_invalid";
  if (/invalid/i.test(name)) return "tx_invalid";
  return /valid/i.test(name) ? "tx_valid" : "tx_unsaid";
}
