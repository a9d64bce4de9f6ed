// Full reshuffle, the baseline: everybody is dealt anew, so nothing can be accumulated, and nearly
// everybody moves.
import { type Draws, order, TAG } from "../draw.ts";
import type { Table } from "../table.ts";

/** The i-th of all shares in shuffled order goes to shard i mod S. */
export function applyFull(table: Table, draws: Draws): void {
  const rows = Uint32Array.from(table.shard, (_, row) => row);
  const shuffled = order(draws, TAG.shuffle, table.ids, rows, 0);
  for (let i = 0; i < shuffled.length; i++) table.shard[shuffled[i]!] = i % table.shards;
}
