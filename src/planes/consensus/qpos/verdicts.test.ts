// The named verdicts of issue and specification over a real core, and what each costs the peer that
// brought it: an honest peer is never punished for the schedule, the keys or the pace of another
// branch, nothing is judged for good while its branch's transactions are not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateOf } from "../finality/certificate.ts";
import { type Evidence, offenceOf, TWO_ACTS, TWO_VOTES } from "../finality/evidence.ts";
import { freshGuard } from "../finality/guard.ts";
import { applyOperation, type ResolvedOperation } from "./apply-operation.ts";
import type { Block } from "./block.ts";
import { applyBlock, type Branch } from "./branch.ts";
import { createQpos, type Qpos, step } from "./core.ts";
import { encodeExtras } from "./extras.ts";
import type { Effect, Misdeed } from "./message.ts";
import { RegistryDraft, recordOf } from "./registry.ts";
import {
  blockAt,
  CHAIN_ID,
  type Chain,
  chainOf,
  dueAt,
  grow,
  keyOf,
  ownerScript,
  type Spoil,
  scriptHash,
  voteOf,
} from "./test-chain.ts";

const HONEST = 3;
const NOW_MS = 10_000_000;

interface Options {
  readonly executes?: boolean;
  readonly nowMs?: number;
  readonly own?: readonly number[];
}

function coreOf(chain: Chain, { executes = false, nowMs = NOW_MS, own = [] }: Options = {}): Qpos {
  const core = createQpos({
    network: chain.network,
    genesis: chain.genesis,
    own: own.map((id) => ({
      id,
      revealSecret: keyOf(id).revealSecret,
      guard: freshGuard(CHAIN_ID, id),
    })),
    restarted: false,
    executes,
    forgets: true,
    memo: null,
  });
  step(core, { type: "tick", nowMs });
  return core;
}

/** What a peer's message cost it. */
function punished(effects: readonly Effect[]): Misdeed[] {
  return effects.flatMap((effect) => (effect.type === "misbehaved" ? [effect.why] : []));
}

function receive(core: Qpos, block: Block): readonly Effect[] {
  return step(core, { type: "message", from: HONEST, message: { kind: "block", block } });
}

function tell(core: Qpos, message: Parameters<typeof step>[1] & { type: "message" }): Misdeed[] {
  return punished(step(core, message));
}

const message = (
  one: (Parameters<typeof step>[1] & { type: "message" })["message"],
): Parameters<typeof step>[1] & { type: "message" } => ({
  type: "message",
  from: HONEST,
  message: one,
});

/** Good blocks in every slot behind `from` up to `last`, and their branches. */
function blocksTo(chain: Chain, from: Branch, last: number): { blocks: Block[]; tip: Branch } {
  const blocks: Block[] = [];
  let tip = from;
  for (let slot = from.slot + 1; slot <= last; slot++) {
    const block = blockAt(chain, tip, slot);
    blocks.push(block);
    tip = applyBlock(chain.network, tip, block, []);
  }
  return { blocks, tip };
}

/** A core that knows a full chain up to `last`. */
function grownCore(chain: Chain, last: number, options: Options = {}): { core: Qpos; tip: Branch } {
  const core = coreOf(chain, options);
  const { blocks, tip } = blocksTo(chain, chain.genesis, last);
  for (const block of blocks) assert.deepEqual(punished(receive(core, block)), []);
  assert.equal(core.head.id, tip.id);
  return { core, tip };
}

/** What one spoiled block behind a tip costs its sender; it must leave no trace in the tree. */
function cost(chain: Chain, core: Qpos, parent: Branch, slot: number, spoil: Spoil): Misdeed[] {
  const block = blockAt(chain, parent, slot, spoil);
  const head = core.head.id;
  const found = punished(receive(core, block));
  assert.equal(core.head.id, head, "the head stays");
  assert.ok(!core.entries.has(block.id));
  return found;
}

test("wrong bond: the registration is void by name and the block stands", () => {
  const chain = chainOf(4);
  const { core, tip } = grownCore(chain, 4, { executes: true });
  const register: ResolvedOperation = {
    txid: "ab".repeat(32),
    operation: {
      op: "register",
      bondOutput: 0,
      payoutOutput: 255,
      operatorOutput: 255,
      flags: 1,
      signKey: keyOf(5).signKey,
      commit: "cd".repeat(32),
    },
    authHash: scriptHash(ownerScript(5)),
    outputs: [{ value: chain.network.parameters.bond - 1, script: ownerScript(5) }],
  };
  const draft = new RegistryDraft(tip.registry, chain.network.parameters);
  const now = { round: 1, slot: 4 };
  assert.equal(applyOperation(draft, chain.network.parameters, register, now), "wrong-bond");
  for (let at: Branch | null = tip, ids: string[] = []; ; at = at.parent) {
    if (at !== null && at.parent !== null) {
      ids.unshift(at.id);
      continue;
    }
    for (const id of ids) {
      const effects = step(core, { type: "judged", id, ok: true, operations: [register] });
      assert.deepEqual(punished(effects), []);
    }
    break;
  }
  assert.equal(core.head.id, tip.id);
  assert.equal(recordOf(core.head.registry, 5), null, "nobody was registered");
});

