// Block validity, rules 1 to 9 of docs/internals/qpos.md: header and extras, judged in the block's
// own branch. Power is not among them. Every refusal has a name; only what no honest node can send
// costs the sender its standing.
import { type Certificate, votesOf } from "../finality/certificate.ts";
import { type Evidence, offenceKey, offenceOf, TWO_ACTS } from "../finality/evidence.ts";
import { sameVote, surrounds, type Vote } from "../finality/vote.ts";
import type { Block } from "./block.ts";
import {
  type Branch,
  checkpointOf,
  type Justified,
  type Network,
  type Place,
  placeOf,
  queueAhead,
  setOfRound,
} from "./branch.ts";
import { slotStartMs } from "./clock.ts";
import { type CertificateFault, certificateWeight, gateOf, judgeRestart } from "./gate.ts";
import { HEADER_VERSION, type Header, SEGMENT_BITS_MAX, SEGMENTS_MAX } from "./header.ts";
import { isBondGone } from "./record.ts";
import { recordOf } from "./registry.ts";
import type { Electorate } from "./staker-set.ts";

export type BlockFault =
  | "wrong-height"
  | "wrong-slot"
  | "wrong-time"
  | "wrong-round"
  | "wrong-version"
  | "wrong-flags"
  | "too-many-segments"
  | "unknown-staker"
  | "foreign-schedule"
  | "bad-signature"
  | "bad-reveal"
  | "extras-mismatch"
  | "extras-too-large"
  | "gate-shut"
  | "certificate-missing"
  | "certificate-unwanted"
  | CertificateFault
  | "link-source"
  | "link-target"
  | "link-known"
  | "link-quorum"
  | "evidence-empty"
  | "evidence-replayed"
  | "evidence-unknown-staker"
  | "evidence-expired"
  | "evidence-signature"
  | "wrong-registry-root";

export type BlockVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: BlockFault };

const VALID: BlockVerdict = { ok: true };

function refuse(code: BlockFault): BlockVerdict {
  return { ok: false, code };
}

/** Rule 4: how long a block must wait before it may be judged; 0 = it is not early. */
export function earlyBy(network: Network, header: Header, nowMs: number): number {
  const { parameters } = network;
  return Math.max(0, slotStartMs(parameters, header.slot) - parameters.skewMsMax - nowMs);
}

function judgeShape(network: Network, parent: Branch, header: Header): BlockFault | null {
  if (header.version !== HEADER_VERSION) return "wrong-version";
  if (header.flags !== 0) return "wrong-flags";
  if (header.height !== parent.height + 1) return "wrong-height";
  if (header.slot <= parent.slot) return "wrong-slot";
  const startMs = slotStartMs(network.parameters, header.slot);
  if (header.time !== Math.floor(startMs / 1000)) return "wrong-time";
  if (header.segmentBits > SEGMENT_BITS_MAX || header.txCount < 1) return "too-many-segments";
  const segments = Math.ceil(header.txCount / 2 ** header.segmentBits);
  return segments > SEGMENTS_MAX ? "too-many-segments" : null;
}

function judgeSchedule(
  network: Network,
  parent: Branch,
  header: Header,
  place: Place,
): BlockFault | null {
  if (header.round !== place.round || header.index !== place.index) return "wrong-round";
  const queue = queueAhead(network, parent, place.round);
  if (queue[place.index] === header.stakerId) return null;
  return place.set.positions.has(header.stakerId) ? "foreign-schedule" : "unknown-staker";
}

function judgeSigner(network: Network, parent: Branch, block: Block): BlockFault | null {
  const { suite } = network;
  const record = recordOf(parent.registry, block.header.stakerId)!;
  if (suite.commit(record.signKey, block.extras.reveal) !== record.commit) return "bad-reveal";
  const digest = suite.headerDigest(block.id);
  return suite.verify(record.signKey, digest, block.sig) ? null : "bad-signature";
}

/** True when every vote is signed by the key that the branch knows for its staker. */
function signaturesHold(network: Network, parent: Branch, certificate: Certificate): boolean {
  return votesOf(certificate).every((vote) => voteHolds(network, parent, vote));
}

/** True when a vote is signed by the key that the branch knows for its staker. */
export function voteHolds(network: Network, branch: Branch, vote: Vote): boolean {
  const record = recordOf(branch.registry, vote.stakerId);
  if (record === null) return false;
  return network.suite.verify(record.signKey, network.suite.voteDigest(vote), vote.sig);
}

function judgeGate(network: Network, parent: Branch, block: Block): BlockFault | null {
  const { restart } = block.extras;
  const { round } = block.header;
  const gate = gateOf(network, parent, round);
  if (gate === "shut") return "gate-shut";
  if (gate === "open") return restart === null ? null : "certificate-unwanted";
  if (restart === null) return "certificate-missing";
  const fault = judgeRestart(network, parent, round, restart);
  if (fault !== null) return fault;
  return signaturesHold(network, parent, restart) ? null : "certificate-signature";
}

