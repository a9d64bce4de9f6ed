// One core alone: what it asks, parks, refuses, signs and in which order, and what a restart does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Evidence, type SignedHeader, TWO_ACTS } from "../finality/evidence.ts";
import { freshGuard, type Guard } from "../finality/guard.ts";
import { votesAbove } from "../finality/view.ts";
import type { Block } from "./block.ts";
import type { Branch } from "./branch.ts";
import { createQpos, type Qpos, step } from "./core.ts";
import { encodeExtras } from "./extras.ts";
import { blockOf } from "./head.ts";
import type { Effect } from "./message.ts";
import {
  answer,
  blockAt,
  CHAIN_ID,
  type Chain,
  chainOf,
  dueAt,
  extend,
  keyOf,
  sign,
  voteOf,
} from "./test-chain.ts";

const idOf = (number: number): string => number.toString(16).padStart(64, "0");

interface Options {
  readonly own?: readonly number[];
  readonly restarted?: boolean;
  readonly executes?: boolean;
  readonly guards?: ReadonlyMap<number, Guard>;
}

function coreOf(chain: Chain, options: Options = {}): Qpos {
  return createQpos({
    network: chain.network,
    genesis: chain.genesis,
    own: (options.own ?? []).map((id) => ({
      id,
      revealSecret: keyOf(id).revealSecret,
      guard: options.guards?.get(id) ?? freshGuard(CHAIN_ID, id),
    })),
    restarted: options.restarted ?? false,
    executes: options.executes ?? false,
    forgets: true,
    memo: null,
  });
}

function receive(core: Qpos, block: Block, from = 7): readonly Effect[] {
  return step(core, { type: "message", from, message: { kind: "block", block } });
}

function types(effects: readonly Effect[]): string[] {
  return effects.map((effect) => effect.type);
}

/** Runs a core's effects as a shell would: assembles, persists, signs; returns all of them. */
function perform(core: Qpos, effects: readonly Effect[]): Effect[] {
  const all: Effect[] = [];
  const waiting = [...effects];
  for (let effect = waiting.shift(); effect !== undefined; effect = waiting.shift()) {
    all.push(effect);
    waiting.push(...answer(core, effect));
  }
  return all;
}

/** The blocks from below `tip` up, with the branch each makes. */
function blocksUpTo(chain: Chain, last: number): { blocks: Block[]; tip: Branch } {
  const blocks: Block[] = [];
  let tip = chain.genesis;
  for (let slot = 1; slot <= last; slot++) {
    blocks.push(blockAt(chain, tip, slot));
    tip = extend(chain, tip, slot);
  }
  return { blocks, tip };
}

/** Evidence of `count` rounds against a staker, who may well have made it itself. */
function offencesOf(chain: Chain, stakerId: number, count: number): Evidence[] {
  const { header } = blockAt(chain, chain.genesis, 1);
  const { suite } = chain.network;
  const signed = (round: number, height: number): SignedHeader => {
    const forged = { ...header, stakerId, round, height };
    const sig = sign(stakerId, suite.headerDigest(suite.headerId(forged)));
    return { header: forged, sig };
  };
  return Array.from({ length: count }, (_, at) => ({
    kind: TWO_ACTS,
    a: signed(at + 100, 1),
    b: signed(at + 100, 2),
  }));
}

test("a staker that makes offences in stock hides neither those of others nor its own", () => {
  const chain = chainOf(4);
  const core = coreOf(chain);
  step(core, { type: "tick", nowMs: 60_000 });
  const stakerId = dueAt(chain, chain.genesis, 1);
  const other = (stakerId % 4) + 1;
  const tell = (evidence: Evidence): readonly Effect[] =>
    step(core, { type: "message", from: 7, message: { kind: "evidence", evidence } });
  for (const evidence of offencesOf(chain, stakerId, 1_030)) tell(evidence);
  assert.ok(core.evidence.size <= 16, `${core.evidence.size} kept`);
  for (let round = 0; round < 10; round++) {
    receive(core, blockAt(chain, chain.genesis, 1, { header: { coinSetHash: idOf(round) } }));
  }
  assert.equal(core.entries.size, chain.network.parameters.keepEquivocations);
  assert.deepEqual(types(tell(offencesOf(chain, other, 1)[0]!)), ["send"]);
});

