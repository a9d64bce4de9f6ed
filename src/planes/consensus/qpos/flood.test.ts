// What a peer can make a core verify, walk, keep and pass on: votes, links and evidence that are
// repeated, old or forged, and questions, while finality stands still. Counted, not timed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateOf } from "../finality/certificate.ts";
import { type Evidence, TWO_VOTES } from "../finality/evidence.ts";
import { votesAbove } from "../finality/view.ts";
import type { Vote } from "../finality/vote.ts";
import { applyBlock, type Branch } from "./branch.ts";
import { createQpos, type Entry, type Qpos, step } from "./core.ts";
import type { Message, Misdeed } from "./message.ts";
import { blockAt, type Chain, chainOf, sign, voteOf } from "./test-chain.ts";
import { finalityProof } from "./wire.ts";

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

/** Entries that count how often they are looked at. */
class CountedEntries extends Map<string, Entry> {
  looks = 0;

  override get(id: string): Entry | undefined {
    this.looks++;
    return super.get(id);
  }

  override values(): ReturnType<Map<string, Entry>["values"]> {
    this.looks += this.size;
    return super.values();
  }
}

/** A core with a long chain that is not final, whose blocks are judged; and how to add to it. */
function longChain(blocks: number): {
  readonly core: Qpos;
  readonly entries: CountedEntries;
  readonly grow: (judged: boolean) => Branch;
} {
  const chain = chainOf(STAKERS);
  const core = createQpos({
    network: chain.network,
    genesis: chain.genesis,
    own: [],
    restarted: false,
    executes: true,
    forgets: true,
    memo: null,
    nowMs: 10_000_000,
  });
  const entries = new CountedEntries();
  Object.assign(core, { entries });
  let tip = chain.genesis;
  const grow = (judged: boolean): Branch => {
    const block = blockAt(chain, tip, tip.slot + 1);
    tip = applyBlock(chain.network, tip, block, []);
    step(core, { type: "message", from: PEER, message: { kind: "block", block } });
    if (judged) step(core, { type: "judged", id: block.id, ok: true, operations: [] });
    return tip;
  };
  while (tip.height < blocks) grow(true);
  assert.equal(core.head.height, blocks);
  return { core, entries, grow };
}

test("what is asked again and again does not walk the chain again, however long it is not final", () => {
  const { core, entries, grow } = longChain(400);
  finalityProof(core, 0);
  entries.looks = 0;
  for (let round = 0; round < 100; round++) finalityProof(core, round);
  assert.equal(entries.looks, 0);
  grow(true);
  entries.looks = 0;
  finalityProof(core, 0);
  assert.equal(entries.looks, 1, "only the new block");
});

test("a block with operations is applied again with what stands on it, not with all that is not final", () => {
  const { core, entries, grow } = longChain(400);
  const first = grow(false);
  grow(false);
  const operations = [
    {
      txid: "ab".repeat(32),
      operation: { op: "pause", id: 2 },
      authHash: "cd".repeat(32),
      outputs: [],
    },
  ] as const;
  entries.looks = 0;
  step(core, { type: "judged", id: first.id, ok: true, operations });
  assert.equal(core.head.height, 402);
  assert.notEqual(core.head.parent, first, "it was applied again");
  assert.equal(core.head.parent?.id, first.id);
  assert.ok(entries.looks < 20, `${entries.looks} entries looked at`);
});
