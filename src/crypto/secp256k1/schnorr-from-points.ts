// BIP340 and the BIP341 tweak over plain point arithmetic, for a libsecp256k1 built without its
// schnorrsig module. The check needs Q = s·G - e·P. ECDSA recovery computes r^-1 (s'·R - z·G), so
// with R = P lifted, r = P.x, s' = -e·r and z = -s·r it gives Q in one native call; the inputs that
// recovery refuses (r, e or s zero) go the long way.
import { type Bytes, bytesEqual, concatBytes } from "../../base/bytes.ts";
import { taggedHash } from "../hash.ts";
import type { Points, SchnorrPart } from "./backend.ts";
import { ORDER, reduce, toBytes, toNumber } from "./scalar.ts";

/** The key with this x coordinate and an even y; whether it is on the curve is seen when used. */
export function liftX(x: Bytes): Bytes {
  const key = new Uint8Array(33);
  key[0] = 2;
  key.set(x, 1);
  return key;
}

function challenge(nonce: Bytes, publicKey: Bytes, message: Bytes): bigint {
  return reduce(toNumber(taggedHash("BIP0340/challenge", nonce, publicKey, message)));
}

function byRecovery(
  recover: NonNullable<Points["recover"]>,
  x: bigint,
  s: bigint,
  e: bigint,
): Bytes | null {
  const r = reduce(x);
  const signature = concatBytes(toBytes(r), toBytes(reduce(-e * r)));
  return recover(signature, x < ORDER ? 0 : 2, toBytes(reduce(-s * r)));
}

function byParts(points: Points, publicKey: Bytes, s: bigint, e: bigint): Bytes | null {
  const key = liftX(publicKey);
  if (points.tweakAdd(key, toBytes(0n)) === null) return null;
  const left = s === 0n ? null : points.create(toBytes(s));
  const right = e === 0n ? null : points.multiply(key, toBytes(reduce(-e)));
  if (left === null || right === null) return left ?? right;
  return points.add(left, right);
}

function verify(points: Points, publicKey: Bytes, signature: Bytes, message: Bytes): boolean {
  const s = toNumber(signature.subarray(32));
  if (s >= ORDER) return false;
  const nonce = signature.subarray(0, 32);
  const e = challenge(nonce, publicKey, message);
  const x = toNumber(publicKey);
  const plain = points.recover !== null && reduce(x) !== 0n && e !== 0n && s !== 0n;
  const point = plain ? byRecovery(points.recover, x, s, e) : byParts(points, publicKey, s, e);
  return point !== null && point[0] === 2 && bytesEqual(point.subarray(1), nonce);
}

function sign(points: Points, secret: Bytes, message: Bytes, auxiliary: Bytes): Bytes {
  const key = points.create(secret);
  if (key === null) throw new RangeError("secret key out of range");
  const given = toNumber(secret);
  const d = key[0] === 2 ? given : ORDER - given;
  const mask = taggedHash("BIP0340/aux", auxiliary);
  const masked = toBytes(d).map((byte, at) => byte ^ mask[at]!);
  const publicKey = key.subarray(1);
  const k = reduce(toNumber(taggedHash("BIP0340/nonce", masked, publicKey, message)));
  const nonce = points.create(toBytes(k));
  if (nonce === null) throw new RangeError("no nonce for this message");
  const e = challenge(nonce.subarray(1), publicKey, message);
  return concatBytes(nonce.subarray(1), toBytes(reduce((nonce[0] === 2 ? k : -k) + e * d)));
}

/** The Schnorr part of a library that has none. */
export function schnorrFromPoints(points: Points): SchnorrPart {
  return {
    verifySchnorr: (publicKey, signature, message) => verify(points, publicKey, signature, message),
    signSchnorr: (secret, message, auxiliary) => sign(points, secret, message, auxiliary),
    checkTaprootTweak(internalKey, tweak, outputKey, parity) {
      const point = points.tweakAdd(liftX(internalKey), tweak);
      return point !== null && point[0] === 2 + parity && bytesEqual(point.subarray(1), outputKey);
    },
  };
}
