// sighash.json of Bitcoin Core: [transaction, script code, input, hash type, hash], before witnesses.
import { toDisplayHex } from "../../base/bytes.ts";
import { prepareSignatureHashes } from "../../ledger/bitcoin/sighash.ts";
import { casesOf, hexOf, type Json, numberOf, textOf, transactionOf } from "./fields.ts";
import { MalformedCase, Tally } from "./report.ts";

function judge(entry: readonly Json[]): string | null {
  const transaction = transactionOf(entry[0]);
  const index = numberOf(entry[2]);
  if (transaction.inputs[index] === undefined) throw new MalformedCase("there is no such input");
  const hashes = prepareSignatureHashes(transaction, []);
  const hash = toDisplayHex(hashes.legacy(index, hexOf(entry[1]), numberOf(entry[3]) | 0));
  return hash === textOf(entry[4]) ? null : `${hash} where ${textOf(entry[4])} is expected`;
}

export function runSighashTests(file: Json): Tally {
  const tally = new Tally();
  for (const [index, entry] of casesOf(file)) tally.judge(`case ${index}`, () => judge(entry));
  return tally;
}
