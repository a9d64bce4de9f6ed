// script_tests.json of Bitcoin Core: scriptSig and witness against scriptPubKey, under flags, with
// the exact error. Passing cases must pass with fewer flags too, failing ones fail with more.
import { type Bytes, concatBytes, hex } from "../../base/bytes.ts";
import { tweakPublicKey } from "../../crypto/secp256k1.ts";
import type { Coin } from "../../ledger/bitcoin/coin.ts";
import { FLAG, flagsText, parseFlags } from "../../ledger/bitcoin/script/flags.ts";
import { pushOf } from "../../ledger/bitcoin/script/script-bytes.ts";
import { verifyInput } from "../../ledger/bitcoin/script/verify.ts";
import { prepareSignatureHashes, type SignatureCheck } from "../../ledger/bitcoin/sighash.ts";
import { LEAF_TAPSCRIPT, leafHash, tweakHash } from "../../ledger/bitcoin/taproot.ts";
import type { Transaction } from "../../ledger/bitcoin/transaction.ts";
import { arrayOf, casesOf, hexOf, isArray, type Json, numberOf, textOf } from "./fields.ts";
import { isSound, someFlags } from "./flag-sets.ts";
import { rememberedChecks } from "./remembered-checks.ts";
import { MalformedCase, Tally } from "./report.ts";
import { assembleScript } from "./script-assembly.ts";
import { buildTransaction } from "./transaction-parts.ts";

const SEQUENCE_FINAL = 0xffffffff;
const EXTRA_SETS = 16;
/** BIP341's point that nobody knows the secret of. */
const UNSPENDABLE = hex("50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0");

/** The transaction that pays `value` to `script`, and the one that spends it. */
export function spendingTransaction(
  scriptSig: Bytes,
  witness: readonly Bytes[],
  script: Bytes,
  value: number,
): Transaction {
  const credit = buildTransaction({
    version: 1,
    lockTime: 0,
    inputs: [
      {
        txid: new Uint8Array(32),
        index: 0xffffffff,
        script: new Uint8Array([0, 0]),
        sequence: SEQUENCE_FINAL,
        witness: [],
      },
    ],
    outputs: [{ value, script }],
  });
  return buildTransaction({
    version: 1,
    lockTime: 0,
    inputs: [{ txid: credit.txid, index: 0, script: scriptSig, sequence: SEQUENCE_FINAL, witness }],
    outputs: [{ value, script: new Uint8Array(0) }],
  });
}

interface Taproot {
  readonly control: Bytes;
  readonly script: Bytes;
}

/** The output and control block of a tree with one leaf. */
function taprootOf(leafScript: Bytes): Taproot {
  const leaf = leafHash(LEAF_TAPSCRIPT, leafScript);
  const output = tweakPublicKey(UNSPENDABLE, tweakHash(UNSPENDABLE, leaf));
  if (output === null) throw new MalformedCase("the leaf has no output key");
  const head = new Uint8Array([LEAF_TAPSCRIPT | output.parity]);
  return {
    control: concatBytes(head, UNSPENDABLE),
    script: concatBytes(new Uint8Array([0x51]), pushOf(output.key)),
  };
}

interface Spend {
  readonly witness: readonly Bytes[];
  readonly value: number;
  readonly taproot: Taproot | null;
}

function readWitness(items: readonly Json[]): Spend {
  const witness: Bytes[] = [];
  let taproot: Taproot | null = null;
  for (const item of items.slice(0, -1)) {
    const text = textOf(item);
    if (text.startsWith("#SCRIPT#")) witness.push(assembleScript(text.slice(8)));
    else if (text === "#CONTROLBLOCK#") {
      const leafScript = witness.at(-1);
      if (leafScript === undefined) throw new MalformedCase("a control block without a script");
      taproot = taprootOf(leafScript);
      witness.push(taproot.control);
    } else witness.push(hexOf(text));
  }
  return { witness, value: Math.round(numberOf(items.at(-1)) * 1e8), taproot };
}

function scriptOf(text: string, taproot: Taproot | null): Bytes {
  if (text !== "0x51 0x20 #TAPROOTOUTPUT#") return assembleScript(text);
  if (taproot === null) throw new MalformedCase("a taproot output without a control block");
  return taproot.script;
}

function judge(entry: readonly Json[], index: number, check: SignatureCheck): string | null {
  const witnessed = isArray(entry[0]);
  const spend = witnessed
    ? readWitness(arrayOf(entry[0]))
    : { witness: [], value: 0, taproot: null };
  const [scriptSigText, scriptText, flagText, expected] = (witnessed ? entry.slice(1) : entry).map(
    textOf,
  );
  const scriptSig = assembleScript(scriptSigText!);
  const script = scriptOf(scriptText!, spend.taproot);
  let flags = parseFlags(flagText!);
  if (flags === null) throw new MalformedCase(`unknown flag in '${flagText}'`);
  if ((flags & FLAG.CLEANSTACK) !== 0) flags |= FLAG.P2SH | FLAG.WITNESS;
  const transaction = spendingTransaction(scriptSig, spend.witness, script, spend.value);
  const coins: Coin[] = [{ value: spend.value, script, height: 1, coinbase: false }];
  const hashes = prepareSignatureHashes(transaction, coins, check);
  const error = verifyInput(transaction, 0, coins, flags, hashes);
  if (error !== expected) return `${error} where ${expected} is expected`;
  for (const extra of someFlags(index, EXTRA_SETS)) {
    const other = error === "OK" ? flags & ~extra : flags | extra;
    if (!isSound(other)) continue;
    const otherError = verifyInput(transaction, 0, coins, other, hashes);
    if ((otherError === "OK") !== (error === "OK")) return `${otherError} with ${flagsText(other)}`;
  }
  return null;
}

export function runScriptTests(file: Json): Tally {
  const tally = new Tally();
  const check = rememberedChecks();
  for (const [index, entry] of casesOf(file)) {
    tally.judge(`case ${index} ${JSON.stringify(entry.at(-1))}`, () => judge(entry, index, check));
  }
  return tally;
}
