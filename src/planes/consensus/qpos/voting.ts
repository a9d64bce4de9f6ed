// Votes of one core: when its own stakers vote, and what the votes of others change. One vote per
// active staker per round, halted or not: a round passes by the clock.
import { type Certificate, votesOf } from "../finality/certificate.ts";
import {
  type Evidence,
  offenceKey,
  offenceOf,
  TWO_ACTS,
  voteEvidence,
} from "../finality/evidence.ts";
import { allowVote } from "../finality/guard.ts";
import {
  addLink,
  addVote,
  forgetPast,
  hasLink,
  isNewVote,
  isPast,
  ROUNDS_KEPT_MAX,
  sourceOn,
} from "../finality/view.ts";
import type { Vote } from "../finality/vote.ts";
import { type Branch, placeOf, setOfRound } from "./branch.ts";
import { slotAt, slotStartMs } from "./clock.ts";
import type { OwnStaker, Qpos } from "./core.ts";
import { branchOf, followView, headAgain, isSettled, roundNow, settledOf } from "./head.ts";
import type { Misdeed, Peer } from "./message.ts";
import { heedHeader, heedVote, isListening } from "./own-signatures.ts";
import { hasQuorum, judgeEvidence, voteHolds } from "./validate.ts";

/** Proven offences kept, and of one staker: more than it can be fined for, and it may make any number. */
const EVIDENCE_KEPT_MAX = 1_024;
const EVIDENCE_OF_STAKER_MAX = 8;
/** Signatures of one peer in one round that do not hold here and may hold on another branch. */
const DOUBTS_MAX = 64;
/** Whose head is this many rounds old does not know the newest keys. */
const BEHIND_ROUNDS = 2;

/** The round that ends with `slot` on the head's branch, if votes for it are still to be cast; else 0. */
export function roundToVote(core: Qpos, slot: number): number {
  const { network, head } = core;
  if (!network.rules.votes || core.own.length === 0 || slot < 1 || slot < head.slot) return 0;
  const place = placeOf(network, head, slot);
  const open = place.round > core.votedRound && place.index === place.set.ids.length - 1;
  return open ? place.round : 0;
}

/** Votes when the clock says so: late in the last slot of a round. */
export function voteIfDue(core: Qpos): void {
  const { parameters } = core.network;
  const slot = slotAt(parameters, core.nowMs);
  if (core.nowMs - slotStartMs(parameters, slot) < parameters.voteMs) return;
  const round = roundToVote(core, slot);
  if (round > 0) castVotes(core, round);
}

/** Votes at once when the block of a round's last slot extends the head. */
export function voteOnArrival(core: Qpos, branch: Branch): void {
  if (!core.network.rules.votes || core.head !== branch || branch.round <= core.votedRound) return;
  if (branch.index !== branch.length - 1 || roundNow(core) !== branch.round) return;
  if (!isSettled(core, branch)) return;
  castVotes(core, branch.round);
}

function castVotes(core: Qpos, round: number): void {
  core.votedRound = round;
  if (isListening(core, round)) return;
  // A vote for a block whose transactions are not judged could make an invalid one final.
  const target = settledOf(core, core.head);
  const set = setOfRound(core.network, target, round);
  const source = set === null ? null : sourceOn(core.view, target, round);
  if (set === null || source === null) return;
  for (const staker of core.own) {
    if (!set.positions.has(staker.id)) continue;
    askForVote(core, staker, {
      stakerId: staker.id,
      sourceRound: source.round,
      sourceId: source.branch.id,
      targetRound: round,
      targetId: target.id,
      sig: "",
    });
  }
}

function askForVote(core: Qpos, staker: OwnStaker, vote: Vote): void {
  const digest = core.network.suite.voteDigest(vote);
  if (core.network.rules.guard) {
    const decision = allowVote(staker.guard, vote, digest);
    if (!decision.ok) return;
    if (!decision.again) {
      staker.guard = decision.guard;
      core.out.push({ type: "persist", guard: decision.guard });
    }
  }
  core.out.push({ type: "sign", what: "vote", digest, vote });
}

/** A vote of an own staker came back signed. */
export function ownVote(core: Qpos, vote: Vote): void {
  takeVote(core, vote, null);
}

/** A vote from a peer. */
export function receiveVote(core: Qpos, vote: Vote, from: Peer): void {
  if (core.network.rules.votes) checkVote(core, vote, from);
}

/** Checks a vote's newness, membership and signature, in this order, and takes it. False: a bad signature. */
function checkVote(core: Qpos, vote: Vote, from: Peer): boolean {
  const { network, head } = core;
  if (isNewVote(core.view, vote, roundNow(core)).kind !== "new") return true;
  const target = branchOf(core, vote.targetId);
  const branch = target ?? head;
  const set = setOfRound(network, branch, vote.targetRound);
  if (set === null || !set.positions.has(vote.stakerId)) return true;
  // A branch that is not here yet, or not executed, may know another key of the staker.
  const isCertain = target !== null && isSettled(core, target);
  if (!isCertain && isDoubted(core, from)) return true;
  if (!voteHolds(network, branch, vote)) {
    if (isCertain) blame(core, from, "bad-vote-signature");
    else doubt(core, from);
    return false;
  }
  takeVote(core, vote, from);
  return true;
}

