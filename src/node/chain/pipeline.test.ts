// What goes on while blocks are in the pipeline: verdicts must not depend on it, an error of the disk
// or of a store must reach everyone who waits and leave the data sound, and a reorganisation may be
// larger than the memory.
import assert from "node:assert/strict";
import { truncateSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { temporaryFolder } from "../../../test/support/run.ts";
import { watchdog } from "../../../test/support/watchdog.ts";
import { type Bytes, concatBytes, toHex } from "../../base/bytes.ts";
import { withActivation } from "../../ledger/bitcoin/activation.ts";
import { HEADER_BYTES } from "../../ledger/bitcoin/block.ts";
import { encodeBlock } from "../../ledger/bitcoin/encode.ts";
import { REGTEST } from "../../ledger/bitcoin/networks.ts";
import { rawTransaction } from "../../ledger/bitcoin/transaction.ts";
import { StorageFull } from "../../ports/storage-error.ts";
import type { BlockEdits } from "../generate-chain/build-block.ts";
import { type ChainBlock, corrupt, TestChain } from "../generate-chain/test-chain.ts";
import { WorkerError } from "../workers/thread.ts";
import type { Submitted } from "./chain.ts";
import { coinSetDigest } from "./digest.ts";
import { faultOf } from "./faults.ts";
import { type OpenedChain, openChain } from "./open.ts";

const NOW = 2_000_000_000;

function open(folder: string, chain: TestChain, coinBytesMax?: number): Promise<OpenedChain> {
  return openChain({
    folder,
    params: chain.params,
    partitionCount: 3,
    verifierCount: 1,
    memoryMegabytes: 512,
    ...(coinBytesMax === undefined ? {} : { coinBytesMax }),
    clock: () => NOW,
    skipScripts: () => false,
  });
}

async function coinSet(opened: OpenedChain): Promise<string> {
  const { count, amount, muhash } = await coinSetDigest(opened, true);
  return `${count} ${amount} ${toHex(muhash!)}`;
}

const brief = ({ verdict, reason, height, tip }: Submitted): string =>
  `${verdict} ${reason ?? "-"} ${height} tip ${tip.height} ${toHex(tip.hash, 0, 4)}`;

async function oneByOne(opened: OpenedChain, blocks: readonly ChainBlock[]): Promise<string[]> {
  const lines: string[] = [];
  for (const block of blocks) lines.push(brief(await opened.chain.submit(block.bytes)));
  return lines;
}

async function atOnce(opened: OpenedChain, blocks: readonly ChainBlock[]): Promise<string[]> {
  const results = await Promise.all(blocks.map((block) => opened.chain.submit(block.bytes)));
  return results.map(brief);
}

/** The verdicts on `blocks` after `base`, the same whether they come at once or one by one. */
async function verdicts(
  context: TestContext,
  chain: TestChain,
  base: readonly ChainBlock[],
  blocks: readonly ChainBlock[],
): Promise<string[]> {
  const lines: string[][] = [];
  for (const way of [oneByOne, atOnce]) {
    const opened = await open(join(temporaryFolder(), "data"), chain);
    context.after(() => opened.close());
    await atOnce(opened, base);
    lines.push(await way(opened, blocks));
  }
  assert.deepEqual(lines[1], lines[0]);
  return lines[0]!.map((line) => line.split(" tip")[0]!);
}

test("what stands on an invalid block is judged alike in the pipeline and behind it", async (context) => {
  const chain = new TestChain({ seed: "behind" });
  const base = chain.mineMany(103);
  const bad = chain.mine({
    transactions: [corrupt(chain.spend([base[0]!.reward], { outputs: 2 }))],
  });
  const child = chain.mine();
  const grandchild = chain.mine();
  const last = chain.mine();
  const early = chain.mine({ parent: bad, time: base[0]!.time });
  const blocks = [bad, child, grandchild, last, early, bad, child, grandchild, last];
  assert.deepEqual(await verdicts(context, chain, base, blocks), [
    "rejected mandatory-script-verify-flag-failed (Script evaluated without error but finished with a false/empty top stack element) 104",
    "rejected bad-prevblk 105",
    "orphan - null",
    "orphan - null",
    "rejected bad-prevblk 105",
    "rejected duplicate-invalid 104",
    "rejected bad-prevblk 105",
    "orphan - null",
    "orphan - null",
  ]);
});

test("orphans that turn out to stand on an invalid block", async (context) => {
  const chain = new TestChain({ seed: "orphans" });
  const base = chain.mineMany(103);
  const bad = chain.mine({ edits: { extraReward: 1 } });
  const child = chain.mine();
  const twin = chain.mine({ parent: bad });
  const grandchild = chain.mine({ parent: child });
  const good = chain.mine({ parent: base.at(-1)! });
  const blocks = [grandchild, twin, child, bad, child, grandchild, twin, good];
  assert.deepEqual(await verdicts(context, chain, base, blocks), [
    "orphan - null",
    "orphan - null",
    "orphan - null",
    "rejected bad-cb-amount 104",
    "rejected bad-prevblk 105",
    "orphan - null",
    "rejected bad-prevblk 105",
    "connected - 104",
  ]);
});

test("a thousand blocks in reverse order", async (context) => {
  const chain = new TestChain({ seed: "reverse" });
  const base = chain.mineMany(1000);
  const opened = await open(join(temporaryFolder(), "data"), chain);
  context.after(() => opened.close());
  const lines = await atOnce(opened, [...base].reverse());
  assert.ok(lines.slice(0, -1).every((line) => line.startsWith("orphan - null tip 0 ")));
  assert.match(lines.at(-1)!, /^connected - 1 tip 1000 /);
  assert.equal(opened.chain.orphanCount, 0);
});

test("a block that was mutated, or too early for the clock, is taken when it comes as it is", async (context) => {
  const chain = new TestChain({ seed: "mutated" });
  const base = chain.mineMany(103);
  let now = NOW;
  const folder = join(temporaryFolder(), "data");
  const opened = await openChain({
    folder,
    params: chain.params,
    partitionCount: 2,
    verifierCount: 1,
    memoryMegabytes: 512,
    clock: () => now,
    skipScripts: () => false,
  });
  context.after(() => opened.close());
  await atOnce(opened, base);
  const block = chain.mine({ transactions: [chain.spend([base[0]!.reward])] });
  const mutated = block.bytes.slice();
  mutated[mutated.length - 6]! ^= 1;
  assert.match((await opened.chain.submit(mutated)).reason!, /^bad-/);
  assert.equal((await opened.chain.submit(block.bytes)).verdict, "connected");
  const late = chain.mine({ time: NOW + 7201 });
  assert.equal((await opened.chain.submit(late.bytes)).reason, "time-too-new");
  now += 1;
  assert.equal((await opened.chain.submit(late.bytes)).verdict, "connected");
});

test("other bytes under a known header are judged before they are called known", async (context) => {
  const chain = new TestChain({ seed: "other bytes" });
  const base = chain.mineMany(103);
  const [first, second] = [base[0]!, base[1]!].map(({ reward }) => chain.spend([reward]));
  const mine = (edits: BlockEdits): ChainBlock =>
    chain.mine({ transactions: [first!, second!], edits, advance: false });
  const known: [ChainBlock, string][] = [
    [mine({ extraReward: 1 }), "rejected duplicate-invalid"],
    [mine({ coinbaseScript: Uint8Array.of(1, 1) }), "rejected duplicate-invalid"],
    [mine({}), "duplicate"],
  ];
  const opened = await open(join(temporaryFolder(), "data"), chain);
  context.after(() => opened.close());
  await atOnce(opened, base);
  await oneByOne(
    opened,
    known.map(([block]) => block),
  );
  const judge = async (raw: Bytes): Promise<string> => {
    const { verdict, reason } = await opened.chain.submit(raw);
    return reason === null ? verdict : `${verdict} ${reason}`;
  };
  for (const [{ block, bytes }, again] of known) {
    const head = bytes.subarray(0, HEADER_BYTES);
    const list = block.transactions.map(rawTransaction);
    // Another list with the same root (CVE-2012-2459).
    const longer = encodeBlock(head, [...list, list.at(-1)!]);
    assert.equal(await judge(longer), "rejected bad-txns-duplicate");
    assert.equal(await judge(encodeBlock(head, list.slice(1))), "rejected bad-txnmrklroot");
    assert.equal(await judge(bytes.subarray(0, -1)), "rejected block-decode-failed");
    assert.equal(await judge(concatBytes(bytes, Uint8Array.of(0))), again);
    assert.equal(await judge(bytes), again);
  }
});

test("a transaction that comes again is named alike, whether its coins are stored or not", async (context) => {
  const chain = new TestChain({ seed: "again" });
  const base = chain.mineMany(103);
  const spend = chain.spend([base[0]!.reward], { outputs: 2 });
  const first = chain.mine({ transactions: [spend] });
  const again = chain.mine({ transactions: [spend], advance: false });
  const opened = await open(join(temporaryFolder(), "data"), chain);
  context.after(() => opened.close());
  await atOnce(opened, [...base, first]);
  const before = await coinSet(opened);
  assert.equal((await opened.chain.submit(again.bytes)).reason, "bad-txns-BIP30");
  assert.equal(await coinSet(opened), before);
  await opened.chain.flush();
  const other = chain.mine({ transactions: [spend], advance: false });
  assert.equal((await opened.chain.submit(other.bytes)).reason, "bad-txns-BIP30");
  assert.equal(await coinSet(opened), before);
});

test("a coinbase that comes again: refused while unspent, taken when spent, undone with its block", async (context) => {
  const moved = withActivation(REGTEST, "bip34@500");
  assert.ok(moved.ok);
  const chain = new TestChain({ seed: "bip30", params: moved.params, keys: 1 });
  const same = { coinbaseScript: Uint8Array.of(0x51, 0x51) };
  const first = chain.mine({ edits: same });
  const base = [first, ...chain.mineMany(100)];
  const opened = await open(join(temporaryFolder(), "data"), chain);
  context.after(() => opened.close());
  await atOnce(opened, base);
  const refused = chain.mine({ edits: same, advance: false });
  assert.equal((await opened.chain.submit(refused.bytes)).reason, "bad-txns-BIP30");
  await opened.chain.flush();
  const refusedToo = chain.mine({ edits: same, time: chain.tip.time + 1, advance: false });
  assert.equal((await opened.chain.submit(refusedToo.bytes)).reason, "bad-txns-BIP30");
  const spent = chain.mine({ transactions: [chain.spend([first.reward])] });
  assert.equal((await opened.chain.submit(spent.bytes)).verdict, "connected");
  const before = await coinSet(opened);
  const again = chain.mine({ edits: same });
  const result = await opened.chain.submit(again.bytes);
  assert.equal(`${result.verdict} ${result.reason}`, "connected null");
  assert.notEqual(await coinSet(opened), before);
  await opened.chain.invalidate(again.hash);
  assert.equal(await coinSet(opened), before);
});

interface Failing {
  readonly name: string;
  readonly arm: (opened: OpenedChain, after: number) => void;
  readonly kind: string;
}

/** Makes the call number `after` of a method throw, and all later ones. */
function breakMethod(owner: object, method: string, after: number, error: () => Error): void {
  const methods = owner as Record<string, (...words: unknown[]) => unknown>;
  const sound = methods[method]!.bind(owner);
  let calls = 0;
  methods[method] = (...words) => {
    calls += 1;
    if (calls > after) throw error();
    return sound(...words);
  };
}

const full = (): Error => new StorageFull("/nowhere");
const corruptStore = (): Error =>
  new WorkerError({ code: "CORRUPT", message: "damaged store p0.mdb", stack: "" });

/** A host that answers `kind` with an error from the call number `after` on. */
function breakHost(opened: OpenedChain, kind: string, after: number): void {
  const host = opened.hosts[0]! as unknown as { call(request: { kind: string }): Promise<unknown> };
  const sound = host.call.bind(host);
  let calls = 0;
  host.call = (request) => {
    if (request.kind !== kind) return sound(request);
    calls += 1;
    return calls > after ? Promise.reject(corruptStore()) : sound(request);
  };
}

const FAILING: readonly Failing[] = [
  {
    name: "blocks",
    kind: "full",
    arm: ({ files }, after) => breakMethod(files.blocks, "append", after, full),
  },
  {
    name: "index",
    kind: "full",
    arm: ({ files }, after) => breakMethod(files.index, "append", after, full),
  },
  {
    name: "deltas",
    kind: "full",
    arm: ({ files }, after) => breakMethod(files.deltas, "append", after, full),
  },
  {
    name: "log",
    kind: "full",
    arm: ({ files }, after) => breakMethod(files.log, "append", after > 1 ? 1 : 0, full),
  },
  {
    name: "a store while staging",
    kind: "damaged",
    arm: (opened, after) => breakHost(opened, "stage", after),
  },
  {
    name: "a store while undoing",
    kind: "damaged",
    arm: (opened) => breakHost(opened, "undo", 0),
  },
  {
    name: "a store while it is read through",
    kind: "damaged",
    arm: (opened) => breakHost(opened, "verify", 0),
  },
];

test("an error of a file or a store reaches everyone who waits, and a restart goes on", async (context) => {
  const chain = new TestChain({ seed: "failing" });
  const base = chain.mineMany(103);
  const twice = chain.spend([base[0]!.reward], { outputs: 2 });
  const main = [
    chain.mine({ transactions: [twice] }),
    chain.mine({ transactions: [chain.spend([base[1]!.reward], { outputs: 2 })] }),
  ];
  const bad = chain.mine({ transactions: [twice], advance: false });
  const rest = [chain.mine(), ...chain.mineMany(20)];
  const blocks = [...base, ...main, bad, ...rest];
  const plain = await open(join(temporaryFolder(), "data"), chain);
  context.after(() => plain.close());
  await atOnce(plain, blocks);
  const coins = await coinSet(plain);
  for (const { name, kind, arm } of FAILING) {
    for (const after of [1, 104]) {
      const folder = join(temporaryFolder(), "data");
      const broken = await open(folder, chain);
      arm(broken, after);
      const results = await Promise.allSettled(
        blocks.map((block) => broken.chain.submit(block.bytes)),
      );
      const refused = results.filter((result) => result.status === "rejected");
      assert.ok(refused.length > 0, `${name} ${after}: the error shows`);
      for (const { reason } of refused) assert.equal(faultOf(reason)?.kind, kind, name);
      await assert.rejects(broken.chain.submit(base[0]!.bytes));
      await assert.rejects(broken.chain.flush());
      await broken.close();
      const again = await open(folder, chain);
      await atOnce(again, blocks);
      assert.equal(await coinSet(again), coins, `${name} ${after}`);
      const lines = await atOnce(again, [bad]);
      assert.match(lines[0]!, /^rejected duplicate-invalid 106 /, `${name} ${after}`);
      await again.close();
    }
  }
});

test("a full pipeline whose first block waits for its delta leaves the thread to others", async (context) => {
  watchdog(context, 60_000);
  const chain = new TestChain({ seed: "patient" });
  const blocks = chain.mineMany(200);
  const opened = await open(join(temporaryFolder(), "data"), chain);
  context.after(() => opened.close());
  const { room } = opened.chain;
  const insist = room.insist.bind(room);
  let waits = 0;
  // Each write waits for a timer, as it does for room on the disk.
  room.insist = async (write) => {
    waits++;
    await new Promise((resolve) => setTimeout(resolve, 1));
    return await insist(write);
  };
  const lines = await atOnce(opened, blocks);
  assert.ok(lines.every((line) => line.startsWith("connected")));
  assert.ok(waits >= blocks.length);
});

test("an index record whose block was lost with the power does not stand for another block", async (context) => {
  const chain = new TestChain({ seed: "power" });
  const base = chain.mineMany(5);
  const lost = chain.mine({ parent: base[2]! });
  const other = chain.mine({
    parent: base[3]!,
    edits: { coinbaseOutputs: [{ value: 1, script: new Uint8Array(300) }] },
  });
  const folder = join(temporaryFolder(), "data");
  const first = await open(folder, chain);
  await atOnce(first, base);
  await atOnce(first, [lost]);
  const blocksFile = join(first.files.folder, "blocks", "blk00000.pando");
  const end = first.files.blocks.end.offset;
  await first.close();
  truncateSync(blocksFile, end - 10);
  const second = await open(folder, chain);
  assert.match((await atOnce(second, [other]))[0]!, /^side - 5 /);
  await second.close();
  const third = await open(folder, chain);
  context.after(() => third.close());
  assert.match((await atOnce(third, [lost]))[0]!, /^side - 4 /);
  const id = third.chain.index.find(lost.hash);
  assert.deepEqual(new Uint8Array(third.chain.readBlock(id)), new Uint8Array(lost.bytes));
});

/** A branch of `count` blocks from `parent`, each of which makes `outputs` coins. */
function wideBranch(
  chain: TestChain,
  base: readonly ChainBlock[],
  count: number,
  outputs: number,
): ChainBlock[] {
  const blocks: ChainBlock[] = [];
  let parent = base.at(-1)!;
  for (let number = 0; number < count; number++) {
    const spend = chain.spend([base[number]!.reward], { outputs });
    parent = chain.mine({ parent, transactions: [spend] });
    blocks.push(parent);
  }
  return blocks;
}

test("a budget below what a flush leaves in memory costs a flush a block, and no block waits", async (context) => {
  watchdog(context, 60_000);
  const chain = new TestChain({ seed: "tiny" });
  const opened = await open(join(temporaryFolder(), "data"), chain, 1);
  context.after(() => opened.close());
  const blocks = chain.mineMany(100);
  const lines = [
    ...(await oneByOne(opened, blocks.slice(0, 20))),
    ...(await atOnce(opened, blocks.slice(20))),
  ];
  assert.ok(lines.every((line) => line.startsWith("connected")));
  assert.ok(opened.chain.statistics.flushes >= 19, `${opened.chain.statistics.flushes} flushes`);
});

test("a reorganisation larger than the memory, forth and back", async (context) => {
  const chain = new TestChain({ seed: "deep" });
  const base = chain.mineMany(112);
  const outputs = 1500;
  const left = wideBranch(chain, base, 10, outputs);
  const right = wideBranch(chain, base, 11, outputs - 1);
  const bad = chain.mine({ parent: right[9]!, edits: { extraReward: 1 } });
  const opened = await open(join(temporaryFolder(), "data"), chain, 1 << 20);
  context.after(() => opened.close());
  await atOnce(opened, [...base, ...left]);
  const before = await coinSet(opened);
  const records = opened.chain.sequence;
  await atOnce(opened, right.slice(0, 10));
  assert.match((await atOnce(opened, [bad]))[0]!, /^rejected bad-cb-amount 123 tip 122 /);
  assert.ok(opened.chain.sequence > records + 2, "the switch was cut");
  assert.equal(await coinSet(opened), before);
  assert.equal(toHex(opened.chain.tip.hash), toHex(left.at(-1)!.hash));
  assert.match((await atOnce(opened, right.slice(10)))[0]!, /^connected - 123 tip 123 /);
  const lone = await open(join(temporaryFolder(), "data"), chain);
  context.after(() => lone.close());
  await atOnce(lone, [...base, ...right]);
  assert.equal(await coinSet(opened), await coinSet(lone));
});

test("the coins are what the subsidies gave, less what was burned or not claimed", async () => {
  const step = fc.record({
    spends: fc.nat(3),
    burned: fc.nat(10_000),
    unclaimed: fc.nat(10_000),
    fork: fc.nat(2),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      const chain = new TestChain({ seed: "conservation" });
      const blocks = chain.mineMany(110);
      const lost = new Map<ChainBlock, number>();
      for (const [number, { spends, burned, unclaimed, fork }] of steps.entries()) {
        const back = chain.tip.height - fork;
        const parent = back > 110 ? chain.tip.ancestor(back) : chain.tip;
        // A coin is spent once in a branch: each step has its own.
        const reward = blocks[number]!.reward;
        const transactions = spends > 0 ? chain.spendInChain(reward, spends, { outputs: 2 }) : [];
        const coinbaseOutputs = [{ value: burned, script: Uint8Array.of(0x6a, 1, 1) }];
        const edits = { coinbaseOutputs, extraReward: -unclaimed };
        const block = chain.mine({ parent, transactions, edits });
        lost.set(block, burned + unclaimed);
        blocks.push(block);
      }
      const opened = await open(join(temporaryFolder(), "data"), chain);
      try {
        await atOnce(opened, blocks);
        const tip = toHex(opened.chain.tip.hash);
        const branch = blocks.find((block) => toHex(block.hash) === tip)!.branch();
        let expected = 0;
        for (const block of branch) expected += 50e8 - (lost.get(block) ?? 0);
        // Regtest halves the subsidy every 150 blocks: this chain ends before.
        assert.ok(branch.length < 150);
        assert.equal((await coinSetDigest(opened, false)).amount, expected);
      } finally {
        await opened.close();
      }
    }),
    { numRuns: 12 },
  );
});
