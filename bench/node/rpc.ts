// `bench rpc`: 2-in-2-out P2WPKH transactions by `sendrawtransaction` in batches of 100 on 4
// connections, to a `pando start` in a process of its own. Bitcoin Core 31.99 accepts 4,364 of them a
// second on 2 cores of this kind. The client shares the cores, as it does there.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { toHex } from "../../src/base/bytes.ts";
import { rounded } from "../measure.ts";
import { rawVerifyRate } from "../raw-rate.ts";
import { RpcClient } from "./rpc-client.ts";
import { spendableChain } from "./spendable-chain.ts";

const BATCH = 100;
const CONNECTIONS = 4;
const CORE_PER_SECOND = 4_364;
/** A kernel's clock tick, as /proc counts processor time. */
const TICK_US = 10_000;

interface Running {
  readonly pid: number;
  connect(): Promise<RpcClient>;
  stop(): Promise<void>;
}

async function start(folder: string): Promise<Running> {
  const program = fileURLToPath(new URL("../../../bin/pando", import.meta.url));
  const words = ["start", "--network", "regtest", "--data-dir", folder, "--json"];
  const ports = ["--rpc-port", "0", "--p2p-port", "0"];
  const child = spawn(process.execPath, [program, ...words, ...ports], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = once(child, "close");
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const { pid, rpc, cookie } = JSON.parse(line) as {
    pid: number;
    rpc: { host: string; port: number };
    cookie: string;
  };
  const password = readFileSync(cookie, "utf8");
  return {
    pid,
    connect: () => RpcClient.open(rpc.host, rpc.port, password),
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** Microseconds of processor time that a process has used. */
function usedUs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

function batches(method: string, items: readonly Uint8Array[], size: number): string[] {
  const bodies: string[] = [];
  for (let from = 0; from < items.length; from += size) {
    const calls = items.slice(from, from + size).map((item, index) => {
      return `{"jsonrpc":"1.0","id":${from + index},"method":"${method}","params":["${toHex(item)}"]}`;
    });
    bodies.push(`[${calls.join(",")}]`);
  }
  return bodies;
}

/** How many calls of the answer succeeded. */
function succeeded(answer: string): number {
  return answer.split('"error":null').length - 1;
}

/** Sends all bodies on these connections; returns how many calls succeeded. */
async function sendAll(clients: readonly RpcClient[], bodies: readonly string[]): Promise<number> {
  let next = 0;
  let accepted = 0;
  const one = async (client: RpcClient): Promise<void> => {
    while (next < bodies.length) {
      const answer = await client.ask(bodies[next++]!);
      const count = succeeded(answer);
      if (count === 0) throw new Error(`nothing of a batch was taken: ${answer.slice(0, 300)}`);
      accepted += count;
    }
  };
  await Promise.all(clients.map(one));
  return accepted;
}

/** A node that was given many blocks says busy until its mempool has followed. */
async function untilTaken(client: RpcClient, body: string): Promise<void> {
  while (succeeded(await client.ask(body)) < BATCH) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** `quick`: a tenth of the transactions. */
export async function run({ quick }: { quick: boolean }): Promise<Record<string, number | string>> {
  const warm = quick ? 1_000 : 6_000;
  const count = quick ? 2_000 : 20_000;
  const { blocks, transactions } = spendableChain(warm + count);
  const folder = mkdtempSync(join(tmpdir(), "pando-bench-rpc-"));
  try {
    const node = await start(folder);
    const clients: RpcClient[] = [];
    for (let at = 0; at < CONNECTIONS; at++) clients.push(await node.connect());
    for (const body of batches("submitblock", blocks, 1)) await clients[0]!.ask(body);
    const warming = batches("sendrawtransaction", transactions.slice(0, warm), BATCH);
    await untilTaken(clients[0]!, warming[0]!);
    await sendAll(clients, warming);
    const raw = await rawVerifyRate("ecdsa");
    const bodies = batches("sendrawtransaction", transactions.slice(warm), BATCH);
    const used = usedUs(node.pid);
    const own = process.cpuUsage();
    const began = performance.now();
    const accepted = await sendAll(clients, bodies);
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(own);
    const nodeUs = (usedUs(node.pid) - used) / accepted;
    for (const client of clients) client.close();
    await node.stop();
    return {
      offered: count,
      accepted,
      perSecond: Math.round(accepted / seconds),
      toBitcoinCore: rounded(accepted / seconds / CORE_PER_SECOND),
      nodeCpuUs: rounded(nodeUs),
      clientCpuUs: rounded((user + system) / accepted),
      rawCpuUs: rounded(raw.cpuUs * 2),
      rawTransactionsPerSecond: Math.round(raw.perSecond / 2),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
