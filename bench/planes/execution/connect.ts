// `bench connect`: one block of 1,000 chained 5-in-5-out transactions with all coins in memory, as
// Bitcoin Core's ConnectBlock benches do, with ECDSA and with taproot key spends; and the same block
// again when every script is in the cache. ConnectBlock is stage + judge + scripts; decoding, the
// checks before it and the durable record behind it are figures of their own. Blocks like it go
// before, so that the workers' code is compiled, as in a node that has been up for two seconds.
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { decodeBlock } from "../../../src/ledger/bitcoin/block.ts";
import { checkBlock, checkBlockAtHeight } from "../../../src/ledger/bitcoin/check-block.ts";
import type { Chain } from "../../../src/node/chain/chain.ts";
import { openChain } from "../../../src/node/chain/open.ts";
import type { OutputKind } from "../../../src/node/generate-chain/keys.ts";
import { type ChainBlock, TestChain } from "../../../src/node/generate-chain/test-chain.ts";
import { fine, median } from "../../measure.ts";
import { type RawRate, rawVerifyRate } from "../../raw-rate.ts";

const WIDTH = 5;

interface Prepared {
  readonly chain: TestChain;
  readonly blocks: readonly ChainBlock[];
  readonly bigs: readonly ChainBlock[];
}

const WARM_BLOCKS = 8;
/** Blocks of full size in one node; the first of them are still warming up. */
const BIG_BLOCKS = 5;
const TIMED_BLOCKS = 3;

/** 101 blocks to mature a coinbase, some to warm up, and the block to be measured. */
function prepare(kind: OutputKind, transactions: number): Prepared {
  const chain = new TestChain({ kind, seed: `bench-connect-${kind}` });
  const blocks = chain.mineMany(101);
  let last = chain.spend([blocks[0]!.reward], { outputs: WIDTH });
  blocks.push(chain.mine({ transactions: [last] }));
  const mineChained = (length: number): ChainBlock => {
    const chained = Array.from({ length }, () => {
      last = chain.spend(last.created, { outputs: WIDTH });
      return last;
    });
    return chain.mine({ transactions: chained });
  };
  for (let warm = 0; warm < WARM_BLOCKS; warm++) blocks.push(mineChained(transactions >> 1));
  return {
    chain,
    blocks,
    bigs: Array.from({ length: BIG_BLOCKS }, () => mineChained(transactions)),
  };
}

/** Milliseconds of one connection. */
interface Timed {
  readonly totalMs: number;
  /** Until all partitions have answered, in the judge, until all scripts are run; and their sum. */
  readonly stageMs: number;
  readonly judgeMs: number;
  readonly scriptsMs: number;
  readonly connectMs: number;
  /** What is left of the total: decoding, checks, storing, the durable record. */
  readonly restMs: number;
  /** Of the whole process, all threads. */
  readonly cpuMs: number;
}

async function timed(chain: Chain, task: () => Promise<void>): Promise<Timed> {
  const { stageMs, judgeMs, verifyMs } = chain.statistics;
  const before = process.cpuUsage();
  const began = performance.now();
  await task();
  const totalMs = performance.now() - began;
  const cpu = process.cpuUsage(before);
  const stage = chain.statistics.stageMs - stageMs;
  const judge = chain.statistics.judgeMs - judgeMs;
  const scripts = chain.statistics.verifyMs - verifyMs;
  const connectMs = stage + judge + scripts;
  return {
    totalMs,
    stageMs: stage,
    judgeMs: judge,
    scriptsMs: scripts,
    connectMs,
    restMs: totalMs - connectMs,
    cpuMs: (cpu.user + cpu.system) / 1000,
  };
}

/** Connects the prepared blocks on a new node and times the last ones, cold, and one of them cached. */
async function connectOnce(prepared: Prepared): Promise<{ cold: Timed[]; cached: Timed }> {
  const last = prepared.bigs.at(-1)!;
  const folder = mkdtempSync(join(tmpdir(), "pando-bench-"));
  const opened = await openChain({
    folder,
    params: prepared.chain.params,
    partitionCount: null,
    verifierCount: null,
    memoryMegabytes: 2048,
    clock: () => last.time,
    skipScripts: () => false,
  });
  try {
    const { chain } = opened;
    for (const block of prepared.blocks) await chain.submit(block.bytes);
    const cold: Timed[] = [];
    for (const big of prepared.bigs) {
      const one = await timed(chain, async () => {
        const { verdict, reason } = await chain.submit(big.bytes);
        if (verdict !== "connected") throw new Error(`${verdict} ${reason}`);
      });
      cold.push(one);
    }
    // Taken back and connected again: the cache now knows every script.
    await chain.invalidate(last.hash);
    const cached = await timed(chain, async () => {
      await chain.reconsider(last.hash);
    });
    return { cold: cold.slice(-TIMED_BLOCKS), cached };
  } finally {
    await opened.close();
    rmSync(folder, { recursive: true });
  }
}

