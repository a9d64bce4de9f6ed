// Shells around real cores and chains, joined without a network and under a clock of their own: blocks
// made, fetched, followed and replayed; and what a peer may send that must cost this node nothing.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { temporaryFolder } from "../../../test/support/run.ts";
import { GENESIS_MS, type StakedTest, stakedTest } from "../../../test/support/staked-blocks.ts";
import {
  headOf,
  join,
  openShell,
  type Shell,
  SLOT_MS,
  settle,
  signerOf,
  slot,
  type World,
  yes,
} from "../../../test/support/staked-shell.ts";
import { hex, toDisplayHex } from "../../base/bytes.ts";
import { rawTransaction } from "../../ledger/bitcoin/transaction.ts";
import type { BlockTemplate, MempoolView } from "../../ports/mempool.ts";
import { blocksOnlyMempool } from "../blocks-only.ts";
import { buildTransaction } from "../generate-chain/build-transaction.ts";
import { encodeStatus } from "./wire.ts";

async function grown(
  context: TestContext,
  made: StakedTest,
  slots: number,
): Promise<{ world: World; maker: Shell }> {
  const world = { nowMs: GENESIS_MS + 5 * SLOT_MS };
  const maker = await openShell(context, made, world, signerOf(made, yes));
  world.nowMs += 3_000;
  for (let count = 0; count < slots; count++) await slot(world, maker);
  return { world, maker };
}

test("alone with all keys it fills every slot and finalizes; who comes late fetches all of it", async (context) => {
  const made = stakedTest(4);
  const { world, maker } = await grown(context, made, 40);
  assert.equal(maker.consensus.core.head.height, 40);
  const { finalized } = maker.view.finality();
  assert.ok(finalized.height >= 40 - 3 * 4, `final up to ${finalized.height}`);
  assert.equal(maker.view.power(finalized.hash)?.status, "finalized");
  assert.equal(maker.view.power(null)?.power, "1.00000000");

  const folder = temporaryFolder();
  const late = await openShell(context, made, world, null, { folder });
  join(maker, late);
  await settle(maker, late);
  assert.equal(headOf(late), headOf(maker));
  assert.deepEqual(late.view.finality().finalized, finalized);
  assert.deepEqual(late.faults, []);
  for (let count = 0; count < 4; count++) await slot(world, maker, late);
  assert.equal(late.consensus.core.head.height, 44);

  const told = late.view.finality();
  await late.close();
  const again = await openShell(context, made, world, null, { folder });
  assert.deepEqual(again.view.finality(), told, "head and finality are those of before");
});

test("other bytes behind a good header condemn nothing: the right ones are taken later", async (context) => {
  const made = stakedTest(4);
  const { world, maker } = await grown(context, made, 1);
  const follower = await openShell(context, made, world, null);
  follower.consensus.joined(0);
  const id = headOf(maker);
  maker.consensus.joined(0);
  maker.sent.length = 0;
  maker.consensus.message(0, "qget", hex(id));
  const good = maker.sent.find(({ command }) => command === "qblock")!.payload;
  const spoiled: readonly (readonly [string, number, string])[] = [
    ["the body", good.length - 1, "mutated-block"],
    ["the extras", 224 + 64 + 4 + 5, "mutated-block"],
    ["the signature", 224 + 40, "bad-signature"],
  ];
  for (const [what, at, why] of spoiled) {
    const bytes = good.slice();
    bytes[at]! ^= 1;
    follower.consensus.message(0, "qblock", bytes);
    await settle(follower);
    assert.deepEqual(follower.faults.splice(0), [why], what);
    assert.equal(follower.consensus.core.head.height, 0, what);
  }
  follower.consensus.message(0, "qblock", good);
  await settle(follower);
  assert.equal(headOf(follower), id);
  assert.equal(follower.view.power(toDisplayHex(hex(id)))?.height, 1);
});

