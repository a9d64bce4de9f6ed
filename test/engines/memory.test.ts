import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryEngine } from "../../src/engines/memory/memory-engine.ts";
import { contractTests, openPartition } from "./contract.ts";

contractTests("memory", () => {
  const engine = new MemoryEngine();
  return {
    engine,
    reopen: () => engine.clone(),
    setRoom: (full) => {
      engine.room.bytesMax = full ? 0 : Number.POSITIVE_INFINITY;
    },
  };
});

test("a clone has its own future", () => {
  const engine = new MemoryEngine();
  const key = Uint8Array.of(1);
  const write = (value: number) => [
    { when: [], write: [{ space: "c", key, value: Uint8Array.of(value) }] },
  ];
  const partition = openPartition(engine, 0, 1);
  assert.ok(partition.applyBatch(1, write(1)).ok);
  const copy = engine.clone();
  assert.ok(partition.applyBatch(2, write(2)).ok);
  assert.deepEqual(openPartition(copy, 0, 2).get("c", [key]), {
    ok: true,
    value: [Uint8Array.of(1)],
  });
  engine.drop(0);
  assert.equal(openPartition(engine, 0, 1).lastBatch, 0);
});
