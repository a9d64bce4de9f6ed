// What one node has seen of finality: votes by round, tallies per link, complete links, and the
// highest justified and finalized checkpoints. It steers fork choice and is never reverted; it never
// enters a branch's state, which follows only the links that blocks carry.
import { type Branch, checkpointOf, type Network, setOfRound } from "../qpos/branch.ts";
import type { Id } from "../qpos/header.ts";
import { isMajority } from "../qpos/power.ts";
import { type StakerSet, weightIn } from "../qpos/staker-set.ts";
import { type Certificate, certificateOf } from "./certificate.ts";
import { sameVote, surrounds, type Vote } from "./vote.ts";

export interface Checkpoint {
  readonly round: number;
  readonly branch: Branch;
}

/** The votes for one source and one target. */
export interface Tally {
  readonly sourceRound: number;
  readonly sourceId: Id;
  readonly targetRound: number;
  target: Branch;
  readonly set: StakerSet;
  weight: number;
  rearWeight: number;
  readonly votes: Vote[];
  /** It has quorum, and it came in time or finalizes its source. */
  usable: boolean;
  /** Its target is justified in view: nothing more can come of it. */
  followed: boolean;
}

interface RoundVotes {
  /** At most two differing votes per staker. */
  readonly first: Map<number, Vote>;
  second: Map<number, Vote> | null;
  readonly tallies: Tally[];
}

interface Voter {
  lastTarget: number;
  highestSource: number;
}

export interface View {
  readonly rounds: Map<number, RoundVotes>;
  readonly voters: Map<number, Voter>;
  /** Votes whose target is not known yet. */
  unresolved: Vote[];
  /** Justified checkpoints, ascending, from the finalized one on. */
  justified: Checkpoint[];
  finalized: Checkpoint;
  /** Complete links that no longer need their votes, newest last. */
  links: Tally[];
  /** Complete links that came late and finalize nothing: they wait for a halt. */
  late: Tally[];
  /** A link or a justified checkpoint has come that no link has been tried with. */
  stirred: boolean;
}

/** Votes whose target may still arrive, kept at most. */
const UNRESOLVED_MAX = 4_096;
/** A vote may be this many rounds ahead of the round that the clock shows. */
const ROUNDS_AHEAD_MAX = 2;
/** Votes about older rounds than this before the clock's go: finality may stand still for good. */
export const ROUNDS_KEPT_MAX = 512;

/** The view of who knows only one final checkpoint. */
export function emptyView(checkpoint: Checkpoint): View {
  return {
    rounds: new Map(),
    voters: new Map(),
    unresolved: [],
    justified: [checkpoint],
    finalized: checkpoint,
    links: [],
    late: [],
    stirred: false,
  };
}

/** The highest justified checkpoint in view. */
export function highestJustified(view: View): Checkpoint {
  return view.justified[view.justified.length - 1]!;
}

/** True when the branch has this checkpoint. */
export function hasCheckpoint(branch: Branch, checkpoint: Checkpoint): boolean {
  return checkpointOf(branch, checkpoint.round)?.id === checkpoint.branch.id;
}

/** The highest justified checkpoint in view that lies on a branch, below `round`. */
export function sourceOn(view: View, branch: Branch, round: number): Checkpoint | null {
  for (let at = view.justified.length - 1; at >= 0; at--) {
    const checkpoint = view.justified[at]!;
    if (checkpoint.round < round && hasCheckpoint(branch, checkpoint)) return checkpoint;
  }
  return null;
}

export type VoteResult =
  /** New and counted, or kept until its target is known. */
  | { readonly kind: "new"; readonly conflict: Vote | null }
  | { readonly kind: "known" }
  /** Too old, too far ahead, or one too many: nobody's fault. */
  | { readonly kind: "ignored" };

const KNOWN: VoteResult = { kind: "known" };
const IGNORED: VoteResult = { kind: "ignored" };
const NEW: VoteResult = { kind: "new", conflict: null };

function votesOfRound(view: View, round: number): RoundVotes {
  let votes = view.rounds.get(round);
  if (votes === undefined) {
    votes = { first: new Map(), second: null, tallies: [] };
    view.rounds.set(round, votes);
  }
  return votes;
}

