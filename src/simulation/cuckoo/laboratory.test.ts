import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BOUNDED, HARMONY_2019, SWAP } from "../../sharding/parameters.ts";
import { floodDelay, STRATEGIES } from "./adversaries.ts";
import { scenesOf } from "./charts.ts";
import { createCommittees, type Turnover } from "./committees.ts";
import { type EpochRule, playRule } from "./epoch-rules.ts";
import { EPOCHS, EpochEngine } from "./epochs.ts";
import { check, isGate } from "./experiments/experiment.ts";
import { EXPERIMENTS, failedGates, reproduce } from "./experiments/reproduce.ts";
import { playJob } from "./jobs.ts";
import { playJobs } from "./pool.ts";
import { Words } from "./random.ts";
import { reportHtml } from "./report.ts";
import { ROUNDS } from "./rounds.ts";
import { logRank, normalTwoSided, summarize, survivalCurve, wilson } from "./survival.ts";
import { createTournament, keyOf, lowest, NO_HOSTILE, setKey } from "./tournament.ts";

const rules: EpochRule[] = [
  { rule: "full" },
  { rule: "key-mod" },
  { ...BOUNDED, evict: 3 },
  { ...BOUNDED, evict: 90, minSize: 4, own: false, ranked: "afterJoins", evictFrom: "larger" },
  { ...BOUNDED, evict: 2, evictable: "incumbents", half: "ceil" },
  { ...SWAP, kappa: { num: 3, den: 2 } },
  { ...SWAP, kappa: { num: 0, den: 1 }, eMin: 0, local: 0 },
  HARMONY_2019,
  { ...HARMONY_2019, percent: 40, kick: "random" },
];

test("every rule keeps every seat, hostile and honest, in any state", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...rules),
      fc.array(fc.tuple(fc.nat(40), fc.nat(40)), { minLength: 1, maxLength: 9 }),
      fc.nat(12),
      fc.nat(12),
      fc.nat(),
      (rule, counts, hostile, honest, seed) => {
        const committees = createCommittees(counts.length);
        counts.forEach(([bad, good], c) => {
          committees.size[c] = bad + good;
          committees.hostile[c] = bad;
        });
        const sum = (list: Int32Array) => list.reduce((a, b) => a + b, 0);
        const size = sum(committees.size) + hostile + honest;
        const bad = sum(committees.hostile) + hostile;
        const leavers = new Int32Array(counts.length);
        const turnover: Turnover = { hostile, honest, leavers };
        playRule(committees, turnover, rule, new Words("conserve", seed));
        assert.equal(sum(committees.size), size);
        assert.equal(sum(committees.hostile), bad);
        for (let c = 0; c < counts.length; c++) {
          assert.ok(committees.hostile[c]! >= 0 && committees.hostile[c]! <= committees.size[c]!);
        }
      },
    ),
  );
});

test("every strategy plays against every rule without losing a seat", () => {
  for (const rule of rules) {
    for (const strategy of STRATEGIES) {
      const settings = { ...EPOCHS, n: 200, shards: 4, hostile: 40, rule, strategy, rejoin: 5 };
      const more = { ...settings, dos: 3, grind: 1, delay: 2, withhold: 100 };
      const engine = new EpochEngine(more, new Words("strategies", 1));
      engine.advance(30);
      const { worst, mean, best } = engine.spread;
      assert.ok(best <= mean && mean <= worst && worst <= 1, `${rule.rule} ${strategy}`);
    }
  }
});

test("the hypergeometric draw has the right mean, and its limits", () => {
  const words = new Words("hypergeometric", 0);
  for (const [size, hostile, draws] of [
    [100, 30, 20],
    [100, 30, 90],
    [7, 7, 3],
    [7, 0, 3],
  ] as const) {
    let sum = 0;
    const turns = 4000;
    for (let turn = 0; turn < turns; turn++) {
      const drawn = words.hypergeometric(size, hostile, draws);
      assert.ok(
        drawn >= Math.max(0, draws - (size - hostile)) && drawn <= Math.min(draws, hostile),
      );
      sum += drawn;
    }
    const p = hostile / size;
    const variance = (draws * p * (1 - p) * (size - draws)) / (size - 1);
    const error = Math.abs(sum / turns - draws * p);
    assert.ok(error <= 6 * Math.sqrt(variance / turns) + 1e-12, `${size} ${hostile} ${draws}`);
  }
});

