// Every refusal of a block has a name. Real hashes and signatures; each case spoils one thing in an
// otherwise good block.
import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateOf } from "../finality/certificate.ts";
import { type Evidence, SURROUND_VOTE, TWO_ACTS, TWO_VOTES } from "../finality/evidence.ts";
import { applyBlock, type Branch, powerAfter } from "./branch.ts";
import {
  blockAt,
  type Chain,
  chainOf,
  dueAt,
  extend,
  grow,
  type Spoil,
  voteOf,
} from "./test-chain.ts";
import { type BlockFault, earlyBy, judgeBlock } from "./validate.ts";

function verdict(chain: Chain, parent: Branch, slot: number, spoil: Spoil = {}): BlockFault | "ok" {
  const result = judgeBlock(chain.network, parent, blockAt(chain, parent, slot, spoil));
  return result.ok ? "ok" : result.code;
}

test("a good block is good", () => {
  const chain = chainOf(4);
  const tip = grow(chain, chain.genesis, 9);
  assert.equal(verdict(chain, tip, 10), "ok");
  assert.equal(verdict(chain, tip, 12), "ok");
});

test("header fields", () => {
  const chain = chainOf(4);
  const tip = grow(chain, chain.genesis, 9);
  const cases: [BlockFault, Spoil["header"]][] = [
    ["wrong-version", { version: 1 }],
    ["wrong-flags", { flags: 1 }],
    ["wrong-flags", { flags: 2 }],
    ["wrong-height", { height: 9 }],
    ["wrong-slot", { slot: 9 }],
    ["wrong-slot", { slot: 3 }],
    ["wrong-time", { time: 51 }],
    ["wrong-round", { round: 4 }],
    ["wrong-round", { index: 2 }],
    ["too-many-segments", { segmentBits: 21 }],
    ["too-many-segments", { txCount: 0 }],
    ["too-many-segments", { txCount: 5_000, segmentBits: 0 }],
  ];
  for (const [code, header] of cases) {
    const found = verdict(chain, tip, 10, { header: header! });
    assert.equal(found, code, JSON.stringify(header));
  }
});

test("an unknown staker, and one that is not due on this branch", () => {
  const chain = chainOf(4);
  const tip = grow(chain, chain.genesis, 9);
  const due = dueAt(chain, tip, 10);
  assert.equal(verdict(chain, tip, 10, { header: { stakerId: 9 } }), "unknown-staker");
  const other = (due % 4) + 1;
  assert.equal(verdict(chain, tip, 10, { header: { stakerId: other } }), "foreign-schedule");
});

test("a foreign schedule is judged by the block's own branch, not by mine", () => {
  const chain = chainOf(4);
  const fork = grow(chain, chain.genesis, 4);
  let mine = fork;
  let theirs = fork;
  for (let slot = 5; slot <= 14; slot++) {
    const next = slot % 2 === 0 ? mine : theirs;
    const grown = extend(chain, next, slot);
    if (slot % 2 === 0) mine = grown;
    else theirs = grown;
  }
  const differs = [15, 16, 17, 18].some(
    (slot) => dueAt(chain, mine, slot) !== dueAt(chain, theirs, slot),
  );
  assert.ok(differs, "the branches have their own orders by now");
  for (const slot of [15, 16]) {
    assert.equal(verdict(chain, mine, slot), "ok");
    assert.equal(verdict(chain, theirs, slot), "ok");
  }
});

test("signature and reveal", () => {
  const chain = chainOf(4);
  const tip = grow(chain, chain.genesis, 9);
  const due = dueAt(chain, tip, 10);
  assert.equal(verdict(chain, tip, 10, { signer: (due % 4) + 1 }), "bad-signature");
  assert.equal(verdict(chain, tip, 10, { extras: { reveal: "ee".repeat(32) } }), "bad-reveal");
  const good = blockAt(chain, tip, 10);
  const short = judgeBlock(chain.network, tip, { ...good, sig: "00" });
  assert.deepEqual(short, { ok: false, code: "bad-signature" });
  const header = { ...good.header, extrasRoot: "12".repeat(32) };
  const other = judgeBlock(chain.network, tip, { ...good, header });
  assert.deepEqual(other, { ok: false, code: "extras-mismatch" });
});

