// Shells around real cores and chains, joined without a network and under a clock of their own: blocks
// made, fetched, followed and replayed; and what a peer may send that must cost this node nothing.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join as pathJoin } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryFolder } from "../../../test/support/run.ts";
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
import { type Bytes, hex, toDisplayHex, toHex, writeU32 } from "../../base/bytes.ts";
import { signSchnorr } from "../../crypto/secp256k1.ts";
import { rawTransaction } from "../../ledger/bitcoin/transaction.ts";
import {
  encodeEvidence,
  type SignedHeader,
  TWO_ACTS,
} from "../../planes/consensus/finality/evidence.ts";
import { encodeVote, type Vote, voteDigest } from "../../planes/consensus/finality/vote.ts";
import { decodeHeader, headerId } from "../../planes/consensus/qpos/header.ts";
import { operationScript } from "../../planes/consensus/qpos/operations.ts";
import { headerDigest } from "../../planes/consensus/qpos/suite.ts";
import type { BlockTemplate, MempoolView } from "../../ports/mempool.ts";
import { blocksOnlyMempool } from "../blocks-only.ts";
import { type BuiltTransaction, buildTransaction } from "../generate-chain/build-transaction.ts";
import { keyFromSecret } from "../generate-chain/keys.ts";
import { encodeStatus } from "./wire.ts";

/** A mempool that gives out what it is told to. */
function mempoolOf(transactions: () => BlockTemplate["transactions"]): ShellMempool {
  return async ({ chain }, world) => {
    const empty = blocksOnlyMempool(chain, () => Math.floor(world.nowMs / 1_000));
    const template: MempoolView["template"] = async () => ({
      ...(await empty.template()),
      transactions: transactions(),
    });
    return { view: { ...empty, template }, close: async () => {} };
  };
}

/** Two headers of one round that a staker has signed. */
function evidenceOf({ network, stakers }: StakedTest, stakerId: number, round: number): Bytes {
  const genesis = decodeHeader(network.params.genesis)!;
  const signed = (height: number): SignedHeader => {
    const header = { ...genesis, stakerId, round, height };
    const digest = headerDigest(network.chainId, headerId(header));
    const sig = toHex(signSchnorr(hex(stakers[stakerId - 1]!.signSecret), hex(digest)));
    return { header, sig };
  };
  return encodeEvidence({ kind: TWO_ACTS, a: signed(1), b: signed(2) });
}

/** A block as a node serves it. */
function bytesOf(shell: Shell, id: string): Bytes {
  shell.consensus.joined(9);
  shell.sent.length = 0;
  shell.consensus.message(9, "qget", hex(id));
  shell.consensus.left(9);
  return shell.sent.splice(0).find(({ command }) => command === "qblock")!.payload;
}

/** Votes of the first `count` stakers, as messages. */
function votesOf({ network, stakers }: StakedTest, count: number, vote: Vote): Bytes[] {
  return stakers.slice(0, count).map(({ id, signSecret }) => {
    const own = { ...vote, stakerId: id! };
    const digest = voteDigest(network.chainId, own);
    return encodeVote({ ...own, sig: toHex(signSchnorr(hex(signSecret), hex(digest))) });
  });
}

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

