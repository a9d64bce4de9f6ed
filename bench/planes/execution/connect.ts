// `bench connect`: one block of 1,000 chained 5-in-5-out transactions with all coins in memory, as
// Bitcoin Core's ConnectBlock benches do, with ECDSA and with taproot key spends; and the same block
// when every script is in the cache. Beside it the raw signature rate of all cores.
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { openChain } from "../../../src/node/chain/open.ts";
import type { OutputKind } from "../../../src/node/generate-chain/keys.ts";
import { type ChainBlock, TestChain } from "../../../src/node/generate-chain/test-chain.ts";
import { rawVerifyRate } from "../../raw-rate.ts";

const WIDTH = 5;

interface Prepared {
  readonly blocks: readonly ChainBlock[];
  readonly big: ChainBlock;
}

/** 101 blocks to mature a coinbase, one that splits it, and the block to be measured. */
function prepare(kind: OutputKind, transactions: number): Prepared {
  const chain = new TestChain({ kind, seed: `bench-connect-${kind}` });
  const blocks = chain.mineMany(101);
  let last = chain.spend([blocks[0]!.reward], { outputs: WIDTH });
  blocks.push(chain.mine({ transactions: [last] }));
  const chained = Array.from({ length: transactions }, () => {
    last = chain.spend(last.created, { outputs: WIDTH });
    return last;
  });
  return { blocks, big: chain.mine({ transactions: chained }) };
}

interface Timed {
  readonly totalMs: number;
  readonly stageMs: number;
  readonly verifyMs: number;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** Connects the prepared blocks on a new node and times the last one, cold or cached. */
async function connectOnce(prepared: Prepared, partitions: number): Promise<[Timed, Timed]> {
  const folder = mkdtempSync(join(tmpdir(), "pando-bench-"));
  const opened = await openChain({
    folder,
    params: new TestChain().params,
    partitionCount: partitions,
    verifierCount: availableParallelism(),
    memoryMegabytes: 2048,
    clock: () => prepared.big.time,
    skipScripts: () => false,
  });
  try {
    const { chain } = opened;
    for (const block of prepared.blocks) await chain.submit(block.bytes);
    const cold = await timed(chain, async () => {
      const { verdict, reason } = await chain.submit(prepared.big.bytes);
      if (verdict !== "connected") throw new Error(`${verdict} ${reason}`);
    });
    // Take it back and connect it again: the cache now knows every script.
    await chain.invalidate(prepared.big.hash);
    const cached = await timed(chain, async () => {
      await chain.reconsider(prepared.big.hash);
    });
    return [cold, cached];
  } finally {
    await opened.close();
    rmSync(folder, { recursive: true });
  }
}

async function timed(
  chain: Awaited<ReturnType<typeof openChain>>["chain"],
  task: () => Promise<void>,
): Promise<Timed> {
  const { stageMs, verifyMs } = chain.statistics;
  const started = performance.now();
  await task();
  return {
    totalMs: performance.now() - started,
    stageMs: chain.statistics.stageMs - stageMs,
    verifyMs: chain.statistics.verifyMs - verifyMs,
  };
}

/** `quick`: a tenth of the block, one kind, one run. */
export async function run(options: { quick: boolean }): Promise<Record<string, number | string>> {
  const transactions = options.quick ? 100 : 1000;
  const result: Record<string, number | string> = { inputs: transactions * WIDTH };
  const kinds: OutputKind[] = options.quick ? ["p2wpkh"] : ["p2wpkh", "p2tr"];
  for (const kind of kinds) {
    const prepared = prepare(kind, transactions);
    const runs: [Timed, Timed][] = [];
    const raw = await rawVerifyRate(kind === "p2tr" ? "schnorr" : "ecdsa");
    for (let number = 0; number < (options.quick ? 1 : 7); number++) {
      runs.push(await connectOnce(prepared, 4));
    }
    const cold = median(runs.map(([first]) => first.totalMs));
    const limitMs = (transactions * WIDTH * 1000) / raw.perSecond;
    result[`${kind}Ms`] = Number(cold.toFixed(2));
    result[`${kind}StageMs`] = Number(median(runs.map(([first]) => first.stageMs)).toFixed(2));
    result[`${kind}VerifyMs`] = Number(median(runs.map(([first]) => first.verifyMs)).toFixed(2));
    result[`${kind}RawMs`] = Number(limitMs.toFixed(2));
    result[`${kind}ToRaw`] = Number((limitMs / cold).toFixed(3));
    result[`${kind}CachedMs`] = Number(median(runs.map(([, again]) => again.totalMs)).toFixed(2));
    result[`${kind}CachedStageMs`] = Number(
      median(runs.map(([, again]) => again.stageMs)).toFixed(2),
    );
  }
  return result;
}