test("a block from the future is early, not refused", () => {
  const chain = chainOf(4);
  const { header } = blockAt(chain, chain.genesis, 4);
  assert.equal(earlyBy(chain.network, header, 19_000), 0);
  assert.equal(earlyBy(chain.network, header, 18_999), 1);
  assert.equal(earlyBy(chain.network, header, 1_000_000), 0);
});

/** Round 1 full; round 2 with one block of four: its round has no majority. */
function starved(chain: Chain): Branch {
  return extend(chain, grow(chain, chain.genesis, 4), 5);
}

test("the gate: a round without majority needs a certificate, with one it must have none", () => {
  const chain = chainOf(4);
  const tip = starved(chain);
  assert.equal(verdict(chain, tip, 6), "ok");
  assert.equal(verdict(chain, tip, 9), "certificate-missing");
  const votes = [1, 2, 3].map((id) =>
    voteOf(chain, id, { round: 0, id: chain.genesis.id }, { round: 2, id: tip.id }),
  );
  const restart = certificateOf(votes);
  assert.equal(verdict(chain, tip, 9, { extras: { restart } }), "ok");
  assert.equal(verdict(chain, tip, 6, { extras: { restart } }), "certificate-unwanted");
  const full = grow(chain, chain.genesis, 8);
  const other = votes.map((vote) => ({ ...vote, targetId: full.id }));
  const unwanted = certificateOf(other);
  assert.equal(verdict(chain, full, 9, { extras: { restart: unwanted } }), "certificate-unwanted");
  assert.equal(verdict(chain, full, 13), "certificate-missing", "a skipped round needs one too");
});

test("exactly half is not a majority: two of four do not open a round", () => {
  const chain = chainOf(4);
  const half = grow(chain, chain.genesis, 6);
  assert.equal(half.hits, 2);
  assert.equal(verdict(chain, half, 9), "certificate-missing");
  assert.equal(verdict(chain, extend(chain, half, 7), 9), "ok");
});

test("without certificates the gate stays shut", () => {
  const chain = chainOf(4, { certificate: false });
  assert.equal(verdict(chain, starved(chain), 9), "gate-shut");
});

test("power is shown in every arm and judged in none of the specified rules", () => {
  const chain = chainOf(4);
  const tip = starved(chain);
  assert.deepEqual(powerAfter(tip), { filled: 5, total: 5 });
  const later = extend(chain, tip, 8);
  assert.deepEqual(powerAfter(later), { filled: 6, total: 8 });
});

test("forged, foreign, doubled and light certificates", () => {
  const chain = chainOf(4);
  const tip = starved(chain);
  const vote = (id: number, target = { round: 2, id: tip.id }) =>
    voteOf(chain, id, { round: 0, id: chain.genesis.id }, target);
  const check = (votes: ReturnType<typeof vote>[]): BlockFault | "ok" =>
    verdict(chain, tip, 9, { extras: { restart: certificateOf(votes) } });
  assert.equal(check([vote(1), vote(2)]), "certificate-weight");
  assert.equal(
    check([1, 2, 3].map((id) => vote(id, { round: 1, id: tip.id }))),
    "certificate-target",
  );
  assert.equal(
    check([1, 2, 3].map((id) => vote(id, { round: 2, id: chain.genesis.id }))),
    "certificate-target",
  );
  const forged = { ...vote(3), sig: vote(1).sig };
  assert.equal(check([vote(1), vote(2), forged]), "certificate-signature");
  const again = voteOf(chain, 1, { round: 1, id: tip.id }, { round: 2, id: tip.id });
  assert.equal(check([vote(1), again, vote(2)]), "certificate-voter", "one voter in two groups");
});

