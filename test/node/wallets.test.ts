// Wallets that nobody here wrote build and sign legacy, segwit and taproot spends and send them over
// JSON-RPC with a client package: they reach the mempool, the other node's mempool, a block.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { foreignMissing } from "../support/bcoin.ts";
import { inStep, type NodeProcess, startNode, until } from "../support/node-process.ts";
import { root, temporaryFolder } from "../support/run.ts";

type Kind = "legacy" | "segwit" | "taproot";
const KINDS: readonly Kind[] = ["legacy", "segwit", "taproot"];

interface Coin {
  readonly txid: string;
  readonly vout: number;
  readonly value: number;
  readonly raw: string;
}

interface Wallet {
  readonly name: string;
  address(kind: Kind): string;
  spend(kind: Kind, coin: Coin, to: string, fee: number): string;
}

interface Client {
  command(method: string, ...params: unknown[]): Promise<unknown>;
}

interface Foreign {
  coreClient(where: { host: string; port: number; user: string; password: string }): Client;
  bitcoinjs(seed: number): Wallet;
  scureWallet(seed: number): Wallet;
}

const missing = foreignMissing();
if (missing !== null) process.stderr.write(`SKIPPED: ${missing}\n`);

async function load(): Promise<Foreign> {
  const url = pathToFileURL(join(root, "test", "foreign", "wallets.mjs"));
  return (await import(url.href)) as Foreign;
}

function clientOf(foreign: Foreign, node: NodeProcess): Client {
  const [user, password] = node.credentials;
  return foreign.coreClient({ ...node.where.rpc, user, password });
}

/** The coin of a block's coinbase. */
async function rewardOf(client: Client, hash: string): Promise<Coin> {
  const block = (await client.command("getblock", hash, 2)) as {
    tx: { txid: string; hex: string; vout: { value: number }[] }[];
  };
  const { txid, hex, vout } = block.tx[0]!;
  return { txid, vout: 0, value: Math.round(vout[0]!.value * 1e8), raw: hex };
}

test("bitcoinjs-lib and @scure/btc-signer spend every kind of coin through the client bitcoin-core", {
  skip: missing ?? false,
}, async (context) => {
  const foreign = await load();
  const node = await startNode({ context, folder: join(temporaryFolder(), "a") });
  const other = await startNode({
    context,
    folder: join(temporaryFolder(), "b"),
    flags: ["--connect", node.peer],
  });
  const client = clientOf(foreign, node);
  const wallets = [foreign.bitcoinjs(7), foreign.scureWallet(9)];
  const coins: { wallet: Wallet; kind: Kind; coin: Coin }[] = [];
  for (const wallet of wallets) {
    for (const kind of KINDS) {
      const address = wallet.address(kind);
      const [hash] = (await client.command("generatetoaddress", 1, address)) as string[];
      coins.push({ wallet, kind, coin: await rewardOf(client, hash!) });
    }
  }
  const miner = wallets[0]!.address("segwit");
  await client.command("generatetoaddress", 100, miner);
  await inStep(node, other, 106);

  const sent: string[] = [];
  for (const { wallet, kind, coin } of coins) {
    const to = wallets[1]!.address("taproot");
    const raw = wallet.spend(kind, coin, to, 2_000);
    const label = `${wallet.name} ${kind}`;
    const spoilt = raw.slice(0, -60) + (raw.at(-60) === "0" ? "1" : "0") + raw.slice(-59);
    await assert.rejects(client.command("sendrawtransaction", spoilt), label);
    const [judged] = (await client.command("testmempoolaccept", [raw])) as [{ allowed: boolean }];
    assert.equal(judged.allowed, true, `${label}: ${JSON.stringify(judged)}`);
    const txid = (await client.command("sendrawtransaction", raw)) as string;
    assert.equal(await client.command("sendrawtransaction", raw), txid, "again: the same answer");
    const spentTwice = wallet.spend(kind, coin, to, 2_001);
    await assert.rejects(client.command("sendrawtransaction", spentTwice), /insufficient fee/);
    sent.push(txid);
  }
  assert.deepEqual(((await client.command("getrawmempool")) as string[]).sort(), [...sent].sort());
  await until(
    "the other node's mempool",
    () => other.rpc<string[]>("getrawmempool"),
    (there) => sent.every((txid) => there.includes(txid)),
  );
  const [block] = (await client.command("generatetoaddress", 1, miner)) as string[];
  const { tx } = (await client.command("getblock", block)) as { tx: string[] };
  assert.deepEqual(tx.slice(1).sort(), [...sent].sort());
  assert.deepEqual(await client.command("getrawmempool"), []);
  await inStep(node, other, 107);
  assert.deepEqual(await other.rpc("getrawmempool"), []);
  const out = await other.rpc<{ confirmations: number }>("gettxout", sent[0], 0);
  assert.equal(out.confirmations, 1);
});

test("what was acknowledged is in the mempool after kill -9", {
  skip: missing ?? false,
}, async (context) => {
  const foreign = await load();
  const folder = join(temporaryFolder(), "data");
  const node = await startNode({ context, folder });
  const wallet = foreign.bitcoinjs(3);
  const client = clientOf(foreign, node);
  const address = wallet.address("segwit");
  const hashes = (await client.command("generatetoaddress", 120, address)) as string[];
  const told: string[] = [];
  for (const hash of hashes.slice(0, 20)) {
    const raw = wallet.spend("segwit", await rewardOf(client, hash), address, 5_000);
    told.push((await client.command("sendrawtransaction", raw)) as string);
  }
  await node.kill();
  const again = await startNode({ context, folder });
  const there = await again.rpc<string[]>("getrawmempool");
  assert.deepEqual(there.sort(), told.sort());
  await again.rpc("generatetoaddress", 1, address);
  assert.deepEqual(await again.rpc("getrawmempool"), []);
});
