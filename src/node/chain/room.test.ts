// A disk that is full while blocks are in every stage: callers are told at once, reads go on, and
// when there is room what was begun ends and the rest is taken when it comes again. The end is that
// of a node which never met a full disk.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../../../test/support/run.ts";
import { emptyDisk, fillDisk, smallDisk } from "../../../test/support/small-disk.ts";
import { toHex } from "../../base/bytes.ts";
import { StorageFailed, StorageFull } from "../../ports/storage-error.ts";
import { type ChainBlock, corrupt, TestChain } from "../generate-chain/test-chain.ts";
import { coinSetDigest } from "./digest.ts";
import { type OpenedChain, openChain } from "./open.ts";
import { DiskRoom, NoRoom } from "./room.ts";

const NOW = 2_000_000_000;

function open(folder: string, chain: TestChain): Promise<OpenedChain> {
  return openChain({
    folder,
    params: chain.params,
    partitionCount: 3,
    verifierCount: 1,
    memoryMegabytes: 512,
    clock: () => NOW,
    skipScripts: () => false,
    // Every write meets the full disk itself.
    room: { waits: true, reserveBytes: 0 },
  });
}

async function state(opened: OpenedChain): Promise<string> {
  const { count, amount, muhash } = await coinSetDigest(opened, true);
  return `${toHex(opened.chain.tip.hash)} ${count} ${amount} ${toHex(muhash!)}`;
}

/** Blocks with a bad one, a rival branch that wins, and more on it. */
function history(): { chain: TestChain; blocks: readonly ChainBlock[] } {
  const chain = new TestChain({ seed: "room" });
  const base = chain.mineMany(103);
  const spends = Array.from({ length: 40 }, (_, at) =>
    chain.mine({ transactions: at < 3 ? [chain.spend([base[at]!.reward], { outputs: 300 })] : [] }),
  );
  const fork = spends[29]!;
  const wrong = corrupt(chain.spend([base[3]!.reward], { outputs: 2 }));
  const bad = chain.mine({ parent: fork, transactions: [wrong], advance: false });
  let at = fork;
  const rivals: ChainBlock[] = [];
  for (let count = 0; count < 15; count++) {
    at = chain.mine({ parent: at, advance: false });
    rivals.push(at);
  }
  return { chain, blocks: [...base, ...spends, bad, ...rivals] };
}

test("a full disk holds blocks up wherever they are, and spoils nothing", async (context) => {
  const { chain, blocks } = history();
  const plain = await open(join(temporaryFolder(), "data"), chain);
  context.after(() => plain.close());
  await Promise.all(blocks.map((block) => plain.chain.submit(block.bytes)));
  const expected = await state(plain);
  for (const after of [0, 1, 2, 60, 120, 140, 145]) {
    const disk = smallDisk(context, 48);
    if (disk === null) return;
    const opened = await open(join(disk, "data"), chain);
    const { room } = opened.chain;
    const reasons: (string | null)[] = [];
    room.subscribe((reason) => reasons.push(reason));
    const early = blocks.slice(0, after);
    await Promise.all(early.map((block) => opened.chain.submit(block.bytes)));
    fillDisk(disk, 0);
    const settled = await Promise.allSettled(
      blocks.slice(after).map((block) => opened.chain.submit(block.bytes)),
    );
    const refused = settled.filter(({ status }) => status === "rejected");
    assert.ok(refused.length > 0, `after ${after}: somebody was refused`);
    for (const one of refused) {
      assert.ok(one.status === "rejected" && one.reason instanceof NoRoom);
      assert.match(one.reason.message, /free some space/);
    }
    assert.ok(room.isStuck);
    await assert.rejects(opened.chain.submit(blocks.at(-1)!.bytes), NoRoom);
    const { tip } = opened.chain;
    if (tip.height > 0) {
      assert.ok(opened.chain.readBlock(opened.chain.index.find(tip.hash)).length > 80);
    }
    emptyDisk(disk);
    await opened.chain.idle();
    assert.equal(room.refusal, null);
    assert.equal(reasons.at(-1), null);
    for (const block of blocks) await opened.chain.submit(block.bytes);
    assert.equal(await state(opened), expected, `after ${after}`);
    await opened.close();
    const again = await open(join(disk, "data"), chain);
    assert.equal(await state(again), expected, `after ${after}, opened again`);
    await again.close();
  }
});

test("a flush of the coins that finds no room is tried again", async (context) => {
  const { chain, blocks } = history();
  // LMDB keeps 16 MiB free.
  const disk = smallDisk(context, 64);
  if (disk === null) return;
  const opened = await open(join(disk, "data"), chain);
  for (const block of blocks) await opened.chain.submit(block.bytes);
  const before = await state(opened);
  fillDisk(disk, 1 << 20);
  await assert.rejects(opened.chain.flush(), NoRoom);
  assert.ok(opened.chain.room.isStuck);
  await assert.rejects(opened.chain.submit(chain.mine().bytes), NoRoom);
  emptyDisk(disk);
  await opened.chain.idle();
  assert.equal(opened.chain.statistics.flushes, 1);
  assert.equal(await state(opened), before);
  await opened.close();
});

test("only a lack of room is waited for, and an end is an end", async () => {
  const room = new DiskRoom({ folder: "/", reserveBytes: 0, waits: true, freeBytes: () => 1 });
  let tries = 0;
  const failing = room.insist(() => {
    tries += 1;
    throw new StorageFailed("/x", "flush");
  });
  await assert.rejects(failing, StorageFailed);
  assert.equal(tries, 1, "a failed flush is never tried again");
  const waiting = room.insist(() => {
    throw new StorageFull("/x");
  });
  assert.ok(room.isStuck);
  room.end();
  await assert.rejects(waiting, StorageFull);
  const import_ = new DiskRoom({ folder: "/", reserveBytes: 2, waits: false, freeBytes: () => 1 });
  assert.equal(import_.refusal, null);
  await assert.rejects(
    import_.insist(() => {
      throw new StorageFull("/x");
    }),
    StorageFull,
  );
});

test("below the reserve nothing new is taken", () => {
  let free = 10;
  const room = new DiskRoom({ folder: "/d", reserveBytes: 5, waits: true, freeBytes: () => free });
  assert.equal(room.refusal, null);
  room.report("journal 0", "no room for the journal");
  assert.equal(room.refusal, "no room for the journal");
  assert.throws(() => room.assertRoom(), NoRoom);
  room.report("journal 0", null);
  assert.equal(room.refusal, null);
  free = 4;
  const low = new DiskRoom({ folder: "/d", reserveBytes: 5, waits: true, freeBytes: () => free });
  assert.match(low.refusal!, /less than 1 MiB are free on the disk of \/d: free some space/);
  assert.equal(low.isStuck, false);
});
