// The life of a node process: what it prints, how it stops, what it says when it cannot go on.
import assert from "node:assert/strict";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startNode } from "../support/node-process.ts";
import { pando, temporaryFolder } from "../support/run.ts";

const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

test("the cookie is private, new at each start and gone after the stop", async (context) => {
  const folder = join(temporaryFolder(), "data");
  const node = await startNode({ context, folder });
  assert.equal(node.where.cookie, join(folder, "regtest", ".cookie"));
  assert.equal(statSync(node.where.cookie).mode & 0o777, 0o600);
  const first = node.credentials[1];
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  assert.equal(existsSync(node.where.cookie), false);
  const again = await startNode({ context, folder });
  assert.notEqual(again.credentials[1], first);
});

test("stop by call, by SIGINT and by SIGTERM is graceful and keeps everything", async (context) => {
  const folder = join(temporaryFolder(), "data");
  let height = 0;
  for (const how of ["call", "SIGINT", "SIGTERM"] as const) {
    const node = await startNode({ context, folder });
    assert.equal(await node.rpc("getblockcount"), height);
    await node.rpc("generatetoaddress", 20, ADDRESS);
    height += 20;
    if (how === "call") assert.equal(await node.rpc("stop"), "Pando stopping");
    else node.signal(how);
    assert.deepEqual(await node.ended, { code: 0, signal: null }, how);
  }
});

test("a stop while blocks are being made loses none that was told", async (context) => {
  const folder = join(temporaryFolder(), "data");
  const node = await startNode({ context, folder });
  let told = 0;
  try {
    for (;;) {
      await node.rpc("generatetoaddress", 1, ADDRESS);
      told += 1;
      if (told === 10) node.signal("SIGTERM");
    }
  } catch {
    // It no longer answers.
  }
  assert.ok(told >= 10);
  assert.equal((await node.ended).code, 0);
  const again = await startNode({ context, folder });
  assert.ok((await again.rpc<number>("getblockcount")) >= told);
});

test("a second node on the same directory is refused and leaves the first alone", async (context) => {
  const folder = join(temporaryFolder(), "data");
  const node = await startNode({ context, folder });
  const flags = ["--rpc-port", "0", "--p2p-port", "0"];
  const second = await pando(["start", "--network", "regtest", "--data-dir", folder, ...flags]);
  assert.equal(second.code, 4, second.stderr);
  assert.match(second.stderr, /in use|locked/);
  assert.equal(await node.rpc("getblockcount"), 0, "its cookie still holds");
});

test("a port that is taken ends the start with one line", async (context) => {
  const node = await startNode({ context, folder: join(temporaryFolder(), "a") });
  const folder = join(temporaryFolder(), "b");
  const base = ["start", "--network", "regtest", "--data-dir", folder];
  const rpc = await pando([...base, "--rpc-port", String(node.where.rpc.port)]);
  assert.equal(rpc.code, 4);
  assert.match(rpc.stderr, /address already in use 127\.0\.0\.1:\d+: choose another port/);
  const p2p = String(node.where.p2p?.port);
  const peers = await pando([...base, "--rpc-port", "0", "--p2p-port", p2p]);
  assert.equal(peers.code, 4);
  assert.match(peers.stderr, /address already in use 127\.0\.0\.1:\d+: choose another port/);
});

test("flags go over the environment, the environment over the file", async (context) => {
  const folder = join(temporaryFolder(), "data");
  const file = join(temporaryFolder(), "pando.toml");
  writeFileSync(file, '[p2p]\nlisten = false\n[log]\nlevel = "error"\n');
  const node = await startNode({ context, folder, flags: ["--config", file] });
  assert.equal(node.where.p2p, null);
  await node.stop();
  const environment = { PANDO__P2P__LISTEN: "yes" };
  const again = await startNode({ context, folder, flags: ["--config", file], environment });
  assert.notEqual(again.where.p2p, null);
  assert.equal(again.stderr, "", "only errors are logged");
  await again.stop();
  const wrong = await pando(["start", "--network", "regtest", "--rpc-prot", "1"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /did you mean --rpc-port/);
});

test("files that may not grow refuse blocks, reads go on, and a stop is a stop", async (context) => {
  const folder = join(temporaryFolder(), "data");
  const node = await startNode({ context, folder, fileBlocksMax: 500 });
  let told = 0;
  const generate = async (): Promise<never> => {
    for (;;) {
      await node.rpc("generatetoaddress", 1, ADDRESS);
      told += 1;
    }
  };
  const noRoom = { code: -20, message: /no room left on the disk of .*: free some space/ };
  await assert.rejects(generate, noRoom);
  await assert.rejects(generate, noRoom);
  assert.ok((await node.rpc<number>("getblockcount")) >= told);
  assert.match((await node.rpc<{ warnings: string[] }>("getnetworkinfo")).warnings[0]!, /no room/);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  const again = await startNode({ context, folder });
  assert.ok((await again.rpc<number>("getblockcount")) >= told);
});
