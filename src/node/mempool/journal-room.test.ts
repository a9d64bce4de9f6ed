// The mempool's journal on a disk that is really full, on one that fails, and over many rewrites.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../../../test/support/node-process.ts";
import { root, temporaryFolder } from "../../../test/support/run.ts";
import { emptyDisk, fillDisk, smallDisk } from "../../../test/support/small-disk.ts";
import { rawTransaction } from "../../ledger/bitcoin/transaction.ts";
import type { TransactionVerdict } from "../../ports/mempool.ts";
import { type OpenedChain, openChain } from "../chain/open.ts";
import type { BuiltTransaction } from "../generate-chain/build-transaction.ts";
import { TestChain } from "../generate-chain/test-chain.ts";
import { type OpenedMempool, type OpenMempoolOptions, openMempool } from "./open-mempool.ts";

const rawOf = (built: BuiltTransaction): Uint8Array => rawTransaction(built.transaction).slice();
const codeOf = (verdict: TransactionVerdict): string => (verdict.ok ? "ok" : verdict.code);

interface Node {
  readonly opened: OpenedChain;
  readonly mempool: OpenedMempool;
}

async function start(
  folder: string,
  chain: TestChain,
  options: Partial<OpenMempoolOptions> = {},
): Promise<Node> {
  const opened = await openChain({
    folder,
    params: chain.params,
    partitionCount: 4,
    hostCount: 1,
    verifierCount: 1,
    memoryMegabytes: 512,
    clock: () => chain.tip.time + 600,
    skipScripts: () => false,
    room: { waits: true, reserveBytes: 0 },
  });
  const mempool = await openMempool(opened, { clock: () => chain.tip.time, ...options });
  return { opened, mempool };
}

async function stop({ mempool, opened }: Node): Promise<void> {
  await mempool.close();
  await opened.close();
}

test("a full disk refuses transactions, and what was decided is kept", async (context) => {
  const disk = smallDisk(context, 48);
  if (disk === null) return;
  const chain = new TestChain({ seed: "journal-full" });
  let node = await start(join(disk, "data"), chain);
  const blocks = chain.mineMany(120);
  for (const block of blocks) await node.opened.chain.submit(block.bytes);
  const spends = blocks.slice(0, 12).map(({ reward }) => chain.spend([reward], { outputs: 20 }));
  const { view } = node.mempool;
  assert.equal(codeOf(await view.submit(rawOf(spends[0]!))), "ok");
  fillDisk(disk, 0);
  // The journal's page may have some space left: one of these finds none.
  const codes: string[] = [];
  for (const spend of spends.slice(1)) codes.push(codeOf(await view.submit(rawOf(spend))));
  assert.equal(codes.at(-1), "disk-full");
  assert.equal(view.has(spends[0]!.transaction.txid), true);
  const { room } = node.opened.chain;
  await assert.rejects(node.opened.chain.submit(chain.mine().bytes), /no room left/);
  emptyDisk(disk);
  const reason = async (): Promise<string | null> => room.refusal;
  await until("room", reason, (found) => found === null);
  for (const spend of spends) {
    const code = codeOf(await view.submit(rawOf(spend)));
    assert.ok(code === "ok" || code === "txn-already-in-mempool", code);
  }
  await stop(node);
  node = await start(join(disk, "data"), chain);
  assert.equal(node.mempool.view.info().count, spends.length);
  await stop(node);
});

test("a journal whose flush failed ends the node", async () => {
  const script = join(root, "dist", "test", "support", "mempool-load.js");
  const folder = join(temporaryFolder(), "data");
  const child = spawn(process.execPath, [script, "run", folder], {
    env: { ...process.env, PANDO_FAILPOINT: "admission.before-sync@8:eio" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let told = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    told += text;
    if (told.includes("the disk failed to")) child.kill("SIGKILL");
  });
  await new Promise((resolve) => child.once("close", resolve));
  assert.match(told, /the disk failed to .*mempool.*: check the disk, then start again/);
});

test("the journal stays small however often it is rewritten", async () => {
  const folder = join(temporaryFolder(), "data");
  const chain = new TestChain({ seed: "journal-small" });
  const journalBytes = 16 * 1024;
  let node = await start(folder, chain, { journalBytes });
  for (const block of chain.mineMany(101)) await node.opened.chain.submit(block.bytes);
  const names = new Set<string>();
  let largest = 0;
  const journal = join(folder, "regtest", "mempool", "hosts-1", "0");
  let coin = chain.tip.branch()[0]!.reward;
  for (let round = 0; round < 12; round++) {
    const built: BuiltTransaction[] = [];
    for (let depth = 0; depth < 20; depth++) {
      const spend = chain.spend([coin], { outputs: 1, fee: 5_000 });
      coin = spend.created[0]!;
      built.push(spend);
      assert.equal(codeOf(await node.mempool.view.submit(rawOf(spend))), "ok");
    }
    await node.opened.chain.submit(chain.mine({ transactions: built }).bytes);
    await node.mempool.view.save();
    const files = readdirSync(journal);
    for (const name of files) names.add(name);
    const bytes = files.reduce((sum, name) => sum + statSync(join(journal, name)).size, 0);
    largest = Math.max(largest, bytes);
    if (round % 4 !== 3) continue;
    await stop(node);
    node = await start(folder, chain, { journalBytes });
    assert.equal(node.mempool.view.info().count, 0);
  }
  assert.ok(names.size > 4, `segments come and go: ${[...names].join(" ")}`);
  assert.ok(largest < 6 * journalBytes, `${largest} bytes at most`);
  await stop(node);
});
