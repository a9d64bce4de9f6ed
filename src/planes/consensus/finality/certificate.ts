// Votes for one target, packed with a bitmap over the set of the target's round. A link certificate
// has one group (one source); a restart certificate may have several, because it counts presence.
// The bytes do not say how long a bitmap is: they can only be opened by who knows the set.
import { type Bytes, concatBytes, hex, toHex, writeU32 } from "../../../base/bytes.ts";
import type { Reader } from "../../../base/reader.ts";
import type { Id } from "../qpos/header.ts";
import type { Electorate } from "../qpos/staker-set.ts";
import type { Vote } from "./vote.ts";

export interface CertificateGroup {
  readonly sourceRound: number;
  readonly sourceId: Id;
  /** Ids ascending, and their signatures in the same order. */
  readonly voters: readonly number[];
  readonly sigs: readonly string[];
}

export interface Certificate {
  readonly targetRound: number;
  readonly targetId: Id;
  readonly groups: readonly CertificateGroup[];
}

/** The group of these votes, which all have one source and one target. */
function groupOf(votes: readonly Vote[]): CertificateGroup {
  const sorted = [...votes].sort((a, b) => a.stakerId - b.stakerId);
  return {
    sourceRound: sorted[0]!.sourceRound,
    sourceId: sorted[0]!.sourceId,
    voters: sorted.map((vote) => vote.stakerId),
    sigs: sorted.map((vote) => vote.sig),
  };
}

/** A certificate of votes with one target; groups stand in the order of their sources. */
export function certificateOf(votes: readonly Vote[]): Certificate {
  const bySource = new Map<string, Vote[]>();
  for (const vote of votes) {
    const key = `${vote.sourceRound}/${vote.sourceId}`;
    const group = bySource.get(key);
    if (group === undefined) bySource.set(key, [vote]);
    else group.push(vote);
  }
  const groups = [...bySource.values()].map(groupOf);
  groups.sort((a, b) => a.sourceRound - b.sourceRound || (a.sourceId < b.sourceId ? -1 : 1));
  return { targetRound: votes[0]!.targetRound, targetId: votes[0]!.targetId, groups };
}

/** The votes that a certificate is made of. */
export function votesOf(certificate: Certificate): Vote[] {
  const votes: Vote[] = [];
  for (const group of certificate.groups) {
    for (let at = 0; at < group.voters.length; at++) {
      votes.push({
        stakerId: group.voters[at]!,
        sourceRound: group.sourceRound,
        sourceId: group.sourceId,
        targetRound: certificate.targetRound,
        targetId: certificate.targetId,
        sig: group.sigs[at]!,
      });
    }
  }
  return votes;
}

/** The bytes of a certificate whose voters are all in `set`. */
export function encodeCertificate(certificate: Certificate, set: Electorate): Bytes {
  const head = new Uint8Array(37);
  writeU32(head, 0, certificate.targetRound);
  head.set(hex(certificate.targetId), 4);
  head[36] = certificate.groups.length;
  const parts = [head];
  for (const group of certificate.groups) {
    const bitmapBytes = Math.ceil(set.ids.length / 8);
    const bytes = new Uint8Array(36 + bitmapBytes + 64 * group.voters.length);
    writeU32(bytes, 0, group.sourceRound);
    bytes.set(hex(group.sourceId), 4);
    group.voters.forEach((voter, at) => {
      const position = set.positions.get(voter)!;
      bytes[36 + (position >> 3)]! |= 1 << (position & 7);
      bytes.set(hex(group.sigs[at]!), 36 + bitmapBytes + 64 * at);
    });
    parts.push(bytes);
  }
  return concatBytes(...parts);
}

function readGroup(reader: Reader, set: Electorate): CertificateGroup | null {
  const sourceRound = reader.u32();
  const sourceId = toHex(reader.take(32));
  const bitmap = reader.take(Math.ceil(set.ids.length / 8));
  const voters: number[] = [];
  const sigs: string[] = [];
  for (let position = 0; position < bitmap.length * 8; position++) {
    if ((bitmap[position >> 3]! & (1 << (position & 7))) === 0) continue;
    if (position >= set.ids.length) return null;
    voters.push(set.ids[position]!);
    sigs.push(toHex(reader.take(64)));
    if (reader.fault !== null) return null;
  }
  return { sourceRound, sourceId, voters, sigs };
}

/** Reads one certificate; null when the bytes are not one for the set of its target's round. */
export function readCertificate(
  reader: Reader,
  setOf: (round: number) => Electorate | null,
): Certificate | null {
  const targetRound = reader.u32();
  const targetId = toHex(reader.take(32));
  const count = reader.u8();
  const set = reader.fault === null ? setOf(targetRound) : null;
  if (set === null || count === 0) return null;
  const groups: CertificateGroup[] = [];
  for (let index = 0; index < count; index++) {
    const group = readGroup(reader, set);
    if (group === null || reader.fault !== null || group.voters.length === 0) return null;
    groups.push(group);
  }
  return { targetRound, targetId, groups };
}
