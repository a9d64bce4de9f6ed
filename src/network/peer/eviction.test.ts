import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseEviction, type EvictionCandidate } from "./eviction.ts";

const candidate = (id: number, more: Partial<EvictionCandidate> = {}): EvictionCandidate => ({
  id,
  connectedAt: id,
  pingMsMin: null,
  lastBlockAt: 0,
  lastTransactionAt: 0,
  relaysTransactions: true,
  group: `g${id}`,
  keyedGroup: 1_000_000 - id,
  prefersEviction: false,
  protected: false,
  ...more,
});

/** One network far away: no keyed hash protects it. */
const CROWD = { group: "crowd", keyedGroup: 2_000_000 };

test("a crowd from one network loses its youngest, not an honest peer", () => {
  const honest = Array.from({ length: 30 }, (_, id) => candidate(id));
  const crowd = Array.from({ length: 60 }, (_, index) => candidate(100 + index, { ...CROWD }));
  assert.equal(chooseEviction([...honest, ...crowd]), 159);
});

test("those that stand out in any way stay", () => {
  const crowd = Array.from({ length: 40 }, (_, index) => candidate(100 + index, { ...CROWD }));
  const useful = [
    candidate(900, { ...CROWD, pingMsMin: 1 }),
    candidate(901, { ...CROWD, lastBlockAt: 5 }),
    candidate(902, { ...CROWD, lastTransactionAt: 5 }),
    candidate(903, { ...CROWD, keyedGroup: 0 }),
  ];
  assert.equal(chooseEviction([...crowd, ...useful]), 139);
});

test("nobody goes when all are protected; the unwelcome go first", () => {
  assert.equal(chooseEviction([candidate(1), candidate(2)]), null);
  assert.equal(chooseEviction([]), null);
  const crowd = Array.from({ length: 40 }, (_, index) =>
    candidate(100 + index, { ...CROWD, prefersEviction: index === 30 }),
  );
  // Older ones of the crowd are protected by age; 30 is young enough to be among those left.
  assert.equal(chooseEviction(crowd), 130);
});
