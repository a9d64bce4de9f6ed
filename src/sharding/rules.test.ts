import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, toHex } from "../base/bytes.ts";
import { sha256 } from "../crypto/hash.ts";
import { assign, genesis } from "./assign.ts";
import { u32be } from "./bytes-be.ts";
import { createDraws, TAG, uniform } from "./draw.ts";
import { BOUNDED, COMMENSAL, CUCKOO, HARMONY_2019, RULE_NAMES, SWAP } from "./parameters.ts";
import { proveMove, verifyMove } from "./prove.ts";
import { assignmentRoot, rowOf } from "./root.ts";
import { halvesOf } from "./rules/bounded.ts";
import { packIds } from "./table.ts";
import {
  type Assignment,
  type BoundedParameters,
  idAt,
  type RuleParameters,
  seatCount,
  shareId,
} from "./types.ts";

function share(number: number): Bytes {
  return shareId(sha256(u32be(number)), number % 3);
}

function seedOf(number: number): Bytes {
  return sha256(u32be(number));
}

const ratio = fc.record({
  num: fc.integer({ min: 1, max: 9 }),
  den: fc.integer({ min: 1, max: 3 }),
});

const bounded: fc.Arbitrary<BoundedParameters> = fc.record({
  rule: fc.constant("bounded" as const),
  evict: fc.nat(6),
  kappa: fc.option(ratio),
  evictFrom: fc.constantFrom("all" as const, "larger" as const),
  half: fc.constantFrom("floor" as const, "ceil" as const),
  ranked: fc.constantFrom("beforeJoins" as const, "afterJoins" as const),
  evictable: fc.constantFrom("all" as const, "incumbents" as const),
  own: fc.boolean(),
  minSize: fc.nat(4),
});

const parameters: fc.Arbitrary<RuleParameters> = fc.oneof(
  fc.constant({ rule: "full" } as const),
  fc.constant({ rule: "key-mod" } as const),
  ratio.map((k) => ({ ...CUCKOO, k })),
  fc
    .record({ k: ratio, need: fc.nat(12), vetting: fc.boolean(), scaling: fc.boolean() })
    .map((change) => ({ ...COMMENSAL, ...change })),
  bounded,
  fc
    .record({ percent: fc.nat(100), kick: fc.constantFrom("tail" as const, "random" as const) })
    .map((change) => ({ ...HARMONY_2019, ...change })),
  fc
    .record({ kappa: ratio, eMin: fc.nat(5), local: fc.nat(4) })
    .map((change) => ({ ...SWAP, ...change })),
);

/** A network, who of it leaves, who rejoins, and who is new. */
const epochs = fc
  .record({
    rule: parameters,
    shards: fc.constantFrom(1, 2, 4, 8, 3, 5),
    seats: fc.integer({ min: 1, max: 60 }),
    leaves: fc.array(fc.nat(59), { maxLength: 60 }),
    rejoins: fc.nat(3),
    joins: fc.nat(20),
    seed: fc.nat(1000),
  })
  .filter(({ rule, shards }) => rule.rule !== "cuckoo" || (shards & (shards - 1)) === 0);

interface Case {
  readonly before: Assignment;
  readonly joins: Bytes[];
  readonly leaves: Bytes[];
  readonly seed: Bytes;
  readonly rule: RuleParameters;
}

function caseOf(e: typeof epochs extends fc.Arbitrary<infer T> ? T : never): Case {
  const shares = Array.from({ length: e.seats }, (_, i) => share(i));
  const start = genesis(shares, e.shards, seedOf(e.seed), e.rule);
  assert.ok(start.ok);
  const leaving = [...new Set(e.leaves.map((i) => i % e.seats))];
  const leaves = leaving.map((i) => share(i));
  const rejoins = leaving.slice(0, e.rejoins).map((i) => share(i));
  const fresh = Array.from({ length: e.joins }, (_, i) => share(1000 + i));
  const joins = [...rejoins, ...fresh];
  return { before: start.assignment, joins, leaves, seed: seedOf(e.seed + 1), rule: e.rule };
}

function play(one: Case) {
  return assign(one.before, one.joins, one.leaves, one.seed, one.rule);
}

function sizes(assignment: Assignment): number[] {
  const counts = new Array<number>(assignment.shards).fill(0);
  for (const shard of assignment.shard) counts[shard]! += 1;
  return counts;
}

function isRejoined(one: Case, id: Bytes): boolean {
  return one.joins.some((join) => toHex(join) === toHex(id));
}

test("any order of joins, leaves and genesis gives the same root", () => {
  fc.assert(
    fc.property(epochs, fc.nat(), (e, turn) => {
      const one = caseOf(e);
      const rotate = (list: Bytes[]) => {
        const at = list.length === 0 ? 0 : turn % list.length;
        return [...list.slice(at), ...list.slice(0, at)].reverse();
      };
      const shares = Array.from({ length: e.seats }, (_, i) => share(i));
      const again = genesis(rotate(shares), e.shards, seedOf(e.seed), e.rule);
      assert.ok(again.ok);
      const first = play(one);
      const second = assign(
        again.assignment,
        rotate(one.joins),
        rotate(one.leaves),
        one.seed,
        one.rule,
      );
      assert.equal(first.ok, second.ok);
      if (!first.ok || !second.ok) return;
      assert.equal(
        toHex(assignmentRoot(first.assignment)),
        toHex(assignmentRoot(second.assignment)),
      );
    }),
  );
});

