// Another process that signs with the same key, found out by what it signs: this one stops acting, for
// good, before the two contradict one another. A signer that several nodes share knows what it gave
// to the others, so it is asked first (docs/internals/staked-node.md).
import { toHex } from "../../base/bytes.ts";
import { encodeVote } from "../../planes/consensus/finality/vote.ts";
import { encodeHeader } from "../../planes/consensus/qpos/header.ts";
import type { Effect } from "../../planes/consensus/qpos/message.ts";
import type { SignRequest, StakerSigner } from "../../ports/staking.ts";

type ForeignEffect = Effect & { readonly type: "foreign" };

/** The part of a vote that is signed. */
export const VOTE_SIGNED_BYTES = 76;

export interface DoppelgangerParts {
  readonly signer: StakerSigner;
  /** Somebody else has the key: called once, with one line. */
  readonly found: (reason: string) => void;
  readonly failed: (error: unknown) => void;
}

function requestOf({ act }: ForeignEffect): SignRequest {
  if (act.what === "block") return { what: "block", header: toHex(encodeHeader(act.header)) };
  return { what: "vote", vote: toHex(encodeVote(act.vote), 0, VOTE_SIGNED_BYTES) };
}

function reasonOf({ stakerId, act }: ForeignEffect): string {
  const what =
    act.what === "block"
      ? `a block of round ${act.header.round}`
      : `a vote about round ${act.vote.targetRound}`;
  return (
    `another process signs with the key of staker ${stakerId}: ${what} was signed that the guard ` +
    "here does not know, so nothing is signed here any more. Two signatures of one round cost the " +
    "bond: let the key and its guards be in one place, stop the other process or leave it to act, " +
    "and start again only with the guards of whoever signed last"
  );
}

export class Doppelganger {
  readonly #parts: DoppelgangerParts;
  #asking = 0;
  #reason: string | null = null;

  constructor(parts: DoppelgangerParts) {
    this.#parts = parts;
  }

  /** Why nothing is signed any more; null while all is well. */
  get reason(): string | null {
    return this.#reason;
  }

  /** True when nothing may be signed: somebody else was found, or the signer is being asked. */
  get holds(): boolean {
    return this.#reason !== null || this.#asking > 0;
  }

  /** A signature came that the core's guard does not know. */
  seen(effect: ForeignEffect): void {
    if (this.#reason !== null) return;
    this.#asking++;
    this.#isKnown(effect)
      .then((known) => {
        if (!known) this.#find(effect);
      })
      .catch((error: unknown) => this.#parts.failed(error))
      .finally(() => {
        this.#asking--;
      });
  }

  /**
   * A signer that made it signs it again, also when this node has asked for something else in that
   * round and was refused. One whose guard is behind it, or knows another signature of that round, did
   * not make it: it takes over the guard, and so contradicts it never. One that is beyond it cannot tell.
   */
  async #isKnown(effect: ForeignEffect): Promise<boolean> {
    const { signer } = this.#parts;
    if ((await signer.sign(effect.stakerId, requestOf(effect))) !== null) return true;
    return !(await signer.persist(effect.guard));
  }

  #find(effect: ForeignEffect): void {
    if (this.#reason !== null) return;
    this.#reason = reasonOf(effect);
    this.#parts.found(this.#reason);
  }
}
