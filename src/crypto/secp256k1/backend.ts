// What one loaded libsecp256k1 must give, whether reached through the system's shared library or
// through npm's native bindings. Keys, signatures and scalars are byte strings; a wrong one from a
// peer gives false or null, never an exception.
import type { Bytes } from "../../base/bytes.ts";

/** ECDSA and keys: the part that every libsecp256k1 has. */
export interface EcdsaPart {
  verifyEcdsa(publicKey: Bytes, signature: Bytes, hash: Bytes): boolean;
  signEcdsa(secret: Bytes, hash: Bytes): Bytes;
  isValidPublicKey(publicKey: Bytes): boolean;
}

/** BIP340 and the BIP341 tweak: optional modules of libsecp256k1, or made of `Points`. */
export interface SchnorrPart {
  verifySchnorr(publicKey: Bytes, signature: Bytes, message: Bytes): boolean;
  signSchnorr(secret: Bytes, message: Bytes, auxiliary: Bytes): Bytes;
  checkTaprootTweak(internalKey: Bytes, tweak: Bytes, outputKey: Bytes, parity: 0 | 1): boolean;
}

/** Point arithmetic on 33-byte keys; null when an input is no key or scalar, or the result is infinity. */
export interface Points {
  /** secret · G */
  create(secret: Bytes): Bytes | null;
  /** key + tweak · G */
  tweakAdd(key: Bytes, tweak: Bytes): Bytes | null;
  /** scalar · key */
  multiply(key: Bytes, scalar: Bytes): Bytes | null;
  /** a + b */
  add(a: Bytes, b: Bytes): Bytes | null;
  /** ECDSA public key recovery, where the library has it: r^-1 (s · R - hash · G). */
  readonly recover: ((signature: Bytes, id: number, hash: Bytes) => Bytes | null) | null;
}

export interface Backend extends EcdsaPart, SchnorrPart {
  readonly kind: "system" | "bindings";
  readonly name: string;
  /** The file that was loaded, or the package. */
  readonly path: string;
  /** The package's, or the interface version that a system library has in its file name. */
  readonly version: string;
  readonly points: Points;
}

/** SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY: right for every release. */
export const CONTEXT_FLAGS = 0x301;
