// The cuckoo rule of Awerbuch and Scheideler (2006): a newcomer lands on a random point of a ring and
// throws the few members of that point's region to new random points. Only the region moves, not the
// whole shard; leaving does nothing more.
import { type Draws, drawPoint, order, TAG } from "../draw.ts";
import { createLists, moveTo, rowsOf } from "../lists.ts";
import { type Table, UNPLACED } from "../table.ts";
import type { CuckooParameters, Ratio } from "../types.ts";

/** Number of regions: the largest power of two whose regions hold about k shares, at least 1. */
export function regionCount(population: number, k: Ratio): number {
  let regions = 1;
  while (regions * 2 * k.num <= population * k.den) regions *= 2;
  return regions;
}

/** The shard that owns a point of the ring. */
export function shardOfPoint(point: number, shards: number): number {
  return Math.floor((point * shards) / 2 ** 32);
}

/** The region of a point; a division, because `>>> 32` would be `>>> 0` in JavaScript. */
export function regionOfPoint(point: number, regions: number): number {
  return Math.floor(point / (2 ** 32 / regions));
}

/** Joins one by one in drawn order; returns the number of evictions. */
export function applyCuckoo(table: Table, draws: Draws, parameters: CuckooParameters): number {
  const { ids, shard, position, shards } = table;
  const regions = regionCount(table.population, parameters.k);
  const lists = createLists(regions, shard.length);
  for (let row = 0; row < shard.length; row++) {
    if (shard[row] !== UNPLACED) moveTo(lists, row, regionOfPoint(position[row]!, regions));
  }
  const moves = new Uint32Array(shard.length);
  let evictions = 0;
  const place = (row: number, point: number): void => {
    position[row] = point;
    shard[row] = shardOfPoint(point, shards);
    moveTo(lists, row, regionOfPoint(point, regions));
  };
  for (const joiner of order(draws, TAG.order, ids, table.joins, 0)) {
    const point = drawPoint(draws, TAG.position, ids, joiner, 0);
    for (const member of rowsOf(lists, regionOfPoint(point, regions))) {
      moves[member]! += 1;
      place(member, drawPoint(draws, TAG.position, ids, member, moves[member]!));
      evictions++;
    }
    place(joiner, point);
  }
  return evictions;
}
