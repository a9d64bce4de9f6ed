// bcoin, a full node that nobody here wrote, as a peer over the Bitcoin protocol: it syncs from
// Pando and Pando from it, one dialling the other and the other way round, with reorganisations
// both ways. bcoin's regtest activates segwit at block 432, so it makes the blocks up to there.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Bcoin, foreignMissing } from "../support/bcoin.ts";
import { type NodeProcess, startNode, until } from "../support/node-process.ts";
import { temporaryFolder } from "../support/run.ts";

const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

const missing = foreignMissing();
if (missing !== null) process.stderr.write(`SKIPPED: ${missing}\n`);

async function inStep(pando: NodeProcess, bcoin: Bcoin, hash: string): Promise<void> {
  await until(
    `both on ${hash}`,
    async () => [await pando.rpc<string>("getbestblockhash"), (await bcoin.tip()).hash],
    ([left, right]) => left === hash && right === hash,
  );
}

const mine = async (pando: NodeProcess, count: number): Promise<string> =>
  (await pando.rpc<string[]>("generatetoaddress", count, ADDRESS)).at(-1)!;

test("Pando syncs from bcoin and bcoin from Pando, reorganisations included", {
  skip: missing ?? false,
}, async (context) => {
  const bcoin = await Bcoin.start();
  context.after(() => bcoin.kill());
  await bcoin.mine(440);
  const first = await bcoin.tip();
  assert.equal(first.witness, true);
  const pando = await startNode({
    context,
    folder: join(temporaryFolder(), "pando"),
    flags: ["--connect", bcoin.peer],
  });
  await inStep(pando, bcoin, first.hash);
  const [peer] = await pando.rpc<{ subver: string; inbound: boolean }[]>("getpeerinfo");
  assert.match(peer!.subver, /^\/bcoin:v1\.0\.2/);

  // New blocks, each way.
  await inStep(pando, bcoin, await mine(pando, 3));
  await inStep(pando, bcoin, (await bcoin.mine(2)).hash);

  // bcoin leaves its branch for a longer one of Pando's.
  const height = await pando.rpc<number>("getblockcount");
  await pando.rpc("setnetworkactive", false);
  await bcoin.mine(2);
  await mine(pando, 3);
  assert.equal((await bcoin.tip()).height, height + 2);
  await pando.rpc("setnetworkactive", true);
  await until(
    "the connection",
    () => pando.rpc<{ version: number }[]>("getpeerinfo"),
    (peers) => peers.some(({ version }) => version > 0),
  );
  // bcoin does not ask those that dialled it: the next block tells it.
  await inStep(pando, bcoin, await mine(pando, 1));

  // Pando leaves its tip for a longer branch of bcoin's.
  const fork = await bcoin.hashAt(height + 1);
  const rival = await bcoin.mine(5, fork!);
  await inStep(pando, bcoin, rival.hash);
  const tips = await pando.rpc<{ status: string; branchlen: number }[]>("getchaintips");
  assert.ok(tips.some(({ status, branchlen }) => status === "valid-fork" && branchlen === 3));
  assert.equal((await pando.stop()).code, 0);
});

test("bcoin dials Pando and downloads everything from it", {
  skip: missing ?? false,
}, async (context) => {
  const maker = await Bcoin.start();
  context.after(() => maker.kill());
  await maker.mine(435);
  const pando = await startNode({
    context,
    folder: join(temporaryFolder(), "pando"),
    flags: ["--connect", maker.peer, "--listen"],
  });
  await inStep(pando, maker, (await maker.tip()).hash);
  const last = await mine(pando, 20);
  const fresh = await Bcoin.start();
  context.after(() => fresh.kill());
  await fresh.connect(pando.where.p2p!.port);
  await inStep(pando, fresh, last);
  await inStep(pando, maker, last);
  await inStep(pando, fresh, (await fresh.mine(1)).hash);
  assert.equal((await pando.stop()).code, 0);
});
