// Blocks that a staked node makes of its mempool's segments, in one process with real mempools: others
// take them, they empty the mempool parents first, and they are within every bound of the network.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { GENESIS_MS, type StakedTest, stakedTest } from "../../../test/support/staked-blocks.ts";
import {
  headOf,
  join,
  openShell,
  type Shell,
  type ShellMempool,
  SLOT_MS,
  settle,
  signerOf,
  slot,
  type World,
  yes,
} from "../../../test/support/staked-shell.ts";
import { hex, toHex } from "../../base/bytes.ts";
import { type Block, decodeBlock } from "../../ledger/bitcoin/block.ts";
import { rawTransaction } from "../../ledger/bitcoin/transaction.ts";
import { operationScript } from "../../planes/consensus/qpos/operations.ts";
import type { BlockReserve, BlockTemplate } from "../../ports/mempool.ts";
import {
  type BuiltTransaction,
  buildTransaction,
  type OwnedCoin,
} from "../generate-chain/build-transaction.ts";
import type { Mempool } from "../mempool/mempool.ts";
import { openMempool } from "../mempool/open-mempool.ts";
import { BondRule } from "./bond-rule.ts";

interface Maker extends Shell {
  readonly mempool: Mempool;
  /** The templates that blocks were made of, oldest first. */
  readonly templates: BlockTemplate[];
}

interface Setting {
  readonly made: StakedTest;
  readonly world: World;
  readonly maker: Maker;
  readonly follower: Shell;
  /** One slot, in which the maker makes the only block. */
  next(): Promise<Block>;
}

function rawOf({ transaction }: BuiltTransaction): Uint8Array {
  return rawTransaction(transaction).slice();
}

/** A node with all keys and a mempool in several threads, and one that follows it. */
async function setting(
  context: TestContext,
  ledger: { readonly segmentBits: number; readonly blockBytesMax?: number },
): Promise<Setting> {
  const made = stakedTest(2, ledger);
  const world = { nowMs: GENESIS_MS + 5 * SLOT_MS };
  let view: Mempool | null = null;
  const templates: BlockTemplate[] = [];
  const mempool: ShellMempool = async (opened, _, { core }) => {
    const bonds = new BondRule();
    const filled = await openMempool(opened, {
      clock: () => Math.floor(world.nowMs / 1_000),
      requireStandard: false,
      segmentBits: made.network.params.staked!.segmentBits,
      spendRule: bonds,
    });
    bonds.follow(core);
    view = filled.view;
    const whole = filled.view.template.bind(filled.view);
    filled.view.template = async (transactions?: boolean, reserve?: BlockReserve) => {
      const template = await whole(transactions, reserve);
      templates.push(template);
      return template;
    };
    return filled;
  };
  const options = { partitionCount: 4, hostCount: 2, mempool };
  const shell = await openShell(context, made, world, signerOf(made, yes), options);
  const follower = await openShell(context, made, world, null);
  join(shell, follower);
  world.nowMs += 3_000;
  const maker = { ...shell, mempool: view!, templates };
  const next = async (): Promise<Block> => {
    const { height } = maker.consensus.core.head;
    await slot(world, maker, follower);
    assert.equal(maker.consensus.core.head.height, height + 1, "it made a block");
    assert.equal(headOf(follower), headOf(maker), "and the other took it");
    for (const { consensus, faults } of [maker, follower]) {
      assert.equal(consensus.statistics.invalidBlocks, 0);
      assert.deepEqual(faults, []);
    }
    assert.equal(maker.mempool.statistics.invalidTemplates, 0);
    return headBlock(maker);
  };
  await settle(maker, follower);
  return { made, world, maker, follower, next };
}

/** The block of a shell's head, as a peer gets it. */
function headBlock(shell: Shell): Block {
  shell.sent.length = 0;
  shell.consensus.message(0, "qget", hex(headOf(shell)));
  const { payload } = shell.sent.splice(0).find(({ command }) => command === "qblock")!;
  const decoded = decodeBlock(payload, 0, payload.length, "staked");
  assert.ok(decoded.ok);
  return decoded.value;
}

async function submit(
  { mempool }: Maker,
  transactions: readonly BuiltTransaction[],
): Promise<void> {
  for (const verdict of await Promise.all(transactions.map((one) => mempool.submit(rawOf(one))))) {
    assert.ok(verdict.ok, verdict.ok ? "" : verdict.code);
  }
}

function fanOut(coin: OwnedCoin, count: number): BuiltTransaction {
  const value = Math.floor(coin.value / count) - 1_000;
  const payments = Array.from({ length: count }, () => ({ value, kind: coin.kind, key: coin.key }));
  return buildTransaction({ coins: [coin], payments });
}

function payOn(coin: OwnedCoin, fee = 1_000): BuiltTransaction {
  const payments = [{ value: coin.value - fee, kind: coin.kind, key: coin.key }];
  return buildTransaction({ coins: [coin], payments });
}

const idOf = ({ transaction }: BuiltTransaction): string => toHex(transaction.txid);