/** An earlier vote of the same staker that an honest one would not have signed beside `vote`. */
function conflictOf(view: View, vote: Vote): Vote | null {
  const voter = view.voters.get(vote.stakerId);
  if (voter === undefined) return null;
  if (vote.targetRound > voter.lastTarget && vote.sourceRound >= voter.highestSource) return null;
  for (const round of view.rounds.values()) {
    const other = round.first.get(vote.stakerId);
    if (other === undefined || other === vote) continue;
    if (surrounds(other, vote) || surrounds(vote, other)) return other;
  }
  return null;
}

/** True when votes about a round are kept no longer; complete links about it still count. */
export function isPast(round: number, roundNow: number): boolean {
  return round + ROUNDS_KEPT_MAX < roundNow;
}

/** True when a vote has not been seen, before anybody checks its signature. */
export function isNewVote(view: View, vote: Vote, roundNow: number): VoteResult {
  if (vote.targetRound <= view.finalized.round || isPast(vote.targetRound, roundNow)) {
    return IGNORED;
  }
  if (vote.targetRound > roundNow + ROUNDS_AHEAD_MAX) return IGNORED;
  if (vote.sourceRound >= vote.targetRound) return IGNORED;
  const round = view.rounds.get(vote.targetRound);
  const first = round?.first.get(vote.stakerId);
  if (round === undefined || first === undefined) return NEW;
  if (sameVote(first, vote)) return KNOWN;
  const second = round.second?.get(vote.stakerId);
  if (second === undefined) return NEW;
  return sameVote(second, vote) ? KNOWN : IGNORED;
}

/** Adds a vote that isNewVote let through and whose signature holds. */
export function addVote(
  network: Network,
  view: View,
  vote: Vote,
  target: Branch | null,
  roundNow: number,
): VoteResult {
  const round = votesOfRound(view, vote.targetRound);
  const first = round.first.get(vote.stakerId);
  if (first === undefined) round.first.set(vote.stakerId, vote);
  else {
    round.second ??= new Map();
    round.second.set(vote.stakerId, vote);
  }
  const conflict = first ?? conflictOf(view, vote);
  const voter = view.voters.get(vote.stakerId);
  if (voter === undefined) {
    view.voters.set(vote.stakerId, {
      lastTarget: vote.targetRound,
      highestSource: vote.sourceRound,
    });
  } else {
    if (vote.targetRound > voter.lastTarget) voter.lastTarget = vote.targetRound;
    if (vote.sourceRound > voter.highestSource) voter.highestSource = vote.sourceRound;
  }
  if (target === null) {
    if (view.unresolved.length < UNRESOLVED_MAX) view.unresolved.push(vote);
  } else count(network, view, vote, target, roundNow);
  return conflict === null ? NEW : { kind: "new", conflict };
}

/** Counts a vote whose target is known. */
function count(network: Network, view: View, vote: Vote, target: Branch, roundNow: number): void {
  if (target.round > vote.targetRound) return;
  const { tallies } = votesOfRound(view, vote.targetRound);
  let tally: Tally | null = null;
  for (const other of tallies) {
    const same = other.target.id === target.id && other.sourceRound === vote.sourceRound;
    if (same && other.sourceId === vote.sourceId) tally = other;
  }
  if (tally === null) {
    const set = setOfRound(network, target, vote.targetRound);
    if (set === null) return;
    tally = {
      sourceRound: vote.sourceRound,
      sourceId: vote.sourceId,
      targetRound: vote.targetRound,
      target,
      set,
      weight: 0,
      rearWeight: 0,
      votes: [],
      usable: false,
      followed: false,
    };
    tallies.push(tally);
  }
  const weight = weightIn(tally.set, vote.stakerId);
  if (weight === 0 || tally.votes.some((other) => other.stakerId === vote.stakerId)) return;
  tally.votes.push(vote);
  tally.weight += weight;
  const { rear } = tally.set;
  if (rear !== null) tally.rearWeight += weightIn(rear, vote.stakerId);
  const isNew = !tally.usable && !view.late.includes(tally);
  if (isNew && reachesQuorum(network, tally)) complete(view, tally, roundNow);
}

