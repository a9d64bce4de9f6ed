// `bench floods`: what an honest client of a real node notices while strangers flood it. Each flood
// comes over real sockets to a `pando start` of its own process; the client sends transactions and
// asks for the height over JSON-RPC, and pings as a peer, before the flood and during it. Also: how
// soon offenders are shut out, and memory beside what it was before.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import {
  type FloodLoad,
  feedBlocks,
  makeLoad,
  metricsOf,
  orphans,
  overfull,
  WirePeer,
} from "../../test/support/flood.ts";
import { type NodeProcess, startNode } from "../../test/support/node-process.ts";
import { rounded } from "../measure.ts";
import type { FloodDone, FloodTask } from "./floods-worker.ts";

type Result = Record<string, number | string>;

interface Sizes {
  readonly peers: number;
  readonly orphans: number;
  readonly chains: number;
  readonly chainLength: number;
  readonly conflicts: number;
  /** Of a phase without a natural end. */
  readonly seconds: number;
  readonly honest: number;
}

const FULL: Sizes = {
  peers: 100,
  orphans: 50_000,
  chains: 20,
  chainLength: 200,
  conflicts: 10_000,
  seconds: 10,
  honest: 4_000,
};
const QUICK: Sizes = {
  peers: 20,
  orphans: 2_000,
  chains: 2,
  chainLength: 60,
  conflicts: 500,
  seconds: 1,
  honest: 300,
};

/** An honest client waits so long between two requests. */
const PAUSE_MS = 20;

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Noticed {
  readonly submitMs: number[];
  readonly askMs: number[];
  readonly pingMs: number[];
  residentMB: number;
  readonly overfull: Set<string>;
}

class Honest {
  readonly #node: NodeProcess;
  readonly #peer: WirePeer;
  readonly #transactions: readonly string[];
  #next = 0;

  constructor(node: NodeProcess, peer: WirePeer, transactions: readonly string[]) {
    this.#node = node;
    this.#peer = peer;
    this.#transactions = transactions;
  }

