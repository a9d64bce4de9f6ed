// tx_valid.json and tx_invalid.json of Bitcoin Core: whole transactions with the outputs they spend.
// A valid one lists the flags that must be left out, an invalid one those that make it fail, or
// BADTX when it must fail by itself.
import { fromDisplayHex, toDisplayHex } from "../../base/bytes.ts";
import { checkTransaction } from "../../ledger/bitcoin/check-transaction.ts";
import type { Coin } from "../../ledger/bitcoin/coin.ts";
import {
  FLAGS_ALL,
  fillFlags,
  flagsText,
  parseFlags,
  trimFlags,
} from "../../ledger/bitcoin/script/flags.ts";
import type { ScriptError } from "../../ledger/bitcoin/script/script-error.ts";
import { verifyInput } from "../../ledger/bitcoin/script/verify.ts";
import {
  prepareSignatureHashes,
  type SignatureCheck,
  type SignatureHashes,
} from "../../ledger/bitcoin/sighash.ts";
import { decodeTransaction, type Transaction } from "../../ledger/bitcoin/transaction.ts";
import { arrayOf, casesOf, hexOf, type Json, numberOf, textOf, transactionOf } from "./fields.ts";
import { SINGLE_FLAGS, someFlags } from "./flag-sets.ts";
import { rememberedChecks } from "./remembered-checks.ts";
import { MalformedCase, Tally } from "./report.ts";
import { assembleScript } from "./script-assembly.ts";

const EXTRA_SETS = 8;

/** The coin of each input, from the outputs that the case lists in any order. */
function coinsOf(list: Json | undefined, transaction: Transaction): Coin[] {
  const listed = new Map<string, Coin>();
  for (const entry of arrayOf(list).map(arrayOf)) {
    const txid = fromDisplayHex(textOf(entry[0]));
    if (txid === null || txid.length !== 32) throw new MalformedCase("a txid is not 32 bytes");
    const script = assembleScript(textOf(entry[2]));
    const value = entry.length > 3 ? numberOf(entry[3]) : 0;
    const name = `${toDisplayHex(txid)}:${numberOf(entry[1]) >>> 0}`;
    listed.set(name, { value, script, height: 1, coinbase: false });
  }
  return transaction.inputs.map(({ outpointAt, previousIndex }) => {
    const txid = toDisplayHex(transaction.bytes, outpointAt, outpointAt + 32);
    const coin = listed.get(`${txid}:${previousIndex}`);
    if (coin === undefined) throw new MalformedCase("the output of an input is not listed");
    return coin;
  });
}

/** The first error among the inputs. */
function verifyAll(hashes: SignatureHashes, flags: number): ScriptError {
  const { transaction, coins } = hashes;
  for (let index = 0; index < transaction.inputs.length; index++) {
    const error = verifyInput(transaction, index, coins, flags, hashes);
    if (error !== "OK") return error;
  }
  return "OK";
}

function flagsOf(value: Json | undefined): number {
  const flags = parseFlags(textOf(value));
  if (flags === null) throw new MalformedCase(`unknown flag in '${textOf(value)}'`);
  return flags;
}

function judgeValid(entry: readonly Json[], index: number, check: SignatureCheck): string | null {
  const transaction = transactionOf(entry[1]);
  const verdict = checkTransaction(transaction);
  if (!verdict.ok) return verdict.code;
  const excluded = flagsOf(entry[2]);
  const coins = coinsOf(entry[0], transaction);
  const hashes = prepareSignatureHashes(transaction, coins, check);
  const error = verifyAll(hashes, FLAGS_ALL & ~excluded);
  if (error !== "OK") return `${error} under all flags but ${flagsText(excluded)}`;
  for (const extra of [...SINGLE_FLAGS, ...someFlags(index, EXTRA_SETS)]) {
    const flags = trimFlags(FLAGS_ALL & ~(excluded | extra));
    const fewer = verifyAll(hashes, flags);
    if (fewer !== "OK") return `${fewer} under ${flagsText(flags)}`;
  }
  return null;
}

function judgeInvalid(entry: readonly Json[], index: number, check: SignatureCheck): string | null {
  if (textOf(entry[2]) === "BADTX") {
    const decoded = decodeTransaction(hexOf(entry[1]));
    return decoded.ok && checkTransaction(decoded.value).ok ? "accepted by itself" : null;
  }
  const transaction = transactionOf(entry[1]);
  const wanted = flagsOf(entry[2]);
  const coins = coinsOf(entry[0], transaction);
  const hashes = prepareSignatureHashes(transaction, coins, check);
  if (verifyAll(hashes, wanted) === "OK") return `valid under ${flagsText(wanted)}`;
  for (const extra of [...SINGLE_FLAGS, ...someFlags(index, EXTRA_SETS)]) {
    const flags = fillFlags(wanted | extra);
    if (verifyAll(hashes, flags) === "OK") return `valid under ${flagsText(flags)}`;
  }
  return null;
}

function run(
  file: Json,
  judge: (entry: readonly Json[], index: number, check: SignatureCheck) => string | null,
): Tally {
  const tally = new Tally();
  const check = rememberedChecks();
  for (const [index, entry] of casesOf(file)) {
    tally.judge(`case ${index}`, () => judge(entry, index, check));
  }
  return tally;
}

export function runValidTransactions(file: Json): Tally {
  return run(file, judgeValid);
}

export function runInvalidTransactions(file: Json): Tally {
  return run(file, judgeInvalid);
}
