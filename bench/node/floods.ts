// `bench floods`: what an honest client of a real node notices while strangers flood it. Each flood
// comes over real sockets to a `pando start` of its own process; the client sends transactions and
// asks for the height over JSON-RPC, and pings as a peer, before the flood and during it. Also: how
// soon offenders are shut out, and memory beside what it was before.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type FloodLoad,
  feedBlocks,
  makeLoad,
  metricsOf,
  type Offence,
  offend,
  orphans,
  overfull,
  rubbish,
  sendAll,
  WirePeer,
} from "../../test/support/flood.ts";
import { type NodeProcess, startNode } from "../../test/support/node-process.ts";
import { rounded } from "../measure.ts";

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

/** A hundred peers that come back as soon as they are shut out. */
async function rubbishFlood(port: number, sizes: Sizes): Promise<Offence[]> {
  const kinds = rubbish();
  const until = performance.now() + sizes.seconds * 1000;
  const offences: Offence[] = [];
  const one = async (index: number): Promise<void> => {
    do {
      offences.push(await offend(port, kinds[index % kinds.length]!));
      await pause(PAUSE_MS);
    } while (performance.now() < until);
  };
  await Promise.all(Array.from({ length: sizes.peers }, (_, index) => one(index)));
  return offences;
}

async function transactionFlood(
  port: number,
  shares: readonly (readonly Uint8Array[])[],
): Promise<number> {
  const peers = await Promise.all(shares.map(() => WirePeer.connect(port)));
  const sent = await Promise.all(peers.map((peer, index) => sendAll(peer, shares[index]!)));
  // Everything has been read and judged when a ping behind it is answered.
  await Promise.all(peers.map((peer) => peer.ping(1_000_000)));
  for (const peer of peers) peer.close();
  return sent.reduce((sum, count) => sum + count, 0);
}

function shared<T>(items: readonly T[], among: number): T[][] {
  const shares: T[][] = Array.from({ length: among }, () => []);
  items.forEach((item, index) => {
    shares[index % among]!.push(item);
  });
  return shares;
}

async function measure(node: NodeProcess, load: FloodLoad, sizes: Sizes): Promise<Result> {
  await feedBlocks(node, load);
  const { port } = node.where.p2p!;
  const honest = new Honest(node, await WirePeer.connect(port), load.honest);
  const quiet = performance.now() + sizes.seconds * 1000;
  await honest.work(() => performance.now() > quiet - sizes.seconds * 500);
  const before = await honest.work(() => performance.now() > quiet);
  const result: Result = figures("before", before, before);

  const bad = await during(honest, () => rubbishFlood(port, sizes));
  Object.assign(result, figures("rubbish", before, bad.noticed), {
    rubbishOffences: bad.flooded.length,
    rubbishDropP50Ms: rounded(
      percentile(
        bad.flooded.map((one) => one.milliseconds),
        0.5,
      ),
    ),
    rubbishDropMaxMs: rounded(Math.max(...bad.flooded.map((one) => one.milliseconds))),
    rubbishSentMax: Math.max(...bad.flooded.map((one) => one.sent)),
  });

  const lonely = await during(honest, () =>
    transactionFlood(port, shared(orphans(0, sizes.orphans), 10)),
  );
  Object.assign(result, figures("orphans", before, lonely.noticed), {
    orphansSent: lonely.flooded,
    orphansPerSecond: Math.round(lonely.flooded / lonely.seconds),
  });

  const deep = await during(honest, () => transactionFlood(port, load.chains));
  Object.assign(result, figures("chains", before, deep.noticed), {
    chainsSent: deep.flooded,
    chainsPerSecond: Math.round(deep.flooded / deep.seconds),
  });

  const rivals = await during(honest, () => transactionFlood(port, shared(load.conflicts, 10)));
  Object.assign(result, figures("conflicts", before, rivals.noticed), {
    conflictsSent: rivals.flooded,
    conflictsPerSecond: Math.round(rivals.flooded / rivals.seconds),
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
