// The verifier's side: runs the scripts of some inputs of a block, given the frame that holds the
// block's bytes and a second shared memory that holds the coins. Pure work: no look-ups, no waits.
//
//   coins = per input 5 words: value low, value high, code, script offset, script bytes | scripts
//   job   = 4 words: offset of the transaction in the frame, number of its first input in the
//           block, first and last+1 of its inputs to verify
import { assert } from "../../base/assert.ts";
import type { Bytes } from "../../base/bytes.ts";
import { Reader } from "../../base/reader.ts";
import type { Coin } from "../../ledger/bitcoin/coin.ts";
import type { ScriptError } from "../../ledger/bitcoin/script/script-error.ts";
import { verifyInput } from "../../ledger/bitcoin/script/verify.ts";
import { prepareSignatureHashes } from "../../ledger/bitcoin/sighash.ts";
import { readTransaction } from "../../ledger/bitcoin/transaction.ts";
import { amountOf } from "../../state/coin-store.ts";

export const JOB_WORDS = 4;
export const COIN_WORDS = 5;

export interface VerifyBatch {
  readonly memory: SharedArrayBuffer;
  readonly blockBytes: number;
  readonly coins: SharedArrayBuffer;
  readonly jobs: Int32Array;
  readonly flags: number;
}

/** The first script of the batch that fails: which job, which input, and the script error. */
export interface VerifyFailure {
  readonly job: number;
  readonly input: number;
  readonly error: ScriptError;
}

/** Lays coins out for the verifiers; `coins[i]` belongs to input number i, undefined ones are skipped. */
export function packCoins(
  coins: readonly (Coin | undefined)[],
  acquire: (bytes: number) => SharedArrayBuffer,
): SharedArrayBuffer {
  let size = coins.length * COIN_WORDS * 4;
  for (const coin of coins) if (coin !== undefined) size += coin.script.length;
  const memory = acquire(size);
  const words = new Int32Array(memory, 0, coins.length * COIN_WORDS);
  const bytes = new Uint8Array(memory);
  let scriptAt = coins.length * COIN_WORDS * 4;
  for (let i = 0; i < coins.length; i++) {
    const coin = coins[i];
    if (coin === undefined) continue;
    const { script, value } = coin;
    const at = i * COIN_WORDS;
    words[at] = value % 0x1_0000_0000;
    words[at + 1] = Math.floor(value / 0x1_0000_0000);
    words[at + 2] = coin.height * 2 + (coin.coinbase ? 1 : 0);
    words[at + 3] = scriptAt;
    words[at + 4] = script.length;
    for (let byte = 0; byte < script.length; byte++) bytes[scriptAt + byte] = script[byte]!;
    scriptAt += script.length;
  }
  return memory;
}

function unpackCoins(words: Int32Array, bytes: Bytes, first: number, count: number): Coin[] {
  const coins: Coin[] = [];
  for (let i = first; i < first + count; i++) {
    const at = i * COIN_WORDS;
    const scriptAt = words[at + 3]!;
    coins.push({
      value: amountOf(words[at]! >>> 0, words[at + 1]!),
      script: bytes.subarray(scriptAt, scriptAt + words[at + 4]!),
      height: words[at + 2]! >>> 1,
      coinbase: (words[at + 2]! & 1) === 1,
    });
  }
  return coins;
}

export function verifyBatch(batch: VerifyBatch): VerifyFailure | null {
  const block = new Uint8Array(batch.memory, 0, batch.blockBytes);
  const coinWords = new Int32Array(batch.coins);
  const coinBytes = new Uint8Array(batch.coins);
  const { jobs, flags } = batch;
  for (let job = 0; job < jobs.length / JOB_WORDS; job++) {
    const at = job * JOB_WORDS;
    const reader = new Reader(block, jobs[at]!);
    const transaction = readTransaction(reader, true, false);
    assert(transaction !== null, "what the node decoded decodes here");
    const count = transaction.inputs.length;
    const coins = unpackCoins(coinWords, coinBytes, jobs[at + 1]!, count);
    const hashes = prepareSignatureHashes(transaction, coins);
    for (let input = jobs[at + 2]!; input < jobs[at + 3]!; input++) {
      const error = verifyInput(transaction, input, coins, flags, hashes);
      if (error !== "OK") return { job, input, error };
    }
  }
  return null;
}
