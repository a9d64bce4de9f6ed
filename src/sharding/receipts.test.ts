import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, toHex } from "../base/bytes.ts";
import {
  aggregateSignatures,
  committeeKey,
  committeeSign,
  provePossession,
  verifyPossession,
} from "../crypto/bls.ts";
import { sha256 } from "../crypto/hash.ts";
import { genesis } from "./assign.ts";
import { u32be } from "./bytes-be.ts";
import {
  type Certificate,
  type Committee,
  type CommitteeHistory,
  certificateMessage,
  committeeHash,
  committeesOf,
  isHistorical,
  judgeCertificate,
  recordCommittees,
} from "./committees.ts";
import {
  buildReceipts,
  type Created,
  crosslinkLeaf,
  type Destination,
  headerHash,
  proveReceipt,
  type Receipt,
  type ReceiptProof,
  receiptId,
  redeem,
  type SourceHeader,
} from "./receipts.ts";
import { leafHash, treeBranch, treeRoot } from "./tree.ts";
import { shareId } from "./types.ts";

const chain = new Uint8Array(32).fill(0x11);
const secrets = [11n, 12n, 13n, 14n];
const staker = (i: number) => sha256(u32be(i));
const keys = secrets.map(committeeKey);

function committee(epoch: number, shard = 0): Committee {
  return {
    epoch,
    shard,
    members: keys.map((key, i) => ({ staker: staker(i), key, seats: i + 1 })),
  };
}

function certify(one: Committee, hash: Bytes, signers: readonly number[]): Certificate {
  const message = certificateMessage(chain, one.epoch, one.shard, hash);
  const bitmap = new Uint8Array(1);
  for (const i of signers) bitmap[0]! |= 1 << i;
  const signature = aggregateSignatures(signers.map((i) => committeeSign(secrets[i]!, message)))!;
  return { shard: one.shard, epoch: one.epoch, headerHash: hash, bitmap, signature };
}

test("a certificate needs more than two thirds of all seats, and the signers it names", () => {
  const one = committee(5);
  const hash = sha256(u32be(1));
  const code = (certificate: Certificate, of = one) => {
    const verdict = judgeCertificate(certificate, of, chain);
    return verdict.ok ? verdict.seats : verdict.code;
  };
  assert.equal(code(certify(one, hash, [1, 2, 3])), 9);
  assert.equal(code(certify(one, hash, [2, 3])), 7);
  assert.equal(code(certify(one, hash, [1, 3])), "too-few-seats");
  const good = certify(one, hash, [2, 3]);
  assert.equal(code({ ...good, bitmap: new Uint8Array([0b1110]) }), "bad-signature");
  assert.equal(code({ ...good, bitmap: new Uint8Array([0b11100]) }), "bad-bitmap");
  assert.equal(code({ ...good, bitmap: new Uint8Array(2) }), "bad-bitmap");
  assert.equal(code({ ...good, headerHash: sha256(u32be(2)) }), "bad-signature");
  assert.equal(code(good, committee(6)), "wrong-committee");
  // Exactly two thirds is not enough.
  const three: Committee = {
    ...one,
    members: keys.slice(0, 3).map((key, i) => ({ staker: staker(i), key, seats: 1 })),
  };
  assert.equal(code(certify(three, hash, [0, 1]), three), "too-few-seats");
});

test("proof of possession belongs to its key", () => {
  assert.equal(verifyPossession(keys[0]!, provePossession(11n)), true);
  assert.equal(verifyPossession(keys[1]!, provePossession(11n)), false);
});

test("committees of an assignment, their hashes and their history", () => {
  const shares = Array.from({ length: 12 }, (_, i) => shareId(staker(i % 4), i >> 2));
  const start = genesis(shares, 2, new Uint8Array(32), { rule: "full" });
  assert.ok(start.ok);
  const committees = committeesOf(start.assignment, (id) => {
    const at = [0, 1, 2, 3].find((i) => toHex(staker(i)) === toHex(id))!;
    return keys[at]!;
  });
  const seats = committees.flatMap((one) => one.members.map((member) => member.seats));
  assert.equal(
    seats.reduce((a, b) => a + b, 0),
    12,
  );
  const history = recordCommittees(new Map(), 0, committees);
  assert.equal(isHistorical(history, committees[1]!), true);
  const first = committees[0]!;
  const more = first.members.map((member) => ({ ...member, seats: member.seats + 1 }));
  assert.equal(isHistorical(history, { ...first, members: more }), false);
  assert.equal(recordCommittees(history, 0, []), history, "an epoch once written stays");
  assert.equal(committeeHash(first).length, 32);
});

function receipt(number: number, destination: number): Receipt {
  return {
    source: 0,
    destination,
    height: 9,
    txid: sha256(u32be(number)),
    output: number % 3,
    amount: 1000 + number,
    script: new Uint8Array([0x51]),
  };
}

interface World {
  readonly proof: ReceiptProof;
  readonly certified: ReceiptProof;
  readonly here: Destination;
}