test("a block of the far future is not kept: nobody's signature was looked at", () => {
  const chain = chainOf(4);
  const core = coreOf(chain);
  const { slotMs, genesisMs } = chain.network.parameters;
  step(core, { type: "tick", nowMs: genesisMs });
  assert.deepEqual(types(receive(core, blockAt(chain, chain.genesis, 10))), ["park"]);
  assert.deepEqual(receive(core, blockAt(chain, chain.genesis, 1_000)), []);
  assert.equal(core.early.length, 1);
  step(core, { type: "tick", nowMs: genesisMs + 1_000 * slotMs });
  assert.equal(core.entries.size, 1);
});

test("an unknown parent means ask, never penalise; orphans follow when it comes", () => {
  const chain = chainOf(4);
  const { blocks, tip } = blocksUpTo(chain, 5);
  const core = coreOf(chain);
  step(core, { type: "tick", nowMs: 60_000 });
  const asked = receive(core, blocks[4]!);
  assert.deepEqual(asked, [{ type: "ask", peer: 7, ids: [blocks[3]!.id] }]);
  for (const block of [blocks[3]!, blocks[2]!, blocks[1]!]) receive(core, block);
  assert.equal(core.head, chain.genesis);
  const effects = receive(core, blocks[0]!);
  assert.equal(core.head.id, tip.id);
  assert.equal(types(effects).filter((type) => type === "setHead").length, 5);
  assert.equal(blockOf(core, blocks[2]!.id), core.entries.get(blocks[2]!.id)!.block);
});

test("extras that arrive as bytes are opened by the parent's branch", () => {
  const chain = chainOf(4);
  const { blocks } = blocksUpTo(chain, 1);
  const core = coreOf(chain);
  step(core, { type: "tick", nowMs: 60_000 });
  const [block] = blocks;
  const extras = encodeExtras(block!.extras, () => chain.genesis.set);
  const message = { kind: "block", block: { ...block!, extras } } as const;
  step(core, { type: "message", from: 1, message });
  assert.equal(core.head.id, block!.id);
  const next = blockAt(chain, core.head, 2);
  const broken = { ...next, extras: new Uint8Array([1, 2, 3]) };
  const refused = step(core, {
    type: "message",
    from: 1,
    message: { kind: "block", block: broken },
  });
  assert.deepEqual(refused, [{ type: "misbehaved", peer: 1, why: "extras-malformed" }]);
  receive(core, next);
  assert.equal(core.head.id, next.id, "the same id with good bytes is still welcome");
});

test("a block from the future is parked under its name and let in when its time comes", () => {
  const chain = chainOf(4);
  const { blocks } = blocksUpTo(chain, 1);
  const core = coreOf(chain);
  step(core, { type: "tick", nowMs: 1_000 });
  const parked = receive(core, blocks[0]!);
  assert.deepEqual(parked, [
    { type: "park", id: blocks[0]!.id, why: "future-time", untilMs: 4_000 },
  ]);
  step(core, { type: "tick", nowMs: 4_000 });
  assert.equal(core.head.id, blocks[0]!.id);
});

test("an invalid block costs its sender standing once, and its children nothing", () => {
  const chain = chainOf(4);
  const core = coreOf(chain);
  step(core, { type: "tick", nowMs: 60_000 });
  const bad = blockAt(chain, chain.genesis, 1, { header: { time: 1 } });
  const refused = receive(core, bad);
  assert.deepEqual(refused, [{ type: "misbehaved", peer: 7, why: "wrong-time" }]);
  assert.deepEqual(receive(core, bad), []);
  const { blocks } = blocksUpTo(chain, 2);
  const child = { ...blocks[1]!, header: { ...blocks[1]!.header, parent: bad.id } };
  assert.deepEqual(receive(core, child), []);
});