function reachesQuorum(network: Network, tally: Tally): boolean {
  if (!network.rules.finality || tally.weight < tally.set.quorum) return false;
  const { rear } = tally.set;
  return rear === null || !network.rules.rearQuorum || tally.rearWeight >= rear.quorum;
}

/** A link has quorum. Late ones count only when they finalize: else they could be held back. */
function complete(view: View, tally: Tally, roundNow: number): void {
  const inTime = roundNow <= tally.targetRound + 1;
  if (inTime || tally.targetRound === tally.sourceRound + 1) use(view, tally);
  else view.late.push(tally);
}

function use(view: View, tally: Tally): void {
  tally.usable = true;
  view.links.push(tally);
  view.stirred = true;
}

/**
 * The chain stands still: late links count now. A link may have come in time to some nodes and late
 * to others; then they extend different blocks, and neither half could ever move again. Once no
 * block is made, there is nothing that a held-back link could make bounce.
 */
export function useLateLinks(view: View): void {
  for (const tally of view.late) use(view, tally);
  view.late = [];
}

/** Counts votes that waited for this block. */
export function resolveVotes(network: Network, view: View, block: Branch, roundNow: number): void {
  if (view.unresolved.length === 0) return;
  const waiting = view.unresolved;
  view.unresolved = [];
  for (const vote of waiting) {
    if (vote.targetId === block.id) count(network, view, vote, block, roundNow);
    else view.unresolved.push(vote);
  }
}

/** Marks a checkpoint justified; true when it was not before. */
function justify(view: View, checkpoint: Checkpoint): boolean {
  if (checkpoint.round <= view.finalized.round) return false;
  const list = view.justified;
  let at = list.length;
  while (at > 0 && list[at - 1]!.round > checkpoint.round) at--;
  for (let same = at - 1; same >= 0 && list[same]!.round === checkpoint.round; same--) {
    if (list[same]!.branch.id === checkpoint.branch.id) return false;
  }
  list.splice(at, 0, checkpoint);
  return true;
}

/** Finalizes a justified checkpoint; true when it is above the one before. */
function finalize(view: View, checkpoint: Checkpoint): boolean {
  if (checkpoint.round <= view.finalized.round) return false;
  view.finalized = checkpoint;
  view.justified = view.justified.filter(
    (other) => other.round >= checkpoint.round && hasCheckpoint(other.branch, checkpoint),
  );
  if (view.justified.length === 0) view.justified.push(checkpoint);
  return true;
}

function justifiedAs(view: View, round: number, id: Id): Checkpoint | null {
  for (const checkpoint of view.justified) {
    if (checkpoint.round === round && checkpoint.branch.id === id) return checkpoint;
  }
  return null;
}

/** Follows one link from a justified source; true when the view moved. */
function followLink(view: View, sourceRound: number, sourceId: Id, target: Checkpoint): boolean {
  const source = justifiedAs(view, sourceRound, sourceId);
  if (source === null || !hasCheckpoint(target.branch, source)) return false;
  let moved = justify(view, target);
  if (target.round === sourceRound + 1) moved = finalize(view, source) || moved;
  return moved;
}

/** Follows all complete links until nothing moves; true when the view moved. */
export function followLinks(view: View): boolean {
  if (!view.stirred) return false;
  view.stirred = false;
  let moved = false;
  for (let again = true; again; ) {
    again = false;
    for (const tally of view.links) {
      if (tally.followed || tally.targetRound <= view.finalized.round) continue;
      const target = { round: tally.targetRound, branch: tally.target };
      if (!followLink(view, tally.sourceRound, tally.sourceId, target)) continue;
      tally.followed = true;
      again = true;
    }
    moved ||= again;
  }
  return moved;
}

/** Follows a link that a valid block on `branch` carries; true when the view moved. */
export function followCarried(view: View, branch: Branch, link: Certificate): boolean {
  const target = checkpointOf(branch, link.targetRound);
  if (target === null) return false;
  const { sourceRound, sourceId } = link.groups[0]!;
  const checkpoint = { round: link.targetRound, branch: target };
  const moved = followLink(view, sourceRound, sourceId, checkpoint);
  if (moved) view.stirred = true;
  return moved;
}

