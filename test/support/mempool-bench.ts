// A mempool over a chain of coinbases, for tests of its policy: spends are made by hand and submitted.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { concatBytes, toDisplayHex } from "../../src/base/bytes.ts";
import { rawTransaction, transactionWeight } from "../../src/ledger/bitcoin/transaction.ts";
import { openChain } from "../../src/node/chain/open.ts";
import type {
  BuiltTransaction,
  OwnedCoin,
} from "../../src/node/generate-chain/build-transaction.ts";
import { TestChain } from "../../src/node/generate-chain/test-chain.ts";
import type { Mempool } from "../../src/node/mempool/mempool.ts";
import { openMempool } from "../../src/node/mempool/open-mempool.ts";
import type { PackageVerdict, TransactionVerdict } from "../../src/ports/mempool.ts";
import { temporaryFolder } from "./run.ts";

export const rawOf = (built: BuiltTransaction): Uint8Array =>
  rawTransaction(built.transaction).slice();
export const codeOf = (verdict: TransactionVerdict | null): string =>
  verdict === null ? "-" : verdict.ok ? "ok" : verdict.code;

export interface Bench {
  readonly chain: TestChain;
  readonly view: Mempool;
  /** A coin that nothing spends yet. */
  coin(): OwnedCoin;
  send(built: BuiltTransaction): Promise<string>;
  /** Sends it, which must succeed; txids of what it replaced, sorted. */
  replace(built: BuiltTransaction): Promise<string[]>;
  /** Why it was refused, in full. */
  reason(built: BuiltTransaction): Promise<string>;
  pack(...built: BuiltTransaction[]): Promise<PackageVerdict>;
  settle(): Promise<void>;
  /** A block of these comes. */
  connect(transactions: readonly BuiltTransaction[]): Promise<void>;
  /** The last block is undone for two empty ones. */
  disconnect(): Promise<void>;
}

export interface BenchOptions {
  readonly coins?: number;
  readonly hostCount?: number;
}

export async function bench(
  context: TestContext,
  { coins = 30, hostCount = 2 }: BenchOptions = {},
): Promise<Bench> {
  const chain = new TestChain({ seed: "mempool bench" });
  const opened = await openChain({
    folder: join(temporaryFolder(), "data"),
    params: chain.params,
    partitionCount: 4,
    hostCount,
    verifierCount: 1,
    memoryMegabytes: 512,
    clock: () => chain.tip.time + 600,
    skipScripts: () => false,
  });
  const mempool = await openMempool(opened, { clock: () => chain.tip.time });
  context.after(async () => {
    await mempool.close();
    await opened.close();
  });
  const blocks = chain.mineMany(100 + coins);
  for (const block of blocks) await opened.chain.submit(block.bytes);
  let next = 0;
  const { view } = mempool;
  return {
    chain,
    view,
    coin: () => blocks[next++]!.reward!,
    send: async (built) => codeOf(await view.submit(rawOf(built))),
    replace: async (built) => {
      const verdict = await view.submit(rawOf(built));
      assert.ok(verdict.ok, JSON.stringify(verdict));
      return shownSorted(verdict.replaced ?? []);
    },
    reason: async (built) => {
      const verdict = await view.submit(rawOf(built));
      assert.ok(!verdict.ok);
      const dry = await view.submit(rawOf(built), { dry: true });
      assert.ok(!dry.ok && dry.code === verdict.code && dry.debug === verdict.debug);
      return `${verdict.code}, ${verdict.debug}`;
    },
    pack: (...built) => view.submitPackage(built.map(rawOf)),
    settle: async () => {
      await view.save();
    },
    connect: async (transactions) => {
      await opened.chain.submit(chain.mine({ transactions }).bytes);
    },
    disconnect: async () => {
      for (const block of chain.mineMany(2, chain.tip.parent!)) {
        await opened.chain.submit(block.bytes);
      }
    },
  };
}

export const named = ({ transaction: { txid, wtxid } }: BuiltTransaction): string =>
  `tx ${toDisplayHex(txid)} (wtxid=${toDisplayHex(wtxid)})`;

export const sizeOf = ({ transaction }: BuiltTransaction): number =>
  Math.ceil(transactionWeight(transaction) / 4);

/** An output that carries so many bytes and pays nobody. */
export function padding(bytes: number): { value: number; script: Uint8Array } {
  const head = Uint8Array.of(0x6a, 0x4d, bytes & 255, bytes >> 8);
  return { value: 0, script: concatBytes(head, new Uint8Array(bytes)) };
}

/** Txids as people see them, sorted. */
export function shownSorted(txids: readonly Uint8Array[]): string[] {
  return txids.map((txid) => toDisplayHex(txid)).sort();
}
