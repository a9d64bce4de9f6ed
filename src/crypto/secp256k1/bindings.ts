// libsecp256k1 as compiled into npm's `secp256k1`. Loaded by the name of its native half: the
// package's own entry falls back to JavaScript in silence, another library judging consensus.
import { createRequire } from "node:module";
import type { Bytes } from "../../base/bytes.ts";
import type { Backend, Points } from "./backend.ts";
import { schnorrFromPoints } from "./schnorr-from-points.ts";

interface Native {
  ecdsaVerify(signature: Bytes, hash: Bytes, publicKey: Bytes): boolean;
  ecdsaSign(hash: Bytes, secret: Bytes): { readonly signature: Bytes };
  ecdsaRecover(signature: Bytes, id: number, hash: Bytes): Bytes;
  signatureNormalize(signature: Bytes): Bytes;
  publicKeyVerify(publicKey: Bytes): boolean;
  publicKeyCreate(secret: Bytes): Bytes;
  publicKeyTweakAdd(publicKey: Bytes, tweak: Bytes): Bytes;
  publicKeyTweakMul(publicKey: Bytes, tweak: Bytes): Bytes;
  publicKeyCombine(publicKeys: readonly Bytes[]): Bytes;
}

/** The package throws on every input that it does not like. */
function orNull<T>(call: () => T): T | null {
  try {
    return call();
  } catch {
    return null;
  }
}

function pointsOf(native: Native): Points {
  return {
    create: (secret) => orNull(() => native.publicKeyCreate(secret)),
    tweakAdd: (key, tweak) => orNull(() => native.publicKeyTweakAdd(key, tweak)),
    multiply: (key, scalar) => orNull(() => native.publicKeyTweakMul(key, scalar)),
    add: (a, b) => orNull(() => native.publicKeyCombine([a, b])),
    recover: (signature, id, hash) => orNull(() => native.ecdsaRecover(signature, id, hash)),
  };
}

/** The native bindings of npm's package; throws where there is no prebuilt one for this platform. */
export function openBindings(): Backend {
  const require = createRequire(import.meta.url);
  const native = require("secp256k1/bindings") as Native;
  const { version } = require("secp256k1/package.json") as { version: string };
  const points = pointsOf(native);
  const normal = new Uint8Array(64);
  return {
    kind: "bindings",
    name: "npm secp256k1 (native)",
    path: require.resolve("secp256k1/bindings"),
    version,
    points,
    ...schnorrFromPoints(points),
    verifyEcdsa(publicKey, signature, hash) {
      normal.set(signature);
      try {
        return native.ecdsaVerify(native.signatureNormalize(normal), hash, publicKey);
      } catch {
        return false;
      }
    },
    signEcdsa: (secret, hash) => native.ecdsaSign(hash, secret).signature,
    isValidPublicKey: (publicKey) => native.publicKeyVerify(publicKey),
  };
}
