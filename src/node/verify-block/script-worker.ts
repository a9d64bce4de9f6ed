// A thread that verifies its share of a block's scripts and answers with the first failure.
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../base/assert.ts";
import { decodeBlock } from "../../ledger/bitcoin/block.ts";
import { readSpent } from "./spent.ts";
import { type ShareTask, verifyShare } from "./verify-scripts.ts";

const task = workerData as ShareTask;
const block = decodeBlock(task.block);
assert(block.ok, "the block was decoded before");
const read = readSpent(task.spent, block.value);
assert(read.ok, "the coins were read before");
// Scripts look at values and scripts only, which the list has for every coin.
const coins = read.spent.map((own) =>
  own.map(({ value, script }) => ({ value, script, height: 0, coinbase: false })),
);
parentPort?.postMessage(verifyShare(block.value, coins, task.flags, task.share));
