// The chain against a model of a few lines: random trees of blocks, some of which break a rule, in
// random order, handed in all at once or one by one. The verdicts must be the same both ways, the
// tip the one that work and arrival decide, and the coin set that of a node which saw only the
// winning branch. Then the verdicts one by one.
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { temporaryFolder } from "../../../test/support/run.ts";
import { toHex } from "../../base/bytes.ts";
import type { BuiltTransaction } from "../generate-chain/build-transaction.ts";
import { type ChainBlock, corrupt, TestChain } from "../generate-chain/test-chain.ts";
import type { Submitted } from "./chain.ts";
import { coinSetDigest } from "./digest.ts";
import { type OpenedChain, openChain } from "./open.ts";

const NOW = 2_000_000_000;

function open(folder: string, chain: TestChain, memoryMegabytes = 512): Promise<OpenedChain> {
  return openChain({
    folder,
    params: chain.params,
    partitionCount: 3,
    verifierCount: 1,
    memoryMegabytes,
    clock: () => NOW,
    skipScripts: () => false,
  });
}

async function coinSet(opened: OpenedChain): Promise<string> {
  const { count, amount, muhash } = await coinSetDigest(opened, true);
  return `${count} ${amount} ${toHex(muhash!)}`;
}

const brief = (result: Submitted): string =>
  `${result.verdict} ${result.reason} ${result.tip.height} ${toHex(result.tip.hash, 0, 4)}`;

/** A tree on a matured chain: each node says which earlier one it stands on and whether it is bad. */
const tree = fc.array(
  fc.record({
    parent: fc.nat(1000),
    bad: fc.constantFrom("", "", "", "", "reward", "script", "context"),
    spends: fc.boolean(),
    order: fc.nat(1_000_000),
  }),
  { minLength: 3, maxLength: 14 },
);
type Tree = typeof tree extends fc.Arbitrary<infer T> ? T : never;

interface Grown {
  readonly base: readonly ChainBlock[];
  readonly blocks: readonly { block: ChainBlock; sound: boolean; order: number }[];
}

function grow(chain: TestChain, base: readonly ChainBlock[], nodes: Tree): Grown {
  const root = base.at(-1)!;
  const grown: { block: ChainBlock; sound: boolean; order: number }[] = [];
  for (const { parent, bad, spends, order } of nodes) {
    const on = grown[parent % (grown.length + 1)];
    const at = on?.block ?? root;
    const fresh = at.height - root.height < 4;
    let transactions =
      spends && fresh ? [chain.spend([base[at.height - root.height]!.reward], { outputs: 2 })] : [];
    if (bad === "script") {
      transactions = [corrupt(chain.spend([base[10]!.reward], { outputs: 1 }))];
    }
    const edits =
      bad === "reward"
        ? { extraReward: 1 }
        : bad === "context"
          ? { commitment: "wrong" as const }
          : {};
    // A wrong commitment needs a witness to be wrong about.
    if (bad === "context") transactions = [chain.spend([base[11]!.reward], { outputs: 1 })];
    const block = chain.mine({ parent: at, transactions, edits, advance: false });
    grown.push({ block, sound: bad === "" && (on?.sound ?? true), order });
  }
  return { base, blocks: grown };
}

/** The tip that must win: most work, then first to arrive with its whole branch behind it. */
function winner(grown: Grown): ChainBlock {
  let best = grown.base.at(-1)!;
  const here = new Set<ChainBlock>(grown.base);
  const waiting: ChainBlock[] = [];
  const settle = (block: ChainBlock): void => {
    here.add(block);
    if (block.height > best.height) best = block;
    // Orphans follow in the order of the blocks they waited for.
    for (const orphan of waiting.filter((other) => other.parent === block)) settle(orphan);
  };
  const arriving = [...grown.blocks].sort((a, b) => a.order - b.order);
  for (const { block, sound } of arriving) {
    if (!sound) continue;
    if (here.has(block.parent!)) settle(block);
    else waiting.push(block);
  }
  return best;
}

