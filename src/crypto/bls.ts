// BLS signatures on BLS12-381 in the two forms that resharding needs: the beacon's (signatures in G1,
// keys in G2, RFC 9380 hash to G1) and committees' (keys in G1, signatures in G2, aggregated). The
// curve is @noble/curves, portable and audited, some 20 ms per check: fine once per epoch. Bytes that
// are no point of the right subgroup give null or false, never an exception.
import { bls12_381 } from "@noble/curves/bls12-381.js";
import type { Bytes } from "../base/bytes.ts";

const { G1, G2, fields, pairingBatch } = bls12_381;
type PointG1 = InstanceType<typeof G1.Point>;
type PointG2 = InstanceType<typeof G2.Point>;

/** Signatures of drand's "bls-unchained-g1-rfc9380" scheme, and of our own beacon. */
export const BEACON_DST = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";
/** Committee certificates, with proof of possession. */
export const CERTIFICATE_DST = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
/** Proofs of possession themselves. */
const POSSESSION_DST = "BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

/** The order r of both groups. */
export const SCALAR_ORDER: bigint = fields.Fr.ORDER;

export function bytesToScalar(bytes: Bytes): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value % SCALAR_ORDER;
}

/** a * b + c mod r. */
export function scalarMultiplyAdd(a: bigint, b: bigint, c: bigint): bigint {
  return (a * b + c) % SCALAR_ORDER;
}

function dstBytes(text: string): Bytes {
  return new TextEncoder().encode(text);
}

/** The point, when the bytes are one of the prime-order subgroup and not the identity. */
function pointG1(bytes: Bytes): PointG1 | null {
  if (bytes.length !== 48) return null;
  try {
    const point = G1.Point.fromBytes(bytes);
    point.assertValidity();
    return point.is0() || !point.isTorsionFree() ? null : point;
  } catch {
    return null;
  }
}

function pointG2(bytes: Bytes): PointG2 | null {
  if (bytes.length !== 96) return null;
  try {
    const point = G2.Point.fromBytes(bytes);
    point.assertValidity();
    return point.is0() || !point.isTorsionFree() ? null : point;
  } catch {
    return null;
  }
}

function hashG1(message: Bytes): PointG1 {
  return G1.hashToCurve(message, { DST: dstBytes(BEACON_DST) });
}

function hashG2(message: Bytes, dst: string): PointG2 {
  return G2.hashToCurve(message, { DST: dstBytes(dst) });
}

/** e(a1, a2) = e(b1, b2). */
function pairingsEqual(a1: PointG1, a2: PointG2, b1: PointG1, b2: PointG2): boolean {
  const product = pairingBatch([
    { g1: a1, g2: a2 },
    { g1: b1.negate(), g2: b2 },
  ]);
  return fields.Fp12.eql(product, fields.Fp12.ONE);
}

// --- The beacon's form: keys in G2 (96 bytes), signatures in G1 (48 bytes) -----------------------

export function beaconKey(secret: bigint): Bytes {
  return G2.Point.BASE.multiply(secret).toBytes();
}

export function beaconSign(secret: bigint, message: Bytes): Bytes {
  return hashG1(message).multiply(secret).toBytes();
}

export function beaconVerify(key: Bytes, message: Bytes, signature: Bytes): boolean {
  const keyPoint = pointG2(key);
  const point = pointG1(signature);
  if (keyPoint === null || point === null) return false;
  return pairingsEqual(point, G2.Point.BASE, hashG1(message), keyPoint);
}

/** Lagrange's coefficient at 0 of `index` among `indices`, mod r. */
export function lagrangeAtZero(index: number, indices: readonly number[]): bigint {
  const { Fr } = fields;
  let num = 1n;
  let den = 1n;
  for (const other of indices) {
    if (other === index) continue;
    num = Fr.mul(num, BigInt(other));
    den = Fr.mul(den, Fr.sub(BigInt(other), BigInt(index)));
  }
  return Fr.mul(num, Fr.inv(den));
}

/** The group's signature from partial ones of different members; null when one is malformed. */
export function combineSignatures(
  partials: readonly { readonly index: number; readonly signature: Bytes }[],
): Bytes | null {
  const indices = partials.map((partial) => partial.index);
  let sum = G1.Point.ZERO;
  for (const { index, signature } of partials) {
    const point = pointG1(signature);
    if (point === null) return null;
    sum = sum.add(point.multiply(lagrangeAtZero(index, indices)));
  }
  return sum.toBytes();
}

/** The public polynomial at x: sum of commitments[j] * x^j, in G2; null when one is malformed. */
export function evaluateCommitments(commitments: readonly Bytes[], x: number): Bytes | null {
  let sum = G2.Point.ZERO;
  for (const bytes of [...commitments].reverse()) {
    const point = pointG2(bytes);
    if (point === null) return null;
    sum = sum.multiplyUnsafe(BigInt(x)).add(point);
  }
  return sum.toBytes();
}

/** Sum of keys times scalars, in G2; null when one is malformed. */
export function combineKeys(
  parts: readonly { readonly key: Bytes; readonly scalar: bigint }[],
): Bytes | null {
  let sum = G2.Point.ZERO;
  for (const { key, scalar } of parts) {
    const point = pointG2(key);
    if (point === null) return null;
    sum = sum.add(point.multiplyUnsafe(scalar));
  }
  return sum.toBytes();
}

// --- Committees' form: keys in G1 (48 bytes), signatures in G2 (96 bytes) ------------------------

export function committeeKey(secret: bigint): Bytes {
  return G1.Point.BASE.multiply(secret).toBytes();
}

export function committeeSign(secret: bigint, message: Bytes): Bytes {
  return hashG2(message, CERTIFICATE_DST).multiply(secret).toBytes();
}

/** A signature of a key's owner over the key itself: without it keys could be made from others' keys. */
export function provePossession(secret: bigint): Bytes {
  return hashG2(committeeKey(secret), POSSESSION_DST).multiply(secret).toBytes();
}

export function verifyPossession(key: Bytes, proof: Bytes): boolean {
  const keyPoint = pointG1(key);
  const point = pointG2(proof);
  if (keyPoint === null || point === null) return false;
  return pairingsEqual(keyPoint, hashG2(key, POSSESSION_DST), G1.Point.BASE, point);
}

/** The sum of signatures; null when one is malformed. */
export function aggregateSignatures(signatures: readonly Bytes[]): Bytes | null {
  let sum = G2.Point.ZERO;
  for (const signature of signatures) {
    const point = pointG2(signature);
    if (point === null) return null;
    sum = sum.add(point);
  }
  return sum.toBytes();
}

/** True when all owners of `keys` signed `message`; each key must have proved possession. */
export function verifyAggregate(keys: readonly Bytes[], message: Bytes, signature: Bytes): boolean {
  const point = pointG2(signature);
  if (point === null || keys.length === 0) return false;
  let sum = G1.Point.ZERO;
  for (const key of keys) {
    const keyPoint = pointG1(key);
    if (keyPoint === null) return false;
    sum = sum.add(keyPoint);
  }
  if (sum.is0()) return false;
  return pairingsEqual(sum, hashG2(message, CERTIFICATE_DST), G1.Point.BASE, point);
}
