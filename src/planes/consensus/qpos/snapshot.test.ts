// A core that starts from a snapshot is the core that was never stopped: same heads, same final state,
// to the last field, whatever the registry went through before and behind it.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TWO_ACTS } from "../finality/evidence.ts";
import { freshGuard } from "../finality/guard.ts";
import type { ResolvedOperation } from "./apply-operation.ts";
import { createQpos, type Qpos, step } from "./core.ts";
import type { Effect, Message } from "./message.ts";
import type { Operation } from "./operations.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import {
  answer,
  blockAt,
  CHAIN_ID,
  type Chain,
  chainOf,
  keyOf,
  ownerScript,
  scriptHash,
  sign,
} from "./test-chain.ts";

const STAKERS = 5;
const ZERO = "00".repeat(32);

type Operations = ReadonlyMap<number, readonly ResolvedOperation[]>;

function coreOf(chain: Chain, own: readonly number[], text: string | null = null): Qpos {
  return createQpos({
    network: chain.network,
    genesis: chain.genesis,
    start: text === null ? null : decodeSnapshot(text),
    own: own.map((id) => {
      const { revealSecret } = keyOf(id);
      return { id, revealSecret, guard: freshGuard(CHAIN_ID, id) };
    }),
    restarted: false,
    executes: true,
    forgets: true,
    memo: null,
  });
}

/** Performs effects as a shell would; what is sent goes to the followers. */
function perform(
  core: Qpos,
  operations: Operations,
  effects: readonly Effect[],
  followers: readonly Qpos[],
): void {
  const waiting = [...effects];
  for (let effect = waiting.shift(); effect !== undefined; effect = waiting.shift()) {
    waiting.push(...answer(core, effect));
    if (effect.type === "judge") {
      const { id, header } = effect.block;
      const done = operations.get(header.slot) ?? [];
      waiting.push(...step(core, { type: "judged", id, ok: true, operations: done }));
    } else if (effect.type === "send") {
      for (const other of followers) give(other, operations, effect.message);
    }
  }
}

function give(core: Qpos, operations: Operations, message: Message): void {
  perform(core, operations, step(core, { type: "message", from: 1, message }), []);
}

/** The blocks above the final one, which a start has as its root. */
function above({ entries, view }: Qpos): string[] {
  return [...entries.keys()].filter((id) => id !== view.finalized.branch.id).sort();
}

const operationOf = (slot: number, operation: Operation, owner: number): ResolvedOperation => ({
  txid: slot.toString(16).padStart(64, "0"),
  operation,
  authHash: scriptHash(ownerScript(owner)),
  outputs: [{ value: 2 * 100_000_000_000, script: ownerScript(owner) }],
});

/** What happens in one slot beside the block: nothing, or something to the registry. */
const happening = fc.oneof(
  { weight: 6, arbitrary: fc.constant(null) },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constantFrom("pause", "resume", "exit", "register", "offence"),
      id: fc.integer({ min: 1, max: STAKERS }),
    }),
  },
);

function operationsOf(plan: readonly ({ what: string; id: number } | null)[]): Operations {
  const operations = new Map<number, readonly ResolvedOperation[]>();
  plan.forEach((one, at) => {
    const slot = at + 1;
    if (one === null || one.what === "offence") return;
    const { what, id } = one;
    const operation: Operation =
      what === "register"
        ? {
            op: "register",
            flags: 1,
            bondOutput: 0,
            payoutOutput: 0xff,
            operatorOutput: 0xff,
            signKey: keyOf(40 + slot).signKey,
            commit: ZERO,
          }
        : { op: what as "pause" | "resume" | "exit", id };
    operations.set(slot, [operationOf(slot, operation, id)]);
  });
  return operations;
}

function offence(chain: Chain, stakerId: number, round: number): Message {
  const { suite } = chain.network;
  const { header } = blockAt(chain, chain.genesis, 1);
  const signed = (height: number) => {
    const forged = { ...header, stakerId, round, height };
    return { header: forged, sig: sign(stakerId, suite.headerDigest(suite.headerId(forged))) };
  };
  const evidence = { kind: TWO_ACTS, a: signed(1), b: signed(2) } as const;
  return { kind: "evidence", evidence };
}

test("who starts at a snapshot comes to the same state as who was never stopped", () => {
  let snapshots = 0;
  const run = fc.property(
    fc.array(happening, { minLength: 60, maxLength: 60 }),
    fc.integer({ min: 25, max: 50 }),
    (plan, stopAt) => {
      const chain = chainOf(STAKERS, {}, { unbondSlots: 12 });
      const operations = operationsOf(plan);
      const maker = coreOf(chain, [1, 2, 3, 4, 5]);
      const followers: Qpos[] = [coreOf(chain, [])];
      for (let slot = 1; slot <= plan.length; slot++) {
        const act = plan[slot - 1];
        if (act?.what === "offence") give(maker, operations, offence(chain, act.id, slot));
        for (const late of [0, 4_000]) {
          const nowMs = slot * 5_000 + late;
          for (const core of followers) step(core, { type: "tick", nowMs });
          perform(maker, operations, step(maker, { type: "tick", nowMs }), followers);
        }
        if (slot !== stopAt) continue;
        const [whole] = followers;
        const text = encodeSnapshot(whole!);
        if (text === null) return;
        snapshots++;
        const again = coreOf(chain, [], text);
        assert.equal(encodeSnapshot(again), text, "what is written is what is read");
        step(again, { type: "tick", nowMs: slot * 5_000 + 4_000 });
        for (const { block } of [...whole!.entries.values()]) {
          give(again, operations, { kind: "block", block });
        }
        assert.equal(again.head.id, whole!.head.id);
        followers.push(again);
      }
      const [whole, again] = followers;
      if (again === undefined) return;
      assert.equal(again.head.id, whole!.head.id);
      assert.equal(encodeSnapshot(again), encodeSnapshot(whole!));
      assert.deepEqual(above(again), above(whole!));
    },
  );
  fc.assert(run, { numRuns: 25 });
  assert.ok(snapshots > 10, `only ${snapshots} of 25 had something final`);
});

test("nothing is kept before something is final, nor of a core that has stopped", () => {
  const chain = chainOf(STAKERS);
  const core = coreOf(chain, [1, 2, 3, 4, 5]);
  assert.equal(encodeSnapshot(core), null);
  for (let slot = 1; slot <= 20; slot++) {
    for (const late of [0, 4_000]) {
      perform(core, new Map(), step(core, { type: "tick", nowMs: slot * 5_000 + late }), []);
    }
  }
  assert.notEqual(encodeSnapshot(core), null);
  core.halted = true;
  assert.equal(encodeSnapshot(core), null);
});
