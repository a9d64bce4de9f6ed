// The beacon committee's key without a dealer (Feldman 1987, every member a dealer), and its hand-over
// to the next committee under the same key. Pure: messages, complaints and their order on the chain are
// the caller's. Commitments are hashed first and opened together, so that nobody picks its own last.
import { type Bytes, bytesEqual, concatBytes } from "../base/bytes.ts";
import {
  beaconKey,
  combineKeys,
  evaluateCommitments,
  lagrangeAtZero,
  SCALAR_ORDER,
} from "../crypto/bls.ts";
import { sha256 } from "../crypto/hash.ts";
import { shareOf } from "./beacon.ts";
import { label, u32be } from "./bytes-be.ts";

export interface Dealing {
  /** Public: the polynomial's coefficients in G2. */
  readonly commitments: readonly Bytes[];
  /** Secret: what member i + 1 gets, over a private channel. */
  readonly shares: readonly bigint[];
}

/** One dealer's part for n members; `polynomial[0]` is its secret. */
export function deal(polynomial: readonly bigint[], n: number): Dealing {
  return {
    commitments: polynomial.map(beaconKey),
    shares: Array.from({ length: n }, (_, i) => shareOf(polynomial, i + 1)),
  };
}

/** What a dealer publishes before anybody opens. */
export function commitmentHash(dealer: number, commitments: readonly Bytes[]): Bytes {
  return sha256(concatBytes(label("pando/dkg/1", 16), u32be(dealer), ...commitments));
}

/** A member's check of what it got. */
export function checkDealtShare(
  commitments: readonly Bytes[],
  member: number,
  share: bigint,
): boolean {
  const expected = evaluateCommitments(commitments, member);
  return expected !== null && share > 0n && bytesEqual(beaconKey(share), expected);
}

/** What the chain saw of one dealer. */
export interface DealerRecord {
  readonly dealer: number;
  readonly hash: Bytes;
  /** Null when it never opened. */
  readonly commitments: readonly Bytes[] | null;
  /** Members that complained, and the share the dealer published in answer (null: none). */
  readonly complaints: readonly { readonly member: number; readonly answer: bigint | null }[];
}

function isQualified(record: DealerRecord, threshold: number): boolean {
  const { commitments } = record;
  if (commitments === null || commitments.length !== threshold) return false;
  if (!bytesEqual(commitmentHash(record.dealer, commitments), record.hash)) return false;
  return record.complaints.every(
    ({ member, answer }) => answer !== null && checkDealtShare(commitments, member, answer),
  );
}

export type DkgResult =
  | {
      readonly ok: true;
      readonly qualified: readonly number[];
      /** The group's public polynomial; [0] is the key. */
      readonly commitments: readonly Bytes[];
    }
  | { readonly ok: false; readonly code: "too-few-dealers" };

/** Who qualified, and the key they make together; at least `threshold` must. */
export function concludeDkg(records: readonly DealerRecord[], threshold: number): DkgResult {
  const good = records.filter((record) => isQualified(record, threshold));
  if (good.length < threshold) return { ok: false, code: "too-few-dealers" };
  return combineDealings(
    good,
    good.map(() => 1n),
    threshold,
  );
}

function combineDealings(
  good: readonly DealerRecord[],
  scalars: readonly bigint[],
  threshold: number,
): DkgResult {
  const commitments: Bytes[] = [];
  for (let j = 0; j < threshold; j++) {
    const parts = good.map((record, i) => ({
      key: record.commitments![j]!,
      scalar: scalars[i]!,
    }));
    const sum = combineKeys(parts);
    if (sum === null) return { ok: false, code: "too-few-dealers" };
    commitments.push(sum);
  }
  return { ok: true, qualified: good.map((record) => record.dealer), commitments };
}

/** A member's share of the group's secret: the sum of what the qualified dealt it. */
export function sumShares(shares: readonly bigint[]): bigint {
  return shares.reduce((sum, share) => (sum + share) % SCALAR_ORDER, 0n);
}

/**
 * The hand-over: `threshold` old members each deal their own share anew; their parts, weighted by
 * Lagrange, give the new committee shares of the same secret. A dealer whose constant term is not its
 * old public share is out. Too few: the old committee stays.
 */
export function concludeResharing(
  oldCommitments: readonly Bytes[],
  records: readonly DealerRecord[],
  threshold: number,
): DkgResult {
  const honest = records.filter((record) => {
    if (!isQualified(record, threshold)) return false;
    const own = evaluateCommitments(oldCommitments, record.dealer);
    return own !== null && bytesEqual(own, record.commitments![0]!);
  });
  const good = honest.slice(0, oldCommitments.length);
  if (good.length < oldCommitments.length) return { ok: false, code: "too-few-dealers" };
  const dealers = good.map((record) => record.dealer);
  const weights = dealers.map((dealer) => lagrangeAtZero(dealer, dealers));
  return combineDealings(good, weights, threshold);
}

/** A new member's share after the hand-over, from what the qualified old members dealt it. */
export function resharedShare(
  parts: readonly { readonly dealer: number; readonly share: bigint }[],
): bigint {
  const dealers = parts.map((part) => part.dealer);
  return parts.reduce(
    (sum, { dealer, share }) => (sum + lagrangeAtZero(dealer, dealers) * share) % SCALAR_ORDER,
    0n,
  );
}
