// Hot: the scripts of a block, laid out for the verifiers in shared memory, and the verifier's side
// that runs them. Every verifier gets the same request and takes the next chunk from a shared
// counter until none is left: one message a verifier and block however many inputs there are, and
// the cores end within one chunk of each other. Beside the signature checks a P2WPKH input costs
// about 4 us here (bench connect). Pure work: no look-ups, no waits.
//
//   work  = next chunk | chunk ends, one word each: the job behind the chunk's last
//           | jobs, 4 words: offset of the transaction in the frame, number of its first input in
//             the block, first and last+1 of its inputs to verify
//           | coins, 5 words an input: value low, value high, code, script offset, script bytes
//           | scripts                                                   (words: i32, native order)
import { assert } from "../../base/assert.ts";
import { type Bytes, copyBytes } from "../../base/bytes.ts";
import { Reader } from "../../base/reader.ts";
import type { Block } from "../../ledger/bitcoin/block.ts";
import type { Coin } from "../../ledger/bitcoin/coin.ts";
import type { ScriptError } from "../../ledger/bitcoin/script/script-error.ts";
import { verifyInput } from "../../ledger/bitcoin/script/verify.ts";
import { prepareSignatureHashes, type SignatureHashes } from "../../ledger/bitcoin/sighash.ts";
import { hashUsualInputs, type InputRange } from "../../ledger/bitcoin/sighash-batch.ts";
import { readTransaction } from "../../ledger/bitcoin/transaction.ts";
import { amountOf } from "../../state/coin-store.ts";
import { VERIFIED_KEY_WORDS, type VerifiedCache } from "./verified-cache.ts";

const CHUNK_ENDS_AT = 1;
export const JOB_WORDS = 4;
const COIN_WORDS = 5;
/**
 * Inputs in one chunk, or more by less than as many: about 0.7 ms of work, so that the verifiers end
 * together.
 */
const CHUNK_INPUTS = 16;

/** What every verifier of a block is sent. */
export interface VerifyBatch {
  /** The frame; the block is its first `blockBytes`. */
  readonly memory: SharedArrayBuffer;
  readonly blockBytes: number;
  readonly work: SharedArrayBuffer;
  readonly chunkCount: number;
  readonly jobCount: number;
  readonly flags: number;
}

/** The first script that this verifier found to fail: which job, which input, and the script error. */
export interface VerifyFailure {
  readonly job: number;
  readonly input: number;
  readonly error: ScriptError;
}

/** Which scripts of a block are to be run. */
export interface VerifyPlan {
  readonly jobs: readonly number[];
  /** The job behind each chunk's last. */
  readonly chunkEnds: readonly number[];
  /** Numbers of the inputs whose coins are needed: from and to of each range. */
  readonly ranges: readonly number[];
  /** Inputs to verify. */
  readonly inputs: number;
  /** Inputs of the block, the coinbase's not counted. */
  readonly inputCount: number;
  /** Keys in the cache of the transactions whose scripts are run, when they will be remembered. */
  readonly keys: Uint32Array;
}

/** What is known of scripts, and whether it will be learnt of these. */
export interface Memory {
  readonly cache: VerifiedCache;
  readonly flags: number;
  readonly remember: boolean;
}

/** Cuts the scripts that are not known into chunks. */
export function planVerification(block: Block, memory: Memory): VerifyPlan {
  const jobs: number[] = [];
  const chunkEnds: number[] = [];
  const ranges: number[] = [];
  const keys = new Keys(memory, block.transactions.length);
  let inputs = 0;
  let first = 0;
  let room = CHUNK_INPUTS;
  for (let t = 1; t < block.transactions.length; t++) {
    const transaction = block.transactions[t]!;
    const count = transaction.inputs.length;
    if (!keys.isKnown(transaction.wtxid)) {
      inputs += count;
      if (ranges.at(-1) === first) ranges[ranges.length - 1] = first + count;
      else ranges.push(first, first + count);
      for (let from = 0; from < count; ) {
        // Only a large one is cut: each of its pieces is read, and what its inputs share hashed, anew.
        const to = count <= CHUNK_INPUTS ? count : Math.min(count, from + room);
        jobs.push(transaction.start, first, from, to);
        room -= to - from;
        from = to;
        if (room > 0) continue;
        chunkEnds.push(jobs.length / JOB_WORDS);
        room = CHUNK_INPUTS;
      }
    }
    first += count;
  }
  if (room < CHUNK_INPUTS) chunkEnds.push(jobs.length / JOB_WORDS);
  return { jobs, chunkEnds, ranges, inputs, inputCount: first, keys: keys.unknown() };
}

/** Asks the cache, and keeps the keys of what it does not know: each is computed once. */
class Keys {
  readonly #memory: Memory;
  readonly #keys: Uint32Array;
  #end = 0;

  constructor(memory: Memory, count: number) {
    this.#memory = memory;
    const isUsed = memory.remember || !memory.cache.isEmpty;
    this.#keys = new Uint32Array(isUsed ? count * VERIFIED_KEY_WORDS : 0);
  }