test("unknown staker, foreign schedule, wrong signature: named, and they cost the sender", () => {
  const chain = chainOf(4);
  const { core, tip } = grownCore(chain, 5);
  const due = dueAt(chain, tip, 6);
  const other = (due % 4) + 1;
  for (const [why, spoil] of [
    ["unknown-staker", { header: { stakerId: 9 } }],
    ["foreign-schedule", { header: { stakerId: other } }],
    ["bad-signature", { signer: other }],
  ] as const) {
    assert.deepEqual(cost(chain, core, tip, 6, spoil), [why]);
  }
});

test("future time: parked, not refused, and let in when its time has come", () => {
  const chain = chainOf(4);
  const { blocks } = blocksTo(chain, chain.genesis, 3);
  const core = coreOf(chain, { nowMs: 6_000 });
  receive(core, blocks[0]!);
  const effects = receive(core, blocks[1]!);
  assert.deepEqual(punished(effects), []);
  assert.deepEqual(
    effects.flatMap((effect) => (effect.type === "park" ? [effect.why] : [])),
    ["future-time"],
  );
  step(core, { type: "tick", nowMs: 9_000 });
  assert.equal(core.head.id, blocks[1]!.id);
});

test("forged certificates: target, voter, signature and weight are named", () => {
  const chain = chainOf(4);
  const full = blocksTo(chain, chain.genesis, 5);
  const core = coreOf(chain);
  for (const block of full.blocks) receive(core, block);
  const { tip } = full;
  const vote = (id: number, round = 2) =>
    voteOf(chain, id, { round: 0, id: chain.genesis.id }, { round, id: tip.id });
  const restart = (votes: ReturnType<typeof vote>[]): Misdeed[] =>
    cost(chain, core, tip, 9, { extras: { restart: certificateOf(votes) } });
  assert.deepEqual(cost(chain, core, tip, 9, {}), ["certificate-missing"]);
  assert.deepEqual(restart([vote(1), vote(2)]), ["certificate-weight"]);
  assert.deepEqual(restart([1, 2, 3].map((id) => vote(id, 1))), ["certificate-target"]);
  const forged = { ...vote(3), sig: vote(1).sig };
  assert.deepEqual(restart([vote(1), vote(2), forged]), ["certificate-signature"]);
  const good = blockAt(chain, tip, 9, {
    extras: { restart: certificateOf([1, 2, 3].map((id) => vote(id))) },
  });
  assert.deepEqual(punished(receive(core, good)), []);
  assert.equal(core.head.id, good.id);
});

test("a forged vote is named where its branch is known, and ignored where it is not", () => {
  const chain = chainOf(4);
  const { core, tip } = grownCore(chain, 4, { nowMs: 21_000 });
  const zero = { round: 0, id: chain.genesis.id };
  const vote = voteOf(chain, 1, zero, { round: 1, id: tip.id });
  const forged = { ...vote, stakerId: 2 };
  assert.deepEqual(tell(core, message({ kind: "vote", vote: forged })), ["bad-vote-signature"]);
  const elsewhere = { ...forged, targetId: "77".repeat(32) };
  assert.deepEqual(tell(core, message({ kind: "vote", vote: elsewhere })), []);
  assert.deepEqual(tell(core, message({ kind: "vote", vote: { ...vote, stakerId: 9 } })), []);
  assert.equal(core.view.rounds.get(1), undefined, "none of them counts");
  assert.deepEqual(tell(core, message({ kind: "vote", vote })), []);
  assert.equal(core.view.rounds.get(1)!.first.size, 1);
});

function twoActs(chain: Chain, parent: Branch, slot: number): Evidence {
  const side = (txRoot: string) => {
    const { header, sig } = blockAt(chain, parent, slot, { header: { txRoot } });
    return { header, sig };
  };
  return { kind: TWO_ACTS, a: side("aa".repeat(32)), b: side("bb".repeat(32)) };
}

