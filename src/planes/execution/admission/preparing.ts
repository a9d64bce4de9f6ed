// Ends of a preparing transaction: forget it, release what it may hold, answer who asked. What is
// forgotten without a decision is aborted; no record of that is needed (presumed abort).
import { release, removeCoin } from "../../../state/admission/claims.ts";
import { outpointKey, type Txid } from "../../../state/admission/keys.ts";
import { inputKeys, outputKeys } from "../../../state/admission/leave.ts";
import {
  type Attempt,
  type Candidate,
  sameAttempt,
  UNCONFIRMED,
} from "../../../state/admission/records.ts";
import type { Answer } from "./messages.ts";
import { park } from "./parking.ts";
import type { Partition, Preparing, PreparingPart } from "./partition.ts";

/** The preparing transaction, if this attempt of it is the live one. */
export function live(p: Partition, txid: Txid, attempt: Attempt): Preparing | null {
  const preparing = p.preparing.get(txid);
  return preparing !== undefined && sameAttempt(preparing.attempt, attempt) ? preparing : null;
}

export function partFrom(preparing: Preparing, partition: number): PreparingPart | null {
  return preparing.parts.find((part) => part.partition === partition) ?? null;
}

export function answerAll(p: Partition, preparing: Preparing, answer: Answer): void {
  const { txid } = preparing.candidate;
  for (const token of preparing.tokens) {
    p.send(-1, { type: "answer", token, txid, answer });
  }
  preparing.tokens.length = 0;
}

export function forget(p: Partition, preparing: Preparing): void {
  const { source, candidate } = preparing;
  p.preparing.delete(candidate.txid);
  const left = (p.preparingBySource.get(source) ?? 0) - 1;
  if (left <= 0) p.preparingBySource.delete(source);
  else p.preparingBySource.set(source, left);
}

/** RELEASE up to the live attempt, wherever a HOLD of it may have arrived. */
export function releaseHeld(p: Partition, preparing: Preparing): void {
  const { candidate, attempt, parts } = preparing;
  const { txid } = candidate;
  for (const part of parts) {
    const inputs = inputKeys(candidate, part.inputs);
    const outputs = outputKeys(txid, part.outputs);
    if (part.partition === p.self) {
      release(p.context, { txid, attempt, inputs, outputs, cause: "policy", heir: null });
    } else if (part.mayHold) {
      p.send(part.partition, { type: "release", txid, attempt, inputs, outputs });
    }
    part.mayHold = false;
  }
  if (!p.config.rules.coinsWithDecision) dropEarlyCoins(p, preparing);
}

/** Only in the mutant that makes coins before the decision. */
function dropEarlyCoins(p: Partition, { candidate }: Preparing): void {
  for (const outpoint of outputKeys(
    candidate.txid,
    candidate.outputs.map((_, index) => index),
  )) {
    if (p.view.coinFacts(outpoint)?.height === UNCONFIRMED)
      removeCoin(p.context, outpoint, "policy", null);
  }
}

/** The end without a decision. */
export function abandon(p: Partition, preparing: Preparing, answer: Answer): void {
  releaseHeld(p, preparing);
  forget(p, preparing);
  answerAll(p, preparing, answer);
}

export function reject(
  p: Partition,
  preparing: Preparing,
  code: string,
  permanent: boolean,
  by: Txid | null = null,
): void {
  abandon(p, preparing, { kind: "rejected", code, permanent, by });
}

/** The height of the block that confirmed it, if one of its coins here says so. */
export function confirmedHeight(p: Partition, { txid, outputs }: Candidate): number | null {
  for (let index = 0; index < outputs.length; index++) {
    const coin = p.view.coinFacts(outpointKey(txid, index));
    if (coin !== null && coin.height !== UNCONFIRMED) return coin.height;
  }
  return null;
}

/** A parent is missing: the child waits, holding nothing; unless it was itself that spent the coin. */
export function parkPreparing(p: Partition, preparing: Preparing): void {
  const height = confirmedHeight(p, preparing.candidate);
  if (height !== null) {
    abandon(p, preparing, { kind: "confirmed", height });
    return;
  }
  releaseHeld(p, preparing);
  forget(p, preparing);
  const { candidate, source, parked: before } = preparing;
  const parked = park(p, candidate, source, null, before?.deadline);
  if (parked !== null && before !== null) parked.delayMs = before.delayMs;
  const { repeatMs } = p.config.limits;
  answerAll(
    p,
    preparing,
    parked === null
      ? { kind: "busy", retryAfterMs: repeatMs }
      : { kind: "parked", deadlineMs: parked.deadline },
  );
}

/** The next attempt of this home: greater than every one before. */
export function nextAttempt(p: Partition): Attempt {
  p.counter++;
  return { seq: p.seq, epoch: p.epoch, counter: p.counter };
}

/** Lets go of everything and begins again with a new attempt after a pause. */
export function restartAfter(p: Partition, preparing: Preparing, ms: number): void {
  releaseHeld(p, preparing);
  preparing.attempt = nextAttempt(p);
  preparing.stage = "pause";
  preparing.againAt = Number.POSITIVE_INFINITY;
  againAfter(p, preparing, ms);
}

/** Asks again after `ms`, or earlier when that is already planned: one timer per attempt. */
export function againAfter(p: Partition, preparing: Preparing, ms: number): void {
  const at = p.now + ms;
  if (preparing.againAt <= at) return;
  preparing.againAt = at;
  const { txid } = preparing.candidate;
  p.timers.push(at, { kind: "again", txid, attempt: preparing.attempt });
}