test("seats after are seats before without leavers, with joiners; since changes as it must", () => {
  fc.assert(
    fc.property(epochs, (e) => {
      const one = caseOf(e);
      const result = play(one);
      const left = seatCount(one.before) - one.leaves.length + one.joins.length;
      if (left === 0) {
        assert.equal(result.ok ? "" : result.code, "network-emptied");
        return;
      }
      assert.ok(result.ok);
      const after = result.assignment;
      assert.equal(seatCount(after), left);
      assert.equal(after.epoch, one.before.epoch + 1);
      for (let row = 0; row < left; row++) {
        const id = idAt(after.ids, row);
        assert.ok(after.shard[row]! < after.shards);
        assert.equal(rowOf(after, id), row);
        const was = isRejoined(one, id) ? -1 : rowOf(one.before, id);
        assert.ok(was >= 0 || isRejoined(one, id));
        const moved = was < 0 || one.before.shard[was] !== after.shard[row];
        const since = moved ? after.epoch : one.before.since[was]!;
        assert.equal(after.since[row], since);
      }
    }),
  );
});

test("swap: sizes differ by at most one, and those who are not dealt stay", () => {
  fc.assert(
    fc.property(epochs, (e) => {
      const one = caseOf({ ...e, rule: e.rule.rule === "swap" ? e.rule : SWAP });
      const result = play(one);
      if (!result.ok) return;
      const counts = sizes(result.assignment);
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join());
      let moved = 0;
      for (let row = 0; row < seatCount(result.assignment); row++) {
        const id = idAt(result.assignment.ids, row);
        if (isRejoined(one, id)) continue;
        const was = one.before.shard[rowOf(one.before, id)];
        if (was !== result.assignment.shard[row]) moved++;
      }
      assert.ok(moved <= result.evictions);
    }),
  );
});

test("bounded: joins go into the larger half, evicted into the smaller, others stay", () => {
  fc.assert(
    fc.property(epochs, bounded, (e, rule) => {
      const plain = { ...rule, ranked: "beforeJoins" as const, evictable: "incumbents" as const };
      const one = caseOf({ ...e, rule: plain });
      const result = play(one);
      if (!result.ok || e.shards === 1) return;
      const staying = assign(one.before, [], one.leaves, one.seed, { rule: "key-mod" });
      if (!staying.ok) return;
      const halves = halvesOf(Uint32Array.from(sizes(staying.assignment)), rule.half);
      let moved = 0;
      for (let row = 0; row < seatCount(result.assignment); row++) {
        const id = idAt(result.assignment.ids, row);
        const to = result.assignment.shard[row]!;
        if (isRejoined(one, id)) assert.ok(halves.larger.includes(to));
        else if (one.before.shard[rowOf(one.before, id)] !== to) {
          assert.ok(halves.smaller.includes(to));
          moved++;
        }
      }
      assert.ok(moved <= result.evictions);
    }),
  );
});

test("errors are values", () => {
  const shares = [share(0), share(1), share(2), share(3)];
  const start = genesis(shares, 2, seedOf(0), SWAP);
  assert.ok(start.ok);
  const before = start.assignment;
  const code = (joins: Bytes[], leaves: Bytes[], seed = seedOf(1), rule: RuleParameters = SWAP) => {
    const result = assign(before, joins, leaves, seed, rule);
    return result.ok ? "ok" : result.code;
  };
  assert.equal(code([], [share(9)]), "leave-not-seated");
  assert.equal(code([share(1)], []), "join-seated");
  assert.equal(code([share(9), share(9)], []), "duplicate");
  assert.equal(code([], [share(1), share(1)]), "duplicate");
  assert.equal(code([new Uint8Array(35)], []), "bad-id");
  assert.equal(code([], shares), "network-emptied");
  assert.equal(code([], [], new Uint8Array(31)), "bad-seed");
  assert.equal(code([], [], seedOf(1), { ...CUCKOO, k: { num: 0, den: 1 } }), "bad-parameters");
  assert.equal(
    code([], [], seedOf(1), { ...SWAP, kappa: { num: 5000, den: 1 } }),
    "bad-parameters",
  );
  assert.equal(code([share(1)], [share(1)]), "ok");
  const odd = genesis(shares, 3, seedOf(0), CUCKOO);
  assert.equal(odd.ok ? "" : odd.code, "bad-parameters");
  const many = genesis(shares, 65_537, seedOf(0), SWAP);
  assert.equal(many.ok ? "" : many.code, "limit-exceeded");
});

test("commensal: with need above what can be, joining falls back and goes on", () => {
  const shares = Array.from({ length: 16 }, (_, i) => share(i));
  const rule = { ...COMMENSAL, need: 1000 };
  const start = genesis(shares, 4, seedOf(0), rule);
  assert.ok(start.ok);
  start.assignment.secondary.fill(0);
  const result = assign(start.assignment, [share(50), share(51)], [], seedOf(1), rule);
  assert.ok(result.ok);
  assert.equal(result.fallbacks, 2);
  assert.equal(seatCount(result.assignment), 18);
});

