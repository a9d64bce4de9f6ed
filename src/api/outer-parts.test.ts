// Two nodes in one process, as an operator would run them: their own folders and ports, told what to
// do over JSON-RPC with the cookie, following one another over TCP.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { smallContext } from "../../test/support/small-api.ts";
import { SmallChain } from "../../test/support/small-chain.ts";
import { SmallMempool } from "../../test/support/small-mempool.ts";
import { ManualClock } from "../../test/support/world.ts";
import { REGTEST } from "../ledger/bitcoin/networks.ts";
import { resolveConfig } from "../node/config/resolve.ts";
import { Log } from "../node/log.ts";
import { Metrics } from "../node/metrics.ts";
import { SystemClock, systemRandom } from "../node/system.ts";
import { type OuterParts, startOuterParts } from "./outer-parts.ts";

const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

interface Running {
  readonly parts: OuterParts;
  readonly lines: string[];
  call<T>(method: string, ...params: unknown[]): Promise<T>;
}

async function run(context: TestContext): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), "pando-outer-"));
  const flags = { network: ["regtest"], "rpc-port": ["0"], "p2p-port": ["0"] };
  const { config, faults } = resolveConfig({
    flags: new Map(Object.entries(flags)),
    environment: {},
    file: null,
  });
  assert.deepEqual(faults, []);
  const clock = new SystemClock();
  const seconds = (): number => Math.floor(clock.now() / 1000);
  const chain = new SmallChain(REGTEST, seconds);
  const mempool = new SmallMempool(chain, seconds);
  const state = { warmup: null, stopped: false };
  const small = smallContext({ chain, mempool }, new ManualClock(), state);
  const lines: string[] = [];
  const parts = await startOuterParts({
    core: { params: REGTEST, chain, coins: chain, mempool, control: small.control },
    config,
    folder,
    clock,
    random: systemRandom,
    log: new Log({
      level: "debug",
      role: "node",
      now: () => clock.now(),
      write: (line) => lines.push(line),
      readable: false,
    }),
    metrics: new Metrics(),
    checks: () => [],
    version: () => ({}),
  });
  context.after(async () => {
    await parts.stop();
    rmSync(folder, { recursive: true });
  });
  const cookie = readFileSync(join(folder, ".cookie"), "utf8");
  const authorization = `Basic ${Buffer.from(cookie).toString("base64")}`;
  return {
    parts,
    lines,
    call: async (method, ...params) => {
      const response = await fetch(`http://127.0.0.1:${parts.servers.rpc.port}/`, {
        method: "POST",
        headers: { authorization },
        body: JSON.stringify({ method, params }),
      });
      const { result, error } = (await response.json()) as { result: never; error: unknown };
      assert.equal(error, null);
      return result;
    },
  };
}

async function until(done: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 2_000; turn++) {
    if (await done()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("it did not come about");
}

test("two nodes follow one another, told over JSON-RPC; secrets stay out of their logs", async (context) => {
  const a = await run(context);
  const b = await run(context);
  await a.call("generatetoaddress", 3, ADDRESS);
  await b.call("addnode", `127.0.0.1:${a.parts.network.local!.port}`, "add");
  await until(async () => (await b.call<number>("getblockcount")) === 3);
  await b.call("generatetoaddress", 2, ADDRESS);
  await until(async () => (await a.call<number>("getblockcount")) === 5);
  assert.equal(await a.call<string>("getbestblockhash"), await b.call<string>("getbestblockhash"));
  const [peer] = await b.call<Record<string, unknown>[]>("getpeerinfo");
  assert.equal(peer!["inbound"], false);
  assert.equal(peer!["connection_type"], "manual");
  assert.match(String(peer!["subver"]), /^\/Pando:/);
  const cookie = readFileSync(a.parts.servers.cookiePath, "utf8").split(":")[1]!;
  assert.ok(a.lines.length > 0);
  assert.ok(!a.lines.some((line) => line.includes(cookie)));
});
