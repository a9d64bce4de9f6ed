// Vectors of the functions below the ledger: bip340.csv (Schnorr), Project Wycheproof's ECDSA cases in
// the Bitcoin flavour (strict DER, low S), and MurmurHash3.
import { bytesEqual, toHex } from "../../base/bytes.ts";
import { isLowS, parseDerLax } from "../../crypto/der.ts";
import { sha256 } from "../../crypto/hash.ts";
import { murmur3 } from "../../crypto/murmur3.ts";
import {
  publicKeyCreate,
  signSchnorr,
  verifyEcdsa,
  verifySchnorr,
} from "../../crypto/secp256k1.ts";
import { isStrictSignature } from "../../ledger/bitcoin/script/signature-encoding.ts";
import {
  arrayOf,
  hexOf,
  hexOfLength,
  type Json,
  type JsonObject,
  numberOf,
  objectOf,
  textOf,
} from "./fields.ts";
import { Tally } from "./report.ts";

/** Columns: index, secret key, public key, auxiliary randomness, message, signature, result. */
function judgeSchnorr(row: readonly string[]): string | null {
  const key = hexOfLength(row[2], 32);
  const message = hexOf(row[4]);
  const signature = hexOfLength(row[5], 64);
  if (row[1] !== "") {
    const secret = hexOfLength(row[1], 32);
    const created = publicKeyCreate(secret).subarray(1);
    if (!bytesEqual(created, key)) return `the public key is ${toHex(created)}`;
    const made = signSchnorr(secret, message, hexOfLength(row[3], 32));
    if (!bytesEqual(made, signature)) return `the signature is ${toHex(made)}`;
  }
  const valid = verifySchnorr(key, signature, message);
  return valid === (row[6] === "TRUE") ? null : valid ? "accepted" : "refused";
}

export function runSchnorr(text: string): Tally {
  const tally = new Tally();
  for (const line of text.split(/\r?\n/).slice(1)) {
    if (line.trim() === "") continue;
    const row = line.split(",");
    tally.judge(`case ${row[0]}`, () => judgeSchnorr(row));
  }
  return tally;
}

function judgeEcdsa(key: Uint8Array, test: JsonObject): string | null {
  const der = hexOf(test["sig"]);
  const strict = isStrictSignature(new Uint8Array([...der, 1]));
  const compact = strict ? parseDerLax(der) : null;
  const valid =
    compact !== null && isLowS(compact) && verifyEcdsa(key, compact, sha256(hexOf(test["msg"])));
  const wanted = textOf(test["result"]);
  if (wanted === "acceptable") return null;
  return valid === (wanted === "valid") ? null : `${valid ? "accepted" : "refused"}, ${wanted}`;
}

export function runWycheproof(file: Json): Tally {
  const tally = new Tally();
  for (const group of arrayOf(objectOf(file)["testGroups"]).map(objectOf)) {
    const key = hexOf(objectOf(group["publicKey"] ?? group["key"])["uncompressed"]);
    for (const test of arrayOf(group["tests"]).map(objectOf)) {
      const name = `case ${String(test["tcId"])} ${String(test["comment"])}`;
      tally.judge(name, () => judgeEcdsa(key, test));
    }
  }
  return tally;
}

function judgeMurmur(entry: JsonObject): string | null {
  const hash = murmur3(numberOf(entry["seed"]), hexOf(entry["data"]));
  return hash === numberOf(entry["expected"]) ? null : `the hash is ${hash}`;
}

export function runMurmur(file: Json): Tally {
  const tally = new Tally();
  for (const [index, entry] of arrayOf(file).entries()) {
    tally.judge(`case ${index}`, () => judgeMurmur(objectOf(entry)));
  }
  return tally;
}