test("uniform is fair, and total at its limits", () => {
  const id = share(0);
  for (const n of [1, 3_000_000_000, 2 ** 32]) {
    for (let a = 0; a < 50; a++) {
      const x = uniform(createDraws(seedOf(a)), TAG.place, id, 0, a, n);
      assert.ok(Number.isInteger(x) && x >= 0 && x < n);
    }
  }
  const counts = new Array<number>(7).fill(0);
  for (let a = 0; a < 10_000; a++) {
    counts[uniform(createDraws(seedOf(a)), TAG.move, id, 0, 0, 7)]! += 1;
  }
  const expected = 10_000 / 7;
  const chi = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // 6 degrees of freedom: 38.3 is exceeded with p = 1e-6.
  assert.ok(chi < 38.3, `chi-square ${chi}: ${counts.join()}`);
});

test("destinations are uniform over 10,000 seeds: swap and bounded", () => {
  const shares = Array.from({ length: 12 }, (_, i) => share(i));
  const rules: RuleParameters[] = [
    { ...SWAP, kappa: { num: 12, den: 1 } },
    { ...BOUNDED, evict: 1 },
  ];
  for (const rule of rules) {
    const start = genesis(shares, 4, seedOf(7), rule);
    assert.ok(start.ok);
    const counts = new Array<number>(4).fill(0);
    for (let seed = 0; seed < 10_000; seed++) {
      const result = assign(start.assignment, [share(99)], [], seedOf(seed), rule);
      assert.ok(result.ok);
      counts[result.assignment.shard[rowOf(result.assignment, share(99))]!]! += 1;
    }
    // Bounded: a newcomer lands in A = {0, 1} (all sizes are equal), and is thrown into {2, 3} with
    // probability 1/4, for it is one of four there.
    const expected = rule.rule === "swap" ? [1, 1, 1, 1] : [1.5, 1.5, 0.5, 0.5];
    const chi = counts.reduce((sum, count, c) => {
      const mean = expected[c]! * 2500;
      return sum + (count - mean) ** 2 / mean;
    }, 0);
    // 3 degrees of freedom: 30.7 is exceeded with p = 1e-6.
    assert.ok(chi < 30.7, `${rule.rule}: ${counts.join()}`);
  }
});

test("every rule's move is proved for every share, and the proofs verify", () => {
  fc.assert(
    fc.property(epochs, fc.nat(), (e, pick) => {
      const one = caseOf(e);
      const result = play(one);
      if (!result.ok) return;
      const id = idAt(result.assignment.ids, pick % seatCount(result.assignment));
      const proved = proveMove(one.before, one.joins, one.leaves, one.seed, one.rule, id);
      assert.ok(proved.ok);
      assert.ok(verifyMove(proved.proof, proved.anchors));
    }),
    { numRuns: 200 },
  );
});

/** A copy with one bit of one byte string, or one unit of one number, changed. */
function tampered(value: unknown, state: { left: number }): unknown {
  if (value instanceof Uint8Array) {
    const copy = value.slice();
    for (let at = 0; at < copy.length; at++) if (state.left-- === 0) copy[at]! ^= 1;
    return copy;
  }
  if (typeof value === "number") return state.left-- === 0 ? value + 1 : value;
  if (typeof value === "boolean") return state.left-- === 0 ? !value : value;
  if (Array.isArray(value)) return value.map((one) => tampered(one, state));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, tampered(one, state)]));
}

test("a proof with any one bit changed fails", () => {
  for (const rule of [
    { ...BOUNDED, evict: 2 },
    { ...SWAP, kappa: { num: 2, den: 1 } },
  ]) {
    const shares = Array.from({ length: 10 }, (_, i) => share(i));
    const start = genesis(shares, 3, seedOf(0), rule);
    assert.ok(start.ok);
    const joins = [share(20), share(21)];
    const leaves = [share(3)];
    const proved = proveMove(start.assignment, joins, leaves, seedOf(1), rule, share(5));
    assert.ok(proved.ok);
    let tried = 0;
    for (;;) {
      const state = { left: tried };
      const proof = tampered(proved.proof, state) as typeof proved.proof;
      if (state.left >= 0) break;
      assert.equal(verifyMove(proof, proved.anchors), false, `${rule.rule}, change ${tried}`);
      tried++;
    }
    assert.ok(tried > 500, String(tried));
  }
});

test("all rules are covered by the generators above", () => {
  const seen = new Set(fc.sample(parameters, 300).map((one) => one.rule));
  assert.deepEqual([...seen].sort(), [...RULE_NAMES].sort());
});

test("packed ids are sorted as unsigned bytes", () => {
  const low = new Uint8Array(36).fill(0x7f);
  const high = new Uint8Array(36).fill(0x80);
  const packed = packIds([high, low]);
  assert.ok(packed.ok);
  assert.equal(packed.ids[0], 0x7f);
});
