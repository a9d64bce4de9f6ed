// What the world shows of the own stakers' signatures. One that the guard does not know was made by
// another process with the same key: long ago, then this one listens anew before it signs; or since
// this one has started, then two are acting now and the shell must stop this one (`foreign`).
import type { Guard } from "../finality/guard.ts";
import type { Vote } from "../finality/vote.ts";
import { type Branch, placeOf } from "./branch.ts";
import { slotAt } from "./clock.ts";
import type { OwnStaker, Qpos } from "./core.ts";
import type { Header, Id } from "./header.ts";
import { recordOf } from "./registry.ts";

/** What was signed, and the guard that would know it. */
export type ForeignAct =
  | { readonly what: "block"; readonly header: Header }
  | { readonly what: "vote"; readonly vote: Vote };

/** Begins to listen, in the slot of the first tick, and remembers in which round that was. */
export function noteStart(core: Qpos): void {
  if (core.startSlot < 0) core.startSlot = slotAt(core.network.parameters, core.nowMs);
  if (core.startRound >= 0 || core.own.length === 0 || core.startSlot < 0) return;
  // Blocks are forgotten, so it is read once, when the head has come so far.
  if (core.head.slot >= core.startSlot) core.startRound = listenedFrom(core, core.head);
}

/** The round on a branch in which this process began to listen. */
function listenedFrom(core: Qpos, branch: Branch): number {
  if (core.startRound >= 0) return core.startRound;
  let at = branch;
  while (at.slot > core.startSlot && at.parent !== null) at = at.parent;
  const isInside = core.startSlot < at.start + at.length;
  return isInside ? at.round : placeOf(core.network, at, core.startSlot).round;
}

/** No signature in this round: the process started in it, or listens whether another has the key. */
export function isListening(core: Qpos, round: number): boolean {
  if (core.listenRounds < 0) return false;
  if (core.startSlot < 0) return true;
  if (round <= listenedFrom(core, core.head) + core.listenRounds) return true;
  // Whoever is behind cannot tell rounds yet: it asks again.
  if (core.startRound >= 0) core.listenRounds = -1;
  return false;
}

/** The own staker that signs with the key that a branch has for this id, or null. */
function ownOn(core: Qpos, branch: Branch, stakerId: number): OwnStaker | null {
  const staker = core.own.find(({ id }) => id === stakerId) ?? null;
  if (staker === null || staker.signKey === "") return null;
  // After a REKEY others were right to sign with the key before.
  return recordOf(branch.registry, stakerId)?.signKey === staker.signKey ? staker : null;
}

/** A header by an own staker, whose signature holds on `branch`. */
export function heedHeader(core: Qpos, header: Header, id: Id, branch: Branch): void {
  const staker = core.own.length === 0 ? null : ownOn(core, branch, header.stakerId);
  if (staker === null) return;
  const { guard } = staker;
  const { round } = header;
  const digest = core.network.suite.headerDigest(id);
  // Of rounds before the last one the guard tells nothing.
  if (round < guard.actRound || (round === guard.actRound && digest === guard.actDigest)) return;
  // What was wanted in the same round may have been refused: it proves nothing.
  const raised =
    round === guard.actRound ? guard : { ...guard, actRound: round, actDigest: digest };
  const isLive = header.slot > core.startSlot && isSince(core, branch, round);
  heed(core, staker, raised, isLive, { what: "block", header });
}

/** A vote by an own staker, whose signature holds; `target` is null while it is not known. */
export function heedVote(core: Qpos, vote: Vote, target: Branch | null): void {
  const branch = target ?? core.head;
  const staker = core.own.length === 0 ? null : ownOn(core, branch, vote.stakerId);
  if (staker === null) return;
  const { guard } = staker;
  const digest = core.network.suite.voteDigest(vote);
  const { targetRound, sourceRound } = vote;
  if (targetRound < guard.voteTarget) return;
  const isSame = targetRound === guard.voteTarget;
  if (isSame && digest === guard.voteDigest) return;
  const voteSource = Math.max(guard.voteSource, sourceRound);
  const newer = { ...guard, voteTarget: targetRound, voteSource, voteDigest: digest };
  const raised = isSame ? guard : newer;
  // Votes travel faster than blocks. Whose head is behind its start cannot place one alone.
  const isPlaced = target !== null || core.startRound >= 0;
  const isLive = isPlaced && isSince(core, branch, targetRound);
  heed(core, staker, raised, isLive, { what: "vote", vote });
}

/** True for a round behind the one in which this process began to listen. */
function isSince(core: Qpos, branch: Branch, round: number): boolean {
  return core.startSlot >= 0 && round > listenedFrom(core, branch);
}

function heed(
  core: Qpos,
  staker: OwnStaker,
  raised: Guard,
  isLive: boolean,
  act: ForeignAct,
): void {
  // Whatever follows, nothing is signed that contradicts what was seen.
  staker.guard = raised;
  if (isLive) {
    core.out.push({ type: "foreign", stakerId: staker.id, guard: raised, act });
    return;
  }
  core.listenRounds = core.network.parameters.doppelgangerRounds;
  core.startSlot = -1;
  core.startRound = -1;
}
