// A disk that is really full, and one that fails: a node on a small tmpfs of its own goes on
// answering, refuses writes with the reason, and takes them again when there is room; a flush that
// failed ends it at once. Mounting needs root; without it the first test is skipped.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startNode, until } from "../support/node-process.ts";
import { temporaryFolder } from "../support/run.ts";
import { emptyDisk, fillDisk, smallDisk } from "../support/small-disk.ts";

const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const MEBIBYTE = 1 << 20;

interface Check {
  readonly component: string;
  readonly ok: boolean;
  readonly reason: string | null;
  readonly since: string;
}

test("a full disk refuses writes, keeps reading, and passes", async (context) => {
  const disk = smallDisk(context, 160);
  if (disk === null) return;
  const node = await startNode({
    context,
    folder: join(disk, "data"),
    flags: ["--ops-port", "0"],
  });
  const diskCheck = async (): Promise<{ status: number; check: Check }> => {
    const { host, port } = node.where.operations;
    const response = await fetch(`http://${host}:${port}/readyz?verbose`);
    const { checks } = (await response.json()) as { checks: Check[] };
    assert.deepEqual(
      checks.map(({ component }) => component),
      ["chain", "partitions", "mempool", "sync", "tip", "disk", "clock", "crypto"],
    );
    for (const { since } of checks) assert.ok(Date.parse(since) <= Date.now());
    const check = checks.find(({ component }) => component === "disk")!;
    return { status: response.status, check };
  };
  await node.rpc("generatetoaddress", 105, ADDRESS);
  assert.equal((await diskCheck()).status, 200);
  const height = 105;
  // A transaction that nothing but the disk stands against being looked at.
  const raw = await node.rpc<string>("createrawtransaction", [{ txid: "11".repeat(32), vout: 0 }], {
    [ADDRESS]: 0.5,
  });
  for (const left of [20 * MEBIBYTE, 0]) {
    fillDisk(disk, left);
    const reason = /free some space/;
    await assert.rejects(node.rpc("generatetoaddress", 1, ADDRESS), { code: -20, message: reason });
    await assert.rejects(node.rpc("sendrawtransaction", raw), { code: -20, message: reason });
    await assert.rejects(node.rpc("invalidateblock", await node.rpc("getblockhash", 50)), {
      code: -20,
      message: reason,
    });
    assert.equal(await node.rpc("getblockcount"), height);
    const best = await node.rpc<string>("getbestblockhash");
    assert.equal((await node.rpc<{ height: number }>("getblock", best)).height, height);
    const { status, check } = await diskCheck();
    assert.equal(status, 503);
    assert.match(check.reason!, reason);
    emptyDisk(disk);
    await until("room", diskCheck, (answer) => answer.check.ok);
    assert.equal((await diskCheck()).status, 200);
    await assert.rejects(node.rpc("sendrawtransaction", raw), { code: -25 });
  }
  await node.rpc("generatetoaddress", 1, ADDRESS);
  assert.equal(await node.rpc("getblockcount"), height + 1);
  fillDisk(disk, 0);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
});

test("a flush that fails ends the node with one line, and nothing told is lost", async (context) => {
  for (const point of ["record.before-sync@20:eio", "chain-log.after-write@9:eio"]) {
    const folder = join(temporaryFolder(), "data");
    const environment = { PANDO_FAILPOINT: point };
    const node = await startNode({ context, folder, environment });
    let told = 0;
    await assert.rejects(async () => {
      for (;;) {
        await node.rpc("generatetoaddress", 1, ADDRESS);
        told += 1;
      }
    });
    assert.equal((await node.ended).code, 4, point);
    assert.match(node.stderr, /^pando: the disk failed to .*: check the disk, then start again$/m);
    const again = await startNode({ context, folder });
    assert.ok((await again.rpc<number>("getblockcount")) >= told, point);
  }
});