test("the tournament finds the least fraction, ties to the lowest number", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.tuple(fc.nat(19), fc.nat(6), fc.integer({ min: 1, max: 6 })), { minLength: 1 }),
      (count, updates) => {
        const { keys, base } = createTournament(count);
        const plain = new Array<number>(count).fill(NO_HOSTILE);
        for (const [at, hostile, size] of updates) {
          const key = keyOf(hostile, Math.max(size, hostile));
          plain[at % count] = key;
          setKey(keys, base, at % count, key);
          const least = Math.min(...plain);
          assert.equal(keys[1], least);
          if (least !== NO_HOSTILE) assert.equal(lowest(keys, base), plain.indexOf(least));
        }
      },
    ),
  );
});

test("statistics of censored lives", () => {
  const lives = { lives: [1, 10, 100, 100], alive: [false, false, false, true] };
  const summary = summarize(lives);
  assert.equal(summary.median, 55);
  assert.ok(Math.abs(summary.geomean - 10 ** 1.25) < 1e-9);
  assert.equal(summary.censored, true);
  const curve = survivalCurve("x", lives, 100);
  assert.deepEqual(curve.t, [0, 1, 10, 100, 100]);
  assert.deepEqual(curve.alive, [1, 0.75, 0.5, 0.25, 0.25]);
  assert.ok(Math.abs(normalTwoSided(1.959964) - 0.05) < 1e-6);
  const band = wilson(40, 40);
  assert.ok(band.high === 1 && Math.abs(band.low - 0.912) < 0.001);
  const short = { lives: [1, 2, 3, 4, 5, 6, 7, 8], alive: new Array<boolean>(8).fill(false) };
  const long = { ...short, lives: short.lives.map((life) => life * 20) };
  assert.ok(logRank(short, long) < 1e-3);
  assert.ok(logRank(short, short) > 0.999);
});

test("jobs give the same answer inline and on threads", async () => {
  const settings = { ...ROUNDS, n: 512, hostile: 30 };
  const job = { kind: "rounds", engine: "count", settings, cap: 500, runs: 4, trace: 50 } as const;
  const jobs = [1, 2, 3].map((seed) => ({ ...job, seed: String(seed) }));
  const threaded = await playJobs(jobs, 2);
  jobs.forEach((one, index) => {
    const inline = playJob(one);
    assert.deepEqual({ ...threaded[index]!, seconds: 0 }, { ...inline, seconds: 0 });
  });
});

test("flooding delays honest joins, and only when it fills the cap", () => {
  assert.deepEqual(floodDelay(10, 2, 5, 100), { meanDelay: 0, backlog: 0 });
  const flooded = floodDelay(10, 2, 28, 100);
  assert.equal(flooded.backlog, 2000);
  assert.ok(flooded.meanDelay > 90);
});

test("only marks A and B are gates", () => {
  const outside = (mark: "A" | "B" | "C" | "D") => check("x", mark, 1, 1, 1, 2);
  assert.deepEqual(
    (["A", "B", "C", "D"] as const).map((mark) => isGate(outside(mark))),
    [true, true, false, false],
  );
});

test("a quick reproduction of X1, X8 and X11 is within its bands; the report stands alone", async () => {
  const chosen = EXPERIMENTS.filter((one) => ["X1", "X8", "X11"].includes(one.id));
  const all = await reproduce(chosen, { quick: true, seed: "pando" }, 1, () => {});
  assert.deepEqual(failedGates(all), []);
  const html = reportHtml(all, "test");
  for (const { experiment, outcome } of all) {
    assert.ok(html.includes(`id="${experiment.id}"`));
    for (const { scene } of scenesOf(outcome.series, experiment.title)) {
      assert.ok(scene.shapes.length > 10);
    }
  }
  assert.ok(html.includes("<svg"));
  // Nothing is fetched: the only address is the name of the SVG format.
  const addresses = new Set(html.match(/https?:[^"]*/g));
  assert.deepEqual([...addresses], ["http://www.w3.org/2000/svg"]);
  assert.ok(!/<script|<link|src=/i.test(html));
});