  /** Works until `over`; what it noticed. */
  async work(over: () => boolean): Promise<Noticed> {
    const noticed: Noticed = {
      submitMs: [],
      askMs: [],
      pingMs: [],
      residentMB: 0,
      overfull: new Set(),
    };
    const timed = async (into: number[], task: () => Promise<unknown>): Promise<void> => {
      const begun = performance.now();
      await task();
      into.push(performance.now() - begun);
    };
    for (let turn = 0; !over(); turn++) {
      const transaction = this.#transactions[this.#next];
      if (transaction !== undefined) {
        this.#next += 1;
        await timed(noticed.submitMs, () => this.#node.rpc("sendrawtransaction", transaction));
      }
      await timed(noticed.askMs, () => this.#node.rpc("getblockcount"));
      const ping = await this.#peer.ping(turn);
      if (ping === null) throw new Error("the honest peer was dropped");
      noticed.pingMs.push(ping);
      if (turn % 10 === 0) {
        for (const line of overfull(await metricsOf(this.#node))) noticed.overfull.add(line);
        const resident = (this.#node.residentBytes ?? 0) / 1e6;
        noticed.residentMB = Math.max(noticed.residentMB, resident);
      }
      await pause(PAUSE_MS);
    }
    return noticed;
  }
}

/** Runs a flood beside the honest client; the client goes on until the flood is over. */
async function during<T>(
  honest: Honest,
  flood: () => Promise<T>,
): Promise<{ noticed: Noticed; flooded: T; seconds: number }> {
  let done = false;
  const begun = performance.now();
  const working = honest.work(() => done);
  const flooded = await flood();
  const seconds = (performance.now() - begun) / 1000;
  done = true;
  return { noticed: await working, flooded, seconds };
}

function figures(name: string, before: Noticed, now: Noticed): Result {
  const p99 = (values: readonly number[]): number => rounded(percentile(values, 0.99));
  const times = (a: readonly number[], b: readonly number[]): number =>
    rounded(percentile(a, 0.99) / percentile(b, 0.99));
  return {
    [`${name}BeforeSubmitP99Ms`]: p99(before.submitMs),
    [`${name}BeforeAskP99Ms`]: p99(before.askMs),
    [`${name}BeforePingP99Ms`]: p99(before.pingMs),
    [`${name}SubmitP50Ms`]: rounded(percentile(now.submitMs, 0.5)),
    [`${name}SubmitP99Ms`]: p99(now.submitMs),
    [`${name}AskP99Ms`]: p99(now.askMs),
    [`${name}PingP99Ms`]: p99(now.pingMs),
    [`${name}SubmitTimesBefore`]: times(now.submitMs, before.submitMs),
    [`${name}AskTimesBefore`]: times(now.askMs, before.askMs),
    [`${name}PingTimesBefore`]: times(now.pingMs, before.pingMs),
    [`${name}ResidentMB`]: Math.round(now.residentMB),
    [`${name}Overfull`]: [...now.overfull].join("; ") || "nothing",
  };
}

function shared<T>(items: readonly T[], among: number): T[][] {
  const shares: T[][] = Array.from({ length: among }, () => []);
  items.forEach((item, index) => {
    shares[index % among]!.push(item);
  });
  return shares;
}

/** Floods from a thread of their own, so that the client's clock is not theirs. */
function flood(task: FloodTask): Promise<FloodDone> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./floods-worker.js", import.meta.url), { workerData: task });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

async function measure(node: NodeProcess, load: FloodLoad, sizes: Sizes): Promise<Result> {
  await feedBlocks(node, load);
  const { port } = node.where.p2p!;
  const honest = new Honest(node, await WirePeer.connect(port), load.honest);
  /** What it notices now, for as long as a flood lasts at least: other work on the machine changes. */
  const quiet = async (): Promise<Noticed> => {
    const end = performance.now() + sizes.seconds * 1000;
    return await honest.work(() => performance.now() > end);
  };
  await quiet();
  const result: Result = {};
  let before = await quiet();
  const bad = await during(honest, () =>
    flood({ port, peers: sizes.peers, seconds: sizes.seconds }),
  );
  Object.assign(result, figures("rubbish", before, bad.noticed), {
    rubbishOffences: bad.flooded.dropMs.length,
    rubbishDropP50Ms: rounded(percentile(bad.flooded.dropMs, 0.5)),
    rubbishDropP99Ms: rounded(percentile(bad.flooded.dropMs, 0.99)),
    rubbishDropMaxMs: rounded(Math.max(...bad.flooded.dropMs)),
  });

  before = await quiet();
  const lonely = await during(honest, () =>
    flood({ port, shares: shared(orphans(0, sizes.orphans), 10) }),
  );
  Object.assign(result, figures("orphans", before, lonely.noticed), {
    orphansSent: lonely.flooded.sent,
    orphansPerSecond: Math.round(lonely.flooded.sent / lonely.seconds),
  });

  before = await quiet();
  const deep = await during(honest, () => flood({ port, shares: load.chains }));
  Object.assign(result, figures("chains", before, deep.noticed), {
    chainsSent: deep.flooded.sent,
    chainsPerSecond: Math.round(deep.flooded.sent / deep.seconds),
  });

  before = await quiet();
  const rivals = await during(honest, () => flood({ port, shares: shared(load.conflicts, 10) }));
  Object.assign(result, figures("conflicts", before, rivals.noticed), {
    conflictsSent: rivals.flooded.sent,
    conflictsPerSecond: Math.round(rivals.flooded.sent / rivals.seconds),
  });
  return result;
}

export async function run({ quick }: { quick: boolean }): Promise<Result> {
  const sizes = quick ? QUICK : FULL;
  const folder = mkdtempSync(join(tmpdir(), "pando-bench-"));
  const after: (() => unknown)[] = [];
  const context = { after: (task: () => unknown) => void after.push(task) };
  try {
    const load = makeLoad(sizes);
    const node = await startNode({ context: context as never, folder: join(folder, "data") });
    const result = await measure(node, load, sizes);
    const { code } = await node.stop();
    return { ...result, exitCode: code ?? -1 };
  } finally {
    for (const task of after) task();
    rmSync(folder, { recursive: true, force: true });
  }
}