/** True when (round, id) is among the justified checkpoints of a branch. */
export function isJustified(justified: Justified, round: number, id: string): boolean {
  let at: Justified | null = justified;
  while (at !== null && at.round > round) at = at.below;
  return at !== null && at.round === round && at.id === id;
}

/** True when the link's voters reach the quorum of the set of the target's round and its rear set. */
export function hasQuorum(
  network: Network,
  set: Electorate & { readonly rear: Electorate | null },
  link: Certificate,
): boolean {
  const weight = certificateWeight(link, set);
  if (weight === null || weight < set.quorum) return false;
  if (set.rear === null || !network.rules.rearQuorum) return true;
  let rear = 0;
  for (const voter of link.groups[0]!.voters) {
    const position = set.rear.positions.get(voter);
    if (position !== undefined) rear += set.rear.weights[position]!;
  }
  return rear >= set.rear.quorum;
}

function judgeLinks(network: Network, parent: Branch, block: Block): BlockFault | null {
  let { justified } = parent;
  for (const link of block.extras.links) {
    if (link.groups.length !== 1) return "link-source";
    const { sourceRound, sourceId } = link.groups[0]!;
    if (link.targetRound <= justified.round) return "link-known";
    if (!isJustified(justified, sourceRound, sourceId)) return "link-source";
    const target = checkpointOf(parent, link.targetRound);
    const closed = link.targetRound < block.header.round;
    if (!closed || target === null || target.id !== link.targetId) return "link-target";
    const set = setOfRound(network, parent, link.targetRound);
    if (set === null || !hasQuorum(network, set, link)) return "link-quorum";
    if (!signaturesHold(network, parent, link)) return "certificate-signature";
    justified = { round: link.targetRound, id: link.targetId, below: justified };
  }
  return null;
}

/** Says whether evidence proves what it says, by the keys of a branch. */
export function judgeEvidence(
  network: Network,
  branch: Branch,
  evidence: Evidence,
): BlockFault | null {
  const { stakerId } = offenceOf(evidence);
  const record = recordOf(branch.registry, stakerId);
  if (record === null) return "evidence-unknown-staker";
  if (isBondGone(record, branch.slot)) return "evidence-expired";
  const { suite } = network;
  if (evidence.kind !== TWO_ACTS) {
    const { a, b } = evidence;
    const proves = evidence.kind === 2 ? a.targetRound === b.targetRound : surrounds(a, b);
    if (a.stakerId !== b.stakerId || sameVote(a, b) || !proves) return "evidence-empty";
    const signed = voteHolds(network, branch, a) && voteHolds(network, branch, b);
    return signed ? null : "evidence-signature";
  }
  const [a, b] = [evidence.a, evidence.b];
  const ids = [suite.headerId(a.header), suite.headerId(b.header)] as const;
  const same = a.header.stakerId === b.header.stakerId && a.header.round === b.header.round;
  if (!same || ids[0] === ids[1]) return "evidence-empty";
  const signed =
    suite.verify(record.signKey, suite.headerDigest(ids[0]), a.sig) &&
    suite.verify(record.signKey, suite.headerDigest(ids[1]), b.sig);
  return signed ? null : "evidence-signature";
}

function judgeAllEvidence(network: Network, parent: Branch, block: Block): BlockFault | null {
  const seen = new Set(parent.registry.offences);
  for (const evidence of block.extras.evidence) {
    const key = offenceKey(offenceOf(evidence));
    if (seen.has(key)) return "evidence-replayed";
    seen.add(key);
    const fault = judgeEvidence(network, parent, evidence);
    if (fault !== null) return fault;
  }
  return null;
}

/**
 * Judges a block in its own branch: rules 2, 3 and 5 to 9. Its parent is known and valid. The
 * signature comes before everything that only a due staker should be able to make us compute.
 */
export function judgeBlock(network: Network, parent: Branch, block: Block): BlockVerdict {
  const { header, extras } = block;
  const shape = judgeShape(network, parent, header);
  if (shape !== null) return refuse(shape);
  const place = placeOf(network, parent, header.slot);
  const schedule = judgeSchedule(network, parent, header, place);
  if (schedule !== null) return refuse(schedule);
  const root = network.suite.extrasRoot(extras, (round) => setOfRound(network, parent, round));
  if (root !== header.extrasRoot) return refuse("extras-mismatch");
  const signer = judgeSigner(network, parent, block);
  if (signer !== null) return refuse(signer);
  const gate = judgeGate(network, parent, block);
  if (gate !== null) return refuse(gate);
  if (extras.links.length > 0) {
    const links = judgeLinks(network, parent, block);
    if (links !== null) return refuse(links);
  }
  if (extras.evidence.length > 0) {
    const evidence = judgeAllEvidence(network, parent, block);
    if (evidence !== null) return refuse(evidence);
  }
  return VALID;
}
