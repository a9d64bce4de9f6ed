// One key in two processes: the one that was started by mistake ends before it signs, the one that runs
// stops signing, an old copy of a guard listens, and a signer that two nodes share is no other process.
import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { join as pathJoin } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryFolder } from "../../../test/support/run.ts";
import { GENESIS_MS, type StakedTest, stakedTest } from "../../../test/support/staked-blocks.ts";
import {
  headOf,
  join,
  openShell,
  type Shell,
  type ShellOptions,
  SLOT_MS,
  settle,
  signerOf,
  slot,
  type World,
  yes,
} from "../../../test/support/staked-shell.ts";
import { hex, toHex } from "../../base/bytes.ts";
import { signSchnorr } from "../../crypto/secp256k1.ts";
import { freshGuard, type Guard, mayReplace } from "../../planes/consensus/finality/guard.ts";
import { decodeVote, encodeVote, voteDigest } from "../../planes/consensus/finality/vote.ts";
import { decodeHeader, headerId } from "../../planes/consensus/qpos/header.ts";
import { headerDigest } from "../../planes/consensus/qpos/suite.ts";
import type { SignerStaker, StakerSigner } from "../../ports/staking.ts";
import { SignerRefused } from "../stake/open-signer.ts";

const STAKERS = 4;

/** A signer as there is one for each place where the guards are, with what is on its disk. */
class Guards {
  readonly made: StakedTest;
  readonly guards = new Map<number, Guard>();
  /** The rounds of what was signed. */
  readonly rounds: number[] = [];
  /** How many guards were not taken. */
  refused = 0;

  constructor(made: StakedTest, from: Guards | null = null) {
    this.made = made;
    for (const { id } of made.stakers) {
      this.guards.set(id!, from?.guards.get(id!) ?? freshGuard(made.network.chainId, id!));
    }
  }

  /** A connection to it: guards as they are now, keys of these stakers. */
  open(ids: readonly number[]): StakerSigner {
    const { chainId } = this.made.network;
    const keys = signerOf(this.made, yes);
    const stakers: SignerStaker[] = keys.stakers
      .filter(({ id }) => ids.includes(id))
      .map((staker) => ({ ...staker, guard: this.guards.get(staker.id)! }));
    return {
      ...keys,
      stakers,
      persist: async (guard) => {
        const may = mayReplace(this.guards.get(guard.stakerId)!, guard);
        if (may) this.guards.set(guard.stakerId, guard);
        else this.refused++;
        return may;
      },
      sign: async (id, request) => {
        const guard = this.guards.get(id)!;
        if (request.what === "block") {
          const header = decodeHeader(hex(request.header))!;
          if (headerDigest(chainId, headerId(header)) !== guard.actDigest) return null;
          this.rounds.push(header.round);
        } else {
          const vote = decodeVote(hex(request.vote + "00".repeat(64)))!;
          if (voteDigest(chainId, vote) !== guard.voteDigest) return null;
          this.rounds.push(vote.targetRound);
        }
        return keys.sign(id, request);
      },
    };
  }
}

interface Place {
  readonly shell: Shell;
  readonly failures: unknown[];
  readonly lines: string[];
}

async function placeOf(
  context: TestContext,
  world: World,
  guards: Guards,
  options: ShellOptions & { readonly ids?: readonly number[] } = {},
): Promise<Place> {
  const failures: unknown[] = [];
  const lines: string[] = [];
  const shell = await openShell(
    context,
    guards.made,
    world,
    guards.open(options.ids ?? [1, 2, 3, 4]),
    {
      ...options,
      failed: (error) => failures.push(error),
      log: (line) => lines.push(line),
    },
  );
  return { shell, failures, lines };
}

async function slots(world: World, count: number, ...shells: readonly Shell[]): Promise<void> {
  for (let at = 0; at < count; at++) await slot(world, ...shells);
}

const begun = (): World => ({ nowMs: GENESIS_MS + 8 * SLOT_MS });
const signed = ({ shell }: Place): number => {
  const { produced, votes } = shell.consensus.statistics;
  return produced + votes;
};

test("a copy of keys and guards that is started beside the node that signs ends before it signs", async (context) => {
  const world = begun();
  const guards = new Guards(stakedTest(STAKERS));
  const first = await placeOf(context, world, guards, { listens: false });
  await slots(world, 12, first.shell);
  const copy = await placeOf(context, world, new Guards(guards.made, guards));
  join(first.shell, copy.shell);
  await settle(first.shell, copy.shell);
  await slots(world, 12, first.shell, copy.shell);
  assert.equal(signed(copy), 0);
  assert.equal(copy.failures.length, 1);
  const [error] = copy.failures;
  assert.ok(error instanceof SignerRefused, "exit code 4 and one line");
  assert.match(error.message, /another process signs with the key of staker \d: .* only with the/);
  assert.deepEqual([first.failures, first.shell.view.troubles().signing], [[], null]);
  assert.ok(first.shell.consensus.core.head.height >= 20, "and the first goes on");
});