test("persist stands before sign, for blocks and for votes", () => {
  const chain = chainOf(1);
  const core = coreOf(chain, { own: [1] });
  const effects = perform(core, step(core, { type: "tick", nowMs: 5_000 }));
  const order = types(effects).filter((type) => type === "persist" || type === "sign");
  assert.deepEqual(order, ["persist", "sign", "persist", "sign"]);
  assert.equal(core.head.slot, 1);
  assert.equal(core.own[0]!.guard.actRound, 1);
  assert.equal(core.own[0]!.guard.voteTarget, 1);
  perform(core, step(core, { type: "tick", nowMs: 10_000 }));
  assert.equal(core.view.finalized.round, 1, "one staker finalizes alone");
});

test("a staker that acted in a round on one branch is silent in it on another", () => {
  const chain = chainOf(2);
  const first = dueAt(chain, chain.genesis, 1);
  const core = coreOf(chain, { own: [first] });
  perform(core, step(core, { type: "tick", nowMs: 5_000 }));
  assert.equal(core.head.slot, 1);
  const used = { ...freshGuard(CHAIN_ID, first), actRound: 1 };
  const other = coreOf(chain, { own: [first], guards: new Map([[first, used]]) });
  const silent = step(other, { type: "tick", nowMs: 5_000 });
  assert.deepEqual(silent, []);
  assert.equal(other.skippedActs, 1);
});

test("a restarted signer listens before it signs again", () => {
  const chain = chainOf(1);
  const core = coreOf(chain, { own: [1], restarted: true });
  const signedAt: number[] = [];
  for (let slot = 20; slot < 30; slot++) {
    const effects = perform(core, step(core, { type: "tick", nowMs: slot * 5_000 }));
    if (effects.some((effect) => effect.type === "sign" && effect.what === "block")) {
      signedAt.push(slot);
    }
  }
  // It started in round 20: silent in that one and in the two that it listens to.
  assert.deepEqual(signedAt, [23, 24, 25, 26, 27, 28, 29]);
});

test("the gate shut: no block, votes go on, and a certificate opens the next round", () => {
  const chain = chainOf(3);
  const cores = [1, 2, 3].map((id) => coreOf(chain, { own: [id] }));
  const send = (effects: readonly Effect[], to: readonly Qpos[]): void => {
    for (const effect of effects) {
      if (effect.type !== "send") continue;
      for (const core of to) {
        step(core, { type: "message", from: 1, message: effect.message });
      }
    }
  };
  const tick = (core: Qpos, nowMs: number, to: readonly Qpos[]): void =>
    send(perform(core, step(core, { type: "tick", nowMs })), to);
  for (let slot = 1; slot <= 30; slot++) {
    const together = slot < 7 || slot > 18;
    for (const late of [0, 4_000]) {
      for (const core of cores) {
        tick(core, slot * 5_000 + late, together ? cores.filter((other) => other !== core) : []);
      }
    }
    // On healing everybody tells what it has; here all blocks, which is more than enough.
    if (slot === 18) {
      for (const from of cores) {
        for (const to of cores) {
          for (const { block } of from.entries.values()) receive(to, block);
          for (const vote of votesAbove(from.view, to.view.finalized.round)) {
            step(to, { type: "message", from: 1, message: { kind: "vote", vote } });
          }
        }
      }
    }
  }
  const heads = new Set(cores.map((core) => core.head.id));
  assert.equal(heads.size, 1);
  assert.ok(cores[0]!.head.slot >= 29, `the chain lives: slot ${cores[0]!.head.slot}`);
  const restarts = [...cores[0]!.entries.values()].filter(({ block }) => block.extras.restart);
  assert.ok(restarts.length >= 1, "a certificate opened it");
});

