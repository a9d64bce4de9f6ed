// A data directory damaged in every kind of place, each time repaired: it says what it found, loses
// nothing but what cannot be read, and the same blocks imported again give the same coins.
import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../../../test/support/run.ts";
import { toHex } from "../../base/bytes.ts";
import { type ChainBlock, TestChain } from "../generate-chain/test-chain.ts";
import { coinSetDigest } from "./digest.ts";
import { faultOf } from "./faults.ts";
import { type OpenedChain, openChain } from "./open.ts";
import { type Repaired, repair } from "./repair.ts";

const chain = new TestChain({ seed: "repair" });
const PARTITIONS = 3;

function open(folder: string): Promise<OpenedChain> {
  return openChain({
    folder,
    params: chain.params,
    partitionCount: null,
    verifierCount: 1,
    memoryMegabytes: 512,
    clock: () => 2_000_000_000,
    skipScripts: () => false,
  });
}

async function coinSet(opened: OpenedChain): Promise<string> {
  const { count, amount, muhash } = await coinSetDigest(opened, true);
  return `${opened.chain.tip.height} ${count} ${amount} ${toHex(muhash!)}`;
}

interface Made {
  readonly folder: string;
  readonly blocks: readonly ChainBlock[];
  readonly coins: string;
  /** Places of the middle block, its delta and its index record in their files. */
  readonly at: { readonly block: number; readonly delta: number; readonly index: number };
}

let made: Promise<Made> | null = null;

/** A directory with some thousand coins, made once. */
function original(): Promise<Made> {
  made ??= make();
  return made;
}

async function make(): Promise<Made> {
  const folder = join(temporaryFolder(), "data");
  const base = chain.mineMany(110);
  const wide = base.slice(0, 8).map(({ reward }) => {
    return chain.mine({ transactions: [chain.spend([reward], { outputs: 500 })] });
  });
  const blocks = [...base, ...wide, ...chain.mineMany(3)];
  const opened = await openChain({
    folder,
    params: chain.params,
    partitionCount: PARTITIONS,
    // The same places in every run: which pages a flipped byte meets must not be chance.
    salt: new Uint8Array(16).fill(9),
    verifierCount: 1,
    memoryMegabytes: 512,
    clock: () => 2_000_000_000,
    skipScripts: () => false,
  });
  const { files } = opened;
  let at = { block: 0, delta: 0, index: 0 };
  for (const block of blocks) {
    if (block === wide[4]) {
      await opened.chain.idle();
      const end = (name: "blocks" | "deltas" | "index"): number => files[name].end.offset;
      at = { block: end("blocks"), delta: end("deltas"), index: end("index") };
    }
    await opened.chain.submit(block.bytes);
  }
  const coins = await coinSet(opened);
  await opened.close();
  return { folder, blocks, coins, at };
}

async function damagedCopy(damage: (network: string, folder: string) => void): Promise<string> {
  const { folder } = await original();
  const copy = join(temporaryFolder(), "data");
  cpSync(folder, copy, { recursive: true });
  damage(join(copy, "regtest"), copy);
  return copy;
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at < 0 ? bytes.length + at : at]! ^= 0x10;
  writeFileSync(path, bytes);
}

const BLOCKS = "blocks/blk00000.pando";
const DELTAS = "deltas/dlt00000.pando";
const INDEX = "index/idx00000.pando";

const run = (folder: string): Promise<Repaired> =>
  repair({ folder, params: chain.params, memoryMegabytes: 512, onBlock: () => {} });

/** Repairs, and imports everything again: the coins must be those of the original. */
async function repaired(folder: string, twice = true): Promise<Repaired> {
  const { blocks, coins } = await original();
  const result = await run(folder);
  if (twice) {
    const again = await run(folder);
    assert.deepEqual([...again.damage], [], "nothing is left to repair");
    assert.equal(again.rebuilt, "nothing");
  }
  const opened = await open(folder);
  for (const block of blocks) {
    const { verdict } = await opened.chain.submit(block.bytes);
    assert.ok(verdict === "connected" || verdict === "duplicate", verdict);
  }
  assert.equal(await coinSet(opened), coins);
  const last = opened.chain.index.find(blocks[4]!.hash);
  assert.deepEqual(Buffer.from(opened.chain.readBlock(last)), Buffer.from(blocks[4]!.bytes));
  await opened.close();
  return result;
}

const height = async (): Promise<number> => (await original()).blocks.length;

test("a sound directory stays as it is", async () => {
  const folder = await damagedCopy(() => {});
  const result = await repaired(folder);
  assert.deepEqual(
    { ...result, tip: result.tip.height },
    { damage: [], rebuilt: "nothing", lost: [], unconnected: 0, tip: await height(), kept: null },
  );
});

test("a damaged block is given up alone: its coins stay", async () => {
  const { at, blocks } = await original();
  for (const place of [at.block + 2, at.block + 21, at.block + 24 + 300]) {
    const folder = await damagedCopy((network) => flip(join(network, BLOCKS), place));
    const result = await repaired(folder);
    assert.equal(result.rebuilt, "blocks");
    assert.equal(result.damage.length, 1);
    assert.match(result.damage[0]!, new RegExp(`blk00000.pando offset ${at.block}: `));
    assert.deepEqual(
      result.lost.map((hash) => toHex(hash)),
      [toHex(blocks[114]!.hash)],
    );
    assert.equal(result.tip.height, await height());
  }
});

