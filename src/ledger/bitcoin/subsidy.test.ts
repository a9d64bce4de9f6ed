import assert from "node:assert/strict";
import { test } from "node:test";
import { MONEY_MAX } from "./limits.ts";
import { MAIN, REGTEST } from "./networks.ts";
import { blockSubsidy } from "./subsidy.ts";

test("the subsidy halves every 210,000 blocks, and every 150 on regtest", () => {
  assert.equal(blockSubsidy(0, MAIN), 5_000_000_000);
  assert.equal(blockSubsidy(209_999, MAIN), 5_000_000_000);
  assert.equal(blockSubsidy(210_000, MAIN), 2_500_000_000);
  assert.equal(blockSubsidy(840_000, MAIN), 312_500_000);
  assert.equal(blockSubsidy(149, REGTEST), 5_000_000_000);
  assert.equal(blockSubsidy(150, REGTEST), 2_500_000_000);
});

test("it falls to zero and never sums above all money", () => {
  let sum = 0;
  for (let halving = 0; halving < 40; halving++) {
    sum += 210_000 * blockSubsidy(halving * 210_000, MAIN);
  }
  assert.equal(sum, 2_099_999_997_690_000);
  assert.ok(sum <= MONEY_MAX);
  assert.equal(blockSubsidy(33 * 210_000, MAIN), 0);
  assert.equal(blockSubsidy(200 * 210_000, MAIN), 0);
});
