// The commensal cuckoo rule of Sen and Freedman (2012): a shard vets joins, taking one only after it
// received enough secondary joins since its last, and evicts in proportion to its size.
import { type Draws, order, TAG, uniform } from "../draw.ts";
import { createLists, moveTo, rowsOf } from "../lists.ts";
import { type Table, UNPLACED } from "../table.ts";
import type { CommensalParameters } from "../types.ts";

/** Shards that take a primary join now, ascending; when none is ready those nearest to it. */
function readyShards(secondary: Uint32Array, need: number): number[] {
  let most = 0;
  for (const count of secondary) most = Math.max(most, count);
  const enough = Math.min(need, most);
  const ready: number[] = [];
  for (let c = 0; c < secondary.length; c++) if (secondary[c]! >= enough) ready.push(c);
  return ready;
}

/** Joins one by one in drawn order; counts evictions, and joins for which no shard was ready. */
export function applyCommensal(
  table: Table,
  draws: Draws,
  parameters: CommensalParameters,
): { evictions: number; fallbacks: number } {
  const { ids, shard, shards, secondary, joins } = table;
  const { k, scaling } = parameters;
  const need = parameters.vetting ? parameters.need : 0;
  const lists = createLists(shards, shard.length);
  for (let row = 0; row < shard.length; row++) {
    if (shard[row] !== UNPLACED) moveTo(lists, row, shard[row]!);
  }
  const moves = new Uint32Array(shard.length);
  let seats = shard.length - joins.length;
  let evictions = 0;
  let fallbacks = 0;
  const ordered = order(draws, TAG.order, ids, joins, 0);
  for (let i = 0; i < ordered.length; i++) {
    const joiner = ordered[i]!;
    const ready = readyShards(secondary, need);
    if (secondary[ready[0]!]! < need) fallbacks++;
    const to = ready[uniform(draws, TAG.vet, ids, joiner, 0, ready.length)]!;
    const size = lists.size[to]!;
    const num = scaling ? k.num * size * shards : k.num;
    const den = scaling ? k.den * (seats + 1) : k.den;
    const up = uniform(draws, TAG.round, ids, joiner, 0, den) < num % den ? 1 : 0;
    const count = Math.min(size, Math.floor(num / den) + up);
    const evicted = order(draws, TAG.evict, ids, rowsOf(lists, to), i).subarray(0, count);
    moveTo(lists, joiner, to);
    seats++;
    secondary[to] = 0;
    for (const member of evicted) {
      moves[member]! += 1;
      const target = uniform(draws, TAG.move, ids, member, moves[member]!, shards);
      moveTo(lists, member, target);
      secondary[target]! += 1;
      evictions++;
    }
  }
  for (let row = 0; row < shard.length; row++) shard[row] = lists.cell[row]!;
  return { evictions, fallbacks };
}