/** Complete links from a peer (`qfin`): their votes are votes like any other. */
export function receiveLinks(core: Qpos, links: readonly Certificate[], from: Peer): void {
  if (!core.network.rules.votes) return;
  for (const link of links) {
    if (isPast(link.targetRound, roundNow(core))) takePastLink(core, link, from);
    // Who sends one bad signature has not looked at the others.
    else if (!votesOf(link).every((vote) => checkVote(core, vote, from))) return;
  }
  if (followView(core)) headAgain(core);
}

/** A link about a round whose votes are kept no longer counts as a whole or not at all. */
function takePastLink(core: Qpos, link: Certificate, from: Peer): void {
  const { network, view } = core;
  const target = branchOf(core, link.targetId);
  if (target === null || link.groups.length !== 1) return;
  if (link.targetRound <= view.finalized.round || hasLink(view, link)) return;
  const set = setOfRound(network, target, link.targetRound);
  if (set === null || !hasQuorum(network, set, link)) return;
  const isCertain = isSettled(core, target);
  if (!isCertain && isDoubted(core, from)) return;
  const votes = votesOf(link);
  if (votes.every((vote) => voteHolds(network, target, vote))) {
    addLink(network, view, votes, target, roundNow(core));
  } else if (isCertain) blame(core, from, "bad-vote-signature");
  else doubt(core, from);
}

function blame(core: Qpos, peer: Peer, why: Misdeed): void {
  core.out.push({ type: "misbehaved", peer, why });
}

/** True when so many signatures of a peer did not hold in this round that no more are verified. */
function isDoubted(core: Qpos, from: Peer): boolean {
  return (core.doubts.get(from) ?? 0) >= DOUBTS_MAX;
}

/**
 * A signature of a peer does not hold by the keys that are known here. One may be good by those of
 * another branch; who is on the newest blocks and gets so many in one round is being kept busy.
 */
function doubt(core: Qpos, from: Peer): void {
  const count = (core.doubts.get(from) ?? 0) + 1;
  core.doubts.set(from, count);
  const isBehind = core.head.round + BEHIND_ROUNDS < roundNow(core);
  if (count === DOUBTS_MAX && !isBehind) blame(core, from, "too-many-bad-signatures");
}

/** A new round by the clock: what is bounded by rounds begins anew. */
export function turnRound(core: Qpos): void {
  // Nearly always there is nothing to bound, and the round need not be known.
  if (core.doubts.size === 0 && core.view.rounds.size <= ROUNDS_KEPT_MAX) return;
  const round = roundNow(core);
  if (round === core.turnedRound) return;
  core.turnedRound = round;
  core.doubts.clear();
  forgetPast(core.view, round);
}

function takeVote(core: Qpos, vote: Vote, from: Peer | null): void {
  const { network, view } = core;
  const target = branchOf(core, vote.targetId);
  heedVote(core, vote, target);
  const result = addVote(network, view, vote, target, roundNow(core));
  core.out.push({ type: "send", to: null, except: from, message: { kind: "vote", vote } });
  if (result.kind === "new" && result.conflict !== null) {
    const evidence = voteEvidence(result.conflict, vote);
    if (evidence !== null) keepEvidence(core, evidence);
  }
  if (followView(core)) headAgain(core);
}

/** True while more evidence of a staker would be kept. */
function hasRoomFor(core: Qpos, stakerId: number): boolean {
  if (core.evidence.size >= EVIDENCE_KEPT_MAX) return false;
  let same = 0;
  for (const other of core.evidence.values()) if (offenceOf(other).stakerId === stakerId) same++;
  return same < EVIDENCE_OF_STAKER_MAX;
}

/** True for what is kept, or punished on the head's branch. */
function isKnownOffence(core: Qpos, key: string): boolean {
  return core.evidence.has(key) || core.head.registry.offences.includes(key);
}

/** Keeps new evidence for the next own block and passes it on. */
export function keepEvidence(core: Qpos, evidence: Evidence): void {
  const offence = offenceOf(evidence);
  const key = offenceKey(offence);
  if (isKnownOffence(core, key) || !hasRoomFor(core, offence.stakerId)) return;
  core.evidence.set(key, evidence);
  core.out.push({ type: "send", to: null, except: null, message: { kind: "evidence", evidence } });
}

/** Others may have seen what the key of an own staker has signed before this node does. */
function heedEvidence(core: Qpos, evidence: Evidence): void {
  const { suite } = core.network;
  if (evidence.kind === TWO_ACTS) {
    for (const { header } of [evidence.a, evidence.b]) {
      heedHeader(core, header, suite.headerId(header), core.head);
    }
  } else {
    for (const vote of [evidence.a, evidence.b]) {
      heedVote(core, vote, branchOf(core, vote.targetId));
    }
  }
}

/** Evidence from a peer counts when it proves something on the head's branch. */
export function receiveEvidence(core: Qpos, evidence: Evidence, from: Peer): void {
  const offence = offenceOf(evidence);
  const key = offenceKey(offence);
  if (isKnownOffence(core, key)) return;
  if (!hasRoomFor(core, offence.stakerId)) return;
  if (isDoubted(core, from)) return;
  const fault = judgeEvidence(core.network, core.head, evidence);
  if (fault === null) {
    heedEvidence(core, evidence);
    keepEvidence(core, evidence);
  } else if (fault === "evidence-empty") blame(core, from, fault);
  // Signatures are judged by the keys of the head's branch: the sender's may have others.
  else if (fault === "evidence-signature") doubt(core, from);
}