/** Milliseconds of decoding the block with its hashes, and of the checks that need no coin. */
function beforeConnect({ chain, bigs }: Prepared): { decodeMs: number; checksMs: number } {
  const big = bigs.at(-1)!;
  const decode: number[] = [];
  const checks: number[] = [];
  for (let round = 0; round < 15; round++) {
    const began = performance.now();
    const decoded = decodeBlock(big.bytes);
    const between = performance.now();
    if (!decoded.ok) throw new Error(decoded.code);
    const own = checkBlock(decoded.value, chain.params);
    const placed = checkBlockAtHeight(decoded.value, chain.params, big.height, big.time - 1);
    const ended = performance.now();
    if (!own.ok || !placed.ok) throw new Error("the block breaks a rule");
    decode.push(between - began);
    checks.push(ended - between);
  }
  return { decodeMs: median(decode), checksMs: median(checks) };
}

type Result = Record<string, number | string>;

function summary(kind: OutputKind, prepared: Prepared, runs: Runs, inputs: number): Result {
  const of = (which: "cold" | "cached", field: keyof Timed): number =>
    median(runs.timed.flatMap((run) => run[which]).map((one) => one[field]));
  const ratios = runs.timed.flatMap(({ cold }, at) => {
    const perSecond = (runs.raw[at]!.perSecond + runs.raw[at + 1]!.perSecond) / 2;
    return cold.map(({ connectMs }) => (inputs * 1000) / perSecond / connectMs);
  });
  const rawCpuMs = (inputs * median(runs.raw.map(({ cpuUs }) => cpuUs))) / 1000;
  const rawMs = (inputs * 1000) / median(runs.raw.map(({ perSecond }) => perSecond));
  const { decodeMs, checksMs } = beforeConnect(prepared);
  const figures = {
    ConnectMs: of("cold", "connectMs"),
    RawMs: rawMs,
    RatioToRaw: median(ratios),
    RatioToRawByCpu: rawCpuMs / of("cold", "cpuMs"),
    InputsPerSecond: (inputs * 1000) / of("cold", "connectMs"),
    DecodeMs: decodeMs,
    ChecksMs: checksMs,
    StageMs: of("cold", "stageMs"),
    JudgeMs: of("cold", "judgeMs"),
    ScriptsMs: of("cold", "scriptsMs"),
    ScriptsOutsideSignaturesMs: of("cold", "scriptsMs") - rawMs,
    TotalMs: of("cold", "totalMs"),
    CachedConnectMs: of("cached", "connectMs"),
    CachedStageMs: of("cached", "stageMs"),
    CachedJudgeMs: of("cached", "judgeMs"),
    CachedScriptsMs: of("cached", "scriptsMs"),
    CachedReadAndRecordMs: of("cached", "restMs"),
    CachedCpuMs: of("cached", "cpuMs"),
  };
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [`${kind}${name}`, fine(value)]),
  );
}

interface Runs {
  readonly timed: { cold: Timed[]; cached: Timed }[];
  /** Before each run and after the last. */
  readonly raw: RawRate[];
}

/** `quick`: a tenth of the block, one kind, one run. */
export async function run({ quick }: { quick: boolean }): Promise<Result> {
  const transactions = quick ? 100 : 1000;
  const inputs = transactions * WIDTH;
  let result: Result = { inputs, verifiers: availableParallelism() };
  const kinds: OutputKind[] = quick ? ["p2wpkh"] : ["p2wpkh", "p2tr"];
  for (const kind of kinds) {
    const prepared = prepare(kind, transactions);
    const raw = (): Promise<RawRate> =>
      rawVerifyRate(kind === "p2tr" ? "schnorr" : "ecdsa", quick ? 0.2 : 0.5);
    const runs: Runs = { timed: [], raw: [await raw()] };
    for (let round = 0; round < (quick ? 1 : 5); round++) {
      runs.timed.push(await connectOnce(prepared));
      runs.raw.push(await raw());
    }
    result = { ...result, ...summary(kind, prepared, runs, inputs) };
  }
  return result;
}
