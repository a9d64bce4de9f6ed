// The JSON vectors beside this file, from which every rule can be written again in another language.
// They are made by this test: PANDO_WRITE_VECTORS=1 node --test dist/src/sharding/vectors.test.js
// writes them anew; without that it compares. The golden case in them was reproduced independently.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { env } from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Bytes, concatBytes, hex, toHex } from "../base/bytes.ts";
import { beaconKey, committeeKey, committeeSign, provePossession } from "../crypto/bls.ts";
import { sha256 } from "../crypto/hash.ts";
import { assign, genesis } from "./assign.ts";
import { dealerPolynomial, partialSignature, shareOf } from "./beacon.ts";
import { u32be, u64be } from "./bytes-be.ts";
import { certificateMessage, committeeHash } from "./committees.ts";
import { createDraws, draw, order, TAG, uniform } from "./draw.ts";
import { BOUNDED, COMMENSAL, CUCKOO, HARMONY_2019, SWAP } from "./parameters.ts";
import { PLAN, plan } from "./plan.ts";
import { buildReceipts, headerHash, proveReceipt, receiptBytes, receiptId } from "./receipts.ts";
import { assignmentRoot, proveSeat, rowOf } from "./root.ts";
import { epochSeed, parametersHash, parametersText, setsHash } from "./seed.ts";
import { changeShares, SHARES, shareCounts, sharePrice } from "./shares.ts";
import { binomialTail, decimalText, hypergeometricTail, jointTail } from "./tails.ts";
import { type Assignment, type RuleParameters, shareId } from "./types.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const folder = join(root, "src", "sharding", "vectors");

const text = new TextEncoder();
const stakerId = (i: number): Bytes => sha256(concatBytes(text.encode("staker"), u32be(i)));
const share = (i: number): Bytes => shareId(stakerId(i), 0);
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);
const filled = (byte: number): Bytes => new Uint8Array(32).fill(byte);

function compare(name: string, made: unknown): void {
  const path = join(folder, name);
  const written = `${JSON.stringify(made, (_, value) => (value instanceof Uint8Array ? toHex(value) : value), 2)}\n`;
  if (env["PANDO_WRITE_VECTORS"] === "1") writeFileSync(path, written);
  assert.ok(existsSync(path), `${name} is missing`);
  assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), JSON.parse(written));
}

function drawVectors() {
  const draws = createDraws(filled(1));
  const none = new Uint8Array(0);
  const digests = Object.entries(TAG).map(([name, tag]) => ({
    tag: name,
    number: tag,
    staker: 0,
    a: 7,
    b: 0,
    digest: draw(draws, tag, share(0), 0, 7, 0),
  }));
  const withoutId = { tag: "quota", a: 3, b: 0, digest: draw(draws, TAG.quota, none, -1, 3, 0) };
  const uniforms = [1, 2, 3, 10, 1000, 65_537, 3_000_000_000, 2 ** 32].flatMap((n) =>
    [0, 1].map((i) => ({
      tag: "place",
      staker: i,
      a: 0,
      n,
      value: uniform(draws, TAG.place, share(i), 0, 0, n),
    })),
  );
  const ids = concatBytes(...range(0, 8).map(share));
  const ordered = [...order(draws, TAG.order, ids, Uint32Array.from(range(0, 8)), 0)];
  return {
    about: "staker i = SHA-256('staker' || u32be i), its share has index 0; seed 32 x 01",
    share0: share(0),
    digests,
    withoutId,
    uniforms,
    order: { tag: "order", stakers: range(0, 8), a: 0, ordered },
  };
}

const RULES: readonly RuleParameters[] = [
  { rule: "full" },
  { rule: "key-mod" },
  CUCKOO,
  { ...CUCKOO, k: { num: 5, den: 3 } },
  { ...CUCKOO, k: { num: 64, den: 1 } },
  { ...COMMENSAL, k: { num: 2, den: 1 }, need: 1 },
  { ...COMMENSAL, k: { num: 7, den: 2 }, need: 3 },
  { ...COMMENSAL, k: { num: 3, den: 1 }, need: 2, vetting: false },
  { ...COMMENSAL, k: { num: 3, den: 1 }, need: 2, scaling: false },
  { ...COMMENSAL, need: 1000 },
  { ...BOUNDED, evict: 2 },
  { ...BOUNDED, kappa: { num: 9, den: 2 }, evict: 1 },
  { ...BOUNDED, evict: 3, evictFrom: "larger" },
  { ...BOUNDED, evict: 3, half: "ceil" },
  { ...BOUNDED, evict: 3, ranked: "afterJoins" },
  { ...BOUNDED, evict: 3, evictable: "incumbents" },
  { ...BOUNDED, evict: 3, own: false },
  { ...BOUNDED, evict: 30, minSize: 3 },
  HARMONY_2019,
  { ...HARMONY_2019, percent: 34, kick: "random" },
  { ...SWAP, kappa: { num: 2, den: 1 }, eMin: 1, local: 0 },
  { ...SWAP, kappa: { num: 1, den: 3 }, eMin: 0, local: 2 },
  SWAP,
];

