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
