// The words of resharding as types: shares, assignments, the parameters of each rule and what can be
// wrong with an input. An assignment is kept in columns, because a network may have 2^20 seats.
// Specified in docs/internals/resharding.md.
import type { Bytes } from "../base/bytes.ts";

/** Bytes of a share's id: staker id (32) and index (u32be). */
export const SHARE_BYTES = 36;
export const SHARDS_MAX = 65_536;
export const SEATS_MAX = 1_048_576;
/** Greatest numerator and denominator of a parameter: keeps every product below 2^53. */
export const RATIO_MAX = 4_096;

export interface Ratio {
  readonly num: number;
  readonly den: number;
}

/** Who sits where in one epoch. Row i is the seat of `ids[36 i, 36 i + 36)`; rows ascend by id. */
export interface Assignment {
  readonly epoch: number;
  /** S, the number of shards and of committees. */
  readonly shards: number;
  readonly ids: Bytes;
  readonly shard: Uint16Array;
  /** The epoch in which the share entered its shard. */
  readonly since: Float64Array;
  /** Belongs to the rule: a point on the ring (cuckoo), 1 for a pinned leader (harmony-2019), else 0. */
  readonly position: Uint32Array;
  /** Secondary joins per shard since its last primary join (commensal), else zeros. */
  readonly secondary: Uint32Array;
}

export interface FullParameters {
  readonly rule: "full";
}

export interface CuckooParameters {
  readonly rule: "cuckoo";
  /** Expected evictions per join. */
  readonly k: Ratio;
}

export interface CommensalParameters {
  readonly rule: "commensal";
  readonly k: Ratio;
  /** Secondary joins a shard needs before it takes a primary join. */
  readonly need: number;
  readonly vetting: boolean;
  /** Evict in proportion to the shard's size; else k whatever the size. */
  readonly scaling: boolean;
}

export interface BoundedParameters {
  readonly rule: "bounded";
  /** Evictions per shard and epoch. */
  readonly evict: number;
  /** Evict at least ceil(kappa * max(J, L) / S) per shard, when given. */
  readonly kappa: Ratio | null;
  readonly evictFrom: "all" | "larger";
  readonly half: "floor" | "ceil";
  /** When the halves are formed for the evicted; newcomers always go by the ranks before joins. */
  readonly ranked: "beforeJoins" | "afterJoins";
  readonly evictable: "all" | "incumbents";
  /** An evicted share may fall back into its own shard when that is in the smaller half. */
  readonly own: boolean;
  /** Evictions leave at least this many seats in a shard. */
  readonly minSize: number;
}

export interface Harmony2019Parameters {
  readonly rule: "harmony-2019";
  readonly percent: number;
  readonly kick: "tail" | "random";
}

export interface SwapParameters {
  readonly rule: "swap";
  /** Evictions demanded per join or leave over the whole network. */
  readonly kappa: Ratio;
  readonly eMin: number;
  /** Evictions per leaver of the same shard. */
  readonly local: number;
}

/** The control: a share sits where its staker's key says, for ever. */
export interface KeyModParameters {
  readonly rule: "key-mod";
}

export type RuleParameters =
  | FullParameters
  | CuckooParameters
  | CommensalParameters
  | BoundedParameters
  | Harmony2019Parameters
  | SwapParameters
  | KeyModParameters;

export type RuleName = RuleParameters["rule"];

export type AssignCode =
  | "bad-id"
  | "bad-seed"
  | "bad-parameters"
  | "duplicate"
  | "leave-not-seated"
  | "join-seated"
  | "limit-exceeded"
  | "network-emptied";

export type AssignResult =
  | {
      readonly ok: true;
      readonly assignment: Assignment;
      /** Moves of shares that neither joined nor left; a share moved twice counts twice. */
      readonly evictions: number;
      /** Joins for which no shard was ready (commensal). */
      readonly fallbacks: number;
    }
  | { readonly ok: false; readonly code: AssignCode; readonly about: string };

export function seatCount(assignment: Assignment): number {
  return assignment.shard.length;
}

/** A copy of the id in row `row`. */
export function idAt(ids: Bytes, row: number): Bytes {
  return ids.slice(row * SHARE_BYTES, (row + 1) * SHARE_BYTES);
}

/** The id of a staker's share. */
export function shareId(staker: Bytes, index: number): Bytes {
  const id = new Uint8Array(SHARE_BYTES);
  id.set(staker);
  new DataView(id.buffer).setUint32(32, index);
  return id;
}
