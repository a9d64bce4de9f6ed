// Two signed statements that no honest staker makes, as bytes anybody can check. Kinds as in
// docs/internals/qpos.md, section 5; those of delegated production are not carried yet.
import { type Bytes, concatBytes, hex, toHex, writeU32 } from "../../../base/bytes.ts";
import type { Reader } from "../../../base/reader.ts";
import { decodeHeader, encodeHeader, HEADER_BYTES, type Header } from "../qpos/header.ts";
import { decodeVote, encodeVote, sameVote, surrounds, VOTE_BYTES, type Vote } from "./vote.ts";

export const TWO_ACTS = 1;
export const TWO_VOTES = 2;
export const SURROUND_VOTE = 3;

/** The longest: two headers with their signatures. */
export const EVIDENCE_BYTES_MAX: number = 9 + 2 * (HEADER_BYTES + 64);

export interface SignedHeader {
  readonly header: Header;
  readonly sig: string;
}

export type Evidence =
  | { readonly kind: typeof TWO_ACTS; readonly a: SignedHeader; readonly b: SignedHeader }
  | {
      readonly kind: typeof TWO_VOTES | typeof SURROUND_VOTE;
      readonly a: Vote;
      readonly b: Vote;
    };

/** What evidence is about: one offence of one staker is punished once per branch. */
export interface Offence {
  readonly kind: Evidence["kind"];
  readonly stakerId: number;
  readonly round: number;
}

export function offenceOf(evidence: Evidence): Offence {
  return evidence.kind === TWO_ACTS
    ? { kind: TWO_ACTS, stakerId: evidence.a.header.stakerId, round: evidence.a.header.round }
    : { kind: evidence.kind, stakerId: evidence.a.stakerId, round: evidence.a.targetRound };
}

/** How a node names an offence in a set. */
export function offenceKey(offence: Offence): string {
  return `${offence.kind}/${offence.stakerId}/${offence.round}`;
}

/** The evidence that two differing votes of one staker give, or null when both may be honest. */
export function voteEvidence(a: Vote, b: Vote): Evidence | null {
  if (a.stakerId !== b.stakerId || sameVote(a, b)) return null;
  if (a.targetRound === b.targetRound) return { kind: TWO_VOTES, a, b };
  if (surrounds(a, b)) return { kind: SURROUND_VOTE, a, b };
  if (surrounds(b, a)) return { kind: SURROUND_VOTE, a: b, b: a };
  return null;
}

function encodeSide(side: SignedHeader | Vote): Bytes {
  return "header" in side
    ? concatBytes(encodeHeader(side.header), hex(side.sig))
    : encodeVote(side);
}

/** The bytes of message `qevid`. */
export function encodeEvidence(evidence: Evidence): Bytes {
  const a = encodeSide(evidence.a);
  const b = encodeSide(evidence.b);
  const bytes = new Uint8Array(9 + a.length + b.length);
  bytes[0] = evidence.kind;
  writeU32(bytes, 1, a.length);
  bytes.set(a, 5);
  writeU32(bytes, 5 + a.length, b.length);
  bytes.set(b, 9 + a.length);
  return bytes;
}

function readSide(reader: Reader): Bytes {
  const length = reader.u32();
  return reader.take(length);
}

/** Reads one piece of evidence; null when the bytes are not that. */
export function readEvidence(reader: Reader): Evidence | null {
  const kind = reader.u8();
  const a = readSide(reader);
  const b = readSide(reader);
  if (reader.fault !== null) return null;
  if (kind === TWO_ACTS) {
    const length = HEADER_BYTES + 64;
    if (a.length !== length || b.length !== length) return null;
    const signed = (bytes: Bytes): SignedHeader => ({
      header: decodeHeader(bytes)!,
      sig: toHex(bytes, HEADER_BYTES, length),
    });
    return { kind, a: signed(a), b: signed(b) };
  }
  if (kind !== TWO_VOTES && kind !== SURROUND_VOTE) return null;
  if (a.length !== VOTE_BYTES || b.length !== VOTE_BYTES) return null;
  return { kind, a: decodeVote(a)!, b: decodeVote(b)! };
}
