// Committees as stakers with seats and keys, the hash that the beacon chain keeps of each for ever, and
// the rule for a certificate: more than two thirds of all active seats signed.
// Layouts in docs/internals/resharding.md, "Committees".
import { type Bytes, bytesEqual, compareBytes, concatBytes, toHex } from "../base/bytes.ts";
import { verifyAggregate } from "../crypto/bls.ts";
import { sha256 } from "../crypto/hash.ts";
import { label, u32be, u64be } from "./bytes-be.ts";
import { type Assignment, SHARE_BYTES } from "./types.ts";

export interface CommitteeMember {
  readonly staker: Bytes;
  /** Public key in G1, 48 bytes. */
  readonly key: Bytes;
  readonly seats: number;
}

export interface Committee {
  readonly epoch: number;
  readonly shard: number;
  /** Ascending by staker id. */
  readonly members: readonly CommitteeMember[];
}

/** All committees of an assignment; `keyOf` gives a staker's declared key. */
export function committeesOf(assignment: Assignment, keyOf: (staker: Bytes) => Bytes): Committee[] {
  const seats = Array.from({ length: assignment.shards }, () => new Map<string, number>());
  const stakers = new Map<string, Bytes>();
  for (let row = 0; row < assignment.shard.length; row++) {
    const staker = assignment.ids.slice(row * SHARE_BYTES, row * SHARE_BYTES + 32);
    const name = toHex(staker);
    stakers.set(name, staker);
    const counts = seats[assignment.shard[row]!]!;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return seats.map((counts, shard) => ({
    epoch: assignment.epoch,
    shard,
    members: [...counts]
      .map(([name, count]) => ({ staker: stakers.get(name)!, seats: count }))
      .sort((a, b) => compareBytes(a.staker, b.staker))
      .map(({ staker, seats: count }) => ({ staker, key: keyOf(staker), seats: count })),
  }));
}

/** What the beacon chain keeps of a committee. */
export function committeeHash(committee: Committee): Bytes {
  return sha256(
    concatBytes(
      label("pando/committee/1", 32),
      u64be(committee.epoch),
      u32be(committee.shard),
      ...committee.members.flatMap((member) => [member.staker, member.key, u32be(member.seats)]),
    ),
  );
}

/** The hashes of all committees of all epochs so far, by epoch: 32 S bytes each. */
export type CommitteeHistory = ReadonlyMap<number, readonly Bytes[]>;

/** The history with one epoch more; an epoch once written never changes. */
export function recordCommittees(
  history: CommitteeHistory,
  epoch: number,
  committees: readonly Committee[],
): CommitteeHistory {
  if (history.has(epoch)) return history;
  return new Map(history).set(epoch, committees.map(committeeHash));
}

/** True when the committee is the one that the history knows of its epoch and shard. */
export function isHistorical(history: CommitteeHistory, committee: Committee): boolean {
  const known = history.get(committee.epoch)?.[committee.shard];
  return known !== undefined && bytesEqual(known, committeeHash(committee));
}

export interface Certificate {
  readonly shard: number;
  readonly epoch: number;
  readonly headerHash: Bytes;
  /** Bit i % 8 of byte i / 8, lowest first: member i of the committee signed. */
  readonly bitmap: Bytes;
  readonly signature: Bytes;
}

/** What the members of a committee sign. */
export function certificateMessage(
  chain: Bytes,
  epoch: number,
  shard: number,
  headerHash: Bytes,
): Bytes {
  return concatBytes(
    label("pando/certificate/1", 32),
    chain,
    u64be(epoch),
    u32be(shard),
    headerHash,
  );
}

export type CertificateCode = "wrong-committee" | "bad-bitmap" | "too-few-seats" | "bad-signature";
export type CertificateVerdict =
  | { readonly ok: true; readonly seats: number }
  | { readonly ok: false; readonly code: CertificateCode };

/** Seats that a bitmap stands for; null when it is malformed. */
export function signedSeats(
  committee: Committee,
  bitmap: Bytes,
): { seats: number; keys: Bytes[] } | null {
  const { members } = committee;
  if (bitmap.length !== Math.ceil(members.length / 8)) return null;
  const keys: Bytes[] = [];
  let seats = 0;
  for (let bit = 0; bit < bitmap.length * 8; bit++) {
    if (((bitmap[bit >> 3]! >> (bit & 7)) & 1) === 0) continue;
    const member = members[bit];
    if (member === undefined) return null;
    keys.push(member.key);
    seats += member.seats;
  }
  return { seats, keys };
}

/** Judges a certificate of a committee whose hash is already known to be right. */
export function judgeCertificate(
  certificate: Certificate,
  committee: Committee,
  chain: Bytes,
): CertificateVerdict {
  const { epoch, shard, headerHash, bitmap, signature } = certificate;
  if (epoch !== committee.epoch || shard !== committee.shard) {
    return { ok: false, code: "wrong-committee" };
  }
  const signed = signedSeats(committee, bitmap);
  if (signed === null) return { ok: false, code: "bad-bitmap" };
  const all = committee.members.reduce((sum, member) => sum + member.seats, 0);
  if (3 * signed.seats <= 2 * all) return { ok: false, code: "too-few-seats" };
  const message = certificateMessage(chain, epoch, shard, headerHash);
  return verifyAggregate(signed.keys, message, signature)
    ? { ok: true, seats: signed.seats }
    : { ok: false, code: "bad-signature" };
}
