// Good and bad signatures with published answers, run against every library before it may judge
// anything. Sources: RFC 6979 as tested by many wallets (secret 1), BIP340's test-vectors.csv rows
// 0, 1, 5 and 6, BIP341's wallet vectors; the bad ones are those with one thing changed.
import { type Bytes, bytesEqual, hex } from "../../base/bytes.ts";
import type { Backend } from "./backend.ts";

const ONE = hex("0000000000000000000000000000000000000000000000000000000000000001");
const GENERATOR = hex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
const HASH = hex("a0dc65ffca799873cbea0ac274015b9526505daaaed385155425f7337704883e");
const R = "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8";
const LOW = hex(`${R}2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5`);
const HIGH = hex(`${R}dbbd3162d46e9f9bef7feb87c16dc13b4f6568a87f4e83f728e2443ba586675c`);
const HYBRID =
  "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8";

const SCHNORR = {
  secret: hex("b7e151628aed2a6abf7158809cf4f3c762e7160f38b4da56a784d9045190cfef"),
  key: hex("dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659"),
  auxiliary: ONE,
  message: hex("243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89"),
  signature: hex(
    "6896bd60eeae296db48a229ff71dfe071bde413e6d43f917dc8dcf8c78de33418906d11ac976abccb20b091292bff4ea897efcb639ea871cfa95f6de339e4b0a",
  ),
  oddNonce: hex(
    "fff97bd5755eeea420453a14355235d382f6472f8568a18b2f057a14602975563cc27944640ac607cd107ae10923d9ef7a73c643e166be5ebeafa34b1ac553e2",
  ),
  notOnCurve: hex("eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34"),
};

const TAPROOT = {
  internal: hex("187791b6f712a8ea41c8ecdd0ee77fab3e85263b37e1ec18a3651926b3a6cf27"),
  tweak: hex("cbd8679ba636c1110ea247542cfbd964131a6be84f873f7f3b62a777528ed001"),
  output: hex("147c9c57132f6e7ecddba9800bb0c4449251c92a1e60371ee77557b6620f3ea3"),
  parity: 1 as const,
};

function flipped(bytes: Bytes, at: number): Bytes {
  const copy = bytes.slice();
  copy[at]! ^= 1;
  return copy;
}

function ecdsaFault(library: Backend): string | null {
  const { verifyEcdsa } = library;
  if (!bytesEqual(library.points.create(ONE) ?? ONE, GENERATOR)) return "public key";
  if (!bytesEqual(library.signEcdsa(ONE, HASH), LOW)) return "ECDSA signing";
  if (!verifyEcdsa(GENERATOR, LOW, HASH)) return "good ECDSA signature";
  if (!verifyEcdsa(GENERATOR, HIGH, HASH)) return "ECDSA signature with high S";
  if (!verifyEcdsa(hex(`04${HYBRID}`), LOW, HASH)) return "uncompressed key";
  if (!verifyEcdsa(hex(`06${HYBRID}`), LOW, HASH)) return "hybrid key";
  if (verifyEcdsa(hex(`07${HYBRID}`), LOW, HASH)) return "hybrid key of wrong parity";
  if (verifyEcdsa(flipped(GENERATOR, 0), LOW, HASH)) return "another key";
  if (verifyEcdsa(GENERATOR, flipped(LOW, 63), HASH)) return "changed ECDSA signature";
  if (verifyEcdsa(GENERATOR, LOW, flipped(HASH, 0))) return "changed hash";
  if (verifyEcdsa(GENERATOR, new Uint8Array(64), HASH)) return "zero signature";
  if (verifyEcdsa(GENERATOR, new Uint8Array(64).fill(0xff), HASH)) return "overflowing signature";
  if (verifyEcdsa(new Uint8Array(33), LOW, HASH)) return "key that is none";
  return null;
}

function schnorrFault(library: Backend): string | null {
  const { verifySchnorr } = library;
  const { secret, key, auxiliary, message, signature } = SCHNORR;
  if (!bytesEqual(library.signSchnorr(secret, message, auxiliary), signature)) {
    return "Schnorr signing";
  }
  if (!verifySchnorr(key, signature, message)) return "good Schnorr signature";
  if (verifySchnorr(key, flipped(signature, 0), message)) return "changed nonce";
  if (verifySchnorr(key, flipped(signature, 63), message)) return "changed Schnorr signature";
  if (verifySchnorr(key, signature, flipped(message, 31))) return "changed message";
  if (verifySchnorr(key, SCHNORR.oddNonce, message)) return "nonce with odd y";
  if (verifySchnorr(SCHNORR.notOnCurve, signature, message)) return "key not on the curve";
  return null;
}

function tweakFault(library: Backend): string | null {
  const { internal, tweak, output, parity } = TAPROOT;
  if (!library.checkTaprootTweak(internal, tweak, output, parity)) return "good taproot tweak";
  if (library.checkTaprootTweak(internal, tweak, output, 0)) return "wrong parity";
  if (library.checkTaprootTweak(internal, flipped(tweak, 31), output, parity)) return "wrong tweak";
  const overflow = new Uint8Array(32).fill(0xff);
  if (library.checkTaprootTweak(internal, overflow, output, parity)) return "overflowing tweak";
  return null;
}

/** What `library` gets wrong, in words, or null when it passes. */
export function knownAnswerFault(library: Backend): string | null {
  return ecdsaFault(library) ?? schnorrFault(library) ?? tweakFault(library);
}

/** Microseconds of one ECDSA check: the least mean of a few short batches, so that noise counts little. */
export function microsecondsPerVerify(library: Backend): number {
  let least = Number.POSITIVE_INFINITY;
  for (let batch = 0; batch < 6; batch++) {
    const began = performance.now();
    for (let round = 0; round < 12; round++) library.verifyEcdsa(GENERATOR, LOW, HASH);
    least = Math.min(least, ((performance.now() - began) * 1000) / 12);
  }
  return least;
}
