// script_assets_test.json of Bitcoin Core: taproot spends of real transactions' shape. `success` must
// pass under every set of consensus flags within the case's (with `final`: under every set at all);
// `failure` must fail under every set that holds the case's.
import { type Bytes, readI64 } from "../../base/bytes.ts";
import { Reader } from "../../base/reader.ts";
import type { Coin } from "../../ledger/bitcoin/coin.ts";
import type { NewTransaction } from "../../ledger/bitcoin/encode.ts";
import { flagsText, parseFlags } from "../../ledger/bitcoin/script/flags.ts";
import { verifyInput } from "../../ledger/bitcoin/script/verify.ts";
import { prepareSignatureHashes, type SignatureHashes } from "../../ledger/bitcoin/sighash.ts";
import {
  arrayOf,
  hexOf,
  isObject,
  type Json,
  type JsonObject,
  numberOf,
  objectOf,
  textOf,
  transactionOf,
} from "./fields.ts";
import { CONSENSUS_FLAG_SETS } from "./flag-sets.ts";
import { rememberedChecks } from "./remembered-checks.ts";
import { MalformedCase, Tally } from "./report.ts";
import { buildTransaction, partsOf } from "./transaction-parts.ts";

function coinOf(output: Bytes): Coin {
  const reader = new Reader(output, 8);
  const script = reader.take(reader.compactSize());
  if (reader.fault !== null) throw new MalformedCase("a spent output does not decode");
  return { value: readI64(output, 0), script, height: 1, coinbase: false };
}

/** The transaction with the scriptSig and witness of `spend` put into input `index`. */
function withSpend(parts: NewTransaction, index: number, spend: JsonObject): NewTransaction {
  const script = hexOf(spend["scriptSig"]);
  const witness = arrayOf(spend["witness"]).map(hexOf);
  const inputs = parts.inputs.map((input, at) =>
    at === index ? { ...input, script, witness } : input,
  );
  return { ...parts, inputs };
}

/** Under which of the sets the answer is not `wanted`; null when under none. */
function faultUnder(
  hashes: SignatureHashes,
  index: number,
  sets: readonly number[],
  wanted: boolean,
): string | null {
  for (const flags of sets) {
    const error = verifyInput(hashes.transaction, index, hashes.coins, flags, hashes);
    if ((error === "OK") !== wanted) {
      return `${wanted ? `success fails with ${error}` : "failure passes"} under ${flagsText(flags)}`;
    }
  }
  return null;
}

function judge(entry: JsonObject): string | null {
  const parts = partsOf(transactionOf(entry["tx"]));
  const coins = arrayOf(entry["prevouts"]).map((output) => coinOf(hexOf(output)));
  const index = numberOf(entry["index"]);
  const flags = parseFlags(textOf(entry["flags"]));
  if (flags === null) throw new MalformedCase("unknown flag");
  if (coins.length !== parts.inputs.length || parts.inputs[index] === undefined) {
    throw new MalformedCase("the outputs do not fit the inputs");
  }
  const check = rememberedChecks();
  const prepare = (spend: JsonObject): SignatureHashes =>
    prepareSignatureHashes(buildTransaction(withSpend(parts, index, spend)), coins, check);
  const final = entry["final"] === true;
  if (isObject(entry["success"])) {
    const sets = CONSENSUS_FLAG_SETS.filter((set) => final || (set & flags) === set);
    const fault = faultUnder(prepare(entry["success"]), index, sets, true);
    if (fault !== null) return fault;
  }
  if (!isObject(entry["failure"])) return null;
  const sets = CONSENSUS_FLAG_SETS.filter((set) => (set & flags) === flags);
  return faultUnder(prepare(entry["failure"]), index, sets, false);
}

export function runScriptAssets(file: Json): Tally {
  const tally = new Tally();
  for (const [index, value] of arrayOf(file).entries()) {
    const comment = isObject(value) ? String(value["comment"]) : "";
    tally.judge(`case ${index} ${comment}`, () => judge(objectOf(value)));
  }
  return tally;
}
