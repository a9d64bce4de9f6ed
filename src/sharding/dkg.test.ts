import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesEqual, concatBytes } from "../base/bytes.ts";
import { beaconKey, bytesToScalar } from "../crypto/bls.ts";
import { sha256 } from "../crypto/hash.ts";
import { combinePartials, partialSignature } from "./beacon.ts";
import { u32be } from "./bytes-be.ts";
import {
  checkDealtShare,
  commitmentHash,
  concludeDkg,
  concludeResharing,
  type DealerRecord,
  deal,
  resharedShare,
  sumShares,
} from "./dkg.ts";

function polynomial(name: number, degree: number, secret?: bigint): bigint[] {
  const random = (j: number) => bytesToScalar(sha256(concatBytes(u32be(name), u32be(j))));
  return Array.from({ length: degree }, (_, j) =>
    j === 0 && secret !== undefined ? secret : random(j),
  );
}

function record(dealer: number, commitments: DealerRecord["commitments"]): DealerRecord {
  const hash = commitmentHash(dealer, commitments ?? []);
  return { dealer, hash, commitments, complaints: [] };
}

test("four members make a key without a dealer, and hand it over", () => {
  const dealers = [1, 2, 3, 4];
  const dealings = dealers.map((dealer) => deal(polynomial(dealer, 3), 4));
  assert.equal(checkDealtShare(dealings[0]!.commitments, 2, dealings[0]!.shares[1]!), true);
  assert.equal(checkDealtShare(dealings[0]!.commitments, 3, dealings[0]!.shares[1]!), false);
  const records = dealers.map((dealer, i) => record(dealer, dealings[i]!.commitments));
  // Dealer 4 is complained about and answers wrongly: out. Dealer 1 is, and answers rightly: in.
  const answered = { member: 2, answer: dealings[0]!.shares[1]! };
  records[0] = { ...records[0]!, complaints: [answered] };
  records[3] = { ...records[3]!, complaints: [{ member: 2, answer: 5n }] };
  const made = concludeDkg(records, 3);
  assert.ok(made.ok);
  assert.deepEqual(made.qualified, [1, 2, 3]);
  const shares = dealers.map((member) =>
    sumShares(made.qualified.map((dealer) => dealings[dealer - 1]!.shares[member - 1]!)),
  );
  const sign = (secrets: readonly bigint[], members: readonly number[]) =>
    members.map((index) => ({ index, signature: partialSignature(secrets[index - 1]!, 9) }));
  const first = combinePartials(made.commitments, 9, sign(shares, [1, 2, 4]));
  const second = combinePartials(made.commitments, 9, sign(shares, [2, 3, 4]));
  assert.ok(first.ok && second.ok && bytesEqual(first.signature, second.signature));

  // Members 1, 2 and 4 hand over to five new members, of whom four must sign.
  const again = [1, 2, 4].map((dealer) => deal(polynomial(50 + dealer, 4, shares[dealer - 1]!), 5));
  const handing = [1, 2, 4].map((dealer, i) => record(dealer, again[i]!.commitments));
  const liar = record(3, deal(polynomial(99, 4), 5).commitments);
  const handed = concludeResharing(made.commitments, [liar, ...handing], 4);
  assert.ok(handed.ok);
  assert.ok(bytesEqual(handed.commitments[0]!, made.commitments[0]!), "the key stays");
  const fresh = [1, 2, 3, 4, 5].map((member) =>
    resharedShare([1, 2, 4].map((dealer, i) => ({ dealer, share: again[i]!.shares[member - 1]! }))),
  );
  const after = combinePartials(handed.commitments, 9, sign(fresh, [1, 3, 4, 5]));
  assert.ok(after.ok && bytesEqual(after.signature, first.signature), "the value stays");
  assert.equal(concludeResharing(made.commitments, [liar, ...handing.slice(1)], 4).ok, false);
});

test("dealers that do not open, open something else, or are too few", () => {
  const dealings = [1, 2, 3].map((dealer) => deal(polynomial(dealer, 2), 3));
  const records = dealings.map((one, i) => record(i + 1, one.commitments));
  const silent = { ...records[0]!, commitments: null };
  const swapped = { ...records[1]!, commitments: records[2]!.commitments };
  assert.equal(concludeDkg([silent, swapped, records[2]!], 2).ok, false);
  const two = concludeDkg([silent, records[1]!, records[2]!], 2);
  assert.ok(two.ok);
  assert.deepEqual(two.qualified, [2, 3]);
  assert.equal(beaconKey(1n).length, 96);
});
