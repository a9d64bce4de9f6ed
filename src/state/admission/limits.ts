// Every bound of admission, by name. Whatever outside data can make grow has its maximum here, and
// what happens when it is reached is written where the name is used (docs/internals/admission.md).

/**
 * Where the partitions' bound of a transaction's ancestors stops growing: it counts one that is reached
 * on two ways twice, so among many diamonds it says nothing.
 */
export const ANCESTORS_SATURATED: number = 2 ** 30;

export interface AdmissionLimits {
  /**
   * Upper bound of unconfirmed ancestors of one transaction, as the partitions count them. Not less
   * than ANCESTORS_SATURATED: none, where whoever admits knows the clusters.
   */
  readonly ancestorCountMax: number;
  /** Unconfirmed children of one transaction. */
  readonly childCountMax: number;
  /** Transactions being prepared in one partition, and of one source. */
  readonly preparingCountMax: number;
  readonly preparingPerSourceMax: number;
  /** A preparing transaction gives up after this long. */
  readonly preparingMsMax: number;
  /** Unanswered HOLDs and READs are repeated after this long. */
  readonly repeatMs: number;
  /** Contention: first and last delay before the coin is asked for again; retries of the loser. */
  readonly contendedMsMin: number;
  readonly contendedMsMax: number;
  readonly contendedRetryCountMax: number;
  /** Children without their parents: in all, by bytes, of one source, per missing parent. */
  readonly parkedCountMax: number;
  readonly parkedBytesMax: number;
  readonly parkedPerSourceBytesMax: number;
  readonly parkedMsMin: number;
  readonly parkedMsMax: number;
  readonly parkedLifeMs: number;
  readonly waitersPerParentMax: number;
  readonly waiterCountMax: number;
  /** Clients waiting for one answer. */
  readonly tokensPerTransactionMax: number;
  /** A HELD claim is asked about when older than this; asked again after as long. */
  readonly sweepMs: number;
  /** Claims asked about in one turn. */
  readonly sweepCountMax: number;
  /** All SPENT claims are asked about once in this time. */
  readonly auditMs: number;
  /** Tombstones and outbox entries are sent again after this long, at most so many in one turn. */
  readonly resendMs: number;
  readonly resendCountMax: number;
  /** Admitted bytes of one partition: the first watermark raises the floor, the second refuses. */
  readonly bytesLow: number;
  readonly bytesHigh: number;
  /** Admitted transactions of one partition. */
  readonly recordCountMax: number;
  /** Leave by policy in one turn. */
  readonly policyLeaveCountMax: number;
  /** Admitted transactions leave after this much chain time. */
  readonly expirySeconds: number;
  /** Replacement: evicted, descendants too, and fee per virtual byte above what is evicted. */
  readonly replacedCountMax: number;
  readonly incrementalFeeRate: number;
  /** Least fee per virtual byte, base units. */
  readonly feeRateMin: number;
  /** The raised floor halves in this time. */
  readonly floorHalfLifeMs: number;
}

export const DEFAULT_LIMITS: AdmissionLimits = Object.freeze({
  ancestorCountMax: ANCESTORS_SATURATED,
  childCountMax: 1_000,
  preparingCountMax: 65_536,
  preparingPerSourceMax: 1_024,
  preparingMsMax: 2_000,
  repeatMs: 500,
  contendedMsMin: 2,
  contendedMsMax: 64,
  contendedRetryCountMax: 3,
  parkedCountMax: 4_096,
  parkedBytesMax: 16 * 1024 * 1024,
  parkedPerSourceBytesMax: 1024 * 1024,
  parkedMsMin: 30_000,
  parkedMsMax: 480_000,
  parkedLifeMs: 1_200_000,
  waitersPerParentMax: 64,
  waiterCountMax: 65_536,
  tokensPerTransactionMax: 64,
  sweepMs: 2_000,
  sweepCountMax: 1_000,
  auditMs: 600_000,
  resendMs: 500,
  resendCountMax: 1_000,
  bytesLow: 300_000_000 / 64,
  bytesHigh: 360_000_000 / 64,
  recordCountMax: 1_000_000,
  policyLeaveCountMax: 64,
  expirySeconds: 14 * 24 * 3600,
  // 100 clusters of 64: policy counts clusters, this only bounds the work.
  replacedCountMax: 6_400,
  incrementalFeeRate: 0.1,
  feeRateMin: 0.1,
  floorHalfLifeMs: 12 * 3600 * 1000,
});
