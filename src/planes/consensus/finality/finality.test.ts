// Guards, conflicting votes, and the view of finality: quorum in two sets, late links, sync.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Branch, setOfRound } from "../qpos/branch.ts";
import { nextSet } from "../qpos/staker-set.ts";
import { CHAIN_ID, type Chain, chainOf, grow, voteOf } from "../qpos/test-chain.ts";
import { hasQuorum } from "../qpos/validate.ts";
import { certificateOf } from "./certificate.ts";
import { SURROUND_VOTE, TWO_VOTES, voteEvidence } from "./evidence.ts";
import {
  allowAct,
  allowVote,
  crc32c,
  decodeGuard,
  encodeGuard,
  freshGuard,
  GUARD_BYTES,
  type Guard,
  sameGuard,
} from "./guard.ts";
import {
  addVote,
  emptyView,
  followLinks,
  highestJustified,
  isNewVote,
  linksToCarry,
  presenceOf,
  type View,
} from "./view.ts";
import { type Vote, votesConflict } from "./vote.ts";

const plainVote = (sourceRound: number, targetRound: number, target = "bb"): Vote => ({
  stakerId: 1,
  sourceRound,
  sourceId: "aa".repeat(32),
  targetRound,
  targetId: target.repeat(32),
  sig: "",
});

test("crc32c: the standard check value", () => {
  assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
});

test("a guard that does not read back forbids signing", () => {
  const bytes = encodeGuard(freshGuard(CHAIN_ID, 3));
  assert.equal(bytes.length, GUARD_BYTES);
  for (let at = 0; at < bytes.length; at++) {
    const torn = bytes.slice();
    torn[at]! ^= 0x40;
    const read = decodeGuard(torn, CHAIN_ID, 3);
    assert.deepEqual(read, { ok: false, code: "guard-checksum" });
  }
  const cut = decodeGuard(bytes.subarray(0, 80), CHAIN_ID, 3);
  assert.deepEqual(cut, { ok: false, code: "guard-length" });
  const other = decodeGuard(bytes, CHAIN_ID, 4);
  assert.deepEqual(other, { ok: false, code: "guard-other-staker" });
});

test("a coordinator tells guards apart by all they hold", () => {
  const guard = freshGuard(CHAIN_ID, 3);
  assert.ok(sameGuard(guard, { ...guard }));
  assert.ok(!sameGuard(guard, { ...guard, voteSource: 1 }));
});

test("one act per round, and the same digest may be sent again", () => {
  const first = allowAct(freshGuard(CHAIN_ID, 1), 5, "d1");
  assert.ok(first.ok && !first.again);
  const { guard } = first;
  const again = allowAct(guard, 5, "d1");
  assert.ok(again.ok && again.again);
  assert.deepEqual(allowAct(guard, 5, "d2"), { ok: false, code: "act-used" });
  assert.deepEqual(allowAct(guard, 4, "d0"), { ok: false, code: "act-used" });
  assert.ok(allowAct(guard, 6, "d3").ok);
});

test("no sequence of votes that a guard allows holds two that conflict", () => {
  const vote = fc.record({
    source: fc.nat(12),
    ahead: fc.integer({ min: 0, max: 5 }),
    target: fc.constantFrom("b1", "b2"),
  });
  fc.assert(
    fc.property(fc.array(vote, { maxLength: 30 }), (wishes) => {
      let guard: Guard = freshGuard(CHAIN_ID, 1);
      const signed: Vote[] = [];
      for (const { source, ahead, target } of wishes) {
        const wish = plainVote(source, source + ahead, target);
        const digest = `${source}/${source + ahead}/${target}`;
        const decision = allowVote(guard, wish, digest);
        if (!decision.ok) continue;
        guard = decision.guard;
        signed.push(wish);
      }
      for (const a of signed) for (const b of signed) assert.ok(!votesConflict(a, b));
    }),
  );
});

test("evidence from votes: two for one round, one around another, none from honest ones", () => {
  assert.equal(voteEvidence(plainVote(1, 3), plainVote(1, 3, "cc"))?.kind, TWO_VOTES);
  const around = voteEvidence(plainVote(2, 3), plainVote(1, 4));
  assert.equal(around?.kind, SURROUND_VOTE);
  assert.equal(
    around.kind === SURROUND_VOTE && around.a.sourceRound,
    1,
    "the wide one stands first",
  );
  assert.equal(voteEvidence(plainVote(1, 3), plainVote(3, 4)), null);
  assert.equal(voteEvidence(plainVote(1, 3), plainVote(1, 3)), null);
});

interface Setup {
  readonly chain: Chain;
  readonly tips: readonly Branch[];
  readonly view: View;
}

