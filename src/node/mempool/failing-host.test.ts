// A thread that holds partitions and ends by itself: a mistake of ours, or memory that ran out. Nobody
// may have asked it anything just then, and yet everyone who waits for it has to hear of it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { temporaryFolder } from "../../../test/support/run.ts";
import { watchdog } from "../../../test/support/watchdog.ts";
import { rawTransaction } from "../../ledger/bitcoin/transaction.ts";
import { DEFAULT_LIMITS } from "../../state/admission/limits.ts";
import { type OpenedChain, openChain } from "../chain/open.ts";
import { TestChain } from "../generate-chain/test-chain.ts";
import { openMempool } from "./open-mempool.ts";

/** Sends a host what no node sends, which ends its thread. */
async function endHost({ hosts }: OpenedChain, folder: string): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const open = {
    kind: "admission-open",
    folder,
    self: 0,
    hostOf: [0],
    limits: DEFAULT_LIMITS,
    rewriteBytesMin: 1 << 20,
    segmentBits: null,
    sequence: 0,
    facts: { height: 0, flags: 0, mediansFrom: 0, medians: Uint32Array.of(0) },
    node: port2,
    peers: [null],
  } as const;
  await hosts[0]!.call(open, [port2]);
  port1.postMessage(Uint8Array.of(255, 0, 0, 0, 0));
  port1.unref();
}

test("a host that ends while nobody asks it anything ends the node, and who waits is told", async (context) => {
  watchdog(context, 30_000);
  const folder = temporaryFolder();
  const chain = new TestChain();
  const opened = await openChain({
    folder: join(folder, "data"),
    params: chain.params,
    partitionCount: 1,
    hostCount: 1,
    verifierCount: 1,
    memoryMegabytes: 512,
    clock: () => chain.tip.time + 600,
    skipScripts: () => false,
  });
  let fail: (error: unknown) => void = () => {};
  const failed = new Promise<unknown>((resolve) => {
    fail = resolve;
  });
  const mempool = await openMempool(opened, {
    clock: () => chain.tip.time,
    onFailure: (error) => fail(error),
  });
  const blocks = chain.mineMany(101);
  for (const { bytes } of blocks) await opened.chain.submit(bytes);
  await endHost(opened, join(folder, "other"));
  const raw = rawTransaction(chain.spend([blocks[0]!.reward]).transaction).slice();
  const verdict = await mempool.view.submit(raw);
  assert.equal(verdict.ok ? "ok" : verdict.kind, "busy");
  assert.match(String(await failed), /the node sends known messages/);
  assert.equal(opened.chain.hasFailed, true);
  await assert.rejects(mempool.close(), /the node sends known messages/);
  await opened.close();
});
