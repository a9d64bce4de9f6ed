// What one partition keeps of unconfirmed transactions: coins, claims, records, tombstones and the
// outbox, and the values they are compared by. Specified in docs/internals/admission.md (records).
// Every table here is a Map keyed by ids as short strings (keys.ts).
import type { Bytes } from "../../base/bytes.ts";
import type { OutpointKey, Txid } from "./keys.ts";

export const UNCONFIRMED = -1;
/** Round of a confirmed or restored creator: its children start at the open round. */
export const NO_ROUND = -1;
/** A claim's relative lock when BIP68 does not apply to the input. */
export const NO_LOCK = -1;

/**
 * One try of a home to admit a transaction. `seq` is the chain position it began at, `epoch` the
 * owner's fence; attempts of one home only grow. A reorganisation at record n makes (n, 0, 0).
 */
export interface Attempt {
  readonly seq: number;
  readonly epoch: number;
  readonly counter: number;
}

/** Negative, zero or positive, in the order of age. */
export function compareAttempts(a: Attempt, b: Attempt): number {
  return a.seq - b.seq || a.epoch - b.epoch || a.counter - b.counter;
}

export function sameAttempt(a: Attempt, b: Attempt): boolean {
  return a.counter === b.counter && a.epoch === b.epoch && a.seq === b.seq;
}

/** The attempt that every partition gives what record `seq` restores, without a message. */
export function restoredAttempt(seq: number): Attempt {
  return { seq, epoch: 0, counter: 0 };
}

/** An input of a candidate. */
export interface CandidateInput {
  readonly outpoint: OutpointKey;
  readonly sequence: number;
}

/** An output of a candidate; `spendable: false` makes no coin. */
export interface CandidateOutput {
  readonly value: number;
  readonly script: Bytes;
  readonly spendable: boolean;
}

/** A transaction as admission sees it: what it names, makes and weighs; the rest is `raw`. */
export interface Candidate {
  readonly txid: Txid;
  readonly version: number;
  readonly lockTime: number;
  readonly inputs: readonly CandidateInput[];
  readonly outputs: readonly CandidateOutput[];
  /** Virtual bytes: what fee rates are counted in. */
  readonly size: number;
  readonly raw: Bytes;
}

/** What is asked of a coin most often: everything but its script. */
export interface CoinFacts {
  readonly value: number;
  readonly coinbase: boolean;
  /** Height of the creating block, or UNCONFIRMED. */
  readonly height: number;
  /** Round of an unconfirmed creator, else NO_ROUND. */
  readonly round: number;
  /** Ancestors its spender inherits: the creator's bound + 1, or 0 when confirmed. */
  readonly ancestors: number;
  /** The attempt that made it while it is unconfirmed; null when confirmed. */
  readonly attempt: Attempt | null;
  /** False only for a coin held before its creator's decision (placement by outpoint). */
  readonly open: boolean;
}

export interface CoinRecord extends CoinFacts {
  readonly script: Bytes;
}

export type ClaimMode = "held" | "spent";

/** "Transaction `spender` holds this coin": `held` means ask its home, `spent` that it said yes once. */
export interface Claim {
  readonly spender: Txid;
  readonly vin: number;
  readonly attempt: Attempt;
  readonly mode: ClaimMode;
  /** The BIP68 sequence field when it applies, else NO_LOCK. */
  readonly lock: number;
}

/** Where an admitted transaction stands in a block (docs/internals/admission.md, order). */
export interface OrderKey {
  /** Chain record that restored it, or 0 when it was admitted. */
  readonly restoredBy: number;
  /** Restored: old height. Admitted: round. */
  readonly major: number;
  /** Restored: old position. Admitted: log (partition). */
  readonly minor: number;
}

/** The decision: transaction admitted by this attempt. */
export interface AdmissionRecord {
  readonly txid: Txid;
  readonly attempt: Attempt;
  readonly order: OrderKey;
  readonly round: number;
  /** Position in the log of (generation, partition, round); -1 for restored ones. */
  readonly position: number;
  readonly fee: number;
  readonly sigops: number;
  /** Upper bound of its unconfirmed ancestors. */
  readonly ancestors: number;
  /** Script flags it was verified under. */
  readonly flags: number;
  /** Chain time of the decision, for expiry. */
  readonly since: number;
  readonly candidate: Candidate;
}

/** Why a transaction left. `chain` and `lock` make a template wait, the others do not. */
export type LeaveCause = "chain" | "lock" | "rules" | "policy" | "expired" | "replaced" | "reset";

/** Causes a block would be invalid for: SETTLED waits until their cones are gone. */
export function isChainCause(cause: LeaveCause): boolean {
  return cause === "chain" || cause === "lock" || cause === "rules";
}

/** The replacement that inherits an evicted transaction's claims. */
export interface Heir {
  readonly txid: Txid;
  readonly attempt: Attempt;
  readonly inputs: readonly HeirInput[];
}

export interface HeirInput {
  readonly outpoint: OutpointKey;
  readonly vin: number;
  readonly lock: number;
}

/** LEAVING: an evicted transaction whose claims elsewhere are not all released yet. */
export interface Tombstone {
  readonly attempt: Attempt;
  readonly cause: LeaveCause;
  readonly seq: number;
  /** Partitions that have not acknowledged, ascending. */
  readonly partitions: readonly number[];
  readonly inputs: readonly OutpointKey[];
  readonly outputCount: number;
  readonly heir: Heir | null;
}

/** One EVICT on its way to the home of `child`. */
export interface OutboxEntry {
  readonly child: Txid;
  readonly attempt: Attempt;
  readonly seq: number;
  readonly cause: LeaveCause;
  /** The evicted parent this entry belongs to; null when a block or a lock took the claim. */
  readonly parent: Txid | null;
  /** Who took the coin, for the report: the block's spender, or the parent. */
  readonly by: Txid | null;
}

/** Order of two admitted transactions in a block. */
export function compareOrder(a: AdmissionRecord, b: AdmissionRecord): number {
  const aRestored = a.order.restoredBy > 0;
  if (aRestored !== b.order.restoredBy > 0) return aRestored ? -1 : 1;
  // The newest restoration first: what was undone later may be a parent of what was undone before.
  const byRecord = b.order.restoredBy - a.order.restoredBy;
  if (byRecord !== 0) return byRecord;
  const difference = a.order.major - b.order.major || a.order.minor - b.order.minor;
  if (difference !== 0) return difference;
  return a.txid < b.txid ? -1 : a.txid > b.txid ? 1 : 0;
}