/** Joins and leaves of four epochs: ordinary churn, rejoins, leaves only, everybody rejoins. */
const EPOCHS = [
  { joins: range(24, 28), leaves: [0, 1, 2] },
  { joins: [5, 6, 30], leaves: [5, 6, 7] },
  { joins: [], leaves: [8, 9, 10, 11] },
  { joins: range(12, 24), leaves: range(12, 24) },
];

function shardText(assignment: Assignment): string {
  return range(0, 32)
    .map((i) => rowOf(assignment, share(i)))
    .map((row) => (row < 0 ? "-" : String(assignment.shard[row])))
    .join("");
}

function snapshot(assignment: Assignment) {
  return {
    shards: shardText(assignment),
    secondary: [...assignment.secondary],
    root: assignmentRoot(assignment),
  };
}

function history(parameters: RuleParameters, shards: number) {
  const start = genesis(range(0, 24).map(share), shards, filled(0), parameters);
  assert.ok(start.ok);
  let now = start.assignment;
  const epochs = EPOCHS.map(({ joins, leaves }, index) => {
    const seed = filled(index + 1);
    const result = assign(now, joins.map(share), leaves.map(share), seed, parameters);
    assert.ok(result.ok);
    now = result.assignment;
    const { evictions, fallbacks } = result;
    return { joins, leaves, seed, ...snapshot(now), evictions, fallbacks };
  });
  return { parameters, shardCount: shards, genesis: snapshot(start.assignment), epochs };
}

function assignmentVectors() {
  const odd = RULES.filter((rule) => rule.rule !== "cuckoo").slice(0, 99);
  return {
    about:
      "Genesis of the shares of stakers 0..23 under seed 32 x 00, then four epochs. 'shards' is the " +
      "shard of stakers 0..31 in turn, '-' for no seat; the root also commits to since and position.",
    cases: [
      ...RULES.map((rule) => history(rule, 4)),
      ...odd.map((rule) => history(rule, 3)),
      history(SWAP, 1),
      history(BOUNDED, 1),
      history(BOUNDED, 2),
    ],
  };
}

function seedVectors() {
  const joins = range(24, 28).map(share);
  const leaves = range(0, 3).map(share);
  const sets = setsHash(joins, leaves);
  const seed = epochSeed({
    chain: filled(0x11),
    epoch: 7,
    beacon: filled(0x22),
    sets,
    previousRoot: filled(0x33),
    parameters: filled(0x44),
  });
  const parameters = RULES.map((rule) => ({
    parameters: rule,
    text: parametersText(rule),
    hash: parametersHash(rule),
  }));
  return {
    about: "joins 24..27, leaves 0..2",
    sets,
    emptySets: setsHash([], []),
    seed,
    parameters,
  };
}

function proofVectors() {
  const proofs = [1, 2, 7, 24].map((count) => {
    const made = genesis(range(0, count).map(share), 4, filled(0), { rule: "full" });
    assert.ok(made.ok);
    const proof = proveSeat(made.assignment, share(count >> 1));
    return { root: assignmentRoot(made.assignment), proof };
  });
  return { about: "seats of genesis by the rule full, 4 shards, seed 32 x 00", proofs };
}

function tailVectors() {
  const binomial = [
    [100, 1, 4, 34],
    [600, 1, 4, 200],
    [600, 5, 21, 200],
    [1000, 1, 10, 334],
    [2000, 1, 20, 1000],
    [10, 1, 2, 0],
    [10, 1, 2, 11],
  ].map(([m, num, den, t]) => ({
    m,
    f: `${num}/${den}`,
    t,
    tail: decimalText(binomialTail(m!, { num: num!, den: den! }, t!), 20),
  }));
  const hypergeometric = [
    [1800, 450, 600, 200],
    [4000, 1333, 250, 125],
    [60000, 15000, 600, 200],
    [10, 4, 7, 1],
  ].map(([n, b, m, t]) => ({
    n,
    b,
    m,
    t,
    tail: decimalText(hypergeometricTail(n!, b!, m!, t!), 20),
  }));
  const joint = decimalText(jointTail(2000, 500, 8, 250, 90), 20);
  const plans = [
    [1, 5],
    [3, 20],
    [1, 4],
  ].map(([num, den]) => ({
    faulty: `${num}/${den}`,
    result: plan({ ...PLAN, faulty: { num: num!, den: den! } }),
  }));
  return {
    binomial,
    hypergeometric,
    joint: { n: 2000, b: 500, S: 8, m: 250, t: 90, tail: joint },
    plans,
  };
}

