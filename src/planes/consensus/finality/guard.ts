// The double-sign guard: what a staker has signed, written durably before any signature leaves, and
// the pure decision whether it may sign more. Disk and coordinator are other layers' business; a
// record whose checksum fails means "do not sign", never "start afresh".
import { type Bytes, hex, readU32, toHex, writeU32 } from "../../../base/bytes.ts";
import type { Vote } from "./vote.ts";

export interface Guard {
  readonly chainId: string;
  readonly stakerId: number;
  /** The last round in which a header or a declaration was signed, and the digest signed. */
  readonly actRound: number;
  readonly actDigest: string;
  readonly declSeq: number;
  readonly voteTarget: number;
  readonly voteSource: number;
  readonly voteDigest: string;
}

/** chainId 32, stakerId 4, actRound 4, actDigest 32, declSeq 4, voteTarget 4, voteSource 4, voteDigest 32, crc32c 4. */
export const GUARD_BYTES = 120;
const ZERO = "00".repeat(32);

/** A guard that has signed nothing: only for a key that was made just now. */
export function freshGuard(chainId: string, stakerId: number): Guard {
  return {
    chainId,
    stakerId,
    actRound: 0,
    actDigest: ZERO,
    declSeq: 0,
    voteTarget: 0,
    voteSource: 0,
    voteDigest: ZERO,
  };
}

const CRC_TABLE = Array.from({ length: 256 }, (_, value) => {
  let crc = value;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

/** CRC-32C (Castagnoli) of `bytes[0, end)`. */
export function crc32c(bytes: Bytes, end: number = bytes.length): number {
  let crc = 0xffffffff;
  for (let at = 0; at < end; at++) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ bytes[at]!) & 255]!;
  return (crc ^ 0xffffffff) >>> 0;
}

/** The record that must be durable before the signature it allows leaves. */
export function encodeGuard(guard: Guard): Bytes {
  const bytes = new Uint8Array(GUARD_BYTES);
  bytes.set(hex(guard.chainId), 0);
  writeU32(bytes, 32, guard.stakerId);
  writeU32(bytes, 36, guard.actRound);
  bytes.set(hex(guard.actDigest), 40);
  writeU32(bytes, 72, guard.declSeq);
  writeU32(bytes, 76, guard.voteTarget);
  writeU32(bytes, 80, guard.voteSource);
  bytes.set(hex(guard.voteDigest), 84);
  writeU32(bytes, 116, crc32c(bytes, 116));
  return bytes;
}

export type GuardRead =
  | { readonly ok: true; readonly guard: Guard }
  | { readonly ok: false; readonly code: "guard-length" | "guard-checksum" | "guard-other-staker" };

/** Reads a stored guard of one staker on one chain; anything doubtful forbids signing. */
export function decodeGuard(bytes: Bytes, chainId: string, stakerId: number): GuardRead {
  if (bytes.length !== GUARD_BYTES) return { ok: false, code: "guard-length" };
  if (crc32c(bytes, 116) !== readU32(bytes, 116)) return { ok: false, code: "guard-checksum" };
  const guard: Guard = {
    chainId: toHex(bytes, 0, 32),
    stakerId: readU32(bytes, 32),
    actRound: readU32(bytes, 36),
    actDigest: toHex(bytes, 40, 72),
    declSeq: readU32(bytes, 72),
    voteTarget: readU32(bytes, 76),
    voteSource: readU32(bytes, 80),
    voteDigest: toHex(bytes, 84, 116),
  };
  if (guard.chainId !== chainId || guard.stakerId !== stakerId) {
    return { ok: false, code: "guard-other-staker" };
  }
  return { ok: true, guard };
}

export type GuardDecision =
  /** Write `guard`, then sign. `again`: the same bytes were allowed before; nothing to write. */
  | { readonly ok: true; readonly guard: Guard; readonly again: boolean }
  | { readonly ok: false; readonly code: "act-used" | "target-used" | "source-lower" | "surround" };

/** May this staker sign a header of `round` whose digest is `digest`? */
export function allowAct(guard: Guard, round: number, digest: string): GuardDecision {
  if (round === guard.actRound && digest === guard.actDigest && digest !== "") {
    return { ok: true, guard, again: true };
  }
  if (round <= guard.actRound) return { ok: false, code: "act-used" };
  return {
    ok: true,
    guard: {
      chainId: guard.chainId,
      stakerId: guard.stakerId,
      actRound: round,
      actDigest: digest,
      declSeq: guard.declSeq,
      voteTarget: guard.voteTarget,
      voteSource: guard.voteSource,
      voteDigest: guard.voteDigest,
    },
    again: false,
  };
}

/** May this staker sign this vote, whose digest is `digest`? */
export function allowVote(guard: Guard, vote: Vote, digest: string): GuardDecision {
  if (vote.targetRound === guard.voteTarget && digest === guard.voteDigest && digest !== "") {
    return { ok: true, guard, again: true };
  }
  if (vote.targetRound <= guard.voteTarget) return { ok: false, code: "target-used" };
  if (vote.sourceRound < guard.voteSource) return { ok: false, code: "source-lower" };
  if (vote.sourceRound >= vote.targetRound) return { ok: false, code: "surround" };
  return {
    ok: true,
    guard: {
      chainId: guard.chainId,
      stakerId: guard.stakerId,
      actRound: guard.actRound,
      actDigest: guard.actDigest,
      declSeq: guard.declSeq,
      voteTarget: vote.targetRound,
      voteSource: vote.sourceRound,
      voteDigest: digest,
    },
    again: false,
  };
}

/**
 * May a stored guard be replaced by `next`? Whoever keeps guards asks this on its own, whatever the
 * core decided: rounds only grow, and a round that has been signed for keeps its digest.
 */
export function mayReplace(stored: Guard, next: Guard): boolean {
  if (next.chainId !== stored.chainId || next.stakerId !== stored.stakerId) return false;
  if (next.actRound < stored.actRound || next.voteTarget < stored.voteTarget) return false;
  const sameAct = next.actDigest === stored.actDigest && next.declSeq === stored.declSeq;
  if (next.actRound === stored.actRound && !sameAct) return false;
  if (next.voteTarget === stored.voteTarget) {
    return next.voteSource === stored.voteSource && next.voteDigest === stored.voteDigest;
  }
  return next.voteSource >= stored.voteSource && next.voteSource < next.voteTarget;
}

/** True when two stored guards allow the same: what a coordinator compares before it sets. */
export function sameGuard(a: Guard, b: Guard): boolean {
  return toHex(encodeGuard(a)) === toHex(encodeGuard(b));
}
