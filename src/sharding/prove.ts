// The proof of one share's move: its seats before and after under the two roots, and, where the rule
// decides locally (bounded: the shard's members; swap: those and the pool), the context from which
// anyone recomputes the decision. The context is bound by its hash, which every full node can compute.
import { type Bytes, bytesEqual, concatBytes } from "../base/bytes.ts";
import { sha256 } from "../crypto/hash.ts";
import { assign } from "./assign.ts";
import { label, u32be } from "./bytes-be.ts";
import { createDraws, type Draws, order, TAG, uniform } from "./draw.ts";
import { assignmentRoot, proveSeat, rowOf, type SeatProof, verifySeat } from "./root.ts";
import { evictCount, evictedOf, halvesOf, placeJoins, targetsOf } from "./rules/bounded.ts";
import { giveUpCount, poolOf, targetSizes } from "./rules/swap.ts";
import { membersByShard, membersOf, openTable, sizesOf, type Table } from "./table.ts";
import {
  type AssignCode,
  type Assignment,
  type BoundedParameters,
  idAt,
  type RuleParameters,
  SHARE_BYTES,
  type SwapParameters,
} from "./types.ts";

/** What a local decision depends on. */
export interface MoveContext {
  /** Seats per shard after leaves, before joins; and, for bounded, after joins. */
  readonly sizes: readonly number[];
  readonly sizesJoined: readonly number[];
  readonly leavers: readonly number[];
  readonly joins: number;
  readonly leaves: number;
  /** Members of the share's shard when evictions are chosen, ascending, and who of them joined. */
  readonly members: readonly Bytes[];
  readonly joined: readonly boolean[];
  /** Swap: all that are dealt, ascending; else empty. */
  readonly pool: readonly Bytes[];
}

export interface MoveProof {
  readonly share: Bytes;
  /** Null for a share that joins. */
  readonly before: SeatProof | null;
  readonly after: SeatProof;
  /** Null when the rule does not decide locally. */
  readonly context: MoveContext | null;
}

/** What a verifier must know beforehand: both roots, the seed, the rule and the context's hash. */
export interface MoveAnchors {
  readonly previousRoot: Bytes;
  readonly root: Bytes;
  readonly seed: Bytes;
  readonly parameters: RuleParameters;
  readonly contextHash: Bytes | null;
}

export type ProveResult =
  | { readonly ok: true; readonly proof: MoveProof; readonly anchors: MoveAnchors }
  | { readonly ok: false; readonly code: AssignCode | "not-seated" };

function numbers(values: readonly number[]): Bytes {
  return concatBytes(u32be(values.length), ...values.map(u32be));
}

/** Commits to every part of a context. */
export function contextHash(context: MoveContext): Bytes {
  return sha256(
    concatBytes(
      label("pando/context/1", 16),
      numbers(context.sizes),
      numbers(context.sizesJoined),
      numbers(context.leavers),
      u32be(context.joins),
      u32be(context.leaves),
      u32be(context.members.length),
      ...context.members,
      Uint8Array.from(context.joined, (joined) => (joined ? 1 : 0)),
      u32be(context.pool.length),
      ...context.pool,
    ),
  );
}

function idsOf(table: Table, rows: Uint32Array): Bytes[] {
  return Array.from(rows, (row) => idAt(table.ids, row));
}

/** The context of the share in row `row` of the table, or null when the rule is not local. */
function contextOf(
  table: Table,
  row: number,
  seed: Bytes,
  parameters: RuleParameters,
): MoveContext | null {
  if (parameters.rule !== "bounded" && parameters.rule !== "swap") return null;
  const draws = createDraws(seed);
  const sizes = [...sizesOf(table)];
  let pool: Bytes[] = [];
  if (parameters.rule === "bounded") placeJoins(table, draws, parameters);
  else pool = idsOf(table, poolOf(table, draws, parameters).rows);
  const shard = table.shard[row]!;
  const rows = shard < 0 ? new Uint32Array(0) : membersOf(membersByShard(table), shard);
  return {
    sizes,
    sizesJoined: [...sizesOf(table)],
    leavers: [...table.leavers],
    joins: table.joins.length,
    leaves: table.leaves,
    members: idsOf(table, rows),
    joined: Array.from(rows, (member) => table.joined[member] === 1),
    pool,
  };
}

/** Proves where one share goes. */
export function proveMove(
  previous: Assignment,
  joins: readonly Bytes[],
  leaves: readonly Bytes[],
  seed: Bytes,
  parameters: RuleParameters,
  share: Bytes,
): ProveResult {
  const result = assign(previous, joins, leaves, seed, parameters);
  if (!result.ok) return { ok: false, code: result.code };
  const after = share.length === SHARE_BYTES ? proveSeat(result.assignment, share) : null;
  if (after === null) return { ok: false, code: "not-seated" };
  const opened = openTable(previous, joins, leaves);
  if (!opened.ok) return { ok: false, code: opened.code };
  const { table } = opened;
  const row = rowOf(result.assignment, share);
  const before = table.joined[row] === 1 ? null : proveSeat(previous, share);
  const context = contextOf(table, row, seed, parameters);
  const anchors = {
    previousRoot: assignmentRoot(previous),
    root: assignmentRoot(result.assignment),
    seed,
    parameters,
    contextHash: context === null ? null : contextHash(context),
  };
  return { ok: true, proof: { share, before, after, context }, anchors };
}