test("a block of segments is taken by others and empties the mempool, children behind parents", async (context) => {
  const { made, maker, next } = await setting(context, { segmentBits: 4 });
  const fans = made.faucet.map((coin) => fanOut(coin, 30));
  await submit(maker, fans);
  assert.equal((await next()).transactions.length, 1 + fans.length);
  const parents = fans.flatMap(({ created }) => created.map((coin) => payOn(coin)));
  const children = parents.slice(0, 150).map(({ created }) => payOn(created[0]!));
  const grandchildren = children.slice(0, 60).map(({ created }) => payOn(created[0]!));
  await submit(maker, parents);
  await submit(maker, children);
  await submit(maker, grandchildren);
  const all = [...parents, ...children, ...grandchildren];
  const { assembled } = (await maker.mempool.assemble())!;
  const sealed = assembled.segments.filter(({ isSealed }) => isSealed).length;
  assert.ok(sealed >= 10, `${sealed} segments were hashed before the block`);
  const block = await next();
  assert.equal(maker.templates.at(-1)!.segments?.bits, 4);
  const [, ...ids] = block.transactions.map(({ txid }) => toHex(txid));
  assert.deepEqual(new Set(ids), new Set(all.map(idOf)));
  const place = new Map(ids.map((id, at) => [id, at + 1]));
  let across = 0;
  for (const child of [...children, ...grandchildren]) {
    const at = place.get(idOf(child))!;
    const before = place.get(toHex(child.coins[0]!.txid))!;
    assert.ok(before < at, "parents precede");
    if (before >> 4 !== at >> 4) across++;
  }
  assert.ok(across > 100, "most of them in an earlier segment");
  assert.equal(maker.consensus.core.head.height, 2);
  assert.equal(maker.mempool.info().count, 0);
  assert.equal((await next()).transactions.length, 1);
});

test("a mempool larger than a block gives blocks by fee, then the rest in segments", async (context) => {
  const bytesMax = 20_000;
  const { made, maker, next } = await setting(context, { segmentBits: 4, blockBytesMax: bytesMax });
  const fans = made.faucet.slice(0, 4).map((coin) => fanOut(coin, 40));
  await submit(maker, fans);
  await next();
  const payments = fans.flatMap(({ created }, at) =>
    created.map((coin, index) => payOn(coin, 1_000 + 100 * (at * 40 + index))),
  );
  await submit(maker, payments);
  const taken: Block[] = [];
  while (maker.mempool.info().count > 0) {
    const block = await next();
    assert.ok(block.end - block.start <= bytesMax, `${block.end - block.start} bytes`);
    taken.push(block);
  }
  assert.ok(taken.length >= 2, `${taken.length} blocks`);
  const chosen = maker.templates.slice(-taken.length);
  assert.ok(chosen.slice(0, -1).every(({ segments }) => segments === null));
  assert.notEqual(chosen.at(-1)!.segments, null);
  const best = new Set(payments.slice(-taken[0]!.transactions.length + 1).map(idOf));
  assert.deepEqual(new Set(taken[0]!.transactions.slice(1).map(({ txid }) => toHex(txid))), best);
  assert.equal(
    taken.reduce((sum, { transactions }) => sum + transactions.length - 1, 0),
    payments.length,
  );
});

test("signature checks of a block stay within the network's bound", async (context) => {
  const bytesMax = 100_000;
  const { made, maker, next } = await setting(context, { segmentBits: 4, blockBytesMax: bytesMax });
  const fans = made.faucet.slice(0, 4).map((coin) => fanOut(coin, 40));
  await submit(maker, fans);
  await next();
  // One bare CHECKMULTISIG each, 20 checks of weight 4: 100 of them are all that a block may hold.
  const script = Uint8Array.of(0xae);
  const heavy = fans.flatMap(({ created }) =>
    created.map((coin) => {
      const payments = [{ value: 1_000, kind: coin.kind, key: coin.key }];
      return buildTransaction({
        coins: [coin],
        payments,
        otherOutputs: [{ value: 1_000, script }],
      });
    }),
  );
  await submit(maker, heavy);
  const first = (await next()).transactions.length - 1;
  assert.ok(first >= 90 && first <= 100, `${first} of ${heavy.length}`);
  assert.equal(maker.templates.at(-1)!.segments, null);
  assert.equal((await next()).transactions.length - 1, heavy.length - first);
  assert.equal(maker.mempool.info().count, 0);
});

test("what spends the bond of its own block's registration stays out, with all behind it", async (context) => {
  const { made, maker, next } = await setting(context, { segmentBits: 4 });
  const [coin, other] = made.faucet;
  const payment = { value: 1_000_000, kind: coin!.kind, key: coin!.key };
  const script = operationScript({
    op: "register",
    bondOutput: 0,
    payoutOutput: 255,
    operatorOutput: 255,
    flags: 1,
    signKey: "11".repeat(32),
    commit: "22".repeat(32),
  });
  const registration = buildTransaction({
    coins: [coin!],
    payments: [payment],
    otherOutputs: [{ value: 0, script }],
  });
  const spend = payOn(registration.created[0]!);
  const behind = payOn(spend.created[0]!);
  const harmless = payOn(other!);
  for (const one of [registration, spend, behind, harmless]) await submit(maker, [one]);
  const block = await next();
  assert.equal(maker.templates.at(-1)!.segments, null, "chosen, not taken whole");
  const ids = block.transactions.slice(1).map(({ txid }) => toHex(txid));
  assert.deepEqual(new Set(ids), new Set([registration, harmless].map(idOf)));
});

test("what has to wait for a height is in the first block that may hold it", async (context) => {
  const { made, maker, next } = await setting(context, { segmentBits: 4 });
  const [coin] = made.faucet;
  const payments = [{ value: 1_000_000, kind: coin!.kind, key: coin!.key }];
  const late = buildTransaction({ coins: [coin!], payments, lockTime: 1, sequence: 1 });
  const early = await maker.mempool.submit(rawOf(late));
  assert.equal(early.ok ? "" : early.code, "non-final");
  await next();
  await submit(maker, [late]);
  assert.equal((await next()).transactions.length, 2);
  assert.notEqual(maker.templates.at(-1)!.segments, null);
});
