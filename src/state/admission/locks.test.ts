import assert from "node:assert/strict";
import { test } from "node:test";
import { isFinal, isMature, isRelativeLockRipe, relativeLock } from "./locks.ts";
import { type Candidate, type CoinRecord, NO_LOCK, UNCONFIRMED } from "./records.ts";

const CHAIN = { height: 100, medianTime: 60_000, flags: 1, medianTimeAt: (at: number) => at * 600 };

function candidate(lockTime: number, sequence: number): Candidate {
  const inputs = [{ outpoint: "00".repeat(36), sequence }];
  return { txid: "", version: 2, lockTime, inputs, outputs: [], size: 1, raw: new Uint8Array(0) };
}

function coin(height: number, coinbase = false): CoinRecord {
  const rest = { round: -1, ancestors: 0, attempt: null, open: true };
  return { value: 1, script: new Uint8Array(0), coinbase, height, ...rest };
}

test("nLockTime holds until the height or median time is below the next block's", () => {
  assert.equal(isFinal(candidate(100, 0), CHAIN), true);
  assert.equal(isFinal(candidate(101, 0), CHAIN), false);
  assert.equal(isFinal(candidate(101, 0xffffffff), CHAIN), true);
  const late = { ...CHAIN, medianTime: 500_000_001 };
  assert.equal(isFinal(candidate(500_000_000, 0), late), true);
  assert.equal(isFinal(candidate(500_000_001, 0), late), false);
});

test("BIP68 applies to version 2 without the disable bit", () => {
  assert.equal(relativeLock(1, 5), NO_LOCK);
  assert.equal(relativeLock(2, 0x8000_0005), NO_LOCK);
  assert.equal(relativeLock(2, 0), NO_LOCK);
  assert.equal(relativeLock(2, 5), 5);
  assert.equal(relativeLock(0xffffffff, 5), 5);
});

test("a relative lock counts from the coin's height, or its predecessor's median time", () => {
  assert.equal(isRelativeLockRipe(coin(91), 10, CHAIN), true);
  assert.equal(isRelativeLockRipe(coin(92), 10, CHAIN), false);
  assert.equal(isRelativeLockRipe(coin(UNCONFIRMED), 1, CHAIN), false);
  // 60,000 - 1,024 = 58,976: the block before the coin's must not be later.
  assert.equal(isRelativeLockRipe(coin(99), 0x40_0002, CHAIN), true);
  assert.equal(isRelativeLockRipe(coin(100), 0x40_0002, CHAIN), false);
});

test("a coinbase matures for the block that stands far enough above it", () => {
  assert.equal(isMature(coin(1, true), 100, CHAIN), true);
  assert.equal(isMature(coin(2, true), 100, CHAIN), false);
  assert.equal(isMature(coin(100), 100, CHAIN), true);
});
