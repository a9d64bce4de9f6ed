// Nodes of a staked network as real processes: they make blocks in turn, confirm what was sent to one
// of them on all, finalize, come back after kill -9, and take in a node that comes late.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeProcess } from "./support/node-process.ts";
import {
  agree,
  type Finality,
  makeNetwork,
  payOn,
  startStaked,
  until,
} from "./support/staked-network.ts";

const heightOf = (node: NodeProcess): Promise<number> => node.rpc<number>("getblockcount");
const finalityOf = (node: NodeProcess): Promise<Finality> => node.rpc<Finality>("getfinality");

async function grown(node: NodeProcess, by: number): Promise<void> {
  const from = await heightOf(node);
  await until(`${by} more blocks`, async () => (await heightOf(node)) >= from + by);
}

async function finalizes(node: NodeProcess): Promise<void> {
  const { finalized } = await finalityOf(node);
  await until(
    "finality moves",
    async () => (await finalityOf(node)).finalized.round > finalized.round,
  );
}

interface Shown {
  readonly confirmations?: number;
}

test("three stakers agree, confirm, finalize, and lose nothing to kill -9", async (context) => {
  const network = makeNetwork(3, 700);
  const debug = ["--log-level", "debug"];
  const first = await startStaked(context, network, 1, debug);
  const second = await startStaked(context, network, 2, ["--addnode", first.peer, ...debug]);
  const peers = ["--addnode", first.peer, "--addnode", second.peer];
  const third = await startStaked(context, network, 3, [...peers, ...debug]);
  const nodes = [first, second, third];
  await Promise.all(nodes.map(finalizes));
  assert.ok(await agree(nodes, 1));

  let coin = network.faucet[0]!;
  const sent: string[] = [];
  for (const node of [first, second, third, first]) {
    const payment = payOn(coin, 1_000);
    await node.rpc("sendrawtransaction", payment.raw);
    sent.push(payment.raw);
    coin = payment.coin;
    // Known here when the next node is asked to take its child.
    const { txid } = await first.rpc<{ txid: string }>("decoderawtransaction", payment.raw);
    for (const other of nodes) {
      await until("it is known everywhere", async () => {
        const [entry, output] = await Promise.all([
          other.rpc<string[]>("getrawmempool"),
          other.rpc<Shown | null>("gettxout", txid, 0, false),
        ]);
        return entry.includes(txid) || output !== null;
      });
    }
  }
  const last = await first.rpc<{ txid: string }>("decoderawtransaction", sent.at(-1));
  for (const node of nodes) {
    await until("the payment is confirmed", async () => {
      const output = await node.rpc<Shown | null>("gettxout", last.txid, 0, false);
      return (output?.confirmations ?? 0) > 0;
    });
  }

  const ownBlocks = nodes.flatMap(({ stderr }) => stderr.match(/own block.*/g) ?? []);
  const filled = ownBlocks.filter((line) => !line.includes('"transactions":1,'));
  assert.ok(filled.length > 0, "blocks with payments were made");
  for (const line of filled) assert.match(line, /"chosen":"segments"/, "and made of segments");

  const bond = network.file.stakers[0]!;
  const stolen = { ...network.faucet[1]!, index: 0, value: bond.bondValue };
  await assert.rejects(
    second.rpc("sendrawtransaction", payOn(stolen, 1_000).raw),
    /bad-txns-spends-bond/,
  );

  const before = await finalityOf(third);
  await third.kill();
  const again = await startStaked(context, network, 3, peers);
  await finalizes(again);
  const after = await finalityOf(again);
  assert.ok(after.finalized.height > before.finalized.height);
  assert.equal(
    await again.rpc("getblockhash", before.finalized.height),
    before.finalized.hash,
    "what was final stays",
  );

  const late = await startStaked(context, network, 4, ["--addnode", second.peer]);
  const target = await heightOf(first);
  await until("the late node has caught up", async () => (await heightOf(late)) >= target);
  await finalizes(late);
  const all = [first, second, again, late];
  assert.ok(await agree(all, 1));
  await until("the old payment is seen by the late node", async () => {
    const output = await late.rpc<Shown | null>("gettxout", last.txid, 0, false);
    return (output?.confirmations ?? 0) > 0;
  });
  for (const node of all) assert.equal((await node.stop()).code, 0, node.stderr);
});

test("a minority stops, and all agree when the cut is healed", async (context) => {
  const network = makeNetwork(3, 700);
  const first = await startStaked(context, network, 1, []);
  const second = await startStaked(context, network, 2, ["--addnode", first.peer]);
  const peers = ["--addnode", first.peer, "--addnode", second.peer];
  const third = await startStaked(context, network, 3, peers);
  const nodes = [first, second, third];
  await Promise.all(nodes.map(finalizes));

  await first.rpc("isolatenodes", ["n3"]);
  await second.rpc("isolatenodes", ["n3"]);
  await third.rpc("isolatenodes", ["n1", "n2"]);
  const [coin] = network.faucet;
  const payment = payOn(coin!, 1_000);
  await third.rpc("sendrawtransaction", payment.raw);
  const cut = await heightOf(third);
  await grown(first, 8);
  // A third of the weight may fill its own slots of two rounds, and then the gate is shut.
  assert.ok((await heightOf(third)) <= cut + 2, "the minority has stopped");

  for (const node of nodes) await node.rpc("isolatenodes", []);
  const majority = await first.rpc<string>("getblockhash", cut + 3);
  await until("the minority follows", async () => {
    if ((await heightOf(third)) < cut + 3) return false;
    return (await third.rpc<string>("getblockhash", cut + 3)) === majority;
  });
  await Promise.all(nodes.map(finalizes));
  assert.ok(await agree(nodes, 1));
  const { txid } = await first.rpc<{ txid: string }>("decoderawtransaction", payment.raw);
  await until("what the minority had confirmed is not lost", async () => {
    const output = await first.rpc<Shown | null>("gettxout", txid, 0, false);
    return (output?.confirmations ?? 0) > 0;
  });
});
