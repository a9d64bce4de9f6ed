// A steered chain: random trees of blocks judged in random order, beside and on the branch that is
// followed; the coins must be those of a node that saw only the branch it was told to follow, before
// and after it is opened again.
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { temporaryFolder } from "../../../test/support/run.ts";
import { emptyDisk, fillDisk, smallDisk } from "../../../test/support/small-disk.ts";
import {
  genesisOf,
  type StakedBlock,
  type StakedTest,
  stakedBlock,
  stakedTest,
} from "../../../test/support/staked-blocks.ts";
import { bytesEqual, toHex } from "../../base/bytes.ts";
import { INVALID } from "../../planes/consensus/work/block-index.ts";
import { type BuiltTransaction, buildTransaction } from "../generate-chain/build-transaction.ts";
import { corrupt } from "../generate-chain/test-chain.ts";
import { coinSetDigest } from "./digest.ts";
import { type OpenedChain, openStakedChain } from "./open.ts";
import { spentCoins } from "./spent-coins.ts";
import type { StakedChain } from "./staked-chain.ts";

const made = stakedTest();

type Opened = OpenedChain<StakedChain>;

function open(
  folder: string,
  { network }: StakedTest,
  room = { waits: false, reserveBytes: 0 },
): Promise<Opened> {
  return openStakedChain({
    folder,
    params: network.params,
    partitionCount: 3,
    verifierCount: 1,
    memoryMegabytes: 512,
    room,
    clock: () => 1_800_000_000,
    skipScripts: () => false,
  });
}

async function coinSet(opened: Opened): Promise<string> {
  const { count, amount, muhash } = await coinSetDigest(opened, true);
  return `${count} ${amount} ${toHex(muhash!)}`;
}

async function fresh(context: TestContext): Promise<Opened> {
  const opened = await open(temporaryFolder(), made);
  context.after(() => opened.close(false));
  return opened;
}

/** Pays coin number `at` of the first block to its own key. */
function pay(at: number, fee: number): BuiltTransaction {
  const coin = made.faucet[at]!;
  const payment = { value: coin.value - fee, kind: coin.kind, key: coin.key };
  return buildTransaction({ coins: [coin], payments: [payment] });
}

async function take(opened: Opened, block: StakedBlock, follow: boolean): Promise<string | null> {
  return opened.chain.judge(opened.chain.store(block.bytes), 0, follow);
}

test("what the first block gives out are coins at once, and need not mature", async (context) => {
  const opened = await fresh(context);
  assert.equal(opened.chain.tip.height, 0);
  const total = made.file.coins.reduce((sum, { value }) => sum + value, 0);
  const before = await coinSetDigest(opened, false);
  assert.deepEqual([before.count, before.amount], [made.file.coins.length, total]);
  const first = stakedBlock(genesisOf(made), { slot: 1, transactions: [pay(0, 1_000)] });
  assert.equal(await take(opened, first, true), null);
  assert.deepEqual(opened.chain.tip, { hash: first.header.hash, height: 1 });
});

test("a full disk holds blocks up in their order, and they are there when it has room", async (context) => {
  const disk = smallDisk(context, 48);
  if (disk === null) return;
  const folder = join(disk, "data");
  const opened = await open(folder, made, { waits: true, reserveBytes: 0 });
  const { chain } = opened;
  fillDisk(disk, 0);
  let tip = genesisOf(made);
  const blocks: StakedBlock[] = [];
  const ids: number[] = [];
  for (let slot = 1; slot <= 60; slot++) {
    tip = stakedBlock(tip, { slot });
    blocks.push(tip);
    ids.push(chain.store(tip.bytes));
  }
  assert.ok(!chain.holds(ids.at(-1)!), "there was no room for it");
  const written = chain.stored();
  assert.ok(chain.room.isStuck || ids.every((id) => chain.holds(id)));
  emptyDisk(disk);
  ids.push(chain.store(stakedBlock(tip, { slot: 61 }).bytes));
  await written;
  await chain.stored();
  for (const id of ids) assert.equal(await chain.judge(id, 0, true), null);
  await opened.close(false);
  const again = await open(folder, made);
  context.after(() => again.close(false));
  assert.equal(again.chain.tip.height, 61);
});

test("a block is invalid by coins, scripts and amounts, and so is all that stands on it", async (context) => {
  const opened = await fresh(context);
  const genesis = genesisOf(made);
  const before = await coinSet(opened);
  const cases: readonly (readonly [string, StakedBlock])[] = [
    ["bad-cb-amount", stakedBlock(genesis, { slot: 1, reward: 500_000_001 })],
    [
      "bad-txns-inputs-missingorspent",
      stakedBlock(genesis, { slot: 2, transactions: [pay(0, 1), pay(0, 2)] }),
    ],
    [
      "mandatory-script-verify-flag-failed",
      stakedBlock(genesis, { slot: 3, transactions: [corrupt(pay(0, 1_000))] }),
    ],
  ];
  for (const follow of [false, true]) {
    for (const [reason, block] of cases) {
      const other = stakedBlock(block, { slot: block.slot + (follow ? 10 : 20) });
      const judged = await take(opened, block, follow);
      if (!follow) assert.ok(judged?.startsWith(reason), `${judged} instead of ${reason}`);
      assert.notEqual(judged, null);
      assert.ok(opened.chain.index.has(opened.chain.index.find(block.header.hash), INVALID));
      assert.ok(opened.chain.index.has(opened.chain.store(other.bytes), INVALID));
      assert.equal(opened.chain.tip.height, 0);
      assert.equal(await coinSet(opened), before);
    }
  }
});

