// One vote per active staker per round, for finality and for presence at once: 140 bytes, of which
// the first 76 are signed. A checkpoint is a pair (round, block), so that empty rounds have one too.
import { type Bytes, hex, readU32, toHex, writeU32 } from "../../../base/bytes.ts";
import { taggedHash } from "../../../crypto/hash.ts";
import type { Id } from "../qpos/header.ts";

export interface Vote {
  readonly stakerId: number;
  readonly sourceRound: number;
  readonly sourceId: Id;
  readonly targetRound: number;
  readonly targetId: Id;
  readonly sig: string;
}

export const VOTE_BYTES = 140;
const SIGNED_BYTES = 76;

function writeSigned(bytes: Bytes, vote: Vote): void {
  writeU32(bytes, 0, vote.stakerId);
  writeU32(bytes, 4, vote.sourceRound);
  bytes.set(hex(vote.sourceId), 8);
  writeU32(bytes, 40, vote.targetRound);
  bytes.set(hex(vote.targetId), 44);
}

/** The 140 bytes of message `qvote`. */
export function encodeVote(vote: Vote): Bytes {
  const bytes = new Uint8Array(VOTE_BYTES);
  writeSigned(bytes, vote);
  bytes.set(hex(vote.sig), SIGNED_BYTES);
  return bytes;
}

/** The vote in `bytes[at, at + 140)`, or null when there are fewer bytes. */
export function decodeVote(bytes: Bytes, at = 0): Vote | null {
  if (bytes.length - at < VOTE_BYTES) return null;
  return {
    stakerId: readU32(bytes, at),
    sourceRound: readU32(bytes, at + 4),
    sourceId: toHex(bytes, at + 8, at + 40),
    targetRound: readU32(bytes, at + 40),
    targetId: toHex(bytes, at + 44, at + 76),
    sig: toHex(bytes, at + 76, at + 140),
  };
}

/** The hash that a vote's signature is over. */
export function voteDigest(chainId: string, vote: Vote): string {
  const bytes = new Uint8Array(SIGNED_BYTES);
  writeSigned(bytes, vote);
  return toHex(taggedHash("pando/qpos/vote", hex(chainId), bytes));
}

/** True when two votes say the same thing, whatever their signatures. */
export function sameVote(a: Vote, b: Vote): boolean {
  return (
    a.stakerId === b.stakerId &&
    a.targetRound === b.targetRound &&
    a.targetId === b.targetId &&
    a.sourceRound === b.sourceRound &&
    a.sourceId === b.sourceId
  );
}

/** True when an honest staker cannot have signed both: same target round, or one around the other. */
export function votesConflict(a: Vote, b: Vote): boolean {
  if (a.stakerId !== b.stakerId || sameVote(a, b)) return false;
  return a.targetRound === b.targetRound || surrounds(a, b) || surrounds(b, a);
}

/** True when vote `a` spans around vote `b`. */
export function surrounds(a: Vote, b: Vote): boolean {
  return a.sourceRound < b.sourceRound && b.targetRound < a.targetRound;
}
