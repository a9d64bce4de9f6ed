import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeRow, Snapshot } from "./snapshot.ts";
import { agreementText, plainLine, screenLines } from "./view.ts";

function row(node: number, more: Partial<NodeRow> = {}): NodeRow {
  return {
    node,
    state: "up",
    why: "",
    pid: 4_000_000,
    rpc: "http://127.0.0.1:20401",
    cookie: "/home/somebody/cookie",
    height: 1_234_567,
    tip: "0123456789abcdef",
    round: 411_522,
    slot: 1_234_570,
    power: "1.00000000",
    status: "provisional",
    finalizedHeight: 1_234_560,
    finalizedRound: 411_520,
    peers: 15,
    mempool: 4_999,
    rate: 1_999.94,
    stakers: [node],
    ...more,
  };
}

function snapshot(more: Partial<Snapshot> = {}): Snapshot {
  return {
    folder: "/home/somebody/.local/state/pando/devnet",
    plan: { consensus: "qpos", nodes: 3, stakers: 3, slotMs: 1_000, blockBytes: null, seed: "x" },
    nowMs: Date.UTC(2026, 0, 2, 3, 4, 5),
    startedMs: Date.UTC(2026, 0, 2, 3, 2, 55),
    round: 411_522,
    nodes: [row(1), row(2), row(3)],
    cut: [],
    groups: [[1, 2, 3]],
    churnMs: 30_000,
    fork: null,
    forks: { count: 0, deepest: 0 },
    conflicts: [],
    load: {
      rate: 500,
      acknowledged: 1_234_567,
      waiting: 12_345,
      refused: 0,
      refusal: null,
      lost: 0,
      unanswered: 3,
      idle: null,
    },
    events: [],
    ...more,
  };
}

const branch = (nodes: number[], height: number, depth: number) => ({
  nodes,
  depth,
  tip: { height, hash: "fedcba9876543210", txids: [] },
});
const fork = {
  sinceMs: Date.UTC(2026, 0, 2, 3, 3, 53),
  sinceRound: 411_520,
  depth: 2,
  branches: [branch([0, 1], 1_234_567, 7), branch([2], 1_234_562, 2)],
};

test("figures of any length stand in their columns, in 80 of them", () => {
  const lines = screenLines(snapshot(), 80, 40);
  assert.ok(lines.every((line) => line.length <= 80));
  assert.equal(
    lines[0],
    "Pando devnet: 3 nodes, 3 stakers, qpos, slot 1 s                       up 1m 10s",
  );
  assert.equal(
    lines[3],
    "node state        height      tip  round    slot power   final peers pool   tx/s",
  );
  assert.equal(
    lines[4],
    "   1 provisional 1234567 01234567 411522 1234570 1.000 1234560    15 4999 1999.9",
  );
});

test("a node that is not up says why; what is too long is cut visibly", () => {
  const down = row(2, { state: "failed", why: `port ${"9".repeat(100)}`, height: null, tip: null });
  const lines = screenLines(snapshot({ nodes: [row(1), down, row(3)] }), 80, 40);
  assert.match(lines[5]!, /^ {3}2 failed {2}port 9+…$/);
  assert.equal(lines[5]!.length, 80);
});

test("agreement, lag and forks are told apart", () => {
  assert.equal(agreementText(snapshot()), "all nodes agree on one tip");
  const behind = [row(1), row(2), row(3, { tip: "ffff", height: 1_234_566 })];
  assert.match(agreementText(snapshot({ nodes: behind })), /^all nodes are on one chain/);
  const down = [row(1), row(2, { state: "down", tip: null }), row(3)];
  assert.match(agreementText(snapshot({ nodes: down })), /^2 nodes that are up/);
  assert.equal(
    agreementText(snapshot({ fork })),
    "FORK for 12s, 2 rounds: 1,2 at 1234567 fedcba98 +7 | 3 at 1234562 fedcba98 +2",
  );
});

test("links: a partition, cuts, churn", () => {
  const shown = (more: Partial<Snapshot>): string | undefined =>
    screenLines(snapshot(more), 80, 40).find((line) => line.startsWith("links"));
  assert.equal(shown({}), "links   all up; churn every 30s");
  assert.equal(shown({ churnMs: null, cut: ["1-2"] }), "links   cut: 1-2");
  assert.equal(shown({ groups: [[1, 2], [3]], churnMs: null }), "links   partition 1,2 | 3");
});

test("a low terminal shows fewer events, the newest, and never more lines than it has", () => {
  const events = Array.from({ length: 30 }, (_, index) => ({ ms: 0, text: `event ${index}` }));
  for (const rows of [15, 18, 24]) {
    const lines = screenLines(snapshot({ events }), 80, rows);
    assert.ok(lines.length <= rows, `${lines.length} of ${rows}`);
    if (rows > 15) assert.ok(lines.includes("00:00:00  event 29"));
  }
});

test("a log line has everything that changes, and says what all say once", () => {
  assert.equal(
    plainLine(snapshot()),
    "03:04:05  round 411522  height 1234567  power 1.000  final 1234560  peers 15  1999.9 tx/s  all nodes agree on one tip",
  );
  const nodes = [row(1), row(2, { state: "down", tip: null }), row(3)];
  assert.equal(
    plainLine(snapshot({ nodes, fork })),
    "03:04:05  round 411522  height 1234567 x 1234567  power 1.000 x 1.000  final 1234560 x 1234560  peers 15 x 15  1999.9 tx/s  FORK for 12s, 2 rounds: 1,2 at 1234567 fedcba98 +7 | 3 at 1234562 fedcba98 +2",
  );
});