/** The slot of a staker in the first round. */
function dueSlot(chain: Chain, stakerId: number): number {
  const slots = [1, 2, 3, 4];
  return slots.find((slot) => dueAt(chain, chain.genesis, slot) === stakerId)!;
}

test("replayed evidence: named in a block, silently known as a message", () => {
  const chain = chainOf(4);
  const { core, tip } = grownCore(chain, 9);
  const evidence = twoActs(chain, grow(chain, chain.genesis, 7), 8);
  assert.deepEqual(cost(chain, core, tip, 10, { extras: { evidence: [evidence, evidence] } }), [
    "evidence-replayed",
  ]);
  const carried = blockAt(chain, tip, 10, { extras: { evidence: [evidence] } });
  assert.deepEqual(punished(receive(core, carried)), []);
  const again = cost(chain, core, core.head, 11, { extras: { evidence: [evidence] } });
  assert.deepEqual(again, ["evidence-replayed"]);
  assert.deepEqual(tell(core, message({ kind: "evidence", evidence })), []);
});

test("whose bond is gone is not accused again: its offences could fill blocks for ever", () => {
  const chain = chainOf(4);
  const { core, tip } = grownCore(chain, 9);
  const evidence = twoActs(chain, grow(chain, chain.genesis, 7), 8);
  const carried = blockAt(chain, tip, 10, { extras: { evidence: [evidence] } });
  assert.deepEqual(punished(receive(core, carried)), []);
  const { stakerId } = offenceOf(evidence);
  const slot = dueSlot(chain, stakerId);
  const more = twoActs(chain, grow(chain, chain.genesis, slot - 1), slot);
  assert.equal(offenceOf(more).stakerId, stakerId);
  const again = cost(chain, core, core.head, 11, { extras: { evidence: [more] } });
  assert.deepEqual(again, ["evidence-expired"]);
});

test("evidence that proves nothing costs its sender; one whose keys are another branch's does not", () => {
  const chain = chainOf(4);
  const { core } = grownCore(chain, 9);
  const zero = { round: 0, id: chain.genesis.id };
  const a = voteOf(chain, 2, zero, { round: 2, id: "a1".repeat(32) });
  const b = voteOf(chain, 2, zero, { round: 2, id: "b1".repeat(32) });
  const empty: Evidence = { kind: TWO_VOTES, a, b: a };
  assert.deepEqual(tell(core, message({ kind: "evidence", evidence: empty })), ["evidence-empty"]);
  const otherKey: Evidence = { kind: TWO_VOTES, a, b: { ...b, sig: a.sig } };
  assert.deepEqual(tell(core, message({ kind: "evidence", evidence: otherKey })), []);
  const stranger: Evidence = {
    kind: TWO_VOTES,
    a: { ...a, stakerId: 8 },
    b: { ...b, stakerId: 8 },
  };
  assert.deepEqual(tell(core, message({ kind: "evidence", evidence: stranger })), []);
  assert.equal(core.evidence.size, 0);
});

test("two branches with their own orders: each side takes all of the other's, and nobody pays", () => {
  const chain = chainOf(4);
  const fork = blocksTo(chain, chain.genesis, 4);
  const sides: [Block[], Block[]] = [[], []];
  const tips: [Branch, Branch] = [fork.tip, fork.tip];
  // Odd slots on one side, even ones on the other: half of the weight each opens no round, so
  // round 2 is all they have; their orders of later rounds differ by what was revealed in it.
  for (let slot = 5; slot <= 8; slot++) {
    const side = slot % 2 === 0 ? 0 : 1;
    const block = blockAt(chain, tips[side], slot);
    sides[side].push(block);
    tips[side] = applyBlock(chain.network, tips[side], block, []);
  }
  const certified = (tip: Branch, slot: number): Block => {
    const votes = [1, 2, 3].map((id) =>
      voteOf(
        chain,
        id,
        { round: 0, id: chain.genesis.id },
        { round: Math.floor((slot - 1) / 4), id: tip.id },
      ),
    );
    return blockAt(chain, tip, slot, { extras: { restart: certificateOf(votes) } });
  };
  for (const side of [0, 1] as const) {
    const skipped = certified(tips[side], 13);
    sides[side].push(skipped);
    let tip = applyBlock(chain.network, tips[side], skipped, []);
    for (let slot = 14; slot <= 16; slot++) {
      const block = blockAt(chain, tip, slot);
      sides[side].push(block);
      tip = applyBlock(chain.network, tip, block, []);
    }
    tips[side] = tip;
  }
  assert.notDeepEqual(tips[0].queue, tips[1].queue, "the orders differ");
  for (const mine of [0, 1] as const) {
    const core = coreOf(chain);
    for (const block of [...fork.blocks, ...sides[mine], ...sides[1 - mine]!]) {
      assert.deepEqual(punished(receive(core, block)), []);
    }
    assert.equal(core.tips.length, 2);
  }
});

