import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { merkleRoot } from "../../crypto/merkle.ts";
import { layout } from "./layout.ts";
import { type LogEntry, PartitionLogs } from "./rounds.ts";
import { ID_BYTES } from "./segment.ts";
import { assembleSegments, restoredLog, rootWithCoinbase } from "./segment-assemble.ts";

interface Node {
  readonly id: number;
  readonly partition: number;
  readonly round: number;
  readonly parents: readonly number[];
}

function idOf(name: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(name).digest());
}

/** A random graph, each transaction in a random partition, in a round above its parents'. */
const graph: fc.Arbitrary<Node[]> = fc
  .record({
    partitions: fc.integer({ min: 1, max: 16 }),
    open: fc.integer({ min: 0, max: 2 }),
    draws: fc.array(
      fc.tuple(fc.nat(), fc.array(fc.nat(), { maxLength: 3 }), fc.integer({ min: 0, max: 9 })),
      { minLength: 1, maxLength: 300 },
    ),
  })
  .map(({ partitions, open, draws }) => {
    const nodes: Node[] = [];
    for (const [place, picks, deep] of draws) {
      const id = nodes.length;
      const parents = id === 0 || deep > 6 ? [] : [...new Set(picks.map((pick) => pick % id))];
      const above = parents.map((parent) => nodes[parent]!.round + 1);
      nodes.push({
        id,
        partition: place % partitions,
        round: Math.max(open, ...above, 0),
        parents,
      });
    }
    return nodes;
  });

function fill(nodes: readonly Node[], bits: number): PartitionLogs[] {
  const logs = new Map<number, PartitionLogs>();
  for (const node of nodes) {
    let log = logs.get(node.partition);
    if (log === undefined) {
      log = new PartitionLogs(node.partition, bits);
      logs.set(node.partition, log);
    }
    log.log(node.round).add(idOf(`t${node.id}`), idOf(`w${node.id}`), node);
  }
  return [...logs.values()];
}

function flat(segments: readonly { entries(): Iterable<LogEntry> }[]): LogEntry[] {
  return segments.flatMap((segment) => [...segment.entries()]);
}

test("no child stands before its parent, only the last segment is short, roots fold", () => {
  fc.assert(
    fc.property(
      graph,
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 0, max: 4 }),
      fc.array(fc.nat(), { maxLength: 8 }),
      (nodes, bits, restored, removals) => {
        const logs = fill(nodes, bits);
        const gone = removeWithDescendants(nodes, logs, removals);
        const back = Array.from({ length: restored }, (_, index) => ({
          txid: idOf(`r${index}`),
          wtxid: idOf(`s${index}`),
          entry: { restored: index },
        }));
        const ranges = logs.flatMap((log) => log.ranges());
        const block = assembleSegments(restoredLog(back), ranges, bits);
        const size = 1 << bits;
        block.segments.forEach(({ count }, at) => {
          assert.ok(at === block.segments.length - 1 ? count <= size : count === size);
        });
        const entries = flat(block.segments);
        assert.equal(entries.length, 1 + restored + nodes.length - gone.size);
        checkOrder(entries, gone);
        checkRoots(block, entries);
      },
    ),
    { numRuns: 300 },
  );
});

/** Removes what the draws say, with everything that builds on it. */
function removeWithDescendants(
  nodes: readonly Node[],
  logs: readonly PartitionLogs[],
  removals: readonly number[],
): Set<number> {
  const gone = new Set(removals.map((pick) => pick % nodes.length));
  for (const { id, parents } of nodes) if (parents.some((parent) => gone.has(parent))) gone.add(id);
  for (const log of logs) {
    for (const { round, partition } of nodes) {
      if (partition !== log.partition) continue;
      const columns = log.log(round);
      columns.entries.forEach((entry, position) => {
        if (entry !== null && gone.has((entry as Node).id)) columns.remove(position);
      });
    }
  }
  return gone;
}

function checkOrder(entries: readonly LogEntry[], gone: ReadonlySet<number>): void {
  const seen = new Set<number>();
  entries.forEach(({ log, position }, at) => {
    const entry = log.entries[position] as Partial<Node> & { restored?: number };
    if (entry.restored !== undefined) assert.equal(entry.restored, at - 1);
    if (entry.parents === undefined) return;
    for (const parent of entry.parents) {
      if (!gone.has(parent)) assert.ok(seen.has(parent), `${entry.id} stands before ${parent}`);
    }
    seen.add(entry.id!);
  });
}

function checkRoots(
  block: ReturnType<typeof assembleSegments>,
  entries: readonly LogEntry[],
): void {
  const txids = new Uint8Array(entries.length * 32);
  const wtxids = new Uint8Array(entries.length * 32);
  entries.forEach(({ log, position }, at) => {
    const from = position * ID_BYTES;
    txids.set(log.ids.subarray(from, from + 32), at * 32);
    wtxids.set(log.ids.subarray(from + 32, from + 64), at * 32);
  });
  assert.deepEqual(block.txRoot, merkleRoot(txids, entries.length).root);
  assert.deepEqual(block.witnessRoot, merkleRoot(wtxids, entries.length).root);
  const coinbase = idOf("coinbase");
  txids.set(coinbase, 0);
  assert.deepEqual(rootWithCoinbase(block, coinbase), merkleRoot(txids, entries.length).root);
}

test("entries of one log stand in ascending order of txid", () => {
  const logs = new PartitionLogs(0, 3);
  for (let id = 0; id < 20; id++) logs.log(0).add(idOf(`t${id}`), idOf(`w${id}`), {});
  const block = assembleSegments(null, logs.ranges(), 3);
  for (const segment of block.segments) {
    const ids = [...segment.entries()].map(({ log, position }) =>
      Buffer.from(log.ids.subarray(position * ID_BYTES, position * ID_BYTES + 32)).toString("hex"),
    );
    const behindCoinbase = ids.filter((id) => !/^0+$/.test(id));
    assert.deepEqual(behindCoinbase, [...behindCoinbase].sort());
  }
});

test("a removed entry unseals its own segment and no other", () => {
  const logs = new PartitionLogs(5, 2);
  for (let id = 0; id < 14; id++) logs.log(0).add(idOf(`t${id}`), idOf(`w${id}`), { id });
  const log = logs.log(0);
  assert.equal(log.isSealed(4), true);
  assert.equal(log.isSealed(12), false);
  assert.equal(log.remove(5), true);
  assert.equal(log.remove(5), false);
  assert.deepEqual(
    log.ranges().map(({ start, whole, tail }) => [start, whole.length, tail.length]),
    [
      [0, 1, 0],
      [4, 0, 3],
      [8, 1, 2],
    ],
  );
});

test("a carry with older entries is completed by dissolving one seal of the longest range", () => {
  const range = (round: number, log: number, whole: string[], tail: string[]) => ({
    round,
    log,
    start: 0,
    whole,
    tail,
  });
  const laid = layout(
    ["cb"],
    [range(0, 1, ["abcd"], ["e"]), range(1, 1, ["fghi"], []), range(1, 2, ["jklm", "nopq"], ["r"])],
    4,
    (whole) => [...whole],
  );
  const text = laid.map((one) =>
    one.kind === "whole" ? one.whole : one.pieces.flatMap((piece) => piece.entries).join("+"),
  );
  // Round 0: the coinbase is older than nothing that it could precede wrongly, but it was carried.
  assert.deepEqual(text, ["cb+e+a+b", "c+d+r+n", "fghi", "jklm", "o+p+q"]);
});
