// The bounded cuckoo rule of RapidChain (2018), as Harmony tells it: newcomers go into the larger half
// of the shards, and a constant number is thrown out of every shard into the smaller half. Its open
// points are parameters.
import { type Draws, order, TAG, uniform } from "../draw.ts";
import { membersByShard, membersOf, rankShards, sizesOf, type Table } from "../table.ts";
import type { BoundedParameters } from "../types.ts";

/** The larger half A and the smaller half I of the shards, both in rank order. */
export interface Halves {
  readonly larger: Uint32Array;
  readonly smaller: Uint32Array;
}

export function halvesOf(sizes: Uint32Array, half: BoundedParameters["half"]): Halves {
  const ranks = rankShards(sizes);
  const exact = ranks.length / 2;
  const cut = Math.max(1, half === "ceil" ? Math.ceil(exact) : Math.floor(exact));
  return { larger: ranks.subarray(0, cut), smaller: ranks.subarray(cut) };
}

/** Evictions per shard: the constant, or what the demanded kappa asks for when that is more. */
export function evictCount(
  parameters: BoundedParameters,
  joins: number,
  leaves: number,
  shards: number,
): number {
  const { kappa, evict } = parameters;
  if (kappa === null) return evict;
  const churn = Math.max(joins, leaves);
  return Math.max(evict, Math.ceil((kappa.num * churn) / (kappa.den * shards)));
}

/** Where an evicted share of shard `from` may go. */
export function targetsOf(halves: Halves, from: number, own: boolean): Uint32Array {
  const { smaller } = halves;
  return own || smaller.length === 1 ? smaller : smaller.filter((shard) => shard !== from);
}

/** Who is thrown out of one shard, given its members. */
export function evictedOf(
  draws: Draws,
  ids: Uint8Array,
  members: Uint32Array,
  joined: Uint8Array,
  shard: number,
  count: number,
  parameters: BoundedParameters,
): Uint32Array {
  const spare = Math.max(0, members.length - parameters.minSize);
  const candidates =
    parameters.evictable === "all" ? members : members.filter((row) => joined[row] === 0);
  const take = Math.min(count, spare, candidates.length);
  return order(draws, TAG.evict, ids, candidates, shard).subarray(0, take);
}

/** Places the joins into the larger half; returns the halves by which the evicted then go. */
export function placeJoins(table: Table, draws: Draws, parameters: BoundedParameters): Halves {
  const { ids, shard, joins } = table;
  const before = halvesOf(sizesOf(table), parameters.half);
  for (const row of joins) {
    const { larger } = before;
    shard[row] = larger[uniform(draws, TAG.place, ids, row, 0, larger.length)]!;
  }
  return parameters.ranked === "beforeJoins" ? before : halvesOf(sizesOf(table), parameters.half);
}

/** Places the joins, then moves the evicted; returns the number of evictions. */
export function applyBounded(table: Table, draws: Draws, parameters: BoundedParameters): number {
  const { ids, shard, shards, joins } = table;
  const halves = placeJoins(table, draws, parameters);
  if (shards === 1) return 0;
  const members = membersByShard(table);
  const count = evictCount(parameters, joins.length, table.leaves, shards);
  const sources =
    parameters.evictFrom === "larger"
      ? halves.larger
      : Uint32Array.from({ length: shards }, (_, c) => c);
  // Everybody is chosen from the lists made above, before anybody moves: only `shard` changes.
  let evictions = 0;
  for (const from of sources) {
    const seated = membersOf(members, from);
    const evicted = evictedOf(draws, ids, seated, table.joined, from, count, parameters);
    const targets = targetsOf(halves, from, parameters.own);
    for (const row of evicted) {
      shard[row] = targets[uniform(draws, TAG.move, ids, row, 0, targets.length)]!;
    }
    evictions += evicted.length;
  }
  return evictions;
}
