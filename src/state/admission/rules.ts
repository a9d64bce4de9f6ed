// Every rule of the protocol that the simulation can take away, to prove that its checkers notice.
// A node always runs with all of them; a mutant is this record with one of them false.

export interface ProtocolRules {
  /** OK counts only for the live attempt. */
  readonly okComparesAttempt: boolean;
  /** RELEASE acts on claims with an attempt up to its own only. */
  readonly releaseComparesAttempt: boolean;
  /** RELEASE acts on the claims of its own transaction only. */
  readonly releaseComparesOwner: boolean;
  /** FINALIZE acts on exactly its attempt. */
  readonly finalizeComparesAttempt: boolean;
  /** EVICT acts on exactly its attempt. */
  readonly evictComparesAttempt: boolean;
  /** Outputs become coins with the decision, not before. */
  readonly coinsWithDecision: boolean;
  /** HELD claims are asked about. */
  readonly sweep: boolean;
  /** SPENT claims are asked about too, when contended and in the audit. */
  readonly audit: boolean;
  /** An evicted transaction leaves a tombstone until its claims are released. */
  readonly tombstone: boolean;
  /** EVICT is written before it is sent, and repeated. */
  readonly durableOutbox: boolean;
  /** Children leave with their parent. */
  readonly evictChildren: boolean;
  /** EVICT is acknowledged when the whole cone is gone. */
  readonly treeAcknowledgement: boolean;
  /** An acknowledgement always writes, so that the fence refuses an old owner's. */
  readonly acknowledgeFenced: boolean;
  /** A block's spend drops the claims of others and evicts them. */
  readonly blockTakesClaims: boolean;
  /** PREPARING dies with the chain position it began at. */
  readonly preparingDies: boolean;
  /** HOLD is judged at the same chain position only. */
  readonly holdAtEqualSeq: boolean;
  /** QUERY is answered at the same chain position only. */
  readonly queryAtEqualSeq: boolean;
  /** A tombstone's RELEASE and EVICT wait until the receiver has their chain position. */
  readonly waitForSeq: boolean;
  /** HOLD overtakes an older claim of the same transaction, also a SPENT one. */
  readonly holdOvertakesSpent: boolean;
  /** A disconnected transaction's coins return claimed by it. */
  readonly restoreClaims: boolean;
  /** Restored claims and records get the attempt (n, 0, 0), not (0, 0, 0). */
  readonly restoredAttemptHigh: boolean;
  /** Maturity and locks are judged again at every transition. */
  readonly rejudge: boolean;
  /** A child's round is above its parents' rounds. */
  readonly roundAboveParents: boolean;
  /** The newest restoration stands first. */
  readonly restoredNewestFirst: boolean;
}

export const ALL_RULES: ProtocolRules = Object.freeze({
  okComparesAttempt: true,
  releaseComparesAttempt: true,
  releaseComparesOwner: true,
  finalizeComparesAttempt: true,
  evictComparesAttempt: true,
  coinsWithDecision: true,
  sweep: true,
  audit: true,
  tombstone: true,
  durableOutbox: true,
  evictChildren: true,
  treeAcknowledgement: true,
  acknowledgeFenced: true,
  blockTakesClaims: true,
  preparingDies: true,
  holdAtEqualSeq: true,
  queryAtEqualSeq: true,
  waitForSeq: true,
  holdOvertakesSpent: true,
  restoreClaims: true,
  restoredAttemptHigh: true,
  rejudge: true,
  roundAboveParents: true,
  restoredNewestFirst: true,
});
