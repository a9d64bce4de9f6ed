// Signatures on secp256k1 by a native libsecp256k1, synchronous and usable in any thread; the
// library is found, examined and loaded at the first call in each thread (secp256k1/load.ts says in
// which order). Input from peers gives false or null; only our own mistakes throw.
import { assert } from "../base/assert.ts";
import type { Bytes } from "../base/bytes.ts";
import type { Backend } from "./secp256k1/backend.ts";
import { knownAnswerFault, microsecondsPerVerify } from "./secp256k1/known-answers.ts";
import { type Loaded, loadBest } from "./secp256k1/load.ts";
import { ORDER, reduce, toBytes, toNumber } from "./secp256k1/scalar.ts";
import { liftX } from "./secp256k1/schnorr-from-points.ts";

export interface Secp256k1Provider {
  readonly name: string;
  readonly version: string;
  readonly path: string;
  readonly kind: "system" | "bindings";
  readonly usPerVerify: number;
}

let loaded: Loaded | null = null;
let backend: Backend | null = null;

/** Loads the library of this thread now rather than at the first signature; throws when there is none. */
export function loadSecp256k1(): Secp256k1Provider {
  if (loaded === null) {
    loaded = loadBest();
    backend = loaded.backend;
  }
  return secp256k1Provider();
}

function load(): Backend {
  loadSecp256k1();
  return backend!;
}

/** Which library judges signatures in this thread. */
export function secp256k1Provider(): Secp256k1Provider {
  if (loaded === null) return loadSecp256k1();
  const { name, version, path, kind } = loaded.backend;
  return { name, version, path, kind, usPerVerify: loaded.usPerVerify };
}

/** Known good and bad vectors on the loaded library, and its speed now. `fault` is null when all is well. */
export function selfTest(): { readonly fault: string | null; readonly usPerVerify: number } {
  const library = backend ?? load();
  return { fault: knownAnswerFault(library), usPerVerify: microsecondsPerVerify(library) };
}

/** ECDSA over `hash`; the key in any of the five encodings, the signature r‖s with any s. */
export function verifyEcdsa(publicKey: Bytes, signature: Bytes, hash: Bytes): boolean {
  assert(signature.length === 64 && hash.length === 32, "compact signature and 32-byte hash");
  if (publicKey.length !== 33 && publicKey.length !== 65) return false;
  return (backend ?? load()).verifyEcdsa(publicKey, signature, hash);
}

/** BIP340. */
export function verifySchnorr(publicKey: Bytes, signature: Bytes, message: Bytes): boolean {
  assert(publicKey.length === 32 && signature.length === 64, "x-only key and 64-byte signature");
  return (backend ?? load()).verifySchnorr(publicKey, signature, message);
}

/** True when outputKey, with this parity of y, is internalKey + tweak·G. */
export function checkTaprootTweak(
  internalKey: Bytes,
  tweak: Bytes,
  outputKey: Bytes,
  outputParity: 0 | 1,
): boolean {
  assert(internalKey.length === 32 && tweak.length === 32 && outputKey.length === 32, "32 bytes");
  return (backend ?? load()).checkTaprootTweak(internalKey, tweak, outputKey, outputParity);
}

/** True when the bytes encode a point: 33 bytes 02/03, 65 bytes 04/06/07. */
export function isValidPublicKey(bytes: Bytes): boolean {
  if (bytes.length !== 33 && bytes.length !== 65) return false;
  return (backend ?? load()).isValidPublicKey(bytes);
}

/** The compressed public key of a secret key; throws when the secret is not 1 … n-1. */
export function publicKeyCreate(secret: Bytes): Bytes {
  assert(secret.length === 32, "32-byte secret");
  const key = (backend ?? load()).points.create(secret);
  if (key === null) throw new RangeError("secret key out of range");
  return key;
}

/** ECDSA with low s and the nonce of RFC 6979. */
export function signEcdsa(secret: Bytes, hash: Bytes): Bytes {
  assert(secret.length === 32 && hash.length === 32, "32-byte secret and hash");
  return (backend ?? load()).signEcdsa(secret, hash);
}

const NO_AUXILIARY: Bytes = new Uint8Array(32);

/** BIP340 signature; without auxiliary randomness it is deterministic. */
export function signSchnorr(secret: Bytes, message: Bytes, auxiliary: Bytes = NO_AUXILIARY): Bytes {
  assert(secret.length === 32 && auxiliary.length === 32, "32-byte secret and randomness");
  return (backend ?? load()).signSchnorr(secret, message, auxiliary);
}

/** BIP341: internalKey + tweak·G as an x-only key with its parity; null when there is no such key. */
export function tweakPublicKey(
  internalKey: Bytes,
  tweak: Bytes,
): { readonly key: Bytes; readonly parity: 0 | 1 } | null {
  assert(internalKey.length === 32 && tweak.length === 32, "32-byte key and tweak");
  const point = (backend ?? load()).points.tweakAdd(liftX(internalKey), tweak);
  return point === null ? null : { key: point.subarray(1), parity: point[0] === 3 ? 1 : 0 };
}

/** BIP341: the secret key of tweakPublicKey's result; null when there is none. */
export function tweakSecretKey(secret: Bytes, tweak: Bytes): Bytes | null {
  const even = publicKeyCreate(secret)[0] === 2;
  const add = toNumber(tweak);
  const sum = reduce((even ? 1n : -1n) * toNumber(secret) + add);
  return add >= ORDER || sum === 0n ? null : toBytes(sum);
}
