import assert from "node:assert/strict";
import { test } from "node:test";
import { Draws } from "./draws.ts";
import { Journal } from "./journal.ts";

test("a crash keeps a prefix of what was not synced, and everything that was", () => {
  const survivors = new Set<number>();
  for (let seed = 0; seed < 50; seed++) {
    const disk: number[] = [];
    const journal = new Journal<number>((entry) => disk.push(entry));
    journal.append(1);
    journal.append(2);
    journal.sync();
    for (const entry of [3, 4, 5]) journal.append(entry);
    const lost = journal.crash(new Draws(seed, "disk"));
    assert.deepEqual(disk, [1, 2, 3, 4, 5].slice(0, 5 - lost));
    survivors.add(disk.length);
  }
  assert.deepEqual([...survivors].sort(), [2, 3, 4, 5]);
});
