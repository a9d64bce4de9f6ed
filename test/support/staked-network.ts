// A network of stakers made for one test, its nodes as processes, and coins to pay with.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fromDisplayHex, hex, toHex } from "../../src/base/bytes.ts";
import { machineRandom } from "../../src/node/clock.ts";
import {
  buildTransaction,
  type OwnedCoin,
} from "../../src/node/generate-chain/build-transaction.ts";
import { type Key, keyFromSeed } from "../../src/node/generate-chain/keys.ts";
import type { StakerKeys } from "../../src/node/stake/key-file.ts";
import { createStakerFiles } from "../../src/node/stake/open-signer.ts";
import { genesisTransaction, txidOf } from "../../src/node/staked/genesis.ts";
import type { LedgerFigures, NetworkFile } from "../../src/node/staked/network-file.ts";
import { newNetwork } from "../../src/node/staked/new-network.ts";
import type { QposParameters } from "../../src/planes/consensus/qpos/params.ts";
import type { Random } from "../../src/ports/clock.ts";
import { type NodeProcess, startNode } from "./node-process.ts";
import { temporaryFolder } from "./run.ts";

/** Longer than anything should take, on a machine that does much else. */
const DEADLINE_MS = 90_000;

/** Waits until `probe` answers something true; asks again after each round trip. */
export async function until<T>(what: string, probe: () => Promise<T | null | false>): Promise<T> {
  const end = Date.now() + DEADLINE_MS;
  for (;;) {
    const found = await probe();
    if (found !== null && found !== false) return found;
    if (Date.now() > end) throw new Error(`waited too long until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export interface TestNetwork {
  readonly folder: string;
  /** Path of the network file. */
  readonly path: string;
  readonly file: NetworkFile;
  readonly keyPaths: readonly string[];
  /** Coins of the first block that the test owns. */
  readonly faucet: readonly OwnedCoin[];
  readonly key: Key;
}

const FAUCET_COINS = 8;
const FAUCET_VALUE = 1_000_000_000;

export interface MadeNetwork {
  readonly file: NetworkFile;
  readonly stakers: readonly StakerKeys[];
  readonly faucet: readonly OwnedCoin[];
  readonly key: Key;
}

/** A network whose first coins, but for the bonds, are the test's. */
export function madeNetwork(
  stakers: number,
  parameters: Partial<QposParameters>,
  nowMs: number,
  random: Random,
  ledger: Partial<LedgerFigures> = {},
): MadeNetwork {
  const key = keyFromSeed("staked network test", 0);
  const script = toHex(key.scripts.p2wpkh);
  const coins = Array.from({ length: FAUCET_COINS }, () => ({ value: FAUCET_VALUE, script }));
  const options = { name: "teststaked", stakers, parameters, ledger, coins, nowMs, random };
  const made = newNetwork(options);
  assert.ok(made.ok, made.ok ? "" : made.why);
  const { file } = made;
  const txid = hex(txidOf(genesisTransaction(file)));
  const faucet = coins.map(
    ({ value }, at): OwnedCoin => ({
      txid,
      index: stakers + at,
      value,
      script: key.scripts.p2wpkh,
      height: 0,
      coinbase: false,
      kind: "p2wpkh",
      key,
    }),
  );
  return { file, stakers: made.keys, faucet, key };
}

/** A network of `stakers` with its files, whose first slot is now. */
export function makeNetwork(
  stakers: number,
  slotMs: number,
  parameters: Partial<QposParameters> = {},
): TestNetwork {
  const folder = temporaryFolder();
  const fields = { slotMs, ...parameters };
  const made = madeNetwork(stakers, fields, Date.now(), machineRandom);
  const { file, faucet, key } = made;
  const path = join(folder, "network.json");
  writeFileSync(path, JSON.stringify(file));
  const keyPaths = made.stakers.map((staker) => {
    const keyPath = join(folder, "keys", `staker-${staker.id}.json`);
    const created = createStakerFiles(keyPath, { chainId: file.chainId, stakers: [staker] });
    assert.ok(created.ok);
    return keyPath;
  });
  return { folder, path, file, keyPaths, faucet, key };
}

/** Starts node `number`; it may use the keys of the staker with the same number, if there is one. */
export function startStaked(
  context: TestContext,
  network: TestNetwork,
  number: number,
  flags: readonly string[],
): Promise<NodeProcess> {
  const keys = network.keyPaths[number - 1];
  return startNode({
    context,
    folder: join(network.folder, `node-${number}`),
    flags: [
      ...["--network", network.path, "--node-name", `n${number}`],
      ...(keys === undefined ? [] : ["--staker-keys", keys]),
      ...flags,
    ],
  });
}

/** A signed payment of a coin to its own key, in hex, and the coin that it makes. */
export function payOn(
  coin: OwnedCoin,
  fee: number,
): { raw: string; txid: string; coin: OwnedCoin } {
  const payment = { value: coin.value - fee, kind: coin.kind, key: coin.key };
  const { transaction, created } = buildTransaction({ coins: [coin], payments: [payment] });
  const { bytes, start, end, txid } = transaction;
  return { raw: toHex(bytes, start, end), txid: toHex(txid), coin: created[0]! };
}

export interface Finality {
  readonly head: { readonly hash: string; readonly height: number };
  readonly finalized: { readonly hash: string; readonly height: number; readonly round: number };
}

/** True when the nodes have the same block at the lowest of their heights but `behind`. */
export async function agree(nodes: readonly NodeProcess[], behind: number): Promise<boolean> {
  const heights = await Promise.all(nodes.map((node) => node.rpc<number>("getblockcount")));
  const height = Math.max(0, Math.min(...heights) - behind);
  const hashes = await Promise.all(nodes.map((node) => node.rpc<string>("getblockhash", height)));
  assert.ok(hashes.every((hash) => fromDisplayHex(hash) !== null));
  return new Set(hashes).size === 1;
}
