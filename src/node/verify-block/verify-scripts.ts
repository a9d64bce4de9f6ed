// The scripts of a block, over as many threads as are worth it. Each takes every n-th input, so
// that one huge transaction is shared too; the failure reported is the first in block order,
// whatever the number of threads.
import { Worker } from "node:worker_threads";
import type { Bytes } from "../../base/bytes.ts";
import type { Block } from "../../ledger/bitcoin/block.ts";
import type { Coin } from "../../ledger/bitcoin/coin.ts";
import type { ScriptError } from "../../ledger/bitcoin/script/script-error.ts";
import { verifyInput } from "../../ledger/bitcoin/script/verify.ts";
import { prepareSignatureHashes } from "../../ledger/bitcoin/sighash.ts";

export interface ScriptFailure {
  /** Which input of the block, counted over all transactions but the coinbase. */
  readonly inputOfBlock: number;
  readonly transaction: number;
  readonly input: number;
  readonly error: ScriptError;
}

/** Which inputs are this thread's: those whose number leaves `index` when divided by `count`. */
export interface Share {
  readonly index: number;
  readonly count: number;
}

/** The first input of `share` whose script fails, or null. */
export function verifyShare(
  block: Block,
  coins: readonly (readonly Coin[])[],
  flags: number,
  share: Share,
): ScriptFailure | null {
  let inputOfBlock = 0;
  for (let at = 1; at < block.transactions.length; at++) {
    const transaction = block.transactions[at]!;
    const own = coins[at]!;
    const hashes = prepareSignatureHashes(transaction, own);
    for (let input = 0; input < own.length; input++, inputOfBlock++) {
      if (inputOfBlock % share.count !== share.index) continue;
      const error = verifyInput(transaction, input, own, flags, hashes);
      if (error !== "OK") return { inputOfBlock, transaction: at, input, error };
    }
  }
  return null;
}

/** What a worker is given; it decodes block and coins itself. */
export interface ShareTask {
  readonly block: Bytes;
  readonly spent: Bytes;
  readonly flags: number;
  readonly share: Share;
}

/** Below this many inputs a thread takes longer to start than to do its share. */
const INPUTS_PER_THREAD_MIN = 1000;

function runWorker(task: ShareTask): Promise<ScriptFailure | null> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./script-worker.js", import.meta.url), { workerData: task });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

/** The first input whose script fails, or null. `spent` is the list that `coins` came from. */
export async function verifyScripts(
  block: Block,
  spent: Bytes,
  coins: readonly (readonly Coin[])[],
  flags: number,
  threads: number,
): Promise<ScriptFailure | null> {
  let inputs = 0;
  for (const own of coins) inputs += own.length;
  const count = Math.max(1, Math.min(threads, Math.floor(inputs / INPUTS_PER_THREAD_MIN)));
  const raw = block.bytes.subarray(block.start, block.end);
  const others: Promise<ScriptFailure | null>[] = [];
  for (let index = 1; index < count; index++) {
    others.push(runWorker({ block: raw, spent, flags, share: { index, count } }));
  }
  const failures = [
    verifyShare(block, coins, flags, { index: 0, count }),
    ...(await Promise.all(others)),
  ];
  return failures.reduce(
    (first, failure) =>
      failure !== null && (first === null || failure.inputOfBlock < first.inputOfBlock)
        ? failure
        : first,
    null,
  );
}
