// Registry operations, authority, set versions, bonds on their way out, penalties.
import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateOf } from "../finality/certificate.ts";
import { TWO_ACTS, TWO_VOTES } from "../finality/evidence.ts";
import { applyOperation, type ResolvedOperation } from "./apply-operation.ts";
import { applyBlock, type Branch, setOfRound } from "./branch.ts";
import { decideSet } from "./membership.ts";
import type { Operation } from "./operations.ts";
import { STATUS, WANTS_ACTIVE } from "./record.ts";
import { RegistryDraft, recordOf } from "./registry.ts";
import {
  blockAt,
  type Chain,
  chainOf,
  extend,
  keyOf,
  ownerScript,
  scriptHash,
  voteOf,
} from "./test-chain.ts";

const BOND = 100_000_000_000;

function resolved(operation: Operation, by: number, value = BOND, outputs = 1): ResolvedOperation {
  return {
    txid: "ab".repeat(32),
    operation,
    authHash: scriptHash(ownerScript(by)),
    outputs: Array.from({ length: outputs }, () => ({ value, script: ownerScript(by) })),
  };
}

function registration(by: number, fields: Partial<Operation & { op: "register" }> = {}): Operation {
  return {
    op: "register",
    bondOutput: 0,
    payoutOutput: 255,
    operatorOutput: 255,
    flags: 1,
    signKey: keyOf(by).signKey,
    commit: "cd".repeat(32),
    ...fields,
  };
}

function draftOf(chain: Chain): RegistryDraft {
  return new RegistryDraft(chain.genesis.registry, chain.network.parameters);
}

test("registration: a good one waits for a version, a wrong bond is void by name", () => {
  const chain = chainOf(4);
  const { parameters } = chain.network;
  const now = { round: 3, slot: 9 };
  const draft = draftOf(chain);
  const apply = (one: ResolvedOperation) => applyOperation(draft, parameters, one, now);
  assert.equal(apply(resolved(registration(5), 5, BOND - 1)), "wrong-bond");
  assert.equal(apply(resolved(registration(5, { bondOutput: 3 }), 5)), "wrong-bond");
  assert.equal(apply(resolved(registration(5, { payoutOutput: 9 }), 5)), "wrong-output");
  assert.equal(apply(resolved(registration(5, { flags: 4 }), 5)), "wrong-flags");
  assert.equal(apply(resolved(registration(5), 5)), "done");
  const registry = draft.finish();
  const record = recordOf(registry, 5)!;
  assert.deepEqual(
    [record.status, record.flags, record.sinceSlot],
    [STATUS.waiting, WANTS_ACTIVE, 9],
  );
  assert.deepEqual(registry.changes, [{ round: 3, id: 5, kind: "join" }]);
  assert.deepEqual(draft.ledgerChanges().flag, [`${"ab".repeat(32)}00000000`]);
  assert.equal(recordOf(chain.genesis.registry, 5), null, "the registry before stays as it was");
});

test("authority: the owner may all, the operator all but leaving, a stranger nothing", () => {
  const chain = chainOf(4);
  const { parameters } = chain.network;
  const now = { round: 3, slot: 9 };
  const draft = draftOf(chain);
  const apply = (operation: Operation, by: number) =>
    applyOperation(draft, parameters, resolved(operation, by), now);
  assert.equal(apply({ op: "operator", id: 1, output: 0 }, 1), "done");
  draft.set(1, { operatorHash: scriptHash(ownerScript(9)) });
  assert.equal(apply({ op: "pause", id: 1 }, 2), "no-authority");
  assert.equal(apply({ op: "pause", id: 1 }, 9), "done");
  assert.equal(apply({ op: "pause", id: 1 }, 9), "not-now");
  assert.equal(apply({ op: "resume", id: 1 }, 1), "done");
  assert.equal(apply({ op: "exit", id: 1 }, 9), "no-authority");
  assert.equal(apply({ op: "exit", id: 1 }, 1), "done");
  assert.equal(apply({ op: "exit", id: 1 }, 1), "not-now");
  assert.equal(apply({ op: "resume", id: 1 }, 1), "not-now");
  assert.equal(
    apply({ op: "rekey", id: 2, signKey: "ee".repeat(32), commit: "ff".repeat(32) }, 2),
    "done",
  );
  assert.equal(draft.get(2).signKey, "ee".repeat(32));
  assert.equal(apply({ op: "payout", id: 2, output: 4 }, 2), "wrong-output");
  assert.equal(apply({ op: "pause", id: 77 }, 1), "unknown-staker");
});