async function handIn(
  folder: string,
  chain: TestChain,
  grown: Grown,
  atOnce: boolean,
): Promise<{ lines: string[]; coins: string; tip: string }> {
  const opened = await open(folder, chain);
  try {
    for (const block of grown.base) void opened.chain.submit(block.bytes);
    const arriving = [...grown.blocks].sort((a, b) => a.order - b.order);
    const results: Submitted[] = [];
    if (atOnce) {
      results.push(
        ...(await Promise.all(arriving.map(({ block }) => opened.chain.submit(block.bytes)))),
      );
    } else {
      for (const { block } of arriving) results.push(await opened.chain.submit(block.bytes));
    }
    await opened.chain.idle();
    const tip = toHex(opened.chain.tip.hash);
    return { lines: results.map(brief), coins: await coinSet(opened), tip };
  } finally {
    await opened.close();
  }
}

test("random trees: verdicts, tip and coin set", async () => {
  const chain = new TestChain({ seed: "tree" });
  const base = chain.mineMany(112);
  await fc.assert(
    fc.asyncProperty(tree, async (nodes) => {
      const grown = grow(chain, base, nodes);
      const together = await handIn(temporaryFolder(), chain, grown, true);
      const single = await handIn(temporaryFolder(), chain, grown, false);
      assert.deepEqual(together, single);
      const best = winner(grown);
      assert.equal(together.tip, toHex(best.hash));
      const branch = best.branch().slice(base.length);
      const lone: Grown = {
        base,
        blocks: branch.map((block, order) => ({ block, sound: true, order })),
      };
      const expected = await handIn(temporaryFolder(), chain, lone, true);
      assert.equal(together.coins, expected.coins);
    }),
    { numRuns: Number(process.env["PANDO_CHAIN_RUNS"] ?? 12) },
  );
});

interface Scene {
  readonly chain: TestChain;
  readonly base: readonly ChainBlock[];
  readonly opened: OpenedChain;
  submit(block: ChainBlock): Promise<string>;
}

async function scene(context: TestContext): Promise<Scene> {
  const chain = new TestChain({ seed: "scene" });
  const base = chain.mineMany(103);
  const opened = await open(join(temporaryFolder(), "data"), chain);
  context.after(() => opened.close());
  for (const block of base) void opened.chain.submit(block.bytes);
  return {
    chain,
    base,
    opened,
    submit: async (block) => {
      const { verdict, reason, tip } = await opened.chain.submit(block.bytes);
      return `${verdict} ${reason ?? "-"} ${tip.height}`;
    },
  };
}

test("duplicates, side blocks, orphans and a reorganisation", async (context) => {
  const { chain, submit } = await scene(context);
  const fork = chain.tip;
  const a1 = chain.mine({ parent: fork });
  const b1 = chain.mine({ parent: fork });
  const b2 = chain.mine({ parent: b1 });
  const b3 = chain.mine({ parent: b2 });
  assert.equal(await submit(a1), "connected - 104");
  assert.equal(await submit(a1), "duplicate - 104");
  assert.equal(await submit(b3), "orphan - 104");
  assert.equal(await submit(b1), "side - 104");
  assert.equal(await submit(b2), "connected - 106");
  assert.equal(await submit(b3), "duplicate - 106");
});

test("a branch that fails half way gives the chain back", async (context) => {
  const { chain, base, opened, submit } = await scene(context);
  const fork = chain.tip;
  const spend = chain.spend([base[0]!.reward], { outputs: 2 });
  const a1 = chain.mine({ parent: fork, transactions: [spend] });
  assert.equal(await submit(a1), "connected - 104");
  const before = await coinSet(opened);
  const b1 = chain.mine({ parent: fork });
  const b2 = chain.mine({ parent: b1, edits: { extraReward: 1 } });
  const b3 = chain.mine({ parent: b2 });
  assert.equal(await submit(b1), "side - 104");
  assert.equal(await submit(b2), "rejected bad-cb-amount 104");
  assert.equal(await submit(b3), "rejected bad-prevblk 104");
  assert.equal(await submit(b2), "rejected duplicate-invalid 104");
  assert.equal(await coinSet(opened), before);
});

