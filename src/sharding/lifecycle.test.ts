import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bytesEqual, toHex } from "../base/bytes.ts";
import { sha256 } from "../crypto/hash.ts";
import { u32be } from "./bytes-be.ts";
import {
  assertLifecycle,
  LIFECYCLE,
  type Lifecycle,
  type LifecycleEffect,
  type LifecycleEvent,
  openLifecycle,
  step,
} from "./lifecycle.ts";
import { setsHash } from "./seed.ts";
import { shareId } from "./types.ts";

const name = (number: number) => toHex(shareId(sha256(u32be(number)), 0));
const parameters = { ...LIFECYCLE, churnMax: 3, leaveLimit: 2, waiting: 1, unbond: 3 };
const root = sha256(u32be(1));
const other = sha256(u32be(2));

function genesisSeats(count: number): Map<string, number> {
  return new Map(Array.from({ length: count }, (_, i) => [name(i), i % 2]));
}

/** Plays events and gathers the effects. */
function play(state: Lifecycle, events: readonly LifecycleEvent[]) {
  const effects: LifecycleEffect[] = [];
  let now = state;
  for (const event of events) {
    const [next, more] = step(now, event, parameters);
    assertLifecycle(next);
    now = next;
    effects.push(...more);
  }
  return { state: now, effects };
}

function seatsAfter(state: Lifecycle): Map<string, number> {
  const seats = new Map(state.seats);
  for (const share of state.leaves) seats.delete(share);
  for (const share of state.joins) seats.set(share, 0);
  return seats;
}

const declare = (kind: "join" | "leave", number: number, height: number): LifecycleEvent => ({
  kind: "declare",
  declaration: { kind, share: name(number), height },
});

test("one epoch from declarations to activation and unbonding", () => {
  const start = openLifecycle(7, genesisSeats(6));
  const opened = play(start, [
    declare("join", 10, 5),
    declare("join", 10, 5),
    declare("leave", 0, 6),
    declare("leave", 99, 6),
    declare("join", 1, 6),
    { kind: "freeze", epoch: 8, height: 100 },
    { kind: "freeze", epoch: 7, height: 100 },
  ]);
  assert.equal(opened.state.phase, "frozen");
  assert.deepEqual(opened.state.joins, [name(10)]);
  assert.deepEqual(opened.state.leaves, [name(0)]);
  const early = play(opened.state, [{ kind: "beacon", epoch: 7, value: root }]);
  assert.equal(early.state.phase, "frozen", "no value counts before the freeze block is final");
  const drawn = play(opened.state, [
    declare("join", 11, 101),
    { kind: "final", height: 99 },
    { kind: "final", height: 100 },
    { kind: "final", height: 101 },
    { kind: "beacon", epoch: 6, value: root },
    { kind: "beacon", epoch: 7, value: root },
    { kind: "beacon", epoch: 7, value: other },
  ]);
  const sets = setsHash([shareId(sha256(u32be(10)), 0)], [shareId(sha256(u32be(0)), 0)]);
  const [committed, compute] = drawn.effects;
  assert.ok(committed?.kind === "commit-sets" && bytesEqual(committed.sets, sets));
  assert.ok(compute?.kind === "compute" && bytesEqual(compute.beacon, root));
  assert.equal(drawn.effects.length, 2);
  const seats = seatsAfter(drawn.state);
  const wrong = { kind: "assigned", epoch: 7, root, computed: other, seats } as const;
  const rejected = play(drawn.state, [wrong]);
  assert.deepEqual(rejected.effects, [{ kind: "reject-block", epoch: 7 }]);
  const assigned = play(drawn.state, [{ ...wrong, computed: root }]);
  assert.deepEqual(assigned.effects, [{ kind: "commit-committees", epoch: 7, activeFrom: 9 }]);
  const later = play(assigned.state, [
    { kind: "ready", epoch: 7, share: name(10) },
    { kind: "begin", epoch: 8 },
  ]);
  assert.equal(later.state.activeEpoch, 7);
  assert.equal(later.state.active, start.active, "the old committee still works");
  assert.deepEqual(
    later.state.queue.map((one) => one.share),
    [name(11)],
  );
  const active = play(later.state, [{ kind: "begin", epoch: 9 }]);
  assert.ok(active.state.active.has(name(10)) && !active.state.active.has(name(0)));
  assert.equal(active.state.locks.get(name(0)), 12);
  const unlocked = play(
    active.state,
    [10, 11, 12].map((epoch) => ({ kind: "begin", epoch })),
  );
  assert.ok(unlocked.effects.some((one) => one.kind === "unlock" && one.share === name(0)));
});

test("no beacon value: extended, nobody moves, declarations wait in front", () => {
  const start = openLifecycle(1, genesisSeats(4));
  const extended = play(start, [
    declare("join", 10, 1),
    { kind: "freeze", epoch: 1, height: 10 },
    { kind: "final", height: 10 },
    { kind: "deadline", epoch: 1 },
    { kind: "deadline", epoch: 1 },
    { kind: "beacon", epoch: 1, value: root },
  ]);
  assert.equal(extended.state.epoch, 2);
  assert.equal(extended.state.phase, "open");
  assert.equal(extended.state.seats, start.seats);
  assert.deepEqual(
    extended.state.queue.map((one) => one.share),
    [name(10)],
  );
  assert.deepEqual(
    extended.effects.map((one) => one.kind),
    ["commit-sets", "extended", "alarm"],
  );
});

