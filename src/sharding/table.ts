// The table a rule works on: seats that stay and shares that join, in columns, rows ascending by id.
// Leavers are already gone; a share that rejoins is a newcomer. `openTable` checks the input,
// `closeTable` turns the placed table into the next assignment.
import { assert } from "../base/assert.ts";
import { type Bytes, compareBytes } from "../base/bytes.ts";
import { type AssignCode, type Assignment, SEATS_MAX, SHARE_BYTES, seatCount } from "./types.ts";

/** The shard of a newcomer that has not been placed yet. */
export const UNPLACED = -1;

export interface Table {
  readonly epoch: number;
  readonly shards: number;
  readonly ids: Bytes;
  /** Rows that join, ascending. */
  readonly joins: Uint32Array;
  readonly joined: Uint8Array;
  /** The shard before this epoch, UNPLACED for newcomers. */
  readonly before: Int32Array;
  /** The shard now; rules write it. */
  readonly shard: Int32Array;
  readonly position: Uint32Array;
  readonly since: Float64Array;
  readonly secondary: Uint32Array;
  /** How many left each shard. */
  readonly leavers: Uint32Array;
  readonly leaves: number;
  /** Seats of the previous assignment. */
  readonly population: number;
}

export type OpenResult =
  | { readonly ok: true; readonly table: Table }
  | { readonly ok: false; readonly code: AssignCode; readonly about: string };

