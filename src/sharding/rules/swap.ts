// The swap rule, ours: every shard gives up members in proportion to the network's churn and to its
// own, newcomers and evicted form one pool, and the pool is dealt into the free seats. Sizes differ by
// at most one, and what a shard receives is a fair sample of the pool.
import { assert } from "../../base/assert.ts";
import { type Draws, order, orderNumbers, TAG } from "../draw.ts";
import { membersByShard, membersOf, type Table } from "../table.ts";
import type { SwapParameters } from "../types.ts";

/** Seats each shard shall have: equal but for one, the larger ones drawn. */
export function targetSizes(draws: Draws, seats: number, shards: number): Uint32Array {
  const target = new Uint32Array(shards).fill(Math.floor(seats / shards));
  const larger = orderNumbers(draws, TAG.quota, shards).subarray(0, seats % shards);
  for (const shard of larger) target[shard]! += 1;
  return target;
}

/** What the size of every shard's give-up depends on. */
export interface Churn {
  readonly joins: number;
  readonly leaves: number;
  readonly staying: number;
}

/** How many seats a shard gives up. */
export function giveUpCount(
  parameters: SwapParameters,
  churn: Churn,
  size: number,
  leavers: number,
  target: number,
): number {
  const { num, den } = parameters.kappa;
  const flow = Math.max(churn.joins, churn.leaves);
  const byFlow = churn.staying === 0 ? 0 : Math.ceil((num * flow * size) / (den * churn.staying));
  return Math.min(
    size,
    Math.max(parameters.eMin, byFlow, parameters.local * leavers, size - target),
  );
}

/** Who is dealt (ascending), and the free seats, ascending by shard. */
export interface Pool {
  readonly rows: Uint32Array;
  readonly slots: Uint32Array;
}

export function poolOf(table: Table, draws: Draws, parameters: SwapParameters): Pool {
  const { ids, shards, joins } = table;
  const seats = table.shard.length;
  const target = targetSizes(draws, seats, shards);
  const members = membersByShard(table);
  const churn = { joins: joins.length, leaves: table.leaves, staying: seats - joins.length };
  const pool: number[] = [...joins];
  const slots: number[] = [];
  for (let c = 0; c < shards; c++) {
    const seated = membersOf(members, c);
    const count = giveUpCount(parameters, churn, seated.length, table.leavers[c]!, target[c]!);
    for (const row of order(draws, TAG.evict, ids, seated, c).subarray(0, count)) pool.push(row);
    const need = target[c]! - (seated.length - count);
    for (let slot = 0; slot < need; slot++) slots.push(c);
  }
  assert(slots.length === pool.length, "free seats and pool are equally many");
  return { rows: Uint32Array.from(pool).sort(), slots: Uint32Array.from(slots) };
}

/** Evicts, pools and deals; returns the number of evictions. */
export function applySwap(table: Table, draws: Draws, parameters: SwapParameters): number {
  const { rows, slots } = poolOf(table, draws, parameters);
  const dealt = order(draws, TAG.deal, table.ids, rows, 0);
  for (let i = 0; i < dealt.length; i++) table.shard[dealt[i]!] = slots[i]!;
  return rows.length - table.joins.length;
}
