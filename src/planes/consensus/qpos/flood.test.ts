// What a peer can make a core verify, keep and pass on: votes, links and evidence that are repeated,
// old or forged, while finality stands still. Counted, not timed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateOf } from "../finality/certificate.ts";
import { type Evidence, TWO_VOTES } from "../finality/evidence.ts";
import { votesAbove } from "../finality/view.ts";
import type { Vote } from "../finality/vote.ts";
import { createQpos, type Qpos, step } from "./core.ts";
import type { Message, Misdeed } from "./message.ts";
import { type Chain, chainOf, sign, voteOf } from "./test-chain.ts";

const STAKERS = 4;
const PEER = 3;

interface Flooded {
  readonly chain: Chain;
  readonly core: Qpos;
  /** Signatures verified since the last look. */
  readonly verified: () => number;
  readonly atRound: (round: number) => void;
  /** How often something was passed on, and what it cost the sender. */
  readonly tell: (message: Message) => { readonly sent: number; readonly cost: Misdeed[] };
}

/** A core that knows only the genesis block, so that nothing is ever final. */
function flooded(): Flooded {
  const plain = chainOf(STAKERS);
  let count = 0;
  const { suite } = plain.network;
  const verify: typeof suite.verify = (...of) => {
    count++;
    return suite.verify(...of);
  };
  const chain = { ...plain, network: { ...plain.network, suite: { ...suite, verify } } };
  const core = createQpos({
    network: chain.network,
    genesis: chain.genesis,
    own: [],
    restarted: false,
    executes: false,
    forgets: true,
    memo: null,
  });
  const { slotMs } = chain.network.parameters;
  return {
    chain,
    core,
    verified: () => {
      const found = count;
      count = 0;
      return found;
    },
    atRound: (round) => {
      const slot = 1 + (round - 1) * STAKERS;
      step(core, { type: "tick", nowMs: slot * slotMs });
    },
    tell: (message) => {
      const effects = step(core, { type: "message", from: PEER, message });
      return {
        sent: effects.filter(({ type }) => type === "send").length,
        cost: effects.flatMap((effect) => (effect.type === "misbehaved" ? [effect.why] : [])),
      };
    },
  };
}

const genesisAt = ({ chain }: Flooded, round: number) => ({ round, id: chain.genesis.id });

function vote(flood: Flooded, stakerId: number, round: number): Vote {
  return voteOf(flood.chain, stakerId, genesisAt(flood, 0), genesisAt(flood, round));
}

test("while nothing is final each vote is verified once and passed on once, and old rounds go", () => {
  const flood = flooded();
  const { core } = flood;
  const rounds = 700;
  const votes: Vote[] = [];
  for (let round = 1; round <= rounds; round++) {
    flood.atRound(round);
    const own = vote(flood, 1, round);
    votes.push(own);
    assert.equal(flood.tell({ kind: "vote", vote: own }).sent, 1);
  }
  assert.equal(flood.verified(), rounds);
  flood.atRound(rounds + 1);
  const kept = votesAbove(core.view, 0);
  assert.ok(core.view.rounds.size <= 515, `${core.view.rounds.size} rounds kept`);
  assert.ok(kept.length >= 500);
  for (let again = 0; again < 3; again++) {
    for (const one of votes) {
      assert.deepEqual(flood.tell({ kind: "vote", vote: one }), { sent: 0, cost: [] });
    }
  }
  assert.equal(flood.verified(), 0, "neither what is known nor what is long gone");
  assert.equal(votesAbove(core.view, 0).length, kept.length);
});

test("a complete link about a round whose votes are gone still counts, and is verified once", () => {
  const flood = flooded();
  const { core } = flood;
  flood.atRound(2_000);
  const link = certificateOf([1, 2, 3].map((id) => vote(flood, id, 1)));
  for (const one of [1, 2, 3]) {
    assert.equal(flood.tell({ kind: "vote", vote: vote(flood, one, 1) }).sent, 0);
  }
  assert.equal(flood.verified(), 0);
  const light = certificateOf([1, 2].map((id) => vote(flood, id, 1)));
  flood.tell({ kind: "links", links: [light] });
  assert.equal(flood.verified(), 0, "without quorum it is not looked at");
  for (let again = 0; again < 5; again++) flood.tell({ kind: "links", links: [link, link] });
  assert.equal(flood.verified(), 3);
  assert.deepEqual(
    core.view.justified.map(({ round }) => round),
    [0, 1],
  );
});

test("forged votes and evidence that prove nothing are verified so many times a round, and cost", () => {
  const flood = flooded();
  flood.atRound(2);
  const forged = (at: number): Vote => ({
    ...vote(flood, 1, 2),
    targetId: at.toString(16).padStart(64, "0"),
  });
  const costs: Misdeed[] = [];
  for (let at = 1; at <= 1_000; at++) {
    costs.push(...flood.tell({ kind: "vote", vote: forged(at) }).cost);
  }
  const first = flood.verified();
  assert.ok(first <= 128, `${first} verified`);
  assert.deepEqual([...new Set(costs)], ["too-many-bad-signatures"]);
  for (let at = 1; at <= 1_000; at++) {
    const a = forged(at);
    const evidence: Evidence = { kind: TWO_VOTES, a, b: { ...a, targetId: "77".repeat(32) } };
    flood.tell({ kind: "evidence", evidence });
  }
  assert.equal(flood.verified(), 0, "one bound for both");
  flood.atRound(3);
  assert.equal(flood.tell({ kind: "vote", vote: vote(flood, 2, 3) }).sent, 1, "and it goes on");
});

test("who is far behind does not blame a peer for keys that it does not know yet", () => {
  const flood = flooded();
  flood.atRound(400);
  const costs: Misdeed[] = [];
  for (let at = 1; at <= 1_000; at++) {
    const targetId = at.toString(16).padStart(64, "0");
    const rekeyed = { ...vote(flood, 1, 399), targetId, sig: sign(2, targetId) };
    costs.push(...flood.tell({ kind: "vote", vote: rekeyed }).cost);
  }
  assert.deepEqual(costs, []);
  assert.ok(flood.verified() <= 64);
});

test("a link with one bad signature costs one verification and its sender, whose branch is known", () => {
  const flood = flooded();
  flood.atRound(3);
  const votes = [1, 2, 3].map((id) => ({ ...vote(flood, id, 2), sig: "00".repeat(64) }));
  const { cost, sent } = flood.tell({ kind: "links", links: [certificateOf(votes)] });
  assert.deepEqual([cost, sent, flood.verified()], [["bad-vote-signature"], 0, 1]);
});