test("a reorganisation below the freeze reopens, above it or after finality it does not", () => {
  const frozen = play(openLifecycle(1, genesisSeats(4)), [
    declare("join", 10, 1),
    { kind: "freeze", epoch: 1, height: 10 },
  ]).state;
  assert.equal(play(frozen, [{ kind: "reorganise", height: 10 }]).state.phase, "frozen");
  const reopened = play(frozen, [{ kind: "reorganise", height: 9 }]).state;
  assert.equal(reopened.phase, "open");
  assert.deepEqual(
    reopened.queue.map((one) => one.share),
    [name(10)],
  );
  const final = play(frozen, [
    { kind: "final", height: 12 },
    { kind: "reorganise", height: 9 },
  ]).state;
  assert.equal(final.phase, "frozen");
});

test("churn caps, leave limits per shard, and a full queue", () => {
  const joins = Array.from({ length: 6 }, (_, i) => declare("join", 20 + i, 9 - i));
  const leaves = Array.from({ length: 4 }, (_, i) => declare("leave", i * 2, i));
  const { state } = play(openLifecycle(1, genesisSeats(10)), [
    ...joins,
    ...leaves,
    { kind: "freeze", epoch: 1, height: 10 },
  ]);
  // Lowest heights first: shares 25, 24, 23. All leavers sit in shard 0, where two may go.
  assert.deepEqual(state.joins, [25, 24, 23].map(name));
  assert.equal(state.leaves.length, 2);
  assert.equal(state.queue.length, 5);
  const small = { ...parameters, queueMax: 1 };
  let full = openLifecycle(1, genesisSeats(4));
  for (const number of [20, 21]) [full] = step(full, declare("join", number, 1), small);
  assert.equal(full.queue.length, 1);
});

test("too few ready: alarm, half the churn in the next epoch, activation all the same", () => {
  const { state, effects } = play(openLifecycle(1, genesisSeats(4)), [
    declare("join", 10, 1),
    { kind: "freeze", epoch: 1, height: 10 },
    { kind: "final", height: 10 },
    { kind: "beacon", epoch: 1, value: root },
    {
      kind: "assigned",
      epoch: 1,
      root,
      computed: root,
      seats: new Map([...genesisSeats(4), [name(10), 0]]),
    },
    { kind: "begin", epoch: 2 },
    { kind: "begin", epoch: 3 },
  ]);
  assert.ok(effects.some((one) => one.kind === "alarm" && one.about === "not-ready"));
  assert.ok(state.active.has(name(10)));
  assert.equal(state.halved, true);
});

const event: fc.Arbitrary<(state: Lifecycle) => LifecycleEvent> = fc.oneof(
  fc
    .record({
      kind: fc.constantFrom("join" as const, "leave" as const),
      n: fc.nat(12),
      h: fc.nat(9),
    })
    .map(
      ({ kind, n, h }) =>
        () =>
          declare(kind, n, h),
    ),
  fc.nat(2).map((off) => (state: Lifecycle) => ({
    kind: "freeze" as const,
    epoch: state.epoch + off - 1,
    height: 10,
  })),
  fc.nat(20).map((height) => () => ({ kind: "reorganise" as const, height })),
  fc.nat(20).map((height) => () => ({ kind: "final" as const, height })),
  fc.nat(2).map((off) => (state: Lifecycle) => ({
    kind: "beacon" as const,
    epoch: state.epoch + off - 1,
    value: root,
  })),
  fc.nat(2).map((off) => (state: Lifecycle) => ({
    kind: "deadline" as const,
    epoch: state.epoch + off - 1,
  })),
  fc.boolean().map((right) => (state: Lifecycle) => ({
    kind: "assigned" as const,
    epoch: state.epoch,
    root,
    computed: right ? root : other,
    seats: seatsAfter(state),
  })),
  fc.nat(12).map((n) => (state: Lifecycle) => ({
    kind: "ready" as const,
    epoch: state.epoch - 1,
    share: name(n),
  })),
  fc
    .nat(2)
    .map((off) => (state: Lifecycle) => ({ kind: "begin" as const, epoch: state.epoch + off })),
);

test("any order of events: one assignment or one extension per epoch, no seat without a lock", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 120 }), (events) => {
      let state = openLifecycle(1, genesisSeats(6));
      const outcomes = new Map<number, number>();
      for (const make of events) {
        const before = state;
        const [next, effects] = step(state, make(state), parameters);
        assertLifecycle(next);
        for (const effect of effects) {
          if (effect.kind !== "commit-committees" && effect.kind !== "extended") continue;
          outcomes.set(effect.epoch, (outcomes.get(effect.epoch) ?? 0) + 1);
        }
        assert.ok(next.seats.size > 0);
        if (next.epoch !== before.epoch) {
          assert.equal(next.epoch, before.epoch + 1);
          assert.equal(outcomes.get(before.epoch), 1, "exactly one outcome per epoch");
        }
        state = next;
      }
      for (const count of outcomes.values()) assert.equal(count, 1);
    }),
    { numRuns: 500 },
  );
});
