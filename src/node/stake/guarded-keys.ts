// The keys of some stakers behind their guards: nothing is signed that the guard on disk does not
// name, and a guard is only ever replaced by one that allows less. Synchronous, over a disk that may
// fail at any write; openSigner and `pando signer` put files and sockets around it.
import { assert, never } from "../../base/assert.ts";
import { type Bytes, fromHex, hex, toHex } from "../../base/bytes.ts";
import { signSchnorr } from "../../crypto/secp256k1.ts";
import {
  decodeGuard,
  encodeGuard,
  freshGuard,
  type Guard,
  mayReplace,
  sameGuard,
} from "../../planes/consensus/finality/guard.ts";
import { decodeVote, VOTE_BYTES, voteDigest } from "../../planes/consensus/finality/vote.ts";
import { decodeHeader, HEADER_BYTES, headerId } from "../../planes/consensus/qpos/header.ts";
import { headerDigest } from "../../planes/consensus/qpos/suite.ts";
import { failpoint } from "../../ports/failpoint.ts";
import type { GuardRecord, SignerStaker, SignRequest } from "../../ports/staking.ts";
import type { GuardDisk } from "./guard-disk.ts";
import { type KeyFile, type StakerKeys, signKeyOf } from "./key-file.ts";

/** The bytes of a vote that are signed: all but the signature. */
export const VOTE_SIGNED_BYTES: number = VOTE_BYTES - 64;

/** What a request asks to sign, as the guard names it. */
interface Named {
  readonly digest: string;
  allowedBy(guard: Guard): boolean;
}

function namedBlock(chainId: string, stakerId: number, bytes: Bytes): Named | null {
  if (bytes.length !== HEADER_BYTES) return null;
  const header = decodeHeader(bytes)!;
  if (header.stakerId !== stakerId) return null;
  const digest = headerDigest(chainId, headerId(header));
  return {
    digest,
    allowedBy: (guard) => guard.actRound === header.round && guard.actDigest === digest,
  };
}

function namedVote(chainId: string, stakerId: number, bytes: Bytes): Named | null {
  if (bytes.length !== VOTE_SIGNED_BYTES) return null;
  const padded = new Uint8Array(VOTE_BYTES);
  padded.set(bytes);
  const vote = decodeVote(padded)!;
  if (vote.stakerId !== stakerId) return null;
  const digest = voteDigest(chainId, vote);
  const { sourceRound, targetRound } = vote;
  return {
    digest,
    allowedBy: (guard) =>
      guard.voteTarget === targetRound &&
      guard.voteSource === sourceRound &&
      guard.voteDigest === digest,
  };
}

/** What a request asks to sign; null when its bytes are not that, or are another staker's. */
export function namedBy(chainId: string, stakerId: number, request: SignRequest): Named | null {
  switch (request.what) {
    case "block":
      return namedBlock(chainId, stakerId, fromHex(request.header) ?? new Uint8Array(0));
    case "vote":
      return namedVote(chainId, stakerId, fromHex(request.vote) ?? new Uint8Array(0));
    default:
      return never(request);
  }
}

interface Held {
  /** Its guard is the one on disk. */
  staker: SignerStaker;
  readonly secret: Bytes;
  /** A write of its guard failed: nobody knows what is on disk. */
  broken: boolean;
}

export type KeysOpened =
  | { readonly ok: true; readonly keys: GuardedKeys }
  | { readonly ok: false; readonly why: string };

export class GuardedKeys {
  readonly chainId: string;
  readonly #disk: GuardDisk;
  readonly #held = new Map<number, Held>();
  readonly #waiting = new Map<string, StakerKeys>();
  /** Writes down which staker a key has become, durably. */
  readonly #record: (signKey: string, stakerId: number) => void;

  private constructor(
    chainId: string,
    disk: GuardDisk,
    record: (signKey: string, stakerId: number) => void,
  ) {
    this.chainId = chainId;
    this.#disk = disk;
    this.#record = record;
  }