test("blocks that did not come are asked for again though nobody makes another", async (context) => {
  const made = stakedTest(4);
  const { world, maker } = await grown(context, made, 12);
  const late = await openShell(context, made, world, null);
  join(maker, late);
  // The answers are lost, the first time and the second.
  const lose = async (): Promise<void> => {
    do {
      for (const { command, payload } of late.sent.splice(0)) {
        maker.consensus.message(0, command, payload);
      }
      for (const { command, payload } of maker.sent.splice(0)) {
        if (command !== "qblock") late.consensus.message(0, command, payload);
      }
      await late.consensus.idle();
    } while (late.sent.length > 0);
  };
  await lose();
  for (let seconds = 0; seconds < 12; seconds++) {
    world.nowMs += 1_000;
    late.consensus.tick();
    await lose();
  }
  assert.equal(late.consensus.core.head.height, 0);
  for (let seconds = 0; seconds < 60 && headOf(late) !== headOf(maker); seconds++) {
    world.nowMs += 1_000;
    late.consensus.tick();
    await settle(maker, late);
  }
  assert.equal(late.consensus.core.head.height, 12);
  assert.deepEqual(late.faults, []);
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

test("a peer that keeps its promise alive by anything but blocks holds this node up no longer", async (context) => {
  const made = stakedTest(4);
  const { world, maker } = await grown(context, made, 8);
  maker.consensus.joined(7);
  maker.sent.length = 0;
  maker.consensus.message(7, "qget", hex(headOf(maker)));
  const known = maker.sent.find(({ command }) => command === "qblock")!.payload;
  const lie = encodeStatus({ height: 1_000_000, finalizedRound: 0, head: "ab".repeat(32) });
  const grew = async (peer: number): Promise<number> => {
    const before = maker.consensus.core.head.height;
    for (let count = 0; count < 12; count++) {
      maker.consensus.message(peer, "qstat", lie);
      maker.consensus.message(peer, "qids", new Uint8Array(32).fill(count + 1 + peer));
      maker.consensus.message(peer, "qblock", known);
      await slot(world, maker);
    }
    return maker.consensus.core.head.height - before;
  };
  const some = await grew(7);
  assert.ok(some >= 2, `${some} of 12: ids and known blocks are nothing that was missed`);
  for (let peer = 10; peer < 14; peer++) {
    maker.consensus.joined(peer);
    await grew(peer);
    maker.consensus.left(peer);
  }
  maker.consensus.joined(20);
  assert.equal(await grew(20), 12, "another connection does not get another chance for ever");
});

test("orphans of one peer do not keep blocks of others out, and then are not taken", async (context) => {
  const made = stakedTest(4);
  const { world, maker } = await grown(context, made, 1);
  const follower = await openShell(context, made, world, null);
  const { core } = follower.consensus;
  follower.consensus.joined(7);
  const forged = bytesOf(maker, headOf(maker)).slice();
  const orphan = (number: number): void => {
    writeU32(forged, 4, number);
    follower.consensus.message(7, "qblock", forged.slice());
  };
  for (let number = 0; number < 8_500; number++) orphan(number);
  follower.sent.length = 0;
  join(maker, follower);
  await settle(maker, follower);
  assert.equal(headOf(follower), headOf(maker));
  for (let seconds = 0; seconds < 90; seconds++) {
    world.nowMs += SLOT_MS;
    follower.consensus.tick();
  }
  assert.equal(core.orphanCount, 0);
  orphan(9_000);
  assert.equal(core.orphanCount, 0, "it left gaps before");
});

/** As a mempool hands it out. */
function offered({ transaction, fee }: BuiltTransaction): BlockTemplate["transactions"][number] {
  const { txid, wtxid } = transaction;
  return { raw: rawTransaction(transaction), txid, wtxid, fee, sigops: 0, weight: 0, depends: [] };
}

test("a start finds the branch that goes on from a staker's third block of one round", async (context) => {
  const made = stakedTest(4);
  const world = { nowMs: GENESIS_MS + 5 * SLOT_MS };
  const makers: Shell[] = [];
  for (const at of [0, 1, 2]) {
    const payment = { value: 1_000, kind: "p2wpkh" as const, key: made.key };
    const paid = buildTransaction({ coins: [made.faucet[at]!], payments: [payment] });
    let first = true;
    const once = (): BlockTemplate["transactions"] => {
      const chosen = first ? [offered(paid)] : [];
      first = false;
      return chosen;
    };
    makers.push(
      await openShell(context, made, world, signerOf(made, yes), { mempool: mempoolOf(once) }),
    );
  }
  world.nowMs += 3_000;
  const folder = temporaryFolder();
  const follower = await openShell(context, made, world, null, { folder });
  follower.consensus.joined(7);
  const give = async (maker: Shell): Promise<void> => {
    follower.consensus.tick();
    follower.consensus.message(7, "qblock", bytesOf(maker, headOf(maker)));
    await settle(follower);
  };
  for (const maker of makers) {
    world.nowMs = GENESIS_MS + 9 * SLOT_MS - 1;
    await slot(world, maker);
  }
  for (const maker of makers) await give(maker);
  const [, , third] = makers;
  const firstOfThird = headOf(third!);
  assert.equal(follower.consensus.core.entries.size, 2);
  await slot(world, third!);
  await give(third!);
  follower.consensus.message(7, "qblock", bytesOf(third!, firstOfThird));
  await settle(follower);
  assert.equal(headOf(follower), headOf(third!));
  await follower.close();
  const again = await openShell(context, made, world, null, { folder });
  await settle(again);
  assert.equal(headOf(again), headOf(third!));
});

test("one peer cannot use up what this node wants of others", async (context) => {
  const made = stakedTest(4);
  const { world, maker } = await grown(context, made, 1);
  const follower = await openShell(context, made, world, null);
  follower.consensus.joined(7);
  const ids = new Uint8Array(64 * 32);
  for (let count = 0; count < 128; count++) {
    for (let at = 0; at < 64; at++) ids.fill(at + 1, at * 32, at * 32 + 30);
    for (let at = 0; at < 64; at++) ids[at * 32 + 31] = count;
    follower.consensus.message(7, "qinv", ids);
  }
  follower.sent.length = 0;
  join(maker, follower);
  await settle(maker, follower);
  assert.equal(headOf(follower), headOf(maker));
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

/** A payment of a coin that does not exist, as a mempool might hand it out. */
function paymentOfNothing(made: StakedTest): BlockTemplate["transactions"][number] {
  const built = buildTransaction({
    coins: [{ ...made.faucet[0]!, txid: new Uint8Array(32).fill(7) }],
    payments: [{ value: 1_000, kind: "p2wpkh", key: made.key }],
  });
  return offered(built);
}

test("a block with a payment of nothing is given up everywhere, and the chain goes on", async (context) => {
  const made = stakedTest(4);
  const world = { nowMs: GENESIS_MS + 5 * SLOT_MS };
  const payment = paymentOfNothing(made);
  let bad = false;
  const transactions = (): BlockTemplate["transactions"] => (bad ? [payment] : []);
  const signer = signerOf(made, yes);
  const maker = await openShell(context, made, world, signer, { mempool: mempoolOf(transactions) });
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

test("votes of three quarters for an invalid block stop a node, which serves reads and stays stopped", async (context) => {
  const made = stakedTest(4);
  const world = { nowMs: GENESIS_MS + 5 * SLOT_MS };
  const payment = paymentOfNothing(made);
  const mempool = mempoolOf(() => [payment]);
  const liar = await openShell(context, made, world, signerOf(made, yes), { mempool });
  liar.consensus.joined(9);
  world.nowMs += 3_000;
  world.nowMs += SLOT_MS / 10;
  liar.consensus.tick();
  await liar.consensus.idle();
  const told = liar.sent.find(({ command }) => command === "qinv")!;
  const bad = bytesOf(liar, toHex(told.payload));

  const folder = temporaryFolder();
  const lines: string[] = [];
  const options = { folder, log: (line: string) => lines.push(line) };
  const node = await openShell(context, made, world, signerOf(made, yes), options);
  node.consensus.joined(7);
  const { chainId } = made.network;
  const targetRound = decodeHeader(bad)!.round;
  const vote: Vote = {
    stakerId: 0,
    sourceRound: 0,
    sourceId: chainId,
    targetRound,
    targetId: toHex(told.payload),
    sig: "",
  };
  for (const payload of votesOf(made, 3, vote)) node.consensus.message(7, "qvote", payload);
  node.consensus.message(7, "qblock", bad);
  await settle(node);
  const isStopped = (shell: Shell): void => {
    assert.match(shell.view.troubles().finality ?? "", /more than two thirds .* remove .*halted/);
    assert.equal(shell.consensus.core.head.height, 0);
    assert.equal(shell.view.finality().finalized.height, 0);
    assert.equal(shell.view.power(null)?.height, 0, "reads go on");
  };
  isStopped(node);
  const { votes, produced } = node.consensus.statistics;
  for (let count = 0; count < 8; count++) await slot(world, node);
  isStopped(node);
  assert.deepEqual(node.consensus.statistics, {
    ...node.consensus.statistics,
    votes,
    produced,
  });
  assert.equal(lines.filter((line) => line.includes("two thirds")).length, 1, "one line");
  await node.close();
  const again = await openShell(context, made, world, signerOf(made, yes), options);
  for (let count = 0; count < 8; count++) await slot(world, again);
  isStopped(again);
  assert.deepEqual([again.consensus.statistics.votes, again.consensus.statistics.produced], [0, 0]);
  await again.close();

  // A person has decided to go on without that block; the others still show it and their votes.
  rmSync(pathJoin(folder, made.file.name, "finality-halted"));
  const freed = await openShell(context, made, world, signerOf(made, yes), options);
  freed.consensus.joined(7);
  for (const payload of votesOf(made, 3, vote)) freed.consensus.message(7, "qvote", payload);
  freed.consensus.message(7, "qblock", bad);
  await settle(freed);
  for (let count = 0; count < 24; count++) await slot(world, freed);
  assert.equal(freed.view.troubles().finality, null);
  assert.ok(freed.consensus.core.head.height > 0);

  // The votes came too late to count at once: they are no less than two thirds.
  const late = await openShell(context, made, world, null, { log: () => {} });
  late.consensus.joined(7);
  for (const payload of votesOf(made, 3, vote)) late.consensus.message(7, "qvote", payload);
  late.consensus.message(7, "qblock", bad);
  await settle(late);
  for (let count = 0; count < 8; count++) await slot(world, late);
  isStopped(late);
});

test("who catches up judges payments by what the blocks before have changed, as all others did", async (context) => {
  const made = stakedTest(4);
  const world = { nowMs: GENESIS_MS + 5 * SLOT_MS };
  let chosen: readonly BuiltTransaction[] = [];
  const transactions = (): BlockTemplate["transactions"] =>
    chosen.map(({ transaction, fee }) => {
      const { txid, wtxid } = transaction;
      const raw = rawTransaction(transaction);
      return { raw, txid, wtxid, fee, sigops: 0, weight: 0, depends: [] };
    });
  const signer = signerOf(made, yes);
  const maker = await openShell(context, made, world, signer, { mempool: mempoolOf(transactions) });
  world.nowMs += 3_000;
  // All have signed: what is said of an earlier round is none of what the maker must be afraid of.
  for (let count = 0; count < 4; count++) await slot(world, maker);
  const payment = { value: 10_000, kind: "p2wpkh" as const };
  const owners = made.stakers.map(({ ownerSecret }) => keyFromSecret(hex(ownerSecret!)));
  const payments = owners.map((key) => ({ ...payment, key }));
  const funds = buildTransaction({ coins: [made.faucet[0]!], payments });
  const moved = funds.created.map((coin, at) =>
    buildTransaction({
      coins: [coin],
      payments: [{ ...payment, value: 9_000, key: made.key }],
      otherOutputs: [
        { value: 0, script: operationScript({ op: "payout", id: at + 1, output: 0 }) },
      ],
    }),
  );
  chosen = [funds, ...moved];
  await slot(world, maker);
  chosen = [];
  maker.consensus.joined(7);
  maker.consensus.message(7, "qevid", evidenceOf(made, 3, 1));
  maker.consensus.left(7);
  for (let count = 0; count < 6; count++) await slot(world, maker);
  const { registry } = maker.consensus.core.head;
  assert.deepEqual([registry.offences.length, registry.due.length], [1, 0], "it was rewarded");

  const late = await openShell(context, made, world, null);
  join(maker, late);
  await settle(maker, late);
  assert.equal(late.consensus.statistics.invalidBlocks, 0);
  assert.equal(headOf(late), headOf(maker));
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
