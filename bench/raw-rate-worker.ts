// One core of rawVerifyRate: as many keys, messages and signatures as a batch of inputs has, so that
// no predictor of the processor learns them by heart.
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
const CASES = 512;
const cases = Array.from({ length: CASES }, (_, number) => {
  const secret = sha256(new Uint8Array([number, number >> 8, 1]));
  const hash = sha256(new Uint8Array([number, number >> 8, 2]));
  const key = publicKeyCreate(secret);
  return kind === "ecdsa"
    ? { key, hash, signature: signEcdsa(secret, hash) }
    : { key: key.slice(1), hash, signature: signSchnorr(secret, hash) };
});
const verify = kind === "ecdsa" ? verifyEcdsa : verifySchnorr;

function measure(): number {
  let count = 0;
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    for (let at = 0; at < 64; at++, count++) {
      const { key, hash, signature } = cases[count % CASES]!;
      if (!verify(key, signature, hash)) throw new Error("a good signature is refused");
    }
  }
  return count;
}

parentPort?.once("message", () => parentPort?.postMessage(measure()));
parentPort?.postMessage("ready");
