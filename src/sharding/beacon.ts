// Epoch randomness behind a port: a value nobody knows before the epoch's joins and leaves are final,
// unique, and verifiable offline. drand's quicknet scheme, our own threshold BLS in the same scheme,
// and a test beacon that anyone can predict. Specified in docs/internals/resharding.md.
import { type Bytes, bytesEqual, concatBytes } from "../base/bytes.ts";
import {
  beaconSign,
  beaconVerify,
  bytesToScalar,
  combineSignatures,
  evaluateCommitments,
  scalarMultiplyAdd,
} from "../crypto/bls.ts";
import { sha256 } from "../crypto/hash.ts";
import { label, u32be, u64be } from "./bytes-be.ts";

export type BeaconVerdict =
  | { readonly ok: true; readonly value: Bytes }
  | { readonly ok: false; readonly code: "bad-signature" | "bad-round" };

/** The port: judges what a beacon published for a round. */
export interface Beacon {
  readonly name: string;
  verify(round: number, evidence: Bytes): BeaconVerdict;
}

/** Verifies a signature of the scheme `bls-unchained-g1-rfc9380` over SHA-256(u64be round). */
export function verifyRound(key: Bytes, round: number, signature: Bytes): BeaconVerdict {
  if (!(Number.isSafeInteger(round) && round >= 1)) return { ok: false, code: "bad-round" };
  const message = sha256(u64be(round));
  if (!beaconVerify(key, message, signature)) return { ok: false, code: "bad-signature" };
  return { ok: true, value: sha256(signature) };
}

export interface DrandChain {
  readonly key: Bytes;
  readonly periodSeconds: number;
  readonly genesisTime: number;
  readonly groupHash: Bytes;
  readonly beaconId: string;
}

/** The hash that names a drand chain. */
export function drandChainHash(chain: DrandChain): Bytes {
  const id = label(chain.beaconId, chain.beaconId.length);
  return sha256(
    concatBytes(
      u32be(chain.periodSeconds),
      u64be(chain.genesisTime),
      chain.key,
      chain.groupHash,
      id,
    ),
  );
}

export function drandTime(chain: DrandChain, round: number): number {
  return chain.genesisTime + chain.periodSeconds * (round - 1);
}

/** The first round published at or after a time. */
export function drandRoundAt(chain: DrandChain, time: number): number {
  return Math.max(1, Math.ceil((time - chain.genesisTime) / chain.periodSeconds) + 1);
}

/** Seconds between the finality bound and the beacon's round: clocks differ. */
export const BEACON_MARGIN_SECONDS = 30;

/** The round that decides an epoch whose freeze block has this time. */
export function drandRoundForFreeze(
  chain: DrandChain,
  freezeTime: number,
  finalitySeconds: number,
): number {
  return drandRoundAt(chain, freezeTime + finalitySeconds + BEACON_MARGIN_SECONDS);
}

export function drandBeacon(chain: DrandChain): Beacon {
  return {
    name: `drand ${chain.beaconId}`,
    verify: (round, signature) => verifyRound(chain.key, round, signature),
  };
}

/** Our own beacon under a group key; the round is the epoch. */
export function thresholdBeacon(key: Bytes): Beacon {
  return {
    name: "threshold BLS",
    verify: (epoch, signature) => verifyRound(key, epoch, signature),
  };
}

/** For tests and devnets of one's own: everybody knows all values beforehand. */
export function testBeacon(secret: Bytes): Beacon {
  const evidenceOf = (round: number) =>
    sha256(concatBytes(label("pando/beacon-test/1", 32), secret, u64be(round)));
  return {
    name: "test (predictable)",
    verify: (round, evidence) =>
      bytesEqual(evidence, evidenceOf(round))
        ? { ok: true, value: sha256(evidence) }
        : { ok: false, code: "bad-signature" },
  };
}

/** What a test beacon publishes for a round. */
export function testEvidence(secret: Bytes, round: number): Bytes {
  return sha256(concatBytes(label("pando/beacon-test/1", 32), secret, u64be(round)));
}

/** Members needed of n: more than two thirds. */
export function beaconThreshold(n: number): number {
  return Math.floor((2 * n) / 3) + 1;
}

/** A member's share f(i) of the secret f(0), for i from 1. */
export function shareOf(polynomial: readonly bigint[], index: number): bigint {
  return polynomial.reduceRight((sum, a) => scalarMultiplyAdd(sum, BigInt(index), a), 0n);
}

/** A polynomial from labelled hashes, as in the golden case; for devnets, where a dealer is trusted. */
export function dealerPolynomial(text: string, threshold: number): bigint[] {
  return Array.from({ length: threshold }, (_, j) =>
    bytesToScalar(sha256(concatBytes(label(text, text.length), new Uint8Array([j])))),
  );
}

/** A member's part of the epoch's signature. Sign only after seeing the freeze block final. */
export function partialSignature(share: bigint, epoch: number): Bytes {
  return beaconSign(share, sha256(u64be(epoch)));
}

export interface Partial {
  readonly index: number;
  readonly signature: Bytes;
}

/** Checks one part against the group's public polynomial. */
export function verifyPartial(
  commitments: readonly Bytes[],
  epoch: number,
  partial: Partial,
): boolean {
  if (!(Number.isInteger(partial.index) && partial.index >= 1 && partial.index <= 64)) return false;
  const key = evaluateCommitments(commitments, partial.index);
  return key !== null && beaconVerify(key, sha256(u64be(epoch)), partial.signature);
}

export type CombineResult =
  | { readonly ok: true; readonly signature: Bytes; readonly value: Bytes }
  | { readonly ok: false; readonly code: "too-few" | "bad-partial" | "bad-signature" };

/** The epoch's signature from any `commitments.length` valid parts; bad ones are left out. */
export function combinePartials(
  commitments: readonly Bytes[],
  epoch: number,
  partials: readonly Partial[],
): CombineResult {
  const threshold = commitments.length;
  const good = new Map<number, Partial>();
  for (const partial of partials) {
    if (good.size === threshold) break;
    if (!good.has(partial.index) && verifyPartial(commitments, epoch, partial)) {
      good.set(partial.index, partial);
    }
  }
  if (good.size < threshold) return { ok: false, code: "too-few" };
  const signature = combineSignatures([...good.values()]);
  const key = commitments[0];
  if (signature === null || key === undefined) return { ok: false, code: "bad-partial" };
  const verdict = verifyRound(key, epoch, signature);
  return verdict.ok
    ? { ok: true, signature, value: verdict.value }
    : { ok: false, code: "bad-signature" };
}
