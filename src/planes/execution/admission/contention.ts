// A coin is held by another transaction. Undecided ones: wait-die by keyed rank, so that two cannot
// wait for one another. Decided ones, as their home confirms: a double spend, or a replacement.
import type { Claimant } from "../../../state/admission/claims.ts";
import type { Partition, Preparing, PreparingPart } from "./partition.ts";
import { abandon, againAfter, restartAfter } from "./preparing.ts";
import { askStanding, considerReplacement } from "./replace.ts";

/** HOLD was refused because of other claims. */
export function onClaimed(
  p: Partition,
  preparing: Preparing,
  part: PreparingPart,
  claimants: readonly Claimant[],
): void {
  part.state = "refused";
  part.claimants = claimants;
  if (claimants.some(({ txid, mode }) => mode === "held" && !isAdmitted(preparing, txid))) {
    if (mustGiveWay(p, preparing, claimants)) {
      giveWay(p, preparing);
      return;
    }
  }
  for (const { txid, mode } of claimants) {
    if (mode !== "spent" || isAdmitted(preparing, txid)) continue;
    if (preparing.cone.get(txid) !== null) askStanding(p, preparing, txid);
  }
  askAgainLater(p, preparing);
  considerReplacement(p, preparing);
}

function isAdmitted(preparing: Preparing, txid: string): boolean {
  return preparing.cone.get(txid)?.state === "admitted";
}

/** Wait-die: the larger rank lets go. */
function mustGiveWay(
  p: Partition,
  { candidate }: Preparing,
  claimants: readonly Claimant[],
): boolean {
  const own = p.config.rank(candidate.txid);
  return claimants.some(({ txid, mode }) => mode === "held" && p.config.rank(txid) < own);
}

function giveWay(p: Partition, preparing: Preparing): void {
  const { limits } = p.config;
  preparing.retries++;
  if (preparing.retries > limits.contendedRetryCountMax) {
    abandon(p, preparing, { kind: "busy", retryAfterMs: limits.contendedMsMax });
    return;
  }
  restartAfter(p, preparing, p.jitter(nextDelay(p, preparing)));
}

function nextDelay(p: Partition, preparing: Preparing): number {
  const { contendedMsMin, contendedMsMax } = p.config.limits;
  preparing.delayMs = Math.min(contendedMsMax, Math.max(contendedMsMin, preparing.delayMs * 2));
  return preparing.delayMs;
}

/** The one that waits asks for the coin again, ever slower, until its deadline. */
export function askAgainLater(p: Partition, preparing: Preparing): void {
  againAfter(p, preparing, p.jitter(nextDelay(p, preparing)));
}