/** A peer shows a vote for this block by the first staker's key, of which its guard knows nothing. */
function foreignVote(made: StakedTest, { shell: { consensus } }: Place, targetId: string): void {
  const { view, head } = consensus.core;
  const vote = {
    stakerId: 1,
    sourceRound: view.finalized.round,
    sourceId: view.finalized.branch.id,
    targetRound: head.round + 1,
    targetId,
    sig: "",
  };
  const digest = voteDigest(made.network.chainId, vote);
  const sig = toHex(signSchnorr(hex(made.stakers[0]!.signSecret), hex(digest)));
  consensus.joined(7);
  consensus.message(7, "qvote", encodeVote({ ...vote, sig }));
}

test("a node that sees another signature of its key while it runs stops signing and says so", async (context) => {
  const world = begun();
  const made = stakedTest(STAKERS);
  const first = await placeOf(context, world, new Guards(made), { listens: false });
  await slots(world, 12, first.shell);
  const signedBefore = signed(first);
  foreignVote(made, first, first.shell.consensus.core.head.id);
  await slots(world, 8, first.shell);
  assert.equal(signed(first), signedBefore, "from that moment on");
  const reason = first.shell.view.troubles().signing ?? "";
  assert.match(reason, /another process signs with the key of staker 1/);
  assert.equal(first.lines.filter((line) => line.includes("another process signs")).length, 1);
  assert.deepEqual(first.failures, [], "it serves on");
  assert.equal(first.shell.view.troubles().finality, null);
});

test("so it does when the vote comes before its block", async (context) => {
  const world = begun();
  const made = stakedTest(STAKERS);
  const first = await placeOf(context, world, new Guards(made), { listens: false });
  await slots(world, 12, first.shell);
  foreignVote(made, first, "ab".repeat(32));
  await slots(world, 8, first.shell);
  assert.match(first.shell.view.troubles().signing ?? "", /another process signs/);
});

test("two nodes that share one signer are no other process to one another", async (context) => {
  const world = begun();
  const guards = new Guards(stakedTest(STAKERS));
  const a = await placeOf(context, world, guards, { listens: false });
  const b = await placeOf(context, world, guards, { listens: false });
  join(a.shell, b.shell);
  await slots(world, 8, a.shell, b.shell);
  // For some rounds only one of them acts; then both.
  for (let half = 0; half < 4 * STAKERS; half++) {
    world.nowMs += SLOT_MS / 2;
    a.shell.consensus.tick();
    await settle(a.shell, b.shell);
  }
  await slots(world, 8, a.shell, b.shell);
  assert.deepEqual([a.failures, b.failures], [[], []]);
  assert.deepEqual(
    [a, b].map(({ shell }) => shell.view.troubles().signing),
    [null, null],
  );
  assert.ok(a.shell.consensus.core.head.height >= 20);
  assert.ok(signed(a) > 0 && signed(b) > 0);
});

test("of two nodes that ask their signer for different blocks the refused one knows the other's as its own", async (context) => {
  const world = begun();
  const guards = new Guards(stakedTest(STAKERS));
  const a = await placeOf(context, world, guards, { listens: false });
  const b = await placeOf(context, world, guards, { listens: false });
  join(a.shell, b.shell);
  await slots(world, 2 * STAKERS + 1, a.shell, b.shell);
  const { refused } = guards;
  // One block the second does not hear of in time, so what it asks for has another parent.
  for (let at = 0; at < 2; at++) {
    world.nowMs = (Math.floor(world.nowMs / SLOT_MS) + 1) * SLOT_MS + SLOT_MS / 10;
    a.shell.consensus.tick();
    await a.shell.consensus.idle();
  }
  b.shell.consensus.tick();
  await b.shell.consensus.idle();
  assert.equal(guards.refused, refused + 1, "the signer has refused it");
  await settle(a.shell, b.shell);
  await slots(world, 3 * STAKERS, a.shell, b.shell);
  assert.deepEqual([a.failures, b.failures], [[], []]);
  assert.deepEqual(
    [a, b].map(({ shell }) => shell.view.troubles().signing),
    [null, null],
  );
  assert.equal(headOf(b.shell), headOf(a.shell));
});