function rowsUpTo(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, row) => row);
}

function includes(ids: Bytes, rows: Uint32Array, share: Bytes): boolean {
  return rows.some((row) => bytesEqual(idAt(ids, row), share));
}

/** Where bounded sends the share; -1 when the context does not hold it. */
function boundedDestination(
  draws: Draws,
  rule: BoundedParameters,
  share: Bytes,
  from: number,
  context: MoveContext,
): number {
  const shards = context.sizes.length;
  const ids = concatBytes(...context.members);
  const rows = rowsUpTo(context.members.length);
  if (!includes(ids, rows, share)) return -1;
  const sizes = Uint32Array.from(context.sizes);
  const before = halvesOf(sizes, rule.half);
  const host = before.larger;
  const shard = from >= 0 ? from : host[uniform(draws, TAG.place, share, 0, 0, host.length)]!;
  if (context.sizesJoined[shard] !== context.members.length) return -1;
  if (shards === 1) return 0;
  const halves =
    rule.ranked === "beforeJoins"
      ? before
      : halvesOf(Uint32Array.from(context.sizesJoined), rule.half);
  if (rule.evictFrom === "larger" && !halves.larger.includes(shard)) return shard;
  const joined = Uint8Array.from(context.joined, (one) => (one ? 1 : 0));
  const count = evictCount(rule, context.joins, context.leaves, shards);
  const evicted = evictedOf(draws, ids, rows, joined, shard, count, rule);
  if (!includes(ids, evicted, share)) return shard;
  const targets = targetsOf(halves, shard, rule.own);
  return targets[uniform(draws, TAG.move, share, 0, 0, targets.length)]!;
}

/** Where swap sends the share; -1 when the context contradicts itself. */
function swapDestination(
  draws: Draws,
  rule: SwapParameters,
  share: Bytes,
  from: number,
  context: MoveContext,
): number {
  const shards = context.sizes.length;
  const staying = context.sizes.reduce((sum, size) => sum + size, 0);
  const churn = { joins: context.joins, leaves: context.leaves, staying };
  const target = targetSizes(draws, staying + context.joins, shards);
  const gives = context.sizes.map((size, c) =>
    giveUpCount(rule, churn, size, context.leavers[c]!, target[c]!),
  );
  if (from >= 0) {
    const ids = concatBytes(...context.members);
    if (context.members.length !== context.sizes[from]) return -1;
    const evicted = order(draws, TAG.evict, ids, rowsUpTo(context.members.length), from);
    if (!includes(ids, evicted, share)) return -1;
    if (!includes(ids, evicted.subarray(0, gives[from]!), share)) return from;
  }
  const pool = concatBytes(...context.pool);
  const dealt = order(draws, TAG.deal, pool, rowsUpTo(context.pool.length), 0);
  let slot = dealt.findIndex((row) => bytesEqual(idAt(pool, row), share));
  if (slot < 0) return -1;
  for (let c = 0; c < shards; c++) {
    slot -= target[c]! - (context.sizes[c]! - gives[c]!);
    if (slot < 0) return c;
  }
  return -1;
}

function isContextSound(context: MoveContext): boolean {
  const { sizes, sizesJoined, leavers, members, joined, pool } = context;
  return (
    sizes.length > 0 &&
    sizesJoined.length === sizes.length &&
    leavers.length === sizes.length &&
    joined.length === members.length &&
    [...members, ...pool].every((id) => id.length === SHARE_BYTES)
  );
}

/** True when the proof shows where the share was, where it is, and (if local) that the rule says so. */
export function verifyMove(proof: MoveProof, anchors: MoveAnchors): boolean {
  const { share, before, after, context } = proof;
  const { parameters } = anchors;
  if (!bytesEqual(after.seat.share, share) || !verifySeat(after, anchors.root)) return false;
  if (before !== null) {
    if (!bytesEqual(before.seat.share, share)) return false;
    if (!verifySeat(before, anchors.previousRoot)) return false;
  }
  const local = parameters.rule === "bounded" || parameters.rule === "swap";
  if (!local) return context === null;
  if (context === null || anchors.contextHash === null || !isContextSound(context)) return false;
  if (!bytesEqual(contextHash(context), anchors.contextHash)) return false;
  const draws = createDraws(anchors.seed);
  const from = before === null ? -1 : before.seat.shard;
  const to =
    parameters.rule === "bounded"
      ? boundedDestination(draws, parameters, share, from, context)
      : swapDestination(draws, parameters, share, from, context);
  return to === after.seat.shard;
}
