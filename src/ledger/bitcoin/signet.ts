// BIP325: on a signet each block must also satisfy the network's challenge, a script. The solution
// stands in the coinbase behind the witness commitment, and signs the block as if it were the
// spending of a coin (Bitcoin Core's signet.cpp).
import { type Bytes, bytesEqual, concatBytes, hex, rangeEqual } from "../../base/bytes.ts";
import { compactSizeBytes, Reader, writeCompactSize } from "../../base/reader.ts";
import { hash256 } from "../../crypto/hash.ts";
import type { Block } from "./block.ts";
import { encodeTransaction, type NewInput, type NewOutput } from "./encode.ts";
import { commitmentIndex, transactionMerkle } from "./merkle-commitment.ts";
import type { Params } from "./params.ts";
import { FLAG } from "./script/flags.ts";
import { operationEnd, pushLength, pushOf } from "./script/script-bytes.ts";
import { verifyInput } from "./script/verify.ts";
import { prepareSignatureHashes } from "./sighash.ts";
import { decodeTransaction, strippedTransaction, type Transaction } from "./transaction.ts";
import { ACCEPTED, reject, type Verdict } from "./verdict.ts";

const SOLUTION_HEAD: Bytes = hex("ecc7daa2");
const FLAGS: number = FLAG.P2SH | FLAG.WITNESS | FLAG.DERSIG | FLAG.NULLDUMMY;
const OP_RETURN = 0x6a;
const NO_TXID: Bytes = new Uint8Array(32);

interface Section {
  /** What follows the head in its push; null when no push has it. */
  readonly solution: Bytes | null;
  /** The script without the solution. */
  readonly script: Bytes;
}

function hasHead(item: Bytes): boolean {
  const { length } = SOLUTION_HEAD;
  return item.length > length && rangeEqual(item, 0, SOLUTION_HEAD, 0, length);
}

/** Takes the first push that begins with the head out of a commitment's script. */
function takeSolution(script: Bytes): Section {
  const kept: Bytes[] = [];
  let solution: Bytes | null = null;
  for (let at = 0; at < script.length; ) {
    const end = operationEnd(script, at);
    // What does not parse is left out, as in Bitcoin Core.
    if (end < 0) break;
    let item = script.subarray(end - pushLength(script, at), end);
    if (item.length === 0) kept.push(script.subarray(at, at + 1));
    else {
      if (solution === null && hasHead(item)) {
        solution = item.subarray(SOLUTION_HEAD.length);
        item = SOLUTION_HEAD;
      }
      kept.push(pushOf(item));
    }
    at = end;
  }
  return solution === null ? { solution, script } : { solution, script: concatBytes(...kept) };
}

/** The id that the coinbase would have with `script` in its output `index`. */
function coinbaseIdWith(coinbase: Transaction, index: number, script: Bytes): Bytes {
  const stripped = strippedTransaction(coinbase);
  // The body stands behind the four bytes of the version.
  const shift = 4 - coinbase.bodyAt;
  const output = coinbase.outputs[index]!;
  const size = new Uint8Array(compactSizeBytes(script.length));
  writeCompactSize(size, 0, script.length);
  const before = stripped.subarray(0, output.at + 8 + shift);
  return hash256(concatBytes(before, size, script, stripped.subarray(output.scriptEnd + shift)));
}

/** What the solution signs of the block: version, parent, root without the solution, time. */
function signedPart(block: Block, coinbaseId: Bytes): Bytes {
  const { bytes } = block.header;
  const ids = [{ txid: coinbaseId }, ...block.transactions.slice(1)];
  const { root } = transactionMerkle(ids);
  return concatBytes(bytes.subarray(0, 36), root, bytes.subarray(68, 72));
}

/** The scriptSig and the witness stack of a solution, or null when it is something else. */
function parseSolution(solution: Bytes): Pick<NewInput, "script" | "witness"> | null {
  const reader = new Reader(solution);
  const script = reader.take(reader.compactSize());
  const count = reader.count(1);
  const witness: Bytes[] = [];
  while (witness.length < count && reader.fault === null) {
    witness.push(reader.take(reader.compactSize()));
  }
  return reader.fault === null && reader.at === solution.length ? { script, witness } : null;
}

function oneToOne(input: NewInput, output: NewOutput): Bytes {
  return encodeTransaction({ version: 0, inputs: [input], outputs: [output], lockTime: 0 });
}

/** The virtual transaction whose only input must satisfy the challenge; null when it has no form. */
function virtualSpend(block: Block, challenge: Bytes): Transaction | null {
  const coinbase = block.transactions[0];
  const index = coinbase === undefined ? -1 : commitmentIndex(coinbase);
  if (coinbase === undefined || index === -1) return null;
  const { scriptAt, scriptEnd } = coinbase.outputs[index]!;
  const { solution, script } = takeSolution(coinbase.bytes.subarray(scriptAt, scriptEnd));
  // Without a solution the challenge may still be one that anyone satisfies.
  const unlocking = parseSolution(solution ?? Uint8Array.of(0, 0));
  if (unlocking === null) return null;
  const data = signedPart(block, coinbaseIdWith(coinbase, index, script));
  const pushed = concatBytes(Uint8Array.of(0), pushOf(data));
  const empty = { sequence: 0, witness: [] };
  const funding = oneToOne(
    { ...empty, txid: NO_TXID, index: 0xffffffff, script: pushed },
    { value: 0, script: challenge },
  );
  const spending = oneToOne(
    { sequence: 0, txid: hash256(funding), index: 0, ...unlocking },
    { value: 0, script: Uint8Array.of(OP_RETURN) },
  );
  const decoded = decodeTransaction(spending);
  return decoded.ok ? decoded.value : null;
}

/** Judges a block's solution of its network's challenge; networks without one accept all. */
export function checkSignetSolution(block: Block, params: Params): Verdict {
  const { signetChallenge, genesisHash } = params;
  if (signetChallenge === null || bytesEqual(block.header.hash, genesisHash)) return ACCEPTED;
  const spend = virtualSpend(block, signetChallenge);
  if (spend !== null) {
    const coins = [{ value: 0, script: signetChallenge, height: 0, coinbase: false }];
    const hashes = prepareSignatureHashes(spend, coins);
    if (verifyInput(spend, 0, coins, FLAGS, hashes) === "OK") return ACCEPTED;
  }
  return reject("bad-signet-blksig", "signet block signature validation failure");
}
