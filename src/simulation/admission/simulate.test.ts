import assert from "node:assert/strict";
import { test } from "node:test";
import { MUTANTS, rulesOf } from "./mutants.ts";
import { PROFILES } from "./profile.ts";
import { HONEST, runSeed } from "./run.ts";
import { SCHEDULES } from "./schedules/schedules.ts";
import { simulate } from "./simulate.ts";

/** Enough for every mutant that no schedule catches. */
const MUTANT_SEEDS = 200;
const CLEAN_SEEDS = 60;

test("seeds of every profile keep every invariant, and every transaction gets an answer", () => {
  const onRun = (): void => undefined;
  const options = {
    seeds: CLEAN_SEEDS,
    first: 1,
    mutant: null,
    profile: null,
    onRun,
    onBlocks: () => {},
  };
  const result = simulate(options);
  assert.equal(result.first, null);
  assert.equal(result.unfinished, 0);
  assert.ok(result.admitted > CLEAN_SEEDS * 10, `${result.admitted} admitted`);
});

test("the runs meet what they are meant to meet", () => {
  const counts: Record<string, number> = {};
  for (let seed = 1; seed <= 30; seed++) {
    for (const [name, count] of Object.entries(
      runSeed({ seed, profile: null, ...HONEST }).counts,
    )) {
      counts[name] = (counts[name] ?? 0) + count;
    }
  }
  const wanted = ["crashes", "takeovers", "confirmed", "disconnected", "evicted-policy"];
  const left = ["evicted-chain", "evicted-replaced", "evicted-lock", "displaced"];
  for (const name of [...wanted, ...left]) {
    assert.ok((counts[name] ?? 0) > 0, `${name}: ${JSON.stringify(counts)}`);
  }
});

test("a seed repeats itself", () => {
  for (const profile of PROFILES) {
    const once = runSeed({ seed: 7, profile, ...HONEST });
    assert.equal(runSeed({ seed: 7, profile, ...HONEST }).hash, once.hash);
    assert.notEqual(runSeed({ seed: 8, profile, ...HONEST }).hash, once.hash);
  }
});

test("the trace of a seed is the same on every machine", () => {
  // Changes whenever the protocol or the world does; then the new figure is written here.
  assert.equal(runSeed({ seed: 42, profile: "wide", ...HONEST }).hash, "b2d0606c7585a258");
});

for (const { name, play } of SCHEDULES) {
  test(`schedule ${name} is harmless with all rules`, () => {
    assert.equal(play(rulesOf(null).rules), null);
  });
}

for (const mutant of MUTANTS) {
  test(`the mutant ${mutant.name} is caught`, () => {
    const onRun = (): void => undefined;
    const result = simulate({
      seeds: MUTANT_SEEDS,
      first: 1,
      mutant,
      profile: null,
      onRun,
      onBlocks: () => {},
    });
    assert.notEqual(result.first, null);
  });
}