  /** Reads every guard that must be there; refused when one is missing or doubtful. */
  static open(
    file: KeyFile,
    disk: GuardDisk,
    record: (signKey: string, stakerId: number) => void,
  ): KeysOpened {
    const keys = new GuardedKeys(file.chainId, disk, record);
    for (const staker of file.stakers) {
      const signKey = signKeyOf(staker.signSecret);
      if (staker.id === null) {
        keys.#waiting.set(signKey, staker);
        continue;
      }
      const guard = keys.#stored(staker.id);
      if (typeof guard === "string") return { ok: false, why: guard };
      keys.#hold(staker, staker.id, guard);
    }
    return { ok: true, keys };
  }

  get stakers(): readonly SignerStaker[] {
    return [...this.#held.values()].map(({ staker }) => staker);
  }

  get waiting(): readonly string[] {
    return [...this.#waiting.keys()];
  }

  /** The guard on disk, or one line that says what is wrong with it. */
  #stored(stakerId: number): Guard | string {
    const bytes = this.#disk.read(stakerId);
    if (bytes === null) {
      return `the double-sign guard of staker ${stakerId} is missing: without it the key could sign twice, so it signs nothing`;
    }
    const read = decodeGuard(bytes, this.chainId, stakerId);
    if (read.ok) return read.guard;
    return `the double-sign guard of staker ${stakerId} is damaged or another's (${read.code}): it signs nothing`;
  }

  /**
   * The guard of a held staker, if the one on disk is the one that this process wrote last. Anything
   * else there was put back from a copy, or written by somebody who shares the key.
   */
  #current({ staker, broken }: Held): Guard | null {
    if (broken) return null;
    const stored = this.#stored(staker.id);
    return typeof stored !== "string" && sameGuard(stored, staker.guard) ? stored : null;
  }

  #hold(keys: StakerKeys, id: number, guard: Guard): SignerStaker {
    const { signSecret, revealSecret } = keys;
    const staker: SignerStaker = { id, signKey: signKeyOf(signSecret), revealSecret, guard };
    this.#held.set(id, { staker, secret: hex(signSecret), broken: false });
    return staker;
  }

  /**
   * See StakerSigner.adopt. A guard that is there already, from an attempt that was cut short, stays
   * as it is. Throws when the disk refuses.
   */
  adopt(signKey: string, stakerId: number, produced: number): SignerStaker | null {
    const keys = this.#waiting.get(signKey);
    if (keys === undefined || this.#held.has(stakerId)) return null;
    if (this.#disk.read(stakerId) === null) {
      if (produced !== 0) return null;
      this.#disk.replace(stakerId, encodeGuard(freshGuard(this.chainId, stakerId)));
    }
    const guard = this.#stored(stakerId);
    if (typeof guard === "string") return null;
    failpoint("guard.adopted");
    this.#record(signKey, stakerId);
    this.#waiting.delete(signKey);
    return this.#hold({ ...keys, id: stakerId }, stakerId, guard);
  }

  /** Makes a guard durable; false when the one on disk forbids it, or cannot be read or written. */
  persist(next: GuardRecord): boolean {
    const held = this.#held.get(next.stakerId);
    const stored = held === undefined ? null : this.#current(held);
    if (held === undefined || stored === null || !mayReplace(stored, next)) return false;
    const bytes = encodeGuard(next);
    failpoint("guard.before-persist");
    try {
      this.#disk.replace(next.stakerId, bytes);
    } catch {
      held.broken = true;
      return false;
    }
    const read = this.#disk.read(next.stakerId);
    assert(read !== null && toHex(read) === toHex(bytes), "what was flushed is there");
    const { id, signKey, revealSecret } = held.staker;
    held.staker = { id, signKey, revealSecret, guard: next };
    failpoint("guard.persisted");
    return true;
  }

  /** A signature over what the guard on disk names; null for anything else. */
  sign(stakerId: number, request: SignRequest): string | null {
    const held = this.#held.get(stakerId);
    const named = namedBy(this.chainId, stakerId, request);
    if (held === undefined || named === null) return null;
    const stored = this.#current(held);
    if (stored === null || !named.allowedBy(stored)) return null;
    failpoint("guard.before-signature");
    return toHex(signSchnorr(held.secret, hex(named.digest)));
  }
}