/** Four stakers, three full rounds. */
function setup(rules = {}): Setup {
  const chain = chainOf(4, rules);
  const tips = [chain.genesis];
  for (let round = 1; round <= 3; round++) tips.push(grow(chain, tips[round - 1]!, round * 4));
  return { chain, tips, view: emptyView({ round: 0, branch: chain.genesis }) };
}

function cast(s: Setup, staker: number, source: number, target: number, now = target + 1): void {
  const at = (round: number) => ({ round, id: s.tips[round]!.id });
  const vote = voteOf(s.chain, staker, at(source), at(target));
  assert.equal(isNewVote(s.view, vote, now).kind, "new");
  addVote(s.chain.network, s.view, vote, s.tips[target]!, now);
}

test("a link with quorum justifies its target; the next one finalizes its source", () => {
  const s = setup();
  for (const staker of [1, 2]) cast(s, staker, 0, 1);
  assert.ok(!followLinks(s.view), "two of four are no quorum");
  cast(s, 3, 0, 1);
  assert.ok(followLinks(s.view));
  assert.equal(highestJustified(s.view).round, 1);
  assert.equal(s.view.finalized.round, 0);
  for (const staker of [2, 3, 4]) cast(s, staker, 1, 2);
  assert.ok(followLinks(s.view));
  assert.equal(s.view.finalized.round, 1);
  assert.equal(s.view.finalized.branch, s.tips[1]);
  const links = linksToCarry(s.view, s.tips[2]!, 3, 2);
  assert.deepEqual(
    links.map((link) => link.targetRound),
    [1, 2],
  );
});

test("links that arrive in the wrong order are followed when their source is justified", () => {
  const s = setup();
  for (const staker of [1, 2, 3]) cast(s, staker, 1, 2);
  assert.ok(!followLinks(s.view));
  for (const staker of [1, 2, 3]) cast(s, staker, 0, 1, 2);
  assert.ok(followLinks(s.view));
  assert.equal(s.view.finalized.round, 1);
});

test("late links count only when they finalize their source", () => {
  const s = setup();
  for (const staker of [1, 2, 3]) cast(s, staker, 0, 2, 9);
  assert.ok(!followLinks(s.view), "a late link that finalizes nothing is held back for nobody");
  const t = setup();
  for (const staker of [1, 2, 3]) cast(t, staker, 0, 1, 9);
  assert.ok(followLinks(t.view));
});

test("presence counts each staker once, whatever its sources", () => {
  const s = setup();
  cast(s, 1, 0, 2);
  cast(s, 2, 1, 2);
  assert.equal(presenceOf(s.chain.network, s.view, 2, s.tips[2]!), null, "two of four");
  cast(s, 3, 0, 2);
  const certificate = presenceOf(s.chain.network, s.view, 2, s.tips[2]!);
  assert.deepEqual(
    certificate?.groups.map((group) => group.voters),
    [[1, 3], [2]],
  );
});

test("a second differing vote is a conflict, a third is ignored", () => {
  const s = setup();
  const at = (round: number) => ({ round, id: s.tips[round]!.id });
  const other = (id: string) => voteOf(s.chain, 1, at(0), { round: 2, id: id.repeat(32) });
  cast(s, 1, 0, 2);
  const second = addVote(s.chain.network, s.view, other("a1"), null, 3);
  assert.ok(second.kind === "new" && second.conflict !== null);
  assert.equal(isNewVote(s.view, other("a2"), 3).kind, "ignored");
  assert.equal(isNewVote(s.view, other("a1"), 3).kind, "known");
});

test("quorum is asked of the set and of the set before it; the mutation that forgets this fails", () => {
  const { chain, tips } = setup();
  const old = setOfRound(chain.network, tips[1]!, 1)!;
  const changed = nextSet(old, 2, [3, 4, 5, 6], [1, 1, 1, 1]);
  const votes = [4, 5, 6].map((id) =>
    voteOf(chain, id, { round: 0, id: CHAIN_ID }, { round: 2, id: tips[2]!.id }),
  );
  const link = certificateOf(votes);
  assert.ok(!hasQuorum(chain.network, changed, link), "one of the four before is no quorum there");
  const careless = chainOf(4, { rearQuorum: false });
  assert.ok(hasQuorum(careless.network, changed, link));
  // Why it matters: 1, 2 and 3 may have finalized another branch in the old set without any
  // double vote: only 4 votes here, and 4 did not vote there.
  const there = certificateOf(
    [1, 2, 3].map((id) =>
      voteOf(chain, id, { round: 0, id: CHAIN_ID }, { round: 1, id: tips[1]!.id }),
    ),
  );
  assert.ok(hasQuorum(chain.network, old, there));
});