test("links: source, target, quorum, signatures, and nothing twice", () => {
  const chain = chainOf(4);
  const round1 = grow(chain, chain.genesis, 4);
  const round2 = grow(chain, round1, 8);
  const zero = { round: 0, id: chain.genesis.id };
  const one = { round: 1, id: round1.id };
  const two = { round: 2, id: round2.id };
  const link = (ids: number[], source: typeof zero, target: typeof zero) =>
    certificateOf(ids.map((id) => voteOf(chain, id, source, target)));
  const check = (...links: ReturnType<typeof link>[]): BlockFault | "ok" =>
    verdict(chain, round2, 9, { extras: { links } });
  const first = link([1, 2, 3], zero, one);
  const second = link([1, 2, 4], one, two);
  assert.equal(check(first), "ok");
  assert.equal(check(first, second), "ok");
  assert.equal(check(second), "link-source");
  assert.equal(check(first, first), "link-known");
  assert.equal(check(link([1, 2], zero, one)), "link-quorum");
  assert.equal(check(link([1, 2, 3], zero, { round: 1, id: round2.id })), "link-target");
  assert.equal(check(link([1, 2, 3], zero, { round: 3, id: round2.id })), "link-target");
  const forged = [1, 2, 3].map((id) => voteOf(chain, id, zero, one));
  const bad = certificateOf([forged[0]!, forged[1]!, { ...forged[2]!, sig: forged[0]!.sig }]);
  assert.equal(check(bad), "certificate-signature");
  const after = extend(chain, round2, 9, { links: [first, second] });
  assert.equal(after.finalizedRound, 1);
  assert.equal(after.finalizedId, round1.id);
  assert.equal(verdict(chain, after, 10, { extras: { links: [first] } }), "link-known");
});

function twoActs(chain: Chain, parent: Branch, slot: number): Evidence {
  const side = (txRoot: string) => {
    const { header, sig } = blockAt(chain, parent, slot, { header: { txRoot } });
    return { header, sig };
  };
  return { kind: TWO_ACTS, a: side("aa".repeat(32)), b: side("bb".repeat(32)) };
}

test("evidence must prove something, once", () => {
  const chain = chainOf(4);
  const tip = grow(chain, chain.genesis, 9);
  const zero = { round: 0, id: chain.genesis.id };
  const at = (round: number, id: string) => ({ round, id: id.repeat(32) });
  const vote = (staker: number, source: typeof zero, target: typeof zero) =>
    voteOf(chain, staker, source, target);
  const check = (...evidence: Evidence[]): BlockFault | "ok" =>
    verdict(chain, tip, 10, { extras: { evidence } });
  const acts = twoActs(chain, grow(chain, chain.genesis, 7), 8);
  const a = vote(2, zero, at(2, "a1"));
  const b = vote(2, zero, at(2, "b1"));
  const wide = vote(3, zero, at(5, "a1"));
  const narrow = vote(3, at(1, "c1"), at(2, "b1"));
  assert.equal(check(acts), "ok");
  assert.equal(check({ kind: TWO_VOTES, a, b }), "ok");
  assert.equal(check({ kind: SURROUND_VOTE, a: wide, b: narrow }), "ok");
  assert.equal(check({ kind: SURROUND_VOTE, a: narrow, b: wide }), "evidence-empty");
  assert.equal(check({ kind: TWO_VOTES, a, b: a }), "evidence-empty");
  assert.equal(check({ kind: TWO_VOTES, a, b: vote(3, zero, at(2, "b1")) }), "evidence-empty");
  assert.equal(check({ kind: TWO_VOTES, a, b: { ...b, sig: a.sig } }), "evidence-signature");
  const ghost = { ...a, stakerId: 77 };
  const unknown = check({ kind: TWO_VOTES, a: ghost, b: { ...b, stakerId: 77 } });
  assert.equal(unknown, "evidence-unknown-staker");
  assert.equal(check(acts, acts), "evidence-replayed");
  const block = blockAt(chain, tip, 10, { extras: { evidence: [acts] } });
  const after = applyBlock(chain.network, tip, block, []);
  assert.equal(verdict(chain, after, 11, { extras: { evidence: [acts] } }), "evidence-replayed");
});