/** One full round with links that justify the round before and finalize the one before that. */
function finalizingRound(chain: Chain, tip: Branch): Branch {
  let at = tip;
  const { round } = tip;
  const slots = setOfRound(chain.network, tip, round + 1)!.ids.length;
  const source = { round: tip.justified.round, id: tip.justified.id };
  const voters = round === 0 ? [] : setOfRound(chain.network, tip, round)!.ids;
  const votes = voters.map((id) => voteOf(chain, id, source, { round, id: tip.id }));
  const first = tip.start + tip.length;
  for (let slot = first; slot < first + slots; slot++) {
    const links = slot === first && votes.length > 0 ? [certificateOf(votes)] : [];
    at = extend(chain, at, slot, { links });
  }
  return at;
}

test("a set changes only behind finality in the branch, two rounds later, by at most an eighth", () => {
  const chain = chainOf(4, {}, { unbondSlots: 40 });
  let tip = finalizingRound(chain, chain.genesis);
  const operations = [
    resolved(registration(5), 5),
    { ...resolved(registration(6), 6), txid: "bc".repeat(32) },
    resolved({ op: "exit", id: 2 }, 2),
  ];
  const block = blockAt(chain, tip, tip.slot + 1);
  tip = applyBlock(chain.network, tip, block, operations);
  assert.deepEqual(tip.ledger.flag.length, 2);
  while (tip.index < tip.length - 1) tip = extend(chain, tip, tip.slot + 1);
  const sets: string[] = [];
  for (let round = 0; round < 14; round++) {
    tip = finalizingRound(chain, tip);
    sets.push(`${tip.round}:${tip.set.ids.join("")}`);
    if (round > 0) assert.ok(tip.finalizedRound >= tip.round - 2);
  }
  const changes = sets.filter(
    (set, at) => at === 0 || set.split(":")[1] !== sets[at - 1]!.split(":")[1],
  );
  assert.equal(changes[0], "3:1234");
  assert.equal(changes[1]?.split(":")[1], "1345", "one join and one leave per version");
  assert.equal(changes[2]?.split(":")[1], "13456");
  assert.equal(changes.length, 3);
  const [first, second] = [changes[1]!, changes[2]!].map((set) => Number(set.split(":")[0]));
  assert.ok(second! - first! >= 4, "a version takes at least four rounds");
  assert.equal(tip.set.rear?.ids.join(""), "1345");
  assert.ok(recordOf(tip.registry, 2)!.freeSlot > 0);
  while (recordOf(tip.registry, 2)!.status !== STATUS.free) tip = finalizingRound(chain, tip);
  assert.ok(tip.slot >= recordOf(tip.registry, 2)!.freeSlot);
});

test("without finality in the branch nobody bought or paused inside it counts", () => {
  const chain = chainOf(4);
  let tip = extend(chain, chain.genesis, 1);
  const block = blockAt(chain, tip, 2);
  tip = applyBlock(chain.network, tip, block, [resolved(registration(5), 5)]);
  for (let slot = 3; slot <= 60; slot++) tip = extend(chain, tip, slot);
  assert.equal(tip.set.ids.join(""), "1234");
  assert.equal(tip.registry.changes.length, 1, "it waits");
});

test("sets that follow seen finality differ between honest nodes: why state must not know it", () => {
  const seen = { value: 0 };
  const chain = chainOf(4);
  let tip = finalizingRound(chain, chain.genesis);
  const block = blockAt(chain, tip, tip.slot + 1);
  tip = applyBlock(chain.network, tip, block, [resolved(registration(5), 5)]);
  for (let slot = tip.slot + 1; slot <= 12; slot++) tip = extend(chain, tip, slot);
  const mutated = { ...chain.network, seenFinalizedRound: () => seen.value };
  const nobody = setOfRound(mutated, tip, tip.round + 2)!.ids;
  seen.value = 2;
  const somebody = setOfRound(mutated, tip, tip.round + 2)!.ids;
  assert.notDeepEqual(nobody, somebody, "one branch, two nodes, two orders: honest blocks refused");
  const carried = setOfRound(chain.network, tip, tip.round + 2)!.ids;
  assert.deepEqual(carried, [1, 2, 3, 4]);
});

