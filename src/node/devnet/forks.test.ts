import assert from "node:assert/strict";
import { test } from "node:test";
import { type BlockAnswer, ChainWindow, WINDOW_BLOCKS_MAX } from "./chain-window.ts";
import { branchesOf, ForkTracker, forkEventText } from "./forks.ts";

/** A chain as text, one letter a block from height 0: "abc" and "abX" part at height 1. */
function reader(chain: string): (hash: string) => Promise<BlockAnswer> {
  return (hash) => {
    const height = hash.length - 1;
    assert.ok(chain.startsWith(hash));
    const previous = hash.slice(0, -1);
    const parent = previous === "" ? {} : { previousblockhash: previous };
    return Promise.resolve({ hash, height, tx: [`coinbase ${hash}`, `tx ${hash}`], ...parent });
  };
}

/** A window that has seen these tips, one after another. */
async function windowOf(...tips: string[]): Promise<ChainWindow> {
  const window = new ChainWindow();
  for (const tip of tips) await window.follow(tip, reader(tip));
  return window;
}

test("a window follows: blocks that came, a reorganisation, a lag of many", async () => {
  const window = new ChainWindow();
  const first = await window.follow("abc", reader("abc"));
  assert.deepEqual(
    first.came.map(({ hash }) => hash),
    ["abc"],
  );
  const more = await window.follow("abcde", reader("abcde"));
  assert.deepEqual(
    more.came.map(({ hash }) => hash),
    ["abcd", "abcde"],
  );
  assert.deepEqual(more.came[0]!.txids, ["tx abcd"]);
  const other = await window.follow("abcXYZ", reader("abcXYZ"));
  assert.deepEqual(
    other.left.map(({ hash }) => hash),
    ["abcde", "abcd"],
  );
  assert.deepEqual(
    other.came.map(({ hash }) => hash),
    ["abcX", "abcXY", "abcXYZ"],
  );
  assert.deepEqual(
    window.blocks.map(({ height }) => height),
    [2, 3, 4, 5],
  );
  assert.equal(window.at(4)?.hash, "abcXY");
  const back = await window.follow("abc", reader("abc"));
  assert.equal(back.left.length, 3);
  assert.deepEqual(back.came, []);
});

test("a window below which the branch begins: all of it left, and it says so", async () => {
  const window = await windowOf("abcd");
  const change = await window.follow("aXY", reader("aXY"), 2);
  assert.equal(change.gap, true);
  assert.deepEqual(
    change.left.map(({ hash }) => hash),
    ["abcd"],
  );
  assert.deepEqual(
    window.blocks.map(({ hash }) => hash),
    ["aX", "aXY"],
  );
});

test("a window is bounded", async () => {
  const tip = "x".repeat(WINDOW_BLOCKS_MAX + 100);
  const window = await windowOf("x", tip);
  assert.equal(window.blocks.length, WINDOW_BLOCKS_MAX);
  assert.equal(window.tip?.hash, tip);
});

test("who lags does not fork; who is elsewhere does", async () => {
  const a = { node: 0, window: await windowOf("a", "abcdef") };
  const b = { node: 1, window: await windowOf("a", "abcd") };
  const c = { node: 2, window: await windowOf("a", "abcX") };
  assert.deepEqual(
    branchesOf([a, b]).map(({ nodes, depth }) => ({ nodes, depth })),
    [{ nodes: [0, 1], depth: 0 }],
  );
  const forked = branchesOf([c, b, a]);
  assert.deepEqual(
    forked.map(({ nodes, depth, tip }) => ({ nodes, depth, tip: tip.hash })),
    [
      { nodes: [0, 1], depth: 3, tip: "abcdef" },
      { nodes: [2], depth: 1, tip: "abcX" },
    ],
  );
  const d = { node: 3, window: await windowOf("a", "abcdeY") };
  assert.deepEqual(
    branchesOf([a, c, d]).map(({ nodes, depth }) => ({ nodes, depth })),
    [
      { nodes: [0], depth: 3 },
      { nodes: [3], depth: 1 },
      { nodes: [2], depth: 1 },
    ],
    "each against the highest",
  );
  assert.deepEqual(branchesOf([{ node: 0, window: new ChainWindow() }]), []);
});

test("a fork is told once, its depth remembered, and its healing counted in rounds", async () => {
  const tracker = new ForkTracker();
  const main = { node: 0, window: await windowOf("a", "abcd") };
  const other = { node: 1, window: await windowOf("a", "aXY") };
  const short = { node: 1, window: await windowOf("a", "aX") };
  assert.equal(tracker.update(branchesOf([main]), { ms: 0, round: 1 }), null);
  const event = tracker.update(branchesOf([main, other]), { ms: 1_000, round: 5 });
  assert.equal(event?.kind, "forked");
  assert.equal(forkEventText(event!), "fork: 1 at 3 abcd | 2 at 2 aXY");
  assert.equal(tracker.update(branchesOf([main, short]), { ms: 2_000, round: 6 }), null);
  assert.equal(tracker.open?.depth, 2);
  // Nobody there is no agreement.
  assert.equal(tracker.update([], { ms: 2_500, round: 6 }), null);
  // Nor is one side alone.
  assert.equal(tracker.update(branchesOf([main]), { ms: 2_700, round: 6 }), null);
  tracker.linked({ ms: 3_000, round: 6 });
  const same = { node: 1, window: main.window };
  const healed = tracker.update(branchesOf([main, same]), { ms: 3_500, round: 7 });
  assert.deepEqual(healed, {
    kind: "healed",
    ms: 2_500,
    rounds: 2,
    roundsAfterHeal: 1,
    depth: 2,
  });
  assert.equal(tracker.open, null);
  assert.equal(tracker.count, 1);
});
