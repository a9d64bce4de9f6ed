import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { temporaryFolder } from "../../../test/support/run.ts";
import { toHex } from "../../base/bytes.ts";
import type { CoinSetInfo } from "../../ports/coins.ts";
import { TestChain } from "../generate-chain/test-chain.ts";
import { coinSetDigest } from "./digest.ts";
import { type OpenedChain, openChain } from "./open.ts";

function open(folder: string, chain: TestChain): Promise<OpenedChain> {
  return openChain({
    folder,
    params: chain.params,
    partitionCount: 3,
    hostCount: 2,
    verifierCount: 1,
    memoryMegabytes: 512,
    clock: () => 2_000_000_000,
    skipScripts: () => false,
  });
}

/** What a look at everything at once says of the present tip. */
async function direct(opened: OpenedChain): Promise<string> {
  const { count, amount, bytes, muhash } = await coinSetDigest(opened, true);
  return `${toHex(opened.chain.tip.hash)} ${count} ${amount} ${bytes} ${toHex(muhash!)}`;
}

const shown = ({ hash, coins, amount, bytes, muhash }: CoinSetInfo): string =>
  `${toHex(hash)} ${coins} ${amount} ${bytes} ${toHex(muhash!)}`;

test("a small set is counted whole, transactions and all", async (context) => {
  const chain = new TestChain({ seed: "census" });
  const opened = await open(join(temporaryFolder(), "data"), chain);
  context.after(() => opened.close());
  const blocks = chain.mineMany(110);
  for (const block of blocks) await opened.chain.submit(block.bytes);
  const split = chain.spend([blocks[0]!.reward], { outputs: 5 });
  await opened.chain.submit(chain.mine({ transactions: [split] }).bytes);
  const info = await opened.census.info(true);
  assert.equal(shown(info), await direct(opened));
  // 111 coinbases, one of them spent, and the split.
  assert.equal(info.transactions, 111);
  assert.equal(info.height, 111);
  assert.ok(info.diskBytes > 0);
  const spent = chain.spend(split.created.slice(0, 4));
  await opened.chain.submit(chain.mine({ transactions: [spent] }).bytes);
  assert.equal((await opened.census.info(false)).transactions, 113);
  await opened.chain.submit(chain.mine({ transactions: [chain.spend([split.created[4]!])] }).bytes);
  assert.equal((await opened.census.info(false)).transactions, 114);
  assert.equal((await opened.census.info(false)).muhash, null);
  assert.equal(shown(await opened.census.info(true)), await direct(opened));
});

test("a large set is counted beside the blocks, and its hash is carried on", async (context) => {
  const chain = new TestChain({ seed: "large census" });
  const folder = join(temporaryFolder(), "data");
  let opened = await open(folder, chain);
  const base = chain.mineMany(130);
  for (const block of base) await opened.chain.submit(block.bytes);
  for (let at = 0; at < 22; at++) {
    const fan = chain.spend([base[at]!.reward], { outputs: 1_000, fee: 100_000 });
    await opened.chain.submit(chain.mine({ transactions: [fan] }).bytes);
  }
  const expected = await direct(opened);
  const height = opened.chain.tip.height;
  // Blocks that come while it counts are connected before it is done.
  let counted = false;
  const counting = opened.census.info(true).then((info) => {
    counted = true;
    return info;
  });
  // Its place in the order of the chain is before these.
  await setImmediate();
  const spend = chain.spend([base[25]!.reward], { outputs: 3 });
  const next = chain.mine({ transactions: [spend] });
  await opened.chain.submit(next.bytes);
  await opened.chain.submit(chain.mine().bytes);
  assert.equal(counted, false, "the count goes on beside");
  const first = await counting;
  assert.equal(shown(first), expected);
  assert.equal(first.height, height);
  assert.notEqual(first.transactions, null);

  const carried = await opened.census.info(true);
  assert.equal(carried.height, height + 2);
  assert.equal(carried.transactions, null, "only what has changed was looked at");
  assert.equal(shown(carried), await direct(opened));
  // A reorganisation is undone in the hash as well.
  let rival = chain.mine({ parent: next, advance: false });
  for (let count = 0; count < 2; count++) {
    await opened.chain.submit(rival.bytes);
    rival = chain.mine({ parent: rival, advance: false });
  }
  await opened.chain.submit(rival.bytes);
  assert.equal(opened.chain.tip.height, height + 4);
  const after = await opened.census.info(true);
  assert.equal(after.transactions, null);
  assert.equal(shown(after), await direct(opened));
  await opened.close();

  opened = await open(folder, chain);
  context.after(() => opened.close());
  const again = await opened.census.info(true);
  assert.equal(again.transactions, null, "it was not counted anew");
  assert.equal(shown(again), shown(after));
});