function rekeyOf(staker: number, key: number): ResolvedOperation {
  const { signKey, revealSecret } = keyOf(key);
  const suite = chainOf(4).network.suite;
  return {
    txid: "ab".repeat(32),
    operation: {
      op: "rekey",
      id: staker,
      signKey,
      commit: suite.commit(signKey, suite.reveal(revealSecret, signKey, 0)),
    },
    authHash: scriptHash(ownerScript(staker)),
    outputs: [],
  };
}

/** The block of a staker at its slot with a key of its own, behind a branch that knows the key. */
function blockWithKey(chain: Chain, parent: Branch, slot: number, key: number): Block {
  const { signKey, revealSecret } = keyOf(key);
  const { suite } = chain.network;
  return blockAt(chain, parent, slot, {
    signer: key,
    extras: {
      reveal: suite.reveal(revealSecret, signKey, 0),
      commit: suite.commit(signKey, suite.reveal(revealSecret, signKey, 1)),
    },
  });
}

/** A chain whose first block gives the staker of slot 5 another key, and that staker's block. */
function rekeyed() {
  const chain = chainOf(4);
  const plain = blocksTo(chain, chain.genesis, 4);
  const staker = dueAt(chain, plain.tip, 5);
  const operations = [rekeyOf(staker, 9)];
  let tip = applyBlock(chain.network, chain.genesis, plain.blocks[0]!, operations);
  const blocks = [plain.blocks[0]!];
  for (let slot = 2; slot <= 4; slot++) {
    const own = dueAt(chain, tip, slot) === staker;
    const block = own ? blockWithKey(chain, tip, slot, 9) : blockAt(chain, tip, slot);
    blocks.push(block);
    tip = applyBlock(chain.network, tip, block, []);
  }
  return { chain, staker, operations, blocks, tip };
}

test("a block that only its parent's operations make valid waits for them, at nobody's cost", () => {
  const { chain, operations, blocks, tip } = rekeyed();
  const core = coreOf(chain, { executes: true });
  for (const block of blocks) assert.deepEqual(punished(receive(core, block)), []);
  const known = blocks.filter(({ id }) => core.entries.has(id)).length;
  assert.ok(known < blocks.length, "the block of the new key waits");
  assert.equal(core.invalid.size, 0);
  blocks.forEach(({ id }, at) => {
    const event = { type: "judged", id, ok: true, operations: at === 0 ? operations : [] } as const;
    assert.deepEqual(punished(step(core, event)), []);
  });
  assert.equal(core.head.id, tip.id);
  assert.equal(core.orphanCount, 0);
});

test("a block taken before its parent's operations were known goes when they make it invalid", () => {
  const { chain, staker, operations, blocks } = rekeyed();
  // The old key goes on signing, as if the operation were not there.
  const old = blocksTo(chain, chain.genesis, 8);
  const spoilt = old.blocks.find(({ header }) => header.stakerId === staker && header.slot > 1);
  const core = coreOf(chain, { executes: true });
  for (const block of old.blocks) receive(core, block);
  assert.equal(core.head.id, old.tip.id);
  for (const block of old.blocks) {
    const first = block.id === blocks[0]!.id;
    step(core, { type: "judged", id: block.id, ok: true, operations: first ? operations : [] });
  }
  assert.equal(core.head.id, spoilt!.header.parent, "the chain ends below the old key's block");
  assert.ok(core.invalid.has(spoilt!.id));
});

test("extras that only a later set can open wait for the parent's operations too", () => {
  const chain = chainOf(4);
  const { blocks } = blocksTo(chain, chain.genesis, 2);
  const core = coreOf(chain, { executes: true });
  receive(core, blocks[0]!);
  const bytes = encodeExtras(blocks[1]!.extras, () => chain.genesis.set);
  const broken = { ...blocks[1]!, extras: bytes.subarray(0, bytes.length - 1) };
  const send = () => step(core, message({ kind: "block", block: broken }));
  assert.deepEqual(punished(send()), []);
  step(core, { type: "judged", id: blocks[0]!.id, ok: true, operations: [] });
  assert.deepEqual(punished(send()), ["extras-malformed"]);
  assert.deepEqual(punished(receive(core, blocks[1]!)), []);
  assert.equal(core.head.id, blocks[1]!.id);
});