function world(number: number, count: number): World {
  const receipts = Array.from({ length: count }, (_, i) => receipt(i, 1 + (i % 3)));
  const trees = buildReceipts(receipts);
  const header: SourceHeader = {
    shard: 0,
    epoch: 5,
    height: 9,
    receiptsRoot: trees.root,
    rest: sha256(u32be(77)),
  };
  const proved = proveReceipt(trees, receiptId(receipts[number]!))!;
  const links = new Uint8Array(5 * 32);
  for (let i = 0; i < 5; i++) {
    links.set(i === 2 ? leafHash(crosslinkLeaf(header)) : sha256(u32be(i)), i * 32);
  }
  const beaconRoot = treeRoot(links);
  const branch = { index: 2, count: 5, hashes: treeBranch(links, 2) };
  const of = committee(5);
  const certificate = certify(of, headerHash(header), [2, 3]);
  const history: CommitteeHistory = recordCommittees(new Map(), 5, [of]);
  const here = {
    shard: receipts[number]!.destination,
    chain,
    activeEpoch: 6,
    history,
    finalRoots: new Set([toHex(beaconRoot)]),
  };
  const base = { ...proved, header };
  return {
    proof: { ...base, finality: { kind: "crosslink", beaconRoot, branch } },
    certified: { ...base, finality: { kind: "certificate", certificate, committee: of } },
    here,
  };
}

function codeOf(proof: ReceiptProof, here: Destination, created: Created = new Set()) {
  const { verdict } = redeem(created, proof, here);
  return verdict.ok ? "ok" : verdict.code;
}

test("every receipt of a block is redeemed at most once, by crosslink or certificate", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(), (count, pick) => {
      const { proof, certified, here } = world(pick % count, count);
      const first = redeem(new Set(), proof, here);
      assert.ok(first.verdict.ok);
      // Brought again, in either form, in a later epoch, after the coin was spent: never twice.
      assert.equal(codeOf(proof, here, first.created), "already-created");
      assert.equal(codeOf(certified, here, first.created), "already-created");
      const later = { ...here, activeEpoch: 60 };
      assert.equal(codeOf(proof, later, first.created), "already-created");
      assert.equal(codeOf(certified, here), "ok");
    }),
    { numRuns: 10 },
  );
});

test("forged receipts are refused", () => {
  const { proof, certified, here } = world(4, 11);
  const other = here.shard === 1 ? 2 : 1;
  assert.equal(codeOf(proof, { ...here, shard: other }), "not-mine");
  const moved = { ...proof, receipt: { ...proof.receipt, destination: other } };
  assert.equal(codeOf(moved, { ...here, shard: other }), "bad-branch");
  const richer = { ...proof, receipt: { ...proof.receipt, amount: proof.receipt.amount + 1 } };
  assert.equal(codeOf(richer, here), "bad-branch");
  const negative = { ...proof, receipt: { ...proof.receipt, amount: -1 } };
  assert.equal(codeOf(negative, here), "bad-shape");
  const higher = { ...proof, receipt: { ...proof.receipt, height: 10 } };
  assert.equal(codeOf(higher, here), "wrong-source");
  const cut = { ...proof, inner: { ...proof.inner, hashes: proof.inner.hashes.slice(1) } };
  assert.equal(codeOf(cut, here), "bad-branch");
  const outer = { ...proof, outer: { ...proof.outer, index: (proof.outer.index + 1) % 3 } };
  assert.equal(codeOf(outer, here), "bad-branch");
  // An inner node passed as the leaf: the tree is one level lower and the branch one hash shorter.
  const short = { ...proof.inner, hashes: proof.inner.hashes.slice(1), count: 2 };
  assert.equal(codeOf({ ...proof, inner: short }, here), "bad-branch");
  assert.equal(codeOf(proof, { ...here, finalRoots: new Set() }), "not-final");
  // A committee two epochs old may have sold its keys; one with other members never was.
  assert.equal(codeOf(certified, { ...here, activeEpoch: 7 }), "retired-committee");
  assert.equal(codeOf(certified, { ...here, activeEpoch: 4 }), "retired-committee");
  assert.equal(codeOf(certified, { ...here, history: new Map() }), "unknown-committee");
  assert.ok(certified.finality.kind === "certificate");
  const weak = certify(committee(5), headerHash(certified.header), [1, 3]);
  const few = { ...certified, finality: { ...certified.finality, certificate: weak } };
  assert.equal(codeOf(few, here), "bad-certificate");
  const rest = { ...certified, header: { ...certified.header, rest: sha256(u32be(1)) } };
  assert.equal(codeOf(rest, here), "bad-certificate");
});

test("supply: coins and receipts in flight, under replay, loss and epoch edges", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ n: fc.nat(5), epoch: fc.nat(9) }), { maxLength: 30 }),
      (log) => {
        const worlds = [0, 1, 2, 3, 4, 5].map((n) => world(n, 6));
        const amounts = worlds.map(({ proof }) => proof.receipt.amount);
        const supply = amounts.reduce((a, b) => a + b, 0);
        const created = [1, 2, 3].map((): Created => new Set());
        let arrived = 0;
        for (const { n, epoch } of log) {
          const { proof, here } = worlds[n]!;
          const at = here.shard - 1;
          const result = redeem(created[at]!, proof, { ...here, activeEpoch: epoch });
          created[at] = result.created;
          if (result.verdict.ok) arrived += proof.receipt.amount;
          const ids = new Set(created.flatMap((one) => [...one]));
          const flying = worlds.filter(({ proof: p }) => !ids.has(toHex(receiptId(p.receipt))));
          const inFlight = flying.reduce((sum, { proof: p }) => sum + p.receipt.amount, 0);
          assert.equal(arrived + inFlight, supply);
        }
      },
    ),
    { numRuns: 5 },
  );
});
