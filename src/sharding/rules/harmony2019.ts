// The resharding of Harmony's public Go code of 2019, which shipped this rule for a few months and fed
// it neither real joins nor a real seed: newcomers are dealt round-robin to the larger half, and a
// percentage is kicked from the tail of each list of that half into the smaller half.
import { type Draws, order, TAG } from "../draw.ts";
import { membersByShard, membersOf, rankShards, sizesOf, type Table } from "../table.ts";
import type { Harmony2019Parameters } from "../types.ts";

const LEADER = 1;
const NOBODY = -1;

/** Every shard's leader and, in shuffled order, the rest of its members. */
function openLists(table: Table, draws: Draws): { leaders: number[]; lists: number[][] } {
  const members = membersByShard(table);
  const leaders: number[] = [];
  const lists: number[][] = [];
  for (let c = 0; c < table.shards; c++) {
    const seated = membersOf(members, c);
    let leader = seated.find((row) => table.position[row] === LEADER) ?? NOBODY;
    const rest = seated.filter((row) => row !== leader);
    const list = [...order(draws, TAG.shuffle, table.ids, rest, c)];
    if (leader === NOBODY) leader = list.shift() ?? NOBODY;
    leaders.push(leader);
    lists.push(list);
  }
  return { leaders, lists };
}

/** Takes the tail of every list of the larger half out; the taken, ascending. */
function kick(
  table: Table,
  draws: Draws,
  parameters: Harmony2019Parameters,
  lists: number[][],
  larger: Uint32Array,
): Uint32Array {
  const taken: number[] = [];
  for (const c of larger) {
    let list = lists[c]!;
    const count = Math.max(1, Math.floor((list.length * parameters.percent) / 100));
    if (list.length <= count) continue;
    if (parameters.kick === "random") {
      const rows = Uint32Array.from(list).sort();
      list = [...order(draws, TAG.evict, table.ids, rows, c)].reverse();
    }
    taken.push(...list.splice(list.length - count));
    lists[c] = list;
  }
  return Uint32Array.from(taken).sort();
}

/** Deals joins to the larger half and the kicked to the smaller; returns how many were kicked. */
export function applyHarmony2019(
  table: Table,
  draws: Draws,
  parameters: Harmony2019Parameters,
): number {
  const { ids, shards } = table;
  const ranks = rankShards(sizesOf(table));
  const cut = Math.floor(shards / 2);
  const larger = ranks.subarray(0, cut);
  const smaller = ranks.subarray(cut);
  const { leaders, lists } = openLists(table, draws);
  const hosts = cut === 0 ? ranks : larger;
  const joins = order(draws, TAG.order, ids, table.joins, 0);
  const spread = cut === 0 ? 1 : cut;
  for (let i = 0; i < joins.length; i++) lists[hosts[i % spread]!]!.push(joins[i]!);
  const taken = order(draws, TAG.move, ids, kick(table, draws, parameters, lists, larger), 0);
  for (let i = 0; i < taken.length; i++) lists[smaller[i % smaller.length]!]!.push(taken[i]!);
  for (let c = 0; c < shards; c++) {
    for (const row of lists[c]!) {
      table.shard[row] = c;
      table.position[row] = 0;
    }
    const leader = leaders[c]!;
    if (leader !== NOBODY) table.position[leader] = LEADER;
  }
  return taken.length;
}