function shareVectors() {
  const draws = createDraws(filled(9));
  const stakes = range(0, 10).map((i) => ({
    staker: stakerId(i),
    amount: BigInt(1_000_000 + 377_777 * i * i),
  }));
  const total = stakes.reduce((sum, stake) => sum + stake.amount, 0n);
  const parameters = { ...SHARES, shards: 2, seatsPerShard: 30, ownerCap: null };
  const price = sharePrice(total, null, parameters);
  const counts = (["floor", "largest-remainder", "systematic"] as const).map((quota) => ({
    quota,
    counts: shareCounts(stakes, price, { ...parameters, quota }, draws),
  }));
  const lost = changeShares(stakerId(3), [0, 1, 2, 3, 4, 5], 2, draws).lost;
  const gained = changeShares(stakerId(3), [0, 3], 5, draws).gained;
  return {
    about: "seed 32 x 09; stakers 0..9 with 1000000 + 377777 i^2; S = 2, lambda = 30, no cap",
    price: price.toString(),
    heldPrice: sharePrice((total * 104n) / 100n, price, parameters).toString(),
    newPrice: sharePrice((total * 106n) / 100n, price, parameters).toString(),
    counts,
    change: {
      staker: 3,
      from: [0, 1, 2, 3, 4, 5],
      to: 2,
      lost,
      gainedFrom: [0, 3],
      gainedTo: 5,
      gained,
    },
  };
}

function networkVectors() {
  const members = range(0, 3).map((i) => ({
    staker: stakerId(i),
    key: committeeKey(BigInt(100 + i)),
    seats: i + 1,
  }));
  const committee = { epoch: 5, shard: 2, members };
  const receipts = range(0, 7).map((i) => ({
    source: 2,
    destination: i % 3 === 2 ? 3 : i % 3,
    height: 12,
    txid: sha256(u32be(i)),
    output: i,
    amount: 5000 + i,
    script: hex("51"),
  }));
  const trees = buildReceipts(receipts);
  const rest = filled(0x55);
  const header = { shard: 2, epoch: 5, height: 12, receiptsRoot: trees.root, rest };
  const message = certificateMessage(filled(0x11), 5, 2, headerHash(header));
  return {
    about: "secret keys of the committee's members are 100, 101, 102; chain id 32 x 11",
    committee,
    committeeHash: committeeHash(committee),
    possession: provePossession(100n),
    receipts: receipts.map((receipt) => ({
      receipt,
      bytes: receiptBytes(receipt),
      id: receiptId(receipt),
    })),
    receiptsRoot: trees.root,
    proofOfReceipt4: proveReceipt(trees, receiptId(receipts[4]!)),
    header,
    headerHash: headerHash(header),
    certificateMessage: message,
    signatureOfMember0: committeeSign(100n, message),
  };
}

function beaconVectors() {
  const polynomial = dealerPolynomial("pando/beacon-test/1", 3);
  return {
    about: "n = 4, t = 3, a_j = SHA-256('pando/beacon-test/1' || u8 j) mod r, M = SHA-256(u64be 1)",
    message: sha256(u64be(1)),
    commitments: polynomial.map(beaconKey),
    partials: range(1, 5).map((i) => partialSignature(shareOf(polynomial, i), 1)),
    signature:
      "93859f68e22656a051bbb5c279119ffd0445bd5c627cb1f57381c750b70f07bd09ddda894311e6dd372a6cb264dd35f5",
  };
}

const FILES: readonly [string, () => unknown][] = [
  ["draws.json", drawVectors],
  ["assignments.json", assignmentVectors],
  ["seeds.json", seedVectors],
  ["proofs.json", proofVectors],
  ["tails.json", tailVectors],
  ["shares.json", shareVectors],
  ["network.json", networkVectors],
  ["beacon.json", beaconVectors],
];

for (const [name, make] of FILES) test(`vectors ${name}`, () => compare(name, make()));
