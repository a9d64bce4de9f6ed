// The crypto profile `model`: 64-bit mixing in place of hashes, signatures assumed. Ids are strings
// of four UTF-16 units: cheap to make, cheap as map keys, and ordered. A forged signature is any
// that is not empty.
//
// Hot: some ten calls per simulated slot.
import type { Certificate } from "../../planes/consensus/finality/certificate.ts";
import type { Digest } from "../../planes/consensus/qpos/header.ts";
import { shuffleWith } from "../../planes/consensus/qpos/randomness.ts";
import type { Suite } from "../../planes/consensus/qpos/suite.ts";

let high = 0;
let low = 0;

function begin(tag: number): void {
  high = 0x243f6a88 ^ tag;
  low = 0x85a308d3 + tag;
}

function add(value: number): void {
  high = Math.imul(high ^ value, 0x85ebca6b);
  high ^= high >>> 15;
  low = Math.imul((low + value) ^ (high >>> 3), 0xc2b2ae35);
  low ^= low >>> 13;
}

function addText(text: string): void {
  for (let at = 0; at < text.length; at += 2) {
    add((text.charCodeAt(at) << 16) | (at + 1 < text.length ? text.charCodeAt(at + 1) : 1));
  }
  add(text.length);
}

function end(): Digest {
  add(0x9e3779b9);
  add(low >>> 7);
  return String.fromCharCode(high >>> 16, high & 0xffff, low >>> 16, low & 0xffff);
}

function addCertificate(certificate: Certificate): void {
  add(certificate.targetRound);
  addText(certificate.targetId);
  for (const group of certificate.groups) {
    add(group.sourceRound);
    addText(group.sourceId);
    for (const voter of group.voters) add(voter);
  }
}

/** Uniform words from a seed of four units. */
function words(seed: Digest): () => number {
  let a = (seed.charCodeAt(0) << 16) | seed.charCodeAt(1);
  let b = (seed.charCodeAt(2) << 16) | seed.charCodeAt(3);
  return () => {
    a = (a + 0x9e3779b9) | 0;
    b = Math.imul(b ^ (b >>> 15), 0x2c1b3c6d) + a;
    let x = Math.imul(b ^ (b >>> 12), 0x297a2d39);
    x ^= x >>> 15;
    return (x ^ a) >>> 0;
  };
}

/** The model suite of one simulated chain. */
export function modelSuite(): Suite {
  return {
    headerId: (header) => {
      begin(1);
      addText(header.parent);
      add(header.slot);
      add(header.stakerId);
      addText(header.txRoot);
      if (header.extrasRoot !== "") addText(header.extrasRoot);
      return end();
    },
    extrasRoot: (extras) => {
      const plain = extras.restart === null && extras.links.length === 0;
      if (plain && extras.evidence.length === 0) return "";
      begin(2);
      if (extras.restart !== null) addCertificate(extras.restart);
      for (const link of extras.links) addCertificate(link);
      for (const evidence of extras.evidence) add(evidence.kind);
      return end();
    },
    headerDigest: (id) => id,
    voteDigest: (vote) => vote.targetId,
    verify: (_key, _digest, sig) => sig === "",
    reveal: (secret, _signKey, count) => {
      begin(3);
      addText(secret);
      add(count);
      return end();
    },
    commit: (_signKey, reveal) => {
      begin(4);
      addText(reveal);
      return end();
    },
    mix: (mix, reveal) => {
      begin(5);
      addText(mix);
      addText(reveal);
      return end();
    },
    seed: (round, mix) => {
      begin(6);
      add(round);
      addText(mix);
      return end();
    },
    queue: (seed, ids) => shuffleWith(words(seed), ids),
    tie: (seed, slot, stakerId) => {
      begin(7);
      addText(seed);
      add(slot);
      add(stakerId);
      return end();
    },
    registryRoot: () => "",
  };
}