test("a forged vote is named, an honest one of a stranger is ignored", () => {
  const chain = chainOf(4);
  const { blocks, tip } = blocksUpTo(chain, 4);
  const core = coreOf(chain);
  step(core, { type: "tick", nowMs: 25_000 });
  for (const block of blocks) receive(core, block);
  const vote = voteOf(chain, 1, { round: 0, id: CHAIN_ID }, { round: 1, id: tip.id });
  const send = (v: typeof vote) =>
    step(core, { type: "message", from: 3, message: { kind: "vote", vote: v } });
  const forged = { ...vote, stakerId: 2 };
  assert.deepEqual(send(forged), [{ type: "misbehaved", peer: 3, why: "bad-vote-signature" }]);
  assert.deepEqual(send({ ...vote, stakerId: 9 }), []);
  assert.deepEqual(types(send(vote)), ["send"]);
  assert.deepEqual(send(vote), [], "known votes go no further");
});

test("two headers of one round become evidence, which the next own block carries", () => {
  const chain = chainOf(2);
  const due = dueAt(chain, chain.genesis, 1);
  const me = 3 - due;
  const core = coreOf(chain, { own: [me] });
  step(core, { type: "tick", nowMs: 9_000 });
  receive(core, blockAt(chain, chain.genesis, 1));
  const effects = receive(
    core,
    blockAt(chain, chain.genesis, 1, { header: { txRoot: "ab".repeat(32) } }),
  );
  const sent = effects.filter((e) => e.type === "send" && e.message.kind === "evidence");
  assert.equal(sent.length, 1);
  const made = perform(core, step(core, { type: "tick", nowMs: 10_000 }));
  const block = made.find((e) => e.type === "sign" && e.what === "block");
  assert.ok(block?.type === "sign" && block.what === "block");
  assert.equal(block.block.extras.evidence.length, 1);
  const record = core.head.registry.chunks[0]![due - 1]!;
  assert.equal(record.status, 5);
  assert.equal(record.penalty, record.bondValue);
});

test("evidence goes when a final block has carried it, and is not taken again", () => {
  const chain = chainOf(4);
  const core = coreOf(chain, { own: [1, 2, 3, 4] });
  const offences = offencesOf(chain, 2, 3);
  const tell = (evidence: Evidence): readonly Effect[] =>
    step(core, { type: "message", from: 7, message: { kind: "evidence", evidence } });
  step(core, { type: "tick", nowMs: 1_000 });
  for (const evidence of offences) tell(evidence);
  assert.equal(core.evidence.size, 3);
  for (let slot = 1; slot <= 24; slot++) {
    for (const late of [0, 4_000]) {
      perform(core, step(core, { type: "tick", nowMs: slot * 5_000 + late }));
    }
  }
  assert.ok(core.view.finalized.round >= 3, `final up to round ${core.view.finalized.round}`);
  assert.equal(core.head.registry.offences.length, 3);
  assert.equal(core.evidence.size, 0);
  for (const evidence of offences) assert.deepEqual(tell(evidence), []);
  assert.equal(core.evidence.size, 0);
});

test("a block that fails execution goes with all that build on it", () => {
  const chain = chainOf(4);
  const { blocks } = blocksUpTo(chain, 3);
  const core = coreOf(chain, { executes: true });
  step(core, { type: "tick", nowMs: 60_000 });
  for (const block of blocks) receive(core, block);
  step(core, { type: "judged", id: blocks[0]!.id, ok: true, operations: [] });
  const effects = step(core, { type: "judged", id: blocks[1]!.id, ok: false, operations: [] });
  assert.deepEqual(effects, [
    {
      type: "setHead",
      id: blocks[0]!.id,
      rollbackTo: blocks[0]!.id,
      rolledBack: 2,
      dropped: false,
    },
  ]);
  assert.deepEqual(receive(core, blocks[2]!), []);
});

test("a wrong registry root is found when the block is judged", () => {
  const chain = chainOf(4);
  const core = coreOf(chain, { executes: true });
  step(core, { type: "tick", nowMs: 60_000 });
  const block = blockAt(chain, chain.genesis, 1, { header: { registryRoot: "77".repeat(32) } });
  receive(core, block);
  assert.equal(core.head.id, block.id);
  step(core, { type: "judged", id: block.id, ok: true, operations: [] });
  assert.equal(core.head.id, chain.genesis.id);
  assert.ok(core.invalid.has(block.id));
});
