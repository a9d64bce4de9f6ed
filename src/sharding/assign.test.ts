import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bytes, concatBytes, toHex } from "../base/bytes.ts";
import { sha256 } from "../crypto/hash.ts";
import { assign, genesis } from "./assign.ts";
import { u32be } from "./bytes-be.ts";
import { createDraws, draw, order, TAG, uniform } from "./draw.ts";
import { defaultParameters } from "./parameters.ts";
import { assignmentRoot, rowOf } from "./root.ts";
import { epochSeed, setsHash } from "./seed.ts";
import { type Assignment, type RuleParameters, shareId } from "./types.ts";

const text = new TextEncoder();

function share(i: number): Bytes {
  return shareId(sha256(concatBytes(text.encode("staker"), u32be(i))), 0);
}

function shares(from: number, to: number): Bytes[] {
  return Array.from({ length: to - from }, (_, i) => share(from + i));
}

function picture(assignment: Assignment, count: number): string {
  return shares(0, count)
    .map((id) => rowOf(assignment, id))
    .map((row) => (row < 0 ? "-" : String(assignment.shard[row])))
    .join("");
}

const seed0 = new Uint8Array(32);
const seed1 = new Uint8Array(32).fill(1);

const GOLDEN: [RuleParameters, string, string][] = [
  [
    { rule: "full" },
    "---0200112303233201012313012",
    "01def59e2d9da678563442c7f27d2476bd252492f5ec1d117a64f8db30112485",
  ],
  [
    { rule: "cuckoo", k: { num: 2, den: 1 } },
    "---1032021120320230221121003",
    "79dfdd37c43f8edf726bb65e6e56b8d0748b50b9cebba780ea9f19960dde04bb",
  ],
  [
    { rule: "commensal", k: { num: 2, den: 1 }, need: 1, vetting: true, scaling: true },
    "---0320002102113031311202013",
    "af35d8736dff7be298a435490471bdcfbdd8c90cfb9104035990f32768c9e5a9",
  ],
  [
    { ...defaultParameters("bounded"), evict: 2 } as RuleParameters,
    "---2300102303132032312221130",
    "2db98a1484a26768113a3b9baa3bf0559065b2bc57cb67d7b14e4d0a907b7917",
  ],
  [
    { rule: "harmony-2019", percent: 10, kick: "tail" },
    "---0300102102133032311222031",
    "e0b013d6505d83a5cab7a72242a2c4a0447b131616fc17aea40da35947cf9182",
  ],
  [
    { rule: "swap", kappa: { num: 2, den: 1 }, eMin: 1, local: 0 },
    "---1332102203133002311200121",
    "ad727e757f359e01300786e028bbc3c2029de8883d8d5418b6bfb2aa871657f1",
  ],
];

test("golden draws", () => {
  const draws = createDraws(seed1);
  const id = share(0);
  assert.equal(
    toHex(draw(draws, TAG.evict, id, 0, 7, 0)),
    "0d5e13639817d4816ee7c3974ef7915660ed0aa9556e06e3077e3e7ba42ecf15",
  );
  assert.equal(uniform(draws, TAG.place, id, 0, 0, 10), 0);
  assert.equal(uniform(draws, TAG.place, id, 0, 0, 3_000_000_000), 692159220);
  const ids = concatBytes(...shares(0, 8));
  // The order is of ids, here unsorted: no two digests are equal, so only the rows' names matter.
  const rows = Uint32Array.from([0, 1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual([...order(draws, TAG.order, ids, rows, 0)], [2, 5, 4, 7, 3, 6, 0, 1]);
});

test("golden genesis", () => {
  const full = genesis(shares(0, 24), 4, seed0, { rule: "full" });
  const cuckoo = genesis(shares(0, 24), 4, seed0, defaultParameters("cuckoo"));
  assert.ok(full.ok && cuckoo.ok);
  assert.equal(picture(full.assignment, 24), "231030010210213303231122");
  assert.equal(picture(cuckoo.assignment, 24), "331300202112032010003102");
});

for (const [parameters, seats, root] of GOLDEN) {
  test(`golden epoch of ${parameters.rule}`, () => {
    const start = genesis(shares(0, 24), 4, seed0, parameters);
    assert.ok(start.ok);
    const next = assign(start.assignment, shares(24, 28), shares(0, 3), seed1, parameters);
    assert.ok(next.ok);
    assert.equal(picture(next.assignment, 28), seats);
    assert.equal(toHex(assignmentRoot(next.assignment)), root);
    if (parameters.rule === "commensal") {
      assert.deepEqual([...next.assignment.secondary], [3, 2, 0, 0]);
    }
  });
}

test("golden sets and seed", () => {
  const sets = setsHash(shares(24, 28), shares(0, 3));
  assert.equal(toHex(sets), "77e69faecc38e3da1997e4d1ae827680f56c994abf23a778fae8dc6e324bdfce");
  const of = (byte: number) => new Uint8Array(32).fill(byte);
  const seed = epochSeed({
    chain: of(0x11),
    epoch: 7,
    beacon: of(0x22),
    sets,
    previousRoot: of(0x33),
    parameters: of(0x44),
  });
  assert.equal(toHex(seed), "cc4c76406062246e83ec8b27299f30b29da7103bad59dceaabbcd00f4c4acebf");
});