test("malformed payloads are faults, and a peer that only promises does not hold this node up", async (context) => {
  const made = stakedTest(4);
  const { world, maker } = await grown(context, made, 2);
  maker.consensus.joined(7);
  for (const command of ["qstat", "qinv", "qget", "qfind", "qids", "qvote", "qevid"] as const) {
    maker.consensus.message(7, command, new Uint8Array(31));
  }
  assert.equal(maker.faults.length, 7);
  const lie = encodeStatus({ height: 1_000_000, finalizedRound: 0, head: "ab".repeat(32) });
  maker.consensus.message(7, "qstat", lie);
  assert.ok(maker.consensus.catchingUp, "it is asked for what it promised");
  await slot(world, maker);
  assert.equal(maker.consensus.core.head.height, 2, "and no block is made meanwhile");
  for (let count = 0; count < 6; count++) await slot(world, maker);
  assert.ok(!maker.consensus.catchingUp);
  const { height } = maker.consensus.core.head;
  maker.consensus.message(7, "qstat", lie);
  await slot(world, maker);
  assert.equal(maker.consensus.core.head.height, height + 1, "the second promise is not believed");
});

test("nothing leaves when the guard on disk forbids it", async (context) => {
  const made = stakedTest(1);
  const world = { nowMs: GENESIS_MS + 5 * SLOT_MS };
  let allowed = 2;
  const shell = await openShell(
    context,
    made,
    world,
    signerOf(made, () => allowed-- > 0),
  );
  world.nowMs += 3_000;
  for (let count = 0; count < 5; count++) await slot(world, shell);
  const { produced, votes } = shell.consensus.statistics;
  assert.equal(produced + votes, 2);
});

test("a block with a payment of nothing is given up everywhere, and the chain goes on", async (context) => {
  const made = stakedTest(4);
  const world = { nowMs: GENESIS_MS + 5 * SLOT_MS };
  const { transaction, fee } = buildTransaction({
    coins: [{ ...made.faucet[0]!, txid: new Uint8Array(32).fill(7) }],
    payments: [{ value: 1_000, kind: "p2wpkh", key: made.key }],
  });
  const { txid, wtxid } = transaction;
  const facts = { raw: rawTransaction(transaction), txid, wtxid, fee, sigops: 0, weight: 0 };
  let bad = false;
  const transactions = (): BlockTemplate["transactions"] =>
    bad ? [{ ...facts, depends: [] }] : [];
  const signer = signerOf(made, yes);
  const maker = await openShell(context, made, world, signer, {
    mempool: async ({ chain }) => {
      const empty = blocksOnlyMempool(chain, () => Math.floor(world.nowMs / 1_000));
      const template: MempoolView["template"] = async () => ({
        ...(await empty.template()),
        transactions: transactions(),
      });
      return { view: { ...empty, template }, close: async () => {} };
    },
  });
  const follower = await openShell(context, made, world, null);
  join(maker, follower);
  world.nowMs += 3_000;
  await slot(world, maker, follower);
  bad = true;
  await slot(world, maker, follower);
  bad = false;
  for (const { consensus, faults } of [maker, follower]) {
    assert.equal(consensus.statistics.invalidBlocks, 1);
    assert.equal(consensus.core.head.height, 1);
    assert.deepEqual(faults, [], "whoever passed it on could not know");
  }
  for (let count = 0; count < 12; count++) await slot(world, maker, follower);
  assert.equal(headOf(follower), headOf(maker));
  assert.ok(maker.consensus.core.head.height >= 12);
  assert.ok(maker.view.finality().finalized.height > 1);
});

test("an orphan whose parent nobody delivers is forgotten, and with it the belief to be behind", async (context) => {
  const made = stakedTest(4);
  const { world, maker } = await grown(context, made, 2);
  const follower = await openShell(context, made, world, null);
  follower.consensus.joined(0);
  maker.consensus.joined(0);
  maker.sent.length = 0;
  maker.consensus.message(0, "qget", hex(headOf(maker)));
  const { payload } = maker.sent.find(({ command }) => command === "qblock")!;
  follower.consensus.message(0, "qblock", payload);
  assert.equal(follower.consensus.core.orphanCount, 1);
  const waited: number[] = [];
  for (let seconds = 0; seconds < 20; seconds++) {
    world.nowMs += SLOT_MS;
    follower.consensus.tick();
    waited.push(follower.consensus.core.orphanCount);
  }
  assert.equal(waited[5], 1, "there is time to ask another");
  assert.equal(waited.at(-1), 0);
  assert.deepEqual(follower.faults, []);
});
