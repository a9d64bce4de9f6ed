import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bytes } from "../../base/bytes.ts";
import { assign, genesis } from "../../sharding/assign.ts";
import { u32be } from "../../sharding/bytes-be.ts";
import { createDraws, drawPoint, TAG } from "../../sharding/draw.ts";
import { BOUNDED, CUCKOO, HARMONY_2019, SWAP } from "../../sharding/parameters.ts";
import { rowOf } from "../../sharding/root.ts";
import type { EpochRule } from "./epoch-rules.ts";
import { EPOCHS } from "./epochs.ts";
import { playJob } from "./jobs.ts";
import { CuckooMembers } from "./member.ts";
import { Words } from "./random.ts";
import { numberedShare } from "./reference.ts";
import { hostileAtEpsilon, ROUNDS, type RoundSettings } from "./rounds.ts";
import { logRank, summarize } from "./survival.ts";

const SETTINGS: readonly Partial<RoundSettings & { epsilon: number }>[] = [
  { n: 512, k: 1, epsilon: 0.0543 },
  { n: 512, k: 2, epsilon: 0.0489 },
  { n: 2048, k: 2, epsilon: 0.033 },
  { n: 2048, k: 4, group: 128, epsilon: 0.08 },
  { n: 1024, rule: "commensal", k: 8, need: 7, epsilon: 0.12 },
  { n: 1024, rule: "commensal", k: 4, need: 3, vetting: false, epsilon: 0.06 },
  { n: 1024, rule: "commensal", k: 4, need: 2, scaling: false, epsilon: 0.06 },
];

test("count and member engines agree: 7 settings, 200 runs each", () => {
  const scores: number[] = [];
  SETTINGS.forEach(({ epsilon, ...change }, index) => {
    const n = change.n ?? 0;
    const settings = { ...ROUNDS, ...change, hostile: hostileAtEpsilon(n, epsilon ?? 0) };
    const play = (engine: "count" | "member") =>
      playJob({
        kind: "rounds",
        engine,
        settings,
        cap: 20_000,
        runs: 200,
        seed: `agreement/${engine}/${index}`,
        trace: 0,
      });
    const count = play("count");
    const member = play("member");
    const p = logRank(count, member);
    assert.ok(p > 1e-4, `setting ${index}: log-rank p ${p}`);
    const a = summarize(count);
    const b = summarize(member);
    const se = Math.sqrt(a.logSe ** 2 + b.logSe ** 2);
    scores.push(Math.abs(Math.log(a.geomean / b.geomean)) / se);
  });
  const text = scores.map((z) => z.toFixed(2)).join(" ");
  // Two standard errors are exceeded by one fair setting in twenty.
  assert.ok(scores.filter((z) => z > 2).length <= 1 && Math.max(...scores) < 3, text);
});

test("reference and count engines agree on bounded, swap and harmony-2019 at n = 400", () => {
  const rules: EpochRule[] = [
    { ...BOUNDED, evict: 4 },
    { ...SWAP, kappa: { num: 2, den: 1 }, eMin: 1, local: 1 },
    HARMONY_2019,
    { ...HARMONY_2019, kick: "random" },
  ];
  const common = { n: 400, shards: 4, hostile: 110, theta: { num: 1, den: 2 }, strict: false };
  for (const rule of rules) {
    const reference = playJob({
      kind: "reference",
      settings: { ...common, rule, rejoin: 8 },
      cap: 60,
      runs: 40,
      seed: `agreement/reference/${rule.rule}`,
    });
    const count = playJob({
      kind: "epochs",
      settings: { ...EPOCHS, ...common, rule, rejoin: 8 },
      cap: 60,
      runs: 400,
      seed: `agreement/count/${rule.rule}`,
      trace: 0,
    });
    const p = logRank(reference, count);
    const medians = `${summarize(reference).median} ${summarize(count).median}`;
    assert.ok(p > 1e-4, `${JSON.stringify(rule)}: p ${p}, medians ${medians}`);
  }
});

/** Words that a test dictates, one by one. */
class Dictated extends Words {
  readonly queue: number[] = [];
  constructor() {
    super("dictated", 0);
  }
  override word(): number {
    return this.queue.shift() ?? super.word();
  }
}

test("reference and member engine move alike, round by round, when fed the same draws", () => {
  const n = 64;
  const shards = 4;
  const shares = Array.from({ length: n }, (_, number) => numberedShare(number));
  const number = new Map(shares.map((share, index) => [share.join(), index]));
  const seedOf = (round: number): Bytes => {
    const seed = new Uint8Array(32);
    seed.set(u32be(round));
    return seed;
  };
  const start = genesis(shares, shards, seedOf(0), CUCKOO);
  assert.ok(start.ok);
  let now = start.assignment;
  const words = new Dictated();
  for (const share of shares) words.queue.push(now.position[rowOf(now, share)]!);
  const settings = { ...ROUNDS, n, group: n / shards, k: 2, hostile: 8 };
  const engine = new CuckooMembers(settings, words);
  for (let round = 1; round <= 200; round++) {
    const share = round % n;
    const id = shares[share]!;
    const draws = createDraws(seedOf(round));
    const point = drawPoint(draws, TAG.position, id, 0, 0);
    const region = (point >>> 1) >>> engine.regionShift;
    const thrown = engine.membersOf(region).filter((member) => member !== share);
    words.queue.push(point);
    for (const member of thrown) {
      words.queue.push(drawPoint(draws, TAG.position, shares[member]!, 0, 1));
    }
    const next = assign(now, [id], [id], seedOf(round), CUCKOO);
    assert.ok(next.ok);
    now = next.assignment;
    engine.rejoin(share);
    assert.equal(words.queue.length, 0);
    for (let row = 0; row < n; row++) {
      const member = number.get(now.ids.subarray(row * 36, row * 36 + 36).join())!;
      assert.equal(engine.position[member], now.position[row], `round ${round}`);
      assert.equal(engine.group[member], now.shard[row], `round ${round}`);
    }
  }
});
