// One core of rawVerifyRate: a fresh key and message each time would only measure their making, so
// a handful take turns.
import { parentPort, workerData } from "node:worker_threads";
import { sha256 } from "../src/crypto/hash.ts";
import {
  publicKeyCreate,
  signEcdsa,
  signSchnorr,
  verifyEcdsa,
  verifySchnorr,
} from "../src/crypto/secp256k1.ts";

const { kind, seconds } = workerData as { kind: "ecdsa" | "schnorr"; seconds: number };
const CASES = 64;
const cases = Array.from({ length: CASES }, (_, number) => {
  const secret = sha256(new Uint8Array([number, 1]));
  const hash = sha256(new Uint8Array([number, 2]));
  const key = publicKeyCreate(secret);
  return kind === "ecdsa"
    ? { key, hash, signature: signEcdsa(secret, hash) }
    : { key: key.slice(1), hash, signature: signSchnorr(secret, hash, new Uint8Array(32)) };
});
const verify = kind === "ecdsa" ? verifyEcdsa : verifySchnorr;

let count = 0;
const until = performance.now() + seconds * 1000;
const started = performance.now();
while (performance.now() < until) {
  for (const { key, hash, signature } of cases) {
    if (!verify(key, signature, hash)) throw new Error("a good signature is refused");
  }
  count += CASES;
}
parentPort?.postMessage((count * 1000) / (performance.now() - started));