  isKnown(wtxid: Bytes): boolean {
    if (this.#keys.length === 0) return false;
    const { cache, flags } = this.#memory;
    cache.writeKey(this.#keys, this.#end, wtxid, flags);
    const known = cache.hasKey(this.#keys, this.#end);
    if (!known) this.#end += VERIFIED_KEY_WORDS;
    return known;
  }

  unknown(): Uint32Array {
    return this.#keys.subarray(0, this.#memory.remember ? this.#end : 0);
  }
}

function scriptsSize(ranges: readonly number[], coins: readonly Coin[]): number {
  let size = 0;
  for (let range = 0; range < ranges.length; range += 2) {
    for (let i = ranges[range]!; i < ranges[range + 1]!; i++) size += coins[i]!.script.length;
  }
  return size;
}

/** Lays out the plan and its coins; `coins[i]` belongs to input number i of the block. */
export function packWork(
  plan: VerifyPlan,
  coins: readonly Coin[],
  acquire: (bytes: number) => SharedArrayBuffer,
): SharedArrayBuffer {
  const { jobs, chunkEnds, ranges } = plan;
  const coinsAt = CHUNK_ENDS_AT + chunkEnds.length + jobs.length;
  const wordCount = coinsAt + plan.inputCount * COIN_WORDS;
  const memory = acquire(wordCount * 4 + scriptsSize(ranges, coins));
  const words = new Int32Array(memory, 0, wordCount);
  const bytes = new Uint8Array(memory);
  words[0] = 0;
  words.set(chunkEnds, CHUNK_ENDS_AT);
  words.set(jobs, CHUNK_ENDS_AT + chunkEnds.length);
  let scriptAt = wordCount * 4;
  for (let range = 0; range < ranges.length; range += 2) {
    for (let i = ranges[range]!; i < ranges[range + 1]!; i++) {
      const { script, value, height, coinbase } = coins[i]!;
      const at = coinsAt + i * COIN_WORDS;
      words[at] = value % 0x1_0000_0000;
      words[at + 1] = Math.floor(value / 0x1_0000_0000);
      words[at + 2] = height * 2 + (coinbase ? 1 : 0);
      words[at + 3] = scriptAt;
      words[at + 4] = script.length;
      copyBytes(bytes, scriptAt, script, 0, script.length);
      scriptAt += script.length;
    }
  }
  return memory;
}

function unpackCoins(words: Int32Array, bytes: Bytes, from: number, count: number): Coin[] {
  const coins: Coin[] = [];
  for (let at = from; at < from + count * COIN_WORDS; at += COIN_WORDS) {
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

/** Runs chunks until none is left; null when all of them passed. */
export function verifyBatch(batch: VerifyBatch): VerifyFailure | null {
  const { chunkCount, jobCount } = batch;
  const words = new Int32Array(batch.work);
  const jobsAt = CHUNK_ENDS_AT + chunkCount;
  const verifier = new ChunkVerifier(batch, words, jobsAt + jobCount * JOB_WORDS);
  for (;;) {
    const chunk = Atomics.add(words, 0, 1);
    if (chunk >= chunkCount) return null;
    const from = chunk === 0 ? 0 : words[CHUNK_ENDS_AT + chunk - 1]!;
    const failure = verifier.run(from, words[CHUNK_ENDS_AT + chunk]!, jobsAt);
    if (failure === null) continue;
    // Every earlier chunk is in someone's hands; the later ones do not matter any more.
    Atomics.store(words, 0, chunkCount);
    return failure;
  }
}

/** Keeps what it made of the last transaction: a large one is cut into many jobs. */
class ChunkVerifier {
  readonly #block: Bytes;
  readonly #words: Int32Array;
  readonly #bytes: Bytes;
  readonly #coinsAt: number;
  readonly #flags: number;
  #start = -1;
  #hashes: SignatureHashes | null = null;

  constructor(batch: VerifyBatch, words: Int32Array, coinsAt: number) {
    this.#block = new Uint8Array(batch.memory, 0, batch.blockBytes);
    this.#words = words;
    this.#bytes = new Uint8Array(batch.work);
    this.#coinsAt = coinsAt;
    this.#flags = batch.flags;
  }

  /** Verifies the inputs of a chunk's jobs. */
  run(first: number, end: number, jobsAt: number): VerifyFailure | null {
    const words = this.#words;
    const ranges: InputRange[] = [];
    for (let at = jobsAt + first * JOB_WORDS; at < jobsAt + end * JOB_WORDS; at += JOB_WORDS) {
      const hashes = this.#prepare(words[at]!, words[at + 1]!);
      ranges.push({ hashes, from: words[at + 2]!, to: words[at + 3]! });
    }
    hashUsualInputs(ranges);
    for (const [job, { hashes, from, to }] of ranges.entries()) {
      for (let input = from; input < to; input++) {
        const error = verifyInput(hashes.transaction, input, hashes.coins, this.#flags, hashes);
        if (error !== "OK") return { job: first + job, input, error };
      }
    }
    return null;
  }

  #prepare(start: number, firstInput: number): SignatureHashes {
    if (this.#start === start) return this.#hashes!;
    const transaction = readTransaction(new Reader(this.#block, start), true, false);
    assert(transaction !== null, "what the node decoded decodes here");
    const from = this.#coinsAt + firstInput * COIN_WORDS;
    const coins = unpackCoins(this.#words, this.#bytes, from, transaction.inputs.length);
    this.#start = start;
    this.#hashes = prepareSignatureHashes(transaction, coins);
    return this.#hashes;
  }
}

/** The failure that comes first in the block: what is reported does not depend on the timing. */
export function firstFailure(failures: readonly (VerifyFailure | null)[]): VerifyFailure | null {
  let first: VerifyFailure | null = null;
  for (const failure of failures) {
    if (failure === null) continue;
    if (first === null || failure.job < first.job) first = failure;
  }
  return first;
}