/** A certificate that shows more than half of a round's weight behind `block`, or null. */
export function presenceOf(
  network: Network,
  view: View,
  round: number,
  block: Branch,
): Certificate | null {
  const tallies = view.rounds.get(round)?.tallies;
  if (tallies === undefined) return null;
  const set = setOfRound(network, block, round)!;
  const votes = new Map<number, Vote>();
  let weight = 0;
  for (const tally of tallies) {
    if (tally.target.id !== block.id) continue;
    for (const vote of tally.votes) {
      if (votes.has(vote.stakerId)) continue;
      votes.set(vote.stakerId, vote);
      weight += weightIn(set, vote.stakerId);
    }
  }
  return isMajority(weight, set.total) ? certificateOf([...votes.values()]) : null;
}

/** Links in view that justify something new on a branch, in the order in which it must carry them. */
export function linksToCarry(
  view: View,
  parent: Branch,
  round: number,
  most: number,
): Certificate[] {
  const carried: Certificate[] = [];
  let top = parent.justified.round;
  if (!view.links.some((tally) => tally.targetRound > top)) return carried;
  const justified = new Set<string>();
  for (let at = parent.justified as typeof parent.justified | null; at !== null; at = at.below) {
    justified.add(`${at.round}/${at.id}`);
  }
  while (carried.length < most) {
    let best: Tally | null = null;
    for (const tally of view.links) {
      if (tally.targetRound <= top || tally.targetRound >= round) continue;
      if (best !== null && best.targetRound <= tally.targetRound) continue;
      if (!justified.has(`${tally.sourceRound}/${tally.sourceId}`)) continue;
      if (checkpointOf(parent, tally.targetRound)?.id === tally.target.id) best = tally;
    }
    if (best === null) return carried;
    carried.push(certificateOf(best.votes));
    top = best.targetRound;
    justified.add(`${best.targetRound}/${best.target.id}`);
  }
  return carried;
}

/** Forgets votes and links about rounds up to `round`. */
export function forgetVotes(view: View, round: number): void {
  for (const known of view.rounds.keys()) if (known <= round) view.rounds.delete(known);
  if (view.links.length > 0 && view.links[0]!.targetRound <= round) {
    view.links = view.links.filter((tally) => tally.targetRound > round);
  }
  if (view.late.length > 0) view.late = view.late.filter((tally) => tally.targetRound > round);
}

/** Forgets the votes of past rounds. Links that are complete stay until they are carried. */
export function forgetPast(view: View, roundNow: number): void {
  for (const known of view.rounds.keys()) if (isPast(known, roundNow)) view.rounds.delete(known);
  if (view.unresolved.length > 0) {
    view.unresolved = view.unresolved.filter((vote) => !isPast(vote.targetRound, roundNow));
  }
}

/** Adds a complete link about a past round, whose signatures hold. */
export function addLink(
  network: Network,
  view: View,
  votes: readonly Vote[],
  target: Branch,
  roundNow: number,
): void {
  for (const vote of votes) count(network, view, vote, target, roundNow);
  view.rounds.delete(votes[0]!.targetRound);
}

/** True when a complete link like this is in view. */
export function hasLink(view: View, link: Certificate): boolean {
  const { sourceRound, sourceId } = link.groups[0]!;
  return [...view.links, ...view.late].some(
    (tally) =>
      tally.targetRound === link.targetRound &&
      tally.target.id === link.targetId &&
      tally.sourceRound === sourceRound &&
      tally.sourceId === sourceId,
  );
}

/** All votes about rounds above `round`, for a node that was away. */
export function votesAbove(view: View, round: number): Vote[] {
  const votes: Vote[] = [];
  for (const [known, kept] of view.rounds) {
    if (known <= round) continue;
    votes.push(...kept.first.values());
    if (kept.second !== null) votes.push(...kept.second.values());
  }
  return votes;
}

/** Puts branches that were applied again into the place of the old ones. */
export function replaceInView(view: View, current: (branch: Branch) => Branch): void {
  view.finalized = { round: view.finalized.round, branch: current(view.finalized.branch) };
  view.justified = view.justified.map((one) => ({ round: one.round, branch: current(one.branch) }));
  for (const tally of [...view.links, ...view.late]) tally.target = current(tally.target);
  for (const { tallies } of view.rounds.values()) {
    for (const tally of tallies) tally.target = current(tally.target);
  }
}
