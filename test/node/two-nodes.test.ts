// Two nodes as an operator runs them: processes, sockets, RPC. They follow one another both ways,
// through reorganisations, restarts and kill -9.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { inStep, type NodeProcess, startNode, until } from "../support/node-process.ts";
import { temporaryFolder } from "../support/run.ts";

const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const OTHER = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry";

const mine = (node: NodeProcess, count: number, to = ADDRESS): Promise<string[]> =>
  node.rpc<string[]>("generatetoaddress", count, to);

interface CoinSet {
  readonly height: number;
  readonly bestblock: string;
  readonly muhash: string;
  readonly total_amount: number;
}

/** What two nodes agree on: the room on the disk is each one's own. */
async function coinSet(node: NodeProcess): Promise<CoinSet> {
  const { disk_size: _room, ...set } = await node.rpc<CoinSet & { readonly disk_size: number }>(
    "gettxoutsetinfo",
    "muhash",
  );
  return set;
}

test("two nodes: sync both ways, a reorganisation, a restart, kill -9", async (context) => {
  const folders = [join(temporaryFolder(), "a"), join(temporaryFolder(), "b")] as const;
  let a = await startNode({ context, folder: folders[0] });
  await mine(a, 300);
  const b = await startNode({
    context,
    folder: folders[1],
    flags: ["--connect", a.peer, "--listen"],
  });
  await inStep(a, b, 300);
  assert.deepEqual(await coinSet(b), await coinSet(a));

  // The other way, block by block.
  await mine(b, 5);
  await inStep(b, a, 305);

  // A branch that one of them makes alone and the other takes over.
  const [forked] = await mine(a, 1);
  await inStep(a, b, 306);
  await b.rpc("invalidateblock", forked);
  assert.equal(await b.rpc("getblockcount"), 305);
  await mine(b, 3, OTHER);
  assert.equal(await b.rpc("getblockcount"), 308);
  await inStep(b, a, 308);
  const tips = await a.rpc<{ status: string; height: number }[]>("getchaintips");
  assert.deepEqual(tips.map(({ status, height }) => `${status} ${height}`).sort(), [
    "active 308",
    "valid-fork 306",
  ]);
  assert.deepEqual(await coinSet(b), await coinSet(a));

  // A restart finds everything again.
  const before = await coinSet(a);
  assert.deepEqual(await a.stop(), { code: 0, signal: null });
  a = await startNode({ context, folder: folders[0], flags: ["--connect", b.peer, "--listen"] });
  assert.deepEqual(await coinSet(a), before);

  // What was acknowledged is there after kill -9, and the rest comes from the other.
  await mine(b, 50);
  await until(
    "some blocks on a",
    () => a.rpc<number>("getblockcount"),
    (height) => height > 310,
  );
  const acknowledged = await a.rpc<number>("getblockcount");
  assert.equal((await a.kill()).signal, "SIGKILL");
  await mine(b, 5);
  a = await startNode({ context, folder: folders[0] });
  assert.ok((await a.rpc<number>("getblockcount")) >= acknowledged, "nothing told is lost");
  await a.rpc("addnode", b.peer, "add");
  await inStep(b, a, 363);
  assert.deepEqual(await coinSet(a), await coinSet(b));
  assert.equal((await a.stop()).code, 0);
  assert.equal((await b.stop()).code, 0);
});
