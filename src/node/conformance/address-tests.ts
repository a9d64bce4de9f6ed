// key_io_valid.json, key_io_invalid.json and base58_encode_decode.json of Bitcoin Core: addresses and
// secret keys of every network.
import { type Bytes, bytesEqual, toHex } from "../../base/bytes.ts";
import { base58Decode, base58Encode } from "../../crypto/base58.ts";
import {
  addressScript,
  decodeSecretKey,
  encodeSecretKey,
  scriptAddress,
} from "../../ledger/bitcoin/address.ts";
import { NETWORKS, networkByName } from "../../ledger/bitcoin/networks.ts";
import type { AddressParams } from "../../ledger/bitcoin/params.ts";
import { arrayOf, hexOf, type Json, type JsonObject, objectOf, textOf } from "./fields.ts";
import { MalformedCase, Tally } from "./report.ts";

/** Longer than any test of the file. */
const TEXT_BYTES_MAX = 1024;

/** Upper case for lower and the other way round. */
function flipCase(text: string): string {
  return [...text]
    .map((letter) =>
      letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
    )
    .join("");
}

function judgeSecret(
  text: string,
  secret: Bytes,
  facts: JsonObject,
  params: AddressParams,
): string | null {
  const decoded = decodeSecretKey(text, params);
  if (decoded === null) return "the key is refused";
  if (!bytesEqual(decoded.secret, secret)) return `decodes to ${toHex(decoded.secret)}`;
  if (decoded.compressed !== facts["isCompressed"]) return "wrong kind of public key";
  if (addressScript(text, params) !== null) return "passes as an address";
  const encoded = encodeSecretKey(secret, decoded.compressed, params);
  return encoded === text ? null : `encodes to ${encoded}`;
}

function judgeAddress(
  text: string,
  script: Bytes,
  facts: JsonObject,
  params: AddressParams,
): string | null {
  const decoded = addressScript(text, params);
  if (decoded === null) return "the address is refused";
  if (!bytesEqual(decoded, script)) return `decodes to ${toHex(decoded)}`;
  const encoded = scriptAddress(script, params);
  if (encoded !== text) return `encodes to ${encoded ?? "nothing"}`;
  if (decodeSecretKey(text, params) !== null) return "passes as a secret key";
  const flipped = addressScript(flipCase(text), params);
  const wanted = facts["tryCaseFlip"] === true;
  if ((flipped !== null) !== wanted) {
    return `with the case flipped ${wanted ? "refused" : "accepted"}`;
  }
  return flipped === null || bytesEqual(flipped, script) ? null : "the case changes the script";
}

function judgeValid(entry: readonly Json[]): string | null {
  const text = textOf(entry[0]);
  const payload = hexOf(entry[1]);
  const facts = objectOf(entry[2]);
  const network = networkByName(textOf(facts["chain"]));
  if (network === null) throw new MalformedCase("unknown chain");
  return facts["isPrivkey"] === true
    ? judgeSecret(text, payload, facts, network.address)
    : judgeAddress(text, payload, facts, network.address);
}

export function runValidKeys(file: Json): Tally {
  const tally = new Tally();
  for (const entry of arrayOf(file).map(arrayOf)) {
    if (entry.length > 1) tally.judge(JSON.stringify(entry[0]), () => judgeValid(entry));
  }
  return tally;
}

function judgeInvalid(text: string): string | null {
  for (const { name, address } of NETWORKS) {
    if (addressScript(text, address) !== null) return `passes as an address of ${name}`;
    if (decodeSecretKey(text, address) !== null) return `passes as a secret key of ${name}`;
  }
  return null;
}

export function runInvalidKeys(file: Json): Tally {
  const tally = new Tally();
  for (const entry of arrayOf(file).map(arrayOf)) {
    tally.judge(JSON.stringify(entry[0]), () => judgeInvalid(textOf(entry[0])));
  }
  return tally;
}

function judgeBase58(entry: readonly Json[]): string | null {
  const bytes = hexOf(entry[0]);
  const text = textOf(entry[1]);
  const encoded = base58Encode(bytes);
  if (encoded !== text) return `encodes to ${encoded}`;
  const decoded = base58Decode(text, TEXT_BYTES_MAX);
  if (decoded === null) return "does not decode";
  return bytesEqual(decoded, bytes) ? null : `decodes to ${toHex(decoded)}`;
}

export function runBase58(file: Json): Tally {
  const tally = new Tally();
  for (const entry of arrayOf(file).map(arrayOf)) {
    tally.judge(JSON.stringify(entry[1] ?? null), () => judgeBase58(entry));
  }
  return tally;
}
