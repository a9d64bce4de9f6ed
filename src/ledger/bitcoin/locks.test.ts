import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeTransaction } from "./encode.ts";
import { hasTimeLock, isFinal, lockBlocks, locksAreOpen, sequenceLocks } from "./locks.ts";
import { decodeTransaction, type Transaction } from "./transaction.ts";

const NOTHING = new Uint8Array(0);

function transaction(sequences: readonly number[], lockTime = 0, version = 2): Transaction {
  const inputs = sequences.map((sequence, index) => ({
    txid: new Uint8Array(32).fill(9),
    index,
    script: NOTHING,
    sequence,
    witness: [],
  }));
  const outputs = [{ value: 1, script: NOTHING }];
  const decoded = decodeTransaction(encodeTransaction({ version, inputs, outputs, lockTime }));
  assert.ok(decoded.ok);
  return decoded.value;
}

test("a lock time is a height below 500,000,000 and a time from there on", () => {
  assert.equal(isFinal(transaction([0], 0), 0, 0), true);
  assert.equal(isFinal(transaction([0], 100), 100, 0), false);
  assert.equal(isFinal(transaction([0], 100), 101, 0), true);
  assert.equal(isFinal(transaction([0], 499_999_999), 499_999_999, 2 ** 31), false);
  assert.equal(isFinal(transaction([0], 500_000_000), 2 ** 31, 500_000_000), false);
  assert.equal(isFinal(transaction([0], 500_000_000), 0, 500_000_001), true);
  assert.equal(isFinal(transaction([0], 0xffffffff), 0, 0xffffffff), false);
});

test("final sequences switch the lock time off, if all are", () => {
  assert.equal(isFinal(transaction([0xffffffff, 0xffffffff], 100), 1, 0), true);
  assert.equal(isFinal(transaction([0xffffffff, 0xfffffffe], 100), 1, 0), false);
});

const coins = (...heights: number[]) =>
  heights.map((height) => ({ value: 1, script: NOTHING, height, coinbase: false }));
const times = (height: number): number => 1_000_000 + height * 600;

test("a relative lock in blocks counts from the coin's block", () => {
  const locks = sequenceLocks(transaction([10, 3]), coins(100, 120), times);
  assert.deepEqual(locks, { height: 122, time: -1 });
  assert.equal(locksAreOpen(locks, 122, 0), false);
  assert.equal(locksAreOpen(locks, 123, 0), true);
  // Zero blocks: the same block will do.
  assert.equal(locksAreOpen(sequenceLocks(transaction([0]), coins(50), times), 50, 0), true);
});

test("a relative lock in units of 512 seconds counts from the median before the coin's block", () => {
  const sequence = (1 << 22) | 2;
  const locks = sequenceLocks(transaction([sequence]), coins(100), times);
  assert.deepEqual(locks, { height: -1, time: times(99) + 1024 - 1 });
  assert.equal(locksAreOpen(locks, 1000, times(99) + 1023), false);
  assert.equal(locksAreOpen(locks, 1000, times(99) + 1024), true);
  assert.equal(sequenceLocks(transaction([sequence]), coins(0), times).time, times(0) + 1023);
  assert.equal(hasTimeLock(transaction([5, sequence])), true);
  assert.equal(hasTimeLock(transaction([5])), false);
});

test("only the low 16 bits are the lock; the top bit and version 1 switch it off", () => {
  assert.equal(sequenceLocks(transaction([0x10_0005]), coins(100), times).height, 104);
  assert.equal(sequenceLocks(transaction([0x8000_0005]), coins(100), times).height, -1);
  assert.equal(sequenceLocks(transaction([5], 0, 1), coins(100), times).height, -1);
  // The version is unsigned.
  assert.equal(sequenceLocks(transaction([5], 0, 0xffffffff), coins(100), times).height, 104);
  assert.equal(lockBlocks(transaction([0x10_0005]), 0), 5);
  assert.equal(lockBlocks(transaction([0x8000_0005]), 0), 0);
  assert.equal(lockBlocks(transaction([(1 << 22) | 5]), 0), 0);
});