test("a block file that is cut or gone loses its blocks, not their coins", async () => {
  const { at } = await original();
  const cut = await damagedCopy((network) => truncateSync(join(network, BLOCKS), at.block + 100));
  const result = await repaired(cut);
  assert.equal(result.rebuilt, "blocks");
  assert.equal(result.lost.length, 7);
  assert.equal(result.tip.height, await height());
  const gone = await damagedCopy((network) => rmSync(join(network, BLOCKS)));
  assert.equal((await repaired(gone)).lost.length, await height());
});

test("damaged deltas, index and log are made again from the blocks", async () => {
  const { at } = await original();
  const damages: [RegExp, (network: string) => void][] = [
    [
      /dlt00000.pando offset \d+: checksum/,
      (network) => flip(join(network, DELTAS), at.delta + 90),
    ],
    [/dlt00000.pando offset \d+: header/, (network) => flip(join(network, DELTAS), at.delta + 5)],
    [/dlt00000.pando offset \d+: short/, (network) => truncateSync(join(network, DELTAS), 5000)],
    [/idx00000.pando offset \d+: checksum/, (network) => flip(join(network, INDEX), at.index + 30)],
    [/idx00000.pando offset \d+: short/, (network) => truncateSync(join(network, INDEX), 5000)],
    [
      /deltas: the folder is missing/,
      (network) => rmSync(join(network, "deltas"), { recursive: true }),
    ],
    [
      /index: the folder is missing/,
      (network) => rmSync(join(network, "index"), { recursive: true }),
    ],
    [/chain.log offset \d+: /, (network) => flip(join(network, "chain.log"), 700)],
    [/chain.log offset 0: header/, (network) => flip(join(network, "chain.log"), 3)],
    [/chain.log: the file is missing/, (network) => rmSync(join(network, "chain.log"))],
  ];
  for (const [line, damage] of damages) {
    const folder = await damagedCopy(damage);
    const result = await repaired(folder, false);
    assert.equal(result.rebuilt, "all", String(line));
    assert.match(result.damage.join("\n"), line);
    assert.equal(result.tip.height, await height());
    assert.ok(result.kept !== null && existsSync(result.kept));
  }
});

test("blocks and deltas damaged at once: the chain ends before the lost block", async () => {
  const { at } = await original();
  const folder = await damagedCopy((network) => {
    flip(join(network, BLOCKS), at.block + 100);
    flip(join(network, DELTAS), at.delta + 100);
  });
  const result = await repaired(folder);
  assert.equal(result.rebuilt, "all");
  assert.equal(result.tip.height, 114);
  assert.equal(result.unconnected, (await height()) - 115);
});

test("a log that lost its last records whole: the stores are ahead of it", async () => {
  const folder = await damagedCopy((network) => {
    const path = join(network, "chain.log");
    const bytes = readFileSync(path);
    // The end mark of the record before the last.
    const end = bytes.lastIndexOf("END.", bytes.length - 5);
    truncateSync(path, end + 4);
  });
  const result = await repaired(folder);
  assert.equal(result.rebuilt, "partitions");
  assert.match(result.damage[0]!, /partition \d is at record \d+, chain.log ends at \d+/);
});

test("FORMAT damaged or gone: a new key, everything made again", async () => {
  for (const damage of [
    (folder: string) => rmSync(join(folder, "FORMAT")),
    (folder: string) => writeFileSync(join(folder, "FORMAT"), "{"),
  ]) {
    const folder = await damagedCopy((_network, copy) => damage(copy));
    await assert.rejects(open(folder), (error) => faultOf(error) !== null);
    const result = await repaired(folder);
    assert.equal(result.rebuilt, "all");
    assert.match(result.damage[0]!, /FORMAT/);
    assert.equal(result.tip.height, await height());
  }
});

test("lost and cut stores are made again", async () => {
  for (const damage of [
    (path: string) => rmSync(path),
    (path: string) => truncateSync(path, 8192),
    (path: string) => truncateSync(path, 20_000),
    (path: string) => flip(path, 26),
  ]) {
    const folder = await damagedCopy((network) => damage(join(network, "coins", "p1.mdb")));
    const result = await repaired(folder);
    assert.equal(result.rebuilt, "partitions");
    assert.match(result.damage[0]!, /^damaged store .*p1.mdb: /);
  }
});

test("an empty store is a new one: a start fills it from the deltas", async () => {
  const folder = await damagedCopy((network) => truncateSync(join(network, "coins", "p1.mdb"), 0));
  assert.equal((await repaired(folder)).rebuilt, "nothing");
});

test("a store damaged on any page is sound for those who read it, or is made again", async () => {
  const { folder: source, coins } = await original();
  const path = join("coins", "p2.mdb");
  const size = readFileSync(join(source, "regtest", path)).length;
  const step = Number(process.env["PANDO_PAGE_STEP"] ?? 8 * 4096);
  // In every page: the page number, the flags and bounds, the first pointers, an entry.
  for (let page = 0, turn = 0; page < size; page += step, turn++) {
    const place = [3, 10, 12, 14, 16, 17, 30, 2000, 4090][turn % 9]!;
    const folder = await damagedCopy((network) => flip(join(network, path), page + place));
    await run(folder);
    const opened = await open(folder);
    assert.equal(await coinSet(opened), coins, `byte ${page + place}`);
    await opened.close();
  }
});