function compareRows(a: Bytes, aRow: number, b: Bytes, bRow: number): number {
  const aAt = aRow * SHARE_BYTES;
  const bAt = bRow * SHARE_BYTES;
  for (let at = 0; at < SHARE_BYTES; at++) {
    const difference = a[aAt + at]! - b[bAt + at]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Ids sorted and packed one behind the other; an error when one is malformed or twice there. */
export function packIds(
  ids: readonly Bytes[],
): { ok: true; ids: Bytes } | { ok: false; code: "bad-id" | "duplicate" } {
  if (ids.some((id) => id.length !== SHARE_BYTES)) return { ok: false, code: "bad-id" };
  const sorted = [...ids].sort(compareBytes);
  const packed = new Uint8Array(sorted.length * SHARE_BYTES);
  for (let row = 0; row < sorted.length; row++) {
    packed.set(sorted[row]!, row * SHARE_BYTES);
    if (row > 0 && compareRows(packed, row - 1, packed, row) === 0) {
      return { ok: false, code: "duplicate" };
    }
  }
  return { ok: true, ids: packed };
}

/** For each row of the previous assignment 1 when it leaves; null when a leaver is not seated. */
function markLeavers(previous: Assignment, leaves: Bytes): Uint8Array | null {
  const marks = new Uint8Array(seatCount(previous));
  let row = 0;
  for (let leave = 0; leave < leaves.length / SHARE_BYTES; leave++) {
    while (row < marks.length && compareRows(previous.ids, row, leaves, leave) < 0) row++;
    if (row === marks.length || compareRows(previous.ids, row, leaves, leave) !== 0) return null;
    marks[row] = 1;
  }
  return marks;
}

function emptyTable(previous: Assignment, rows: number, joinCount: number, leaves: number): Table {
  return {
    epoch: previous.epoch + 1,
    shards: previous.shards,
    ids: new Uint8Array(rows * SHARE_BYTES),
    joins: new Uint32Array(joinCount),
    joined: new Uint8Array(rows),
    before: new Int32Array(rows).fill(UNPLACED),
    shard: new Int32Array(rows).fill(UNPLACED),
    position: new Uint32Array(rows),
    since: new Float64Array(rows),
    secondary: Uint32Array.from(previous.secondary),
    leavers: new Uint32Array(previous.shards),
    leaves,
    population: seatCount(previous),
  };
}

/** Merges the staying seats and the joins into `table`; false when a join is already seated. */
function merge(table: Table, previous: Assignment, leaving: Uint8Array, joins: Bytes): boolean {
  const { ids, since, position } = table;
  let from = 0;
  let join = 0;
  let row = 0;
  const joinCount = joins.length / SHARE_BYTES;
  const seats = leaving.length;
  while (from < seats || join < joinCount) {
    if (from < seats && leaving[from] === 1) {
      table.leavers[previous.shard[from]!]! += 1;
      from++;
      continue;
    }
    const compared =
      from === seats ? 1 : join === joinCount ? -1 : compareRows(previous.ids, from, joins, join);
    if (compared === 0) return false;
    if (compared < 0) {
      const at = from * SHARE_BYTES;
      ids.set(previous.ids.subarray(at, at + SHARE_BYTES), row * SHARE_BYTES);
      table.before[row] = previous.shard[from]!;
      table.shard[row] = previous.shard[from]!;
      position[row] = previous.position[from]!;
      since[row] = previous.since[from]!;
      from++;
    } else {
      const at = join * SHARE_BYTES;
      ids.set(joins.subarray(at, at + SHARE_BYTES), row * SHARE_BYTES);
      table.joins[join] = row;
      table.joined[row] = 1;
      since[row] = table.epoch;
      join++;
    }
    row++;
  }
  assert(row === table.shard.length, "the merged table is full");
  return true;
}

/** Checks joins and leaves against the previous assignment and builds the table. */
export function openTable(
  previous: Assignment,
  joins: readonly Bytes[],
  leaves: readonly Bytes[],
): OpenResult {
  const fail = (code: AssignCode, about: string): OpenResult => ({ ok: false, code, about });
  const packedJoins = packIds(joins);
  if (!packedJoins.ok) return fail(packedJoins.code, "joins");
  const packedLeaves = packIds(leaves);
  if (!packedLeaves.ok) return fail(packedLeaves.code, "leaves");
  const leaving = markLeavers(previous, packedLeaves.ids);
  if (leaving === null) return fail("leave-not-seated", "leaves");
  const rows = seatCount(previous) - leaves.length + joins.length;
  if (rows > SEATS_MAX) return fail("limit-exceeded", `${rows} seats`);
  if (rows === 0) return fail("network-emptied", "leaves");
  const table = emptyTable(previous, rows, joins.length, leaves.length);
  if (!merge(table, previous, leaving, packedJoins.ids)) return fail("join-seated", "joins");
  return { ok: true, table };
}

/** The next assignment, once every row has a shard. */
export function closeTable(table: Table): Assignment {
  const shard = new Uint16Array(table.shard.length);
  for (let row = 0; row < shard.length; row++) {
    const to = table.shard[row]!;
    assert(to >= 0 && to < table.shards, "every share is placed in a shard");
    shard[row] = to;
    if (to !== table.before[row]) table.since[row] = table.epoch;
  }
  return {
    epoch: table.epoch,
    shards: table.shards,
    ids: table.ids,
    shard,
    since: table.since,
    position: table.position,
    secondary: table.secondary,
  };
}

/** Seats per shard, newcomers that wait for a place not counted. */
export function sizesOf(table: Table): Uint32Array {
  const sizes = new Uint32Array(table.shards);
  for (const shard of table.shard) if (shard !== UNPLACED) sizes[shard]! += 1;
  return sizes;
}

/** Rows grouped by shard, ascending by id inside: shard c holds rows[start[c], start[c + 1]). */
export interface Members {
  readonly start: Uint32Array;
  readonly rows: Uint32Array;
}

export function membersByShard(table: Table): Members {
  const sizes = sizesOf(table);
  const start = new Uint32Array(table.shards + 1);
  for (let c = 0; c < table.shards; c++) start[c + 1] = start[c]! + sizes[c]!;
  const rows = new Uint32Array(start[table.shards]!);
  const next = start.slice(0, table.shards);
  for (let row = 0; row < table.shard.length; row++) {
    const shard = table.shard[row]!;
    if (shard === UNPLACED) continue;
    rows[next[shard]!] = row;
    next[shard]! += 1;
  }
  return { start, rows };
}

export function membersOf(members: Members, shard: number): Uint32Array {
  return members.rows.subarray(members.start[shard]!, members.start[shard + 1]!);
}

/** Shards by rank: larger size first, tie lower shard id. */
export function rankShards(sizes: Uint32Array): Uint32Array {
  const ranks = Uint32Array.from(sizes, (_, shard) => shard);
  return ranks.sort((a, b) => sizes[b]! - sizes[a]! || a - b);
}
