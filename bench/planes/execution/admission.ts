// `bench admission`: 2-in-2-out P2WPKH transactions through the node's gateway, each answer after its
// decision is on the disk. Most that a node takes, latency at half of that, what it still takes when
// twice as many are offered, and the same with one partition and with sixteen; and the messages of a
// transaction when every partition has a host of its own. Beside it the raw signature rate of all
// cores, which is what limits admission, measured before and after.
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { type OpenedChain, openChain } from "../../../src/node/chain/open.ts";
import { type OpenedMempool, openMempool } from "../../../src/node/mempool/open-mempool.ts";
import { placementTable } from "../../../src/simulation/admission/placement-table.ts";
import { type SpendableChain, spendableChain } from "../../node/spendable-chain.ts";
import { type RawRate, rawVerifyRate } from "../../raw-rate.ts";

/** Transactions under way when as many as possible are to be taken. */
const WINDOW = 768;
/** Transactions of which messages between partitions are counted. */
const COUNTED = 300;

interface Node {
  readonly opened: OpenedChain;
  readonly mempool: OpenedMempool;
  close(): Promise<void>;
}

async function start({ chain, blocks }: SpendableChain, partitions: number): Promise<Node> {
  const folder = mkdtempSync(join(tmpdir(), "pando-bench-"));
  const opened = await openChain({
    folder,
    params: chain.params,
    partitionCount: partitions,
    verifierCount: availableParallelism(),
    memoryMegabytes: 2048,
    clock: () => chain.tip.time,
    skipScripts: () => true,
  });
  for (const block of blocks) await opened.chain.submit(block);
  const mempool = await openMempool(opened, { clock: () => chain.tip.time });
  return {
    opened,
    mempool,
    close: async () => {
      await mempool.close();
      await opened.close();
      rmSync(folder, { recursive: true });
    },
  };
}

interface Offered {
  readonly perSecond: number;
  readonly accepted: number;
  readonly cpuUs: number;
  readonly latencies: readonly number[];
}

const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;

/** Keeps `window` transactions under way. */
async function offerAll(node: Node, raws: readonly Uint8Array[], window: number): Promise<Offered> {
  const { view } = node.mempool;
  let next = 0;
  let accepted = 0;
  const worker = async (): Promise<void> => {
    while (next < raws.length) {
      const raw = raws[next++]!;
      const verdict = await view.submit(raw);
      if (verdict.ok) accepted++;
      else if (verdict.kind !== "busy") throw new Error(`${verdict.code} ${verdict.debug}`);
    }
  };
  const cpu = process.cpuUsage();
  const began = performance.now();
  await Promise.all(Array.from({ length: window }, worker));
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: (accepted * 1000) / ms,
    accepted,
    cpuUs: (user + system) / accepted,
    latencies: [],
  };
}

/** Offers `perSecond` transactions, whatever becomes of them. */
async function offerPaced(
  node: Node,
  raws: readonly Uint8Array[],
  perSecond: number,
): Promise<Offered> {
  const { view } = node.mempool;
  const latencies: number[] = [];
  const answers: Promise<void>[] = [];
  let accepted = 0;
  const began = performance.now();
  const one = async (raw: Uint8Array, due: number): Promise<void> => {
    const verdict = await view.submit(raw);
    if (!verdict.ok) return;
    accepted++;
    latencies.push(performance.now() - due);
  };
  for (let next = 0; next < raws.length; ) {
    const due = Math.floor(((performance.now() - began) * perSecond) / 1000);
    for (; next < Math.min(due, raws.length); next++) {
      // From when it was due, so that a pause of the sender counts.
      answers.push(one(raws[next]!, began + (next * 1000) / perSecond));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(answers);
  const ms = performance.now() - began;
  return { perSecond: (accepted * 1000) / ms, accepted, cpuUs: 0, latencies };
}

/** The middle of two measurements, as other work on the machine comes and goes. */
function between(a: RawRate, b: RawRate): RawRate {
  const perSecond = (a.perSecond + b.perSecond) / 2;
  return { perSecond, cpuUs: (a.cpuUs + b.cpuUs) / 2, workers: a.workers };
}

const rounded = (value: number, digits = 0): number => Number(value.toFixed(digits));

/** `quick`: a tenth of the transactions. */
export async function run(options: { quick: boolean }): Promise<Record<string, number | string>> {
  const scale = options.quick ? 1 : 10;
  const counts = { most: 2_000 * scale, half: 500 * scale, twice: 2_000 * scale };
  // Until the engine has compiled everything for good.
  const warm = 1_000 * scale;
  const prepared = spendableChain(warm + counts.most + counts.half + counts.twice);
  const result: Record<string, number | string> = {};
  for (const partitions of [4, 1, 16]) {
    const node = await start(prepared, partitions);
    let at = 0;
    const take = (count: number): readonly Uint8Array[] => {
      at += count;
      return prepared.transactions.slice(at - count, at);
    };
    try {
      await offerAll(node, take(warm), WINDOW);
      const before = await rawVerifyRate("ecdsa");
      const most = await offerAll(node, take(counts.most), WINDOW);
      const raw = between(before, await rawVerifyRate("ecdsa"));
      result[`p${partitions}PerSecond`] = rounded(most.perSecond);
      result[`p${partitions}ToRaw`] = rounded((most.perSecond * 2) / raw.perSecond, 3);
      result[`p${partitions}CpuUs`] = rounded(most.cpuUs, 1);
      result[`p${partitions}ToRawByCpu`] = rounded((raw.cpuUs * 2) / most.cpuUs, 3);
      if (partitions !== 4) continue;
      result["rawTransactionsPerSecond"] = rounded(raw.perSecond / 2);
      const half = await offerPaced(node, take(counts.half), most.perSecond / 2);
      result["halfLoadP50Ms"] = rounded(percentile(half.latencies, 0.5), 1);
      result["halfLoadP99Ms"] = rounded(percentile(half.latencies, 0.99), 1);
      const twice = await offerPaced(node, take(counts.twice), most.perSecond * 2);
      result["twiceLoadGoodput"] = rounded(twice.perSecond / most.perSecond, 3);
      result["twiceLoadP99Ms"] = rounded(percentile(twice.latencies, 0.99), 1);
    } finally {
      await node.close();
    }
  }
  result["cpu16To1"] = rounded(Number(result["p16CpuUs"]) / Number(result["p1CpuUs"]), 3);
  for (const row of placementTable(COUNTED, 1)) {
    if (row.placement === "txid") result[`messagesAt${row.partitions}`] = rounded(row.messages, 2);
  }
  return result;
}
