// The way of a signature: the guard is made durable, then the signer is asked, then the core hears of
// it; in the order in which the core wanted them, one after another. A refusal is final.
import { toHex } from "../../base/bytes.ts";
import type { Guard } from "../../planes/consensus/finality/guard.ts";
import { encodeVote } from "../../planes/consensus/finality/vote.ts";
import { encodeHeader } from "../../planes/consensus/qpos/header.ts";
import type { Effect } from "../../planes/consensus/qpos/message.ts";
import type { SignRequest, StakerSigner } from "../../ports/staking.ts";
import type { Logger } from "../log.ts";
import { VOTE_SIGNED_BYTES } from "./doppelganger.ts";

type SignEffect = Effect & { readonly type: "sign" };

export interface SigningParts {
  readonly signer: StakerSigner;
  readonly log: Logger;
  readonly signed: (effect: SignEffect, sig: string) => void;
  readonly failed: (error: unknown) => void;
}

function requestOf(effect: SignEffect): SignRequest {
  if (effect.what === "block") {
    return { what: "block", header: toHex(encodeHeader(effect.block.header)) };
  }
  const unsigned = { ...effect.vote, sig: "00".repeat(64) };
  return { what: "vote", vote: toHex(encodeVote(unsigned), 0, VOTE_SIGNED_BYTES) };
}

export class Signing {
  readonly #parts: SigningParts;
  #guard: Guard | null = null;
  #queue: Promise<void> = Promise.resolve();
  #waiting = 0;
  refusals = 0;
  #stopped = false;

  constructor(parts: SigningParts) {
    this.#parts = parts;
  }

  /** The guard of the signature that is asked for next. */
  persist(guard: Guard): void {
    this.#guard = guard;
  }

  /** The signature that was to follow is not wanted any more. */
  drop(): void {
    this.#guard = null;
  }

  /** Nothing is signed any more, not even what was asked for. */
  stop(): void {
    this.#stopped = true;
  }

  sign(effect: SignEffect): void {
    const guard = this.#guard;
    this.#guard = null;
    this.#waiting++;
    this.#queue = this.#queue
      .then(() => this.#sign(guard, effect))
      .catch((error: unknown) => this.#parts.failed(error))
      .finally(() => {
        this.#waiting--;
      });
  }

  async #sign(guard: Guard | null, effect: SignEffect): Promise<void> {
    if (this.#stopped) return;
    const { signer, log, signed } = this.#parts;
    const { stakerId } = effect.what === "block" ? effect.block.header : effect.vote;
    if (guard !== null && !(await signer.persist(guard))) {
      this.refusals++;
      log.warn("the guard on disk forbids to sign", { staker: stakerId, what: effect.what });
      return;
    }
    const sig = await signer.sign(stakerId, requestOf(effect));
    if (sig === null) {
      this.refusals++;
      log.warn("the signer refuses", { staker: stakerId, what: effect.what });
    } else if (!this.#stopped) signed(effect, sig);
  }

  get isBusy(): boolean {
    return this.#waiting > 0;
  }

  /** Waits for what was asked for. */
  async idle(): Promise<void> {
    await this.#queue;
  }
}
