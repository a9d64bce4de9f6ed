// A staker's node dies by kill -9 between its guard and its signature, and comes back from an older
// copy of its whole disk: data, keys and guards. It listens, then goes on; nobody is slashed.
import assert from "node:assert/strict";
import { cpSync, renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type NodeProcess, startNode } from "./support/node-process.ts";
import { agree, type Finality, makeNetwork, startStaked, until } from "./support/staked-network.ts";

interface Stakers {
  readonly stakers: readonly {
    readonly id: number;
    readonly produced: number;
    readonly penalty: number;
  }[];
}

const ID = 4;

async function producedBy(node: NodeProcess): Promise<number> {
  const { stakers } = await node.rpc<Stakers>("getstakers");
  for (const { id, penalty } of stakers) assert.equal(penalty, 0, `staker ${id} was punished`);
  return stakers.find(({ id }) => id === ID)!.produced;
}

test("a staker killed before its signature, and put back from an old disk, signs nothing twice", async (context) => {
  const network = makeNetwork(4, 600);
  const first = await startStaked(context, network, 1, []);
  const peers = ["--addnode", first.peer];
  const second = await startStaked(context, network, 2, peers);
  const third = await startStaked(context, network, 3, peers);
  const folder = join(network.folder, "node-4");
  const keys = network.keyPaths[ID - 1]!;
  const start = (environment: NodeJS.ProcessEnv): Promise<NodeProcess> =>
    startNode({
      context,
      folder,
      flags: ["--network", network.path, "--node-name", "n4", "--staker-keys", keys, ...peers],
      environment,
    });
  const before = await start({});
  await until("it has made a block", async () => (await producedBy(first)) >= 1);
  assert.equal((await before.stop()).code, 0, before.stderr);
  const old = join(network.folder, "old");
  cpSync(folder, join(old, "node"), { recursive: true });
  cpSync(`${keys}.guards`, join(old, "guards"), { recursive: true });

  const killed = await start({ PANDO_FAILPOINT: "guard.persisted@9" });
  assert.equal((await killed.ended).signal, "SIGKILL");
  const known = await producedBy(first);
  assert.ok(known > 1, "it had gone on after the copy was made");

  for (const path of [folder, `${keys}.guards`]) renameSync(path, `${path}.newer`);
  cpSync(join(old, "node"), folder, { recursive: true });
  cpSync(join(old, "guards"), `${keys}.guards`, { recursive: true });
  const again = await start({});
  await until("it makes blocks again", async () => (await producedBy(first)) >= known + 2);
  const nodes = [first, second, third, again];
  const { finalized } = await first.rpc<Finality>("getfinality");
  for (const node of nodes) {
    await until("finality goes on", async () => {
      const now = await node.rpc<Finality>("getfinality");
      return now.finalized.round > finalized.round + 1;
    });
    await producedBy(node);
  }
  assert.ok(await agree(nodes, 1));
  for (const node of nodes) assert.equal((await node.stop()).code, 0, node.stderr);
});

test("keys and guards copied to a second node: it ends with code 4 before it signs, the first goes on", async (context) => {
  const network = makeNetwork(2, 600);
  const keys = network.keyPaths.join(",");
  const start = (number: number, keyPaths: string, flags: readonly string[]) =>
    startNode({
      context,
      folder: join(network.folder, `node-${number}`),
      flags: ["--network", network.path, "--staker-keys", keyPaths, ...flags],
    });
  const first = await start(1, keys, ["--skip-listening"]);
  await until(
    "it has made some blocks",
    async () => (await first.rpc<number>("getblockcount")) > 4,
  );
  const copies = network.keyPaths.map((path) => `${path}.copy.json`);
  network.keyPaths.forEach((path, at) => {
    cpSync(path, copies[at]!);
    const filter = (one: string): boolean => !one.endsWith("LOCK");
    cpSync(`${path}.guards`, `${copies[at]}.guards`, { recursive: true, filter });
  });
  const second = await start(2, copies.join(","), ["--addnode", first.peer]);
  const { code } = await second.ended;
  assert.equal(code, 4, second.stderr);
  assert.match(second.stderr, /^pando: another process signs with the key of staker \d: /m);
  const { length } = second.stderr.split("\n").filter((line) => line.includes("another process"));
  assert.equal(length, 1);
  const height = await first.rpc<number>("getblockcount");
  await until("the first goes on", async () => (await first.rpc<number>("getblockcount")) > height);
  assert.equal((await first.stop()).code, 0, first.stderr);
});