test("an old copy of a guard listens anew when the chain shows later signatures, then signs on", async (context) => {
  const world = begun();
  const made = stakedTest(STAKERS);
  const guards = new Guards(made);
  const old = new Guards(made, guards);
  const others = await placeOf(context, world, guards, { listens: false });
  await slots(world, 16, others.shell);
  const roundBefore = others.shell.consensus.core.head.round;
  await others.shell.consensus.idle();
  // The machine with the newest guards is gone; what it made is on the disk of another.
  const late = await placeOf(context, world, old, { listens: false });
  join(others.shell, late.shell);
  await settle(others.shell, late.shell);
  others.shell.sent.length = 0;
  await others.shell.close();
  await slots(world, 24, late.shell);
  assert.deepEqual(late.failures, []);
  assert.ok(old.rounds.length > 0, "it signs again");
  assert.ok(
    Math.min(...old.rounds) > roundBefore + 2,
    `first in round ${Math.min(...old.rounds)}, the others ended in ${roundBefore}`,
  );
});

test("who listens while others make blocks final signs when its rounds are over", async (context) => {
  const world = begun();
  world.nowMs += 100 * SLOT_MS;
  const made = stakedTest(STAKERS);
  const ids = [1, 2, 3];
  const others = await placeOf(context, world, new Guards(made), { listens: false, ids });
  const guards = new Guards(made);
  const fourth = await placeOf(context, world, guards, { ids: [4] });
  join(others.shell, fourth.shell);
  await slots(world, 5 * STAKERS, others.shell, fourth.shell);
  assert.ok(others.shell.view.finality().finalized.height > 4);
  const startRound = 1 + Math.floor((world.nowMs - GENESIS_MS) / SLOT_MS / STAKERS) - 5;
  assert.equal(Math.min(...guards.rounds), startRound + 3);
});

test("who is told that the keys sign nowhere else does not listen", async (context) => {
  const world = begun();
  const guards = new Guards(stakedTest(STAKERS));
  world.nowMs += 100 * SLOT_MS;
  const listens = await placeOf(context, world, guards);
  await slots(world, 4, listens.shell);
  assert.equal(signed(listens), 0, "an old network: a fresh guard may be an old copy");
  const told = await placeOf(context, world, new Guards(guards.made), { listens: false });
  await slots(world, 4, told.shell);
  assert.ok(signed(told) > 0);
});

test("a restart in good order is silent for its round only; after a crash, or with other guards, it listens", async (context) => {
  const silence: number[] = [];
  for (const how of ["good order", "crash", "later", "other guards"] as const) {
    const world = begun();
    const guards = new Guards(stakedTest(STAKERS));
    const folder = temporaryFolder();
    const first = await placeOf(context, world, guards, { listens: false, folder });
    await slots(world, 12, first.shell);
    await first.shell.close();
    const note = pathJoin(folder, guards.made.file.name, "signed-here");
    if (how === "crash") rmSync(note);
    if (how === "later") world.nowMs += 4_000 * SLOT_MS;
    if (how === "other guards") {
      const guard = guards.guards.get(2)!;
      guards.guards.set(2, { ...guard, declSeq: guard.declSeq + 1 });
    }
    // That of the next slot, in which it looks at the clock for the first time.
    const startRound = 1 + Math.floor((world.nowMs - GENESIS_MS) / SLOT_MS / STAKERS);
    guards.rounds.length = 0;
    const again = await placeOf(context, world, guards, { folder });
    assert.ok(!existsSync(note), "it is used once");
    await slots(world, 24, again.shell);
    assert.deepEqual(again.failures, []);
    silence.push(Math.min(...guards.rounds) - startRound);
  }
  const [inOrder, ...others] = silence;
  assert.equal(inOrder, 1);
  assert.deepEqual(others, [3, 3, 3]);
});

test("a network whose nodes were all killed at once listens together and goes on, each silent alike", async (context) => {
  const world = begun();
  const made = stakedTest(STAKERS);
  const places = [
    { ids: [1, 2], guards: new Guards(made), folder: temporaryFolder() },
    { ids: [3, 4], guards: new Guards(made), folder: temporaryFolder() },
  ];
  const both = async (listens: boolean): Promise<readonly [Shell, Shell]> => {
    const opened: Shell[] = [];
    for (const { guards, ...options } of places) {
      opened.push((await placeOf(context, world, guards, { ...options, listens })).shell);
    }
    const [a, b] = opened as [Shell, Shell];
    join(a, b);
    await settle(a, b);
    return [a, b];
  };
  const first = await both(false);
  await slots(world, 3 * STAKERS, ...first);
  const { height } = first[0].view.finality().finalized;
  for (const shell of first) await shell.close();
  for (const { folder } of places) rmSync(pathJoin(folder, made.file.name, "signed-here"));
  world.nowMs += 50 * SLOT_MS;
  for (const { guards } of places) guards.rounds.length = 0;
  const again = await both(true);
  await slots(world, 8 * STAKERS, ...again);
  const begins = places.map(({ guards }) => Math.min(...guards.rounds));
  assert.equal(begins[0], begins[1]);
  for (const { view } of again) {
    assert.ok(view.finality().finalized.height > height + STAKERS, "and finality too");
    assert.deepEqual([view.troubles().signing, view.troubles().finality], [null, null]);
  }
});