test("a staker that misses too often is paused like any leave; a halt is one step", () => {
  const chain = chainOf(4, {}, { disableAfter: 10 });
  const start = chain.genesis;
  const tip = extend(chain, start, 1 + 4 * 1_000);
  const absent = [1, 2, 3, 4].filter((id) => id !== tip.stakerId);
  for (const id of absent) {
    const record = recordOf(tip.registry, id)!;
    assert.ok(record.docked >= 1_000 && record.docked <= 1_001, `${record.docked}`);
    assert.equal(record.flags & WANTS_ACTIVE, 0);
  }
  assert.equal(tip.round, 1_001);
  assert.equal(recordOf(tip.registry, tip.stakerId)!.missRun, 0);
});

test("skipping rounds one by one or at once counts the same misses", () => {
  const chain = chainOf(5, { gate: "off" });
  const base = extend(chain, chain.genesis, 3);
  const jumped = extend(chain, base, 5 * 7 + 4);
  let total = 0;
  for (let id = 1; id <= 5; id++) {
    const record = recordOf(jumped.registry, id)!;
    total += record.docked + record.produced;
  }
  assert.equal(total, jumped.slot, "every slot was somebody's hit or miss");
  assert.equal(jumped.hits, 1);
  assert.equal(jumped.previousHits, 0);
  assert.equal(jumped.previousTotal, 5);
});

test("penalties: a double act takes the bond, a vote an eighth at once and the rest by how many", () => {
  const chain = chainOf(8, {}, { unbondSlots: 100 });
  const draft = draftOf(chain);
  const acts = (id: number) => {
    const { header, sig } = blockAt(chain, chain.genesis, 1, { header: { stakerId: id } });
    return { kind: TWO_ACTS, a: { header, sig }, b: { header, sig } } as const;
  };
  const votes = (id: number) => {
    const at = { round: 0, id: "00".repeat(32) };
    const a = voteOf(chain, id, at, { round: 2, id: "a1".repeat(32) });
    const b = voteOf(chain, id, at, { round: 2, id: "b1".repeat(32) });
    return { kind: TWO_VOTES, a, b } as const;
  };
  assert.equal(draft.punish(acts(1), 3, 20, 1, 8), BOND / 8);
  assert.equal(draft.get(1).penalty, BOND);
  assert.equal(draft.punish(votes(2), 3, 20, 1, 8), BOND / 64);
  assert.equal(draft.punish(votes(3), 3, 90, 1, 8), BOND / 64);
  assert.equal(draft.get(2).penalty, BOND / 8);
  assert.equal(draft.get(2).freeSlot, 120);
  draft.release(119);
  assert.deepEqual(draft.ledgerChanges().burn, []);
  draft.release(120);
  // Three of eight within reach of one another: 3 * 3/8 is more than the whole bond.
  assert.equal(draft.get(2).penalty, BOND);
  assert.equal(draft.ledgerChanges().burn.length, 2);
  assert.ok(draft.isPunished({ kind: TWO_ACTS, stakerId: 1, round: 1 }));
});

test("slashing removes at the next version, unlimited, and never everybody", () => {
  const chain = chainOf(3);
  const draft = draftOf(chain);
  const close = {
    round: 9,
    finalizedRound: 5,
    newest: chain.genesis.set,
    startAfterNext: 40,
    nextId: 4,
  };
  for (const id of [1, 2]) draft.change({ round: 5, id, kind: "slash" });
  const set = decideSet(draft, chain.network.parameters, close);
  assert.deepEqual(set.ids, [3]);
  assert.equal(set.activation, 11);
  draft.change({ round: 5, id: 3, kind: "slash" });
  const last = decideSet(draft, chain.network.parameters, {
    ...close,
    newest: { ...set, activation: 1 },
  });
  assert.deepEqual(last.ids, [3]);
});