test("a side branch with an invalid block under a valid one is not followed", async (context) => {
  const { chain, base, opened, submit } = await scene(context);
  const fork = chain.tip;
  const a1 = chain.mine({ parent: fork });
  const a2 = chain.mine({ parent: a1 });
  await submit(a1);
  await submit(a2);
  const before = await coinSet(opened);
  const bad = corrupt(chain.spend([base[0]!.reward], { outputs: 2 }));
  const b1 = chain.mine({ parent: fork, transactions: [bad] });
  const b2 = chain.mine({ parent: b1 });
  const b3 = chain.mine({ parent: b2 });
  assert.equal(await submit(b1), "side - 105");
  assert.equal(await submit(b2), "side - 105");
  assert.equal(await submit(b3), "rejected bad-prevblk 105");
  assert.equal(await coinSet(opened), before);
});

test("blocks staged on one that fails are taken back with it", async (context) => {
  const { chain, base, opened } = await scene(context);
  await opened.chain.idle();
  const before = await coinSet(opened);
  const fork = chain.tip;
  const bad = chain.mine({
    parent: fork,
    transactions: [corrupt(chain.spend([base[0]!.reward], { outputs: 2 }))],
  });
  const child = chain.mine({ parent: bad });
  const good = chain.mine({ parent: fork });
  const results = await Promise.all(
    [bad, child, good].map((block) => opened.chain.submit(block.bytes)),
  );
  assert.match(results[0]!.reason ?? "", /^mandatory-script-verify-flag-failed \(.+\)$/);
  assert.equal(results[1]!.reason, "bad-prevblk");
  assert.equal(results[2]!.verdict, "connected");
  await opened.chain.invalidate(good.hash);
  assert.equal(await coinSet(opened), before);
  await opened.chain.reconsider(good.hash);
  assert.equal(toHex(opened.chain.tip.hash), toHex(good.hash));
});

test("coins missing, spent twice, too young, and double spends across blocks", async (context) => {
  const { chain, base, submit } = await scene(context);
  const first = chain.spend([base[0]!.reward], { outputs: 2 });
  const second = chain.spend([base[0]!.reward], { outputs: 3 });
  const young = chain.spend([base[60]!.reward], { outputs: 1 });
  const fork = chain.tip;
  const mine = (...transactions: BuiltTransaction[]): ChainBlock =>
    chain.mine({ parent: fork, transactions, advance: false });
  assert.equal(await submit(mine(first, second)), "rejected bad-txns-inputs-missingorspent 103");
  assert.equal(await submit(mine(young)), "rejected bad-txns-premature-spend-of-coinbase 103");
  const child = chain.spend(first.created.slice(0, 1), { outputs: 1 });
  assert.equal(await submit(mine(child, first)), "rejected bad-txns-inputs-missingorspent 103");
  assert.equal(await submit(mine(first, child)), "connected - 104");
});

test("a restart keeps the tip, the coins and what was invalid", async (context) => {
  const chain = new TestChain({ seed: "restart" });
  const folder = join(temporaryFolder(), "data");
  const base = chain.mineMany(103);
  const bad = chain.mine({ edits: { extraReward: 5 }, advance: false });
  const first = await open(folder, chain);
  for (const block of base) void first.chain.submit(block.bytes);
  await first.chain.submit(bad.bytes);
  const coins = await coinSet(first);
  await first.close();
  const second = await open(folder, chain);
  context.after(() => second.close());
  assert.equal(second.chain.tip.height, 103);
  assert.equal(await coinSet(second), coins);
  assert.equal((await second.chain.submit(bad.bytes)).reason, "duplicate-invalid");
});