test("a row is taken whole or not at all", async (context) => {
  const opened = await fresh(context);
  const { chain } = opened;
  const blocks: StakedBlock[] = [];
  for (let slot = 1; slot <= 5; slot++) {
    const parent = blocks.at(-1) ?? genesisOf(made);
    const due = slot === 2 ? [{ script: "52", value: 7 }] : [];
    blocks.push(stakedBlock(parent, { slot, due, transactions: [pay(slot, 1_000)] }));
  }
  const good = new Map(blocks.map(({ bytes, slot }) => [chain.store(bytes), slot === 2 ? 7 : 0]));
  const before = await coinSet(opened);
  const poor = new Map([...good].map(([id]) => [id, 0]));
  assert.equal(await chain.judgeRow(poor), false, "the second pays more than it may");
  assert.equal(chain.tip.height, 0);
  assert.equal(await coinSet(opened), before);
  const records = chain.sequence;
  assert.equal(await chain.judgeRow(good), true);
  assert.equal(chain.tip.height, 5);
  assert.equal(chain.sequence, records + 1);
  const direct = await fresh(context);
  for (const { bytes, slot } of blocks) {
    assert.equal(
      await direct.chain.judge(direct.chain.store(bytes), slot === 2 ? 7 : 0, true),
      null,
    );
  }
  assert.equal(await coinSet(opened), await coinSet(direct));
});

test("what is due may be paid beside subsidy and fees", async (context) => {
  const opened = await fresh(context);
  const due = [{ script: "52", value: 7 }];
  const block = stakedBlock(genesisOf(made), { slot: 1, due });
  const id = opened.chain.store(block.bytes);
  assert.equal(await opened.chain.judge(id, 7, true), null);
  const next = stakedBlock(block, { slot: 2, due });
  assert.equal(await opened.chain.judge(opened.chain.store(next.bytes), 6, true), "bad-cb-amount");
});

const tree = fc.array(fc.record({ parent: fc.nat(100), pays: fc.nat(7), follow: fc.boolean() }), {
  minLength: 2,
  maxLength: 12,
});

interface Grown {
  readonly block: StakedBlock;
  readonly parent: Grown | null;
  readonly spent: ReadonlySet<number>;
  readonly follow: boolean;
}

type Tree = typeof tree extends fc.Arbitrary<infer T> ? T : never;

function grow(nodes: Tree): Grown[] {
  const grown: Grown[] = [];
  nodes.forEach(({ parent, pays, follow }, at) => {
    const on = grown[parent % (grown.length + 1)] ?? null;
    const spent = new Set(on?.spent);
    const transactions = spent.has(pays) ? [] : [pay(pays, 1_000 + at)];
    spent.add(pays);
    const base = on?.block ?? genesisOf(made);
    const slot = base.slot + 1 + (at % 3);
    const block = stakedBlock(base, { slot: slot * 50 + at, transactions });
    grown.push({ block, parent: on, spent, follow });
  });
  return grown;
}

test("the coins are those of the branch that is followed, whatever was judged beside it", async () => {
  await fc.assert(
    fc.asyncProperty(tree, async (nodes) => {
      const grown = grow(nodes);
      const folder = temporaryFolder();
      let opened = await open(folder, made);
      for (const { block, follow } of grown) {
        assert.equal(await take(opened, block, follow), null);
        const tip = bytesEqual(opened.chain.tip.hash, block.header.hash);
        assert.equal(tip, follow);
        const spent = spentCoins(opened.chain, block.header.hash);
        assert.ok(spent !== null, "its spent coins are known, followed or not");
      }
      const last = grown.at(-1)!;
      await opened.chain.activate(opened.chain.index.find(last.block.header.hash));
      const branch: StakedBlock[] = [];
      for (let at: Grown | null = last; at !== null; at = at.parent) branch.unshift(at.block);
      const direct = await open(temporaryFolder(), made);
      for (const block of branch) assert.equal(await take(direct, block, true), null);
      const wanted = await coinSet(direct);
      assert.equal(await coinSet(opened), wanted);
      await opened.close(nodes.length % 2 === 0);
      opened = await open(folder, made);
      assert.deepEqual(opened.chain.tip, direct.chain.tip);
      assert.equal(await coinSet(opened), wanted);
      await opened.close(false);
      await direct.close(false);
    }),
    { numRuns: 8 },
  );
});

test("a data directory remembers its chain", async () => {
  const folder = temporaryFolder();
  const opened = await open(folder, made);
  await opened.close();
  await assert.rejects(open(folder, stakedTest(4)), /holds another chain called teststaked/);
});