test("a staker votes only for what has been executed", () => {
  const chain = chainOf(4);
  const { blocks, tip } = blocksTo(chain, chain.genesis, 4);
  const votesOf = (effects: readonly Effect[]): string[] =>
    effects.flatMap((effect) =>
      effect.type === "sign" && effect.what === "vote" ? [effect.vote.targetId] : [],
    );
  const core = coreOf(chain, { executes: true, own: [1], nowMs: 21_000 });
  for (const block of blocks) assert.deepEqual(votesOf(receive(core, block)), []);
  for (const { id } of blocks.slice(0, 3)) {
    assert.deepEqual(votesOf(step(core, { type: "judged", id, ok: true, operations: [] })), []);
  }
  const last = step(core, { type: "judged", id: tip.id, ok: true, operations: [] });
  assert.deepEqual(votesOf(last), [tip.id], "at once when the round's last block is judged");
  const late = coreOf(chain, { executes: true, own: [1], nowMs: 21_000 });
  for (const block of blocks) receive(late, block);
  step(late, { type: "judged", id: blocks[0]!.id, ok: true, operations: [] });
  const byClock = step(late, { type: "tick", nowMs: 24_000 });
  assert.deepEqual(votesOf(byClock), [blocks[0]!.id], "for the highest one that is judged");
});

test("when two thirds of the stake make an invalid block final, the core stops on the last good one", () => {
  const chain = chainOf(4);
  const { blocks } = blocksTo(chain, chain.genesis, 12);
  const core = coreOf(chain, { executes: true, own: [1] });
  for (const block of blocks) receive(core, block);
  const at = (round: number) => ({ round, id: blocks[4 * round - 1]!.id });
  const sources = [{ round: 0, id: chain.genesis.id }, at(1), at(2)];
  const links = sources.map((source, round) =>
    certificateOf([2, 3, 4].map((id) => voteOf(chain, id, source, at(round + 1)))),
  );
  step(core, message({ kind: "links", links }));
  assert.equal(core.view.finalized.branch.id, at(2).id);
  const judge = (place: number, ok: boolean): readonly Effect[] =>
    step(core, { type: "judged", id: blocks[place]!.id, ok, operations: [] });
  for (let place = 0; place < 5; place++) judge(place, true);
  const [halted, moved, ...more] = judge(5, false);
  assert.deepEqual(more, []);
  assert.deepEqual(halted, { type: "halted", id: blocks[5]!.id, height: 6, round: 2 });
  assert.equal(moved?.type === "setHead" && moved.id, blocks[4]!.id);
  assert.equal(core.view.finalized.branch.id, blocks[4]!.id, "what is good below it stays final");
  for (let nowMs = NOW_MS; nowMs < NOW_MS + 60_000; nowMs += 1_000) {
    assert.deepEqual(step(core, { type: "tick", nowMs }), [], "it neither votes nor makes blocks");
  }
  assert.deepEqual(receive(core, blocks[5]!), []);
  assert.equal(core.head.id, blocks[4]!.id);
});

test("finality that runs ahead of execution forgets no block whose operations still count", () => {
  const chain = chainOf(4);
  const pause: ResolvedOperation = {
    txid: "ab".repeat(32),
    operation: { op: "pause", id: 2 },
    authHash: scriptHash(ownerScript(2)),
    outputs: [],
  };
  const first = blocksTo(chain, chain.genesis, 2);
  const third = blockAt(chain, first.tip, 3);
  const rest = blocksTo(chain, applyBlock(chain.network, first.tip, third, [pause]), 12);
  const blocks = [...first.blocks, third, ...rest.blocks];
  const { tip } = rest;
  const core = coreOf(chain, { executes: true });
  for (const block of blocks) receive(core, block);
  const at = (round: number) => ({ round, id: blocks[4 * round - 1]!.id });
  const zero = { round: 0, id: chain.genesis.id };
  const links = [zero, at(1), at(2)].map((source, round) =>
    certificateOf([1, 2, 3].map((id) => voteOf(chain, id, source, at(round + 1)))),
  );
  step(core, message({ kind: "links", links }));
  assert.equal(core.view.finalized.round, 2);
  assert.equal(core.entries.size, 12, "none is judged, so none is forgotten");
  blocks.forEach(({ id }, place) => {
    const operations = place === 2 ? [pause] : [];
    assert.deepEqual(punished(step(core, { type: "judged", id, ok: true, operations })), []);
  });
  assert.equal(core.head.id, tip.id);
  assert.equal(recordOf(core.head.registry, 2)!.flags & 1, 0, "the operation has come through");
  assert.equal(recordOf(core.view.finalized.branch.registry, 2)!.flags & 1, 0);
  assert.equal(core.entries.size, 5, "executed: what is below the finalized block is forgotten");
});
