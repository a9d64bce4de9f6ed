import assert from "node:assert/strict";
import { test } from "node:test";
import { hex, toHex } from "../base/bytes.ts";
import { beaconKey, combineSignatures } from "../crypto/bls.ts";
import { sha256 } from "../crypto/hash.ts";
import {
  beaconThreshold,
  combinePartials,
  type DrandChain,
  dealerPolynomial,
  drandBeacon,
  drandChainHash,
  drandRoundAt,
  drandRoundForFreeze,
  drandTime,
  partialSignature,
  shareOf,
  testBeacon,
  testEvidence,
  thresholdBeacon,
  verifyPartial,
} from "./beacon.ts";
import { u64be } from "./bytes-be.ts";

const quicknet: DrandChain = {
  key: hex(
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
  ),
  periodSeconds: 3,
  genesisTime: 1692803367,
  groupHash: hex("f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e"),
  beaconId: "quicknet",
};
const signature =
  "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b";

test("drand quicknet, round 657413, offline", () => {
  assert.equal(
    toHex(drandChainHash(quicknet)),
    "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
  );
  assert.equal(
    toHex(sha256(u64be(657413))),
    "0fd94c1b7255c5da6cd55fe581fe3fb17482587dc22af51f1bfc22e43668ba68",
  );
  const beacon = drandBeacon(quicknet);
  const verdict = beacon.verify(657413, hex(signature));
  assert.ok(verdict.ok);
  assert.equal(
    toHex(verdict.value),
    "fc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587",
  );
  assert.equal(beacon.verify(657414, hex(signature)).ok, false);
  // The last digit changed: a point outside the subgroup.
  assert.equal(beacon.verify(657413, hex(`${signature.slice(0, -1)}a`)).ok, false);
  assert.equal(beacon.verify(0, hex(signature)).ok, false);
  assert.equal(beacon.verify(657413, new Uint8Array(48)).ok, false);
});

test("drand rounds and times", () => {
  assert.equal(drandTime(quicknet, 1), 1692803367);
  assert.equal(drandRoundAt(quicknet, drandTime(quicknet, 657413)), 657413);
  assert.equal(drandRoundAt(quicknet, drandTime(quicknet, 657413) + 1), 657414);
  assert.equal(drandRoundAt(quicknet, 0), 1);
  assert.equal(drandRoundForFreeze(quicknet, drandTime(quicknet, 100), 60), 130);
});

const polynomial = dealerPolynomial("pando/beacon-test/1", 3);
const commitments = polynomial.map((a) => beaconKey(a));
const golden =
  "93859f68e22656a051bbb5c279119ffd0445bd5c627cb1f57381c750b70f07bd09ddda894311e6dd372a6cb264dd35f5";

test("golden threshold signature: any three of four", () => {
  assert.equal(beaconThreshold(4), 3);
  assert.equal(
    toHex(commitments[0]!),
    "97ac93346effad744845766fd60289f2d0d062c4893c74257feb3cb16edf9bdd60129d3b4db9154e6a606eea8a94c70619631fe50c900f8f3ebeef01e83ed9f9dd716592a6ddfcfb6f9de2de572569242a18108645faa9e8bf4bee46b0d48a5b",
  );
  const partials = [1, 2, 3, 4].map((index) => ({
    index,
    signature: partialSignature(shareOf(polynomial, index), 1),
  }));
  assert.equal(
    toHex(partials[0]!.signature),
    "b4d87a7940d898ded12c8929f08428ff4a24d3e5f4d0516c2822668dc26cfc1a97532be8673e09fa889e092cba032f02",
  );
  for (const left of [3, 2, 1, 0]) {
    const three = partials.filter((_, at) => at !== left);
    assert.equal(toHex(combineSignatures(three)!), golden);
  }
  const bad = { index: 1, signature: partials[1]!.signature };
  assert.equal(verifyPartial(commitments, 1, bad), false);
  const combined = combinePartials(commitments, 1, [bad, ...partials]);
  assert.ok(combined.ok);
  assert.equal(toHex(combined.signature), golden);
  assert.equal(
    toHex(combined.value),
    "eb54a81e5e08252f6d6f1f906edf039f2ae12d123a93e1b969208040df65d245",
  );
  assert.equal(thresholdBeacon(commitments[0]!).verify(1, combined.signature).ok, true);
  assert.equal(thresholdBeacon(commitments[0]!).verify(2, combined.signature).ok, false);
  const few = combinePartials(commitments, 1, [partials[0]!, partials[0]!, partials[1]!]);
  assert.equal(few.ok ? "" : few.code, "too-few");
});

test("the test beacon accepts only its own evidence", () => {
  const secret = new Uint8Array(32).fill(5);
  const beacon = testBeacon(secret);
  assert.equal(beacon.verify(3, testEvidence(secret, 3)).ok, true);
  assert.equal(beacon.verify(4, testEvidence(secret, 3)).ok, false);
});
