// What a core's own stakers make: a block in their own slot, on the head, if the gate is open or a
// restart certificate can be shown, and if the guard allows it. The assembler fills in the body.
import { assert } from "../../../base/assert.ts";
import type { Certificate } from "../finality/certificate.ts";
import type { Evidence } from "../finality/evidence.ts";
import { allowAct } from "../finality/guard.ts";
import { linksToCarry, presenceOf } from "../finality/view.ts";
import type { Block, Extras } from "./block.ts";
import {
  applyBlock,
  type Branch,
  checkpointOf,
  type Place,
  placeOf,
  powerAfter,
  queueAhead,
  registryRootFor,
  setOfRound,
} from "./branch.ts";
import { slotAt, slotStartMs } from "./clock.ts";
import type { OwnStaker, Qpos } from "./core.ts";
import { EVIDENCE_MAX, LINKS_MAX } from "./extras.ts";
import { gateOf } from "./gate.ts";
import { branchOf, settledOf } from "./head.ts";
import { HEADER_VERSION, type Header, type Id } from "./header.ts";
import type { Body } from "./message.ts";
import { isListening } from "./own-signatures.ts";
import { powerPasses } from "./power.ts";
import { recordOf } from "./registry.ts";
import { addBlock } from "./tree.ts";
import { judgeEvidence } from "./validate.ts";

/** A block is begun in the first half of its slot or not at all. */
function isInTime(core: Qpos, slot: number): boolean {
  const { parameters } = core.network;
  return core.nowMs - slotStartMs(parameters, slot) < parameters.slotMs / 2;
}

/** True while the node's tip is old and peers have shown blocks that it cannot place yet. */
function isCatchingUp(core: Qpos): boolean {
  const { parameters } = core.network;
  const ageMs = core.nowMs - slotStartMs(parameters, core.head.slot);
  return core.orphanCount > 0 && ageMs > parameters.fallBehindMs;
}

/** Asks for a block if one of the own stakers is due now. */
export function produceIfDue(core: Qpos): void {
  if (core.own.length === 0 || core.stopped) return;
  const { network } = core;
  const slot = slotAt(network.parameters, core.nowMs);
  const base = settledOf(core, core.head);
  if (slot <= base.slot) return;
  const place = placeOf(network, base, slot);
  const due = queueAhead(network, base, place.round)[place.index];
  if (isListening(core, place.round)) return;
  for (const staker of core.own) {
    if (staker.id === due && staker.askedSlot < slot) produce(core, staker, base, slot, place);
  }
}

function produce(core: Qpos, staker: OwnStaker, base: Branch, slot: number, place: Place): void {
  if (!isInTime(core, slot) || isCatchingUp(core)) return;
  if (core.network.rules.oneAct && place.round <= staker.guard.actRound) {
    core.skippedActs++;
    return;
  }
  const gate = gateOf(core.network, base, place.round);
  if (gate === "shut") return;
  if (gate === "certificate" && restartFor(core, base, place.round) === null) return;
  staker.askedSlot = slot;
  core.out.push({
    type: "assemble",
    stakerId: staker.id,
    slot,
    parent: base.id,
    height: base.height + 1,
    time: Math.floor(slotStartMs(core.network.parameters, slot) / 1000),
    due: base.registry.due.slice(0, core.network.parameters.dueCountMax),
  });
}

function restartFor(core: Qpos, parent: Branch, round: number): Certificate | null {
  return presenceOf(core.network, core.view, round - 1, parent);
}

/** Evidence that is new on a branch and proves something there. */
function evidenceFor(core: Qpos, parent: Branch): Evidence[] {
  const chosen: Evidence[] = [];
  if (core.evidence.size === 0) return chosen;
  for (const [key, evidence] of core.evidence) {
    if (chosen.length === EVIDENCE_MAX) break;
    if (parent.registry.offences.includes(key)) continue;
    if (judgeEvidence(core.network, parent, evidence) === null) chosen.push(evidence);
  }
  return chosen;
}

function extrasFor(core: Qpos, staker: OwnStaker, parent: Branch, round: number): Extras {
  const { suite } = core.network;
  const record = recordOf(parent.registry, staker.id)!;
  const next = suite.reveal(staker.revealSecret, record.signKey, record.reveals + 1);
  const gate = gateOf(core.network, parent, round);
  return {
    reveal: suite.reveal(staker.revealSecret, record.signKey, record.reveals),
    commit: suite.commit(record.signKey, next),
    restart: gate === "certificate" ? restartFor(core, parent, round) : null,
    links: linksToCarry(core.view, parent, round, LINKS_MAX),
    evidence: evidenceFor(core, parent),
  };
}

/** The assembler has filled a block: the guard decides, then it goes to the signer. */
export function assembled(core: Qpos, stakerId: number, slot: number, id: Id, body: Body): void {
  const staker = core.own.find((one) => one.id === stakerId);
  const parent = branchOf(core, id);
  if (staker === undefined || parent === null) return;
  const block = unsignedBlock(core, staker, parent, slot, body);
  const digest = core.network.suite.headerDigest(block.id);
  if (core.network.rules.guard && core.network.rules.oneAct) {
    const decision = allowAct(staker.guard, block.header.round, digest);
    if (!decision.ok) return;
    if (!decision.again) {
      staker.guard = decision.guard;
      core.out.push({ type: "persist", guard: decision.guard });
    }
  }
  core.out.push({ type: "sign", what: "block", digest, block });
}

function unsignedBlock(
  core: Qpos,
  staker: OwnStaker,
  parent: Branch,
  slot: number,
  body: Body,
): Block {
  const { network } = core;
  const { suite } = network;
  const { round, index } = placeOf(network, parent, slot);
  const extras = extrasFor(core, staker, parent, round);
  const header: Header = {
    version: HEADER_VERSION,
    parent: parent.id,
    txRoot: body.txRoot,
    time: Math.floor(slotStartMs(network.parameters, slot) / 1000),
    slot,
    height: parent.height + 1,
    round,
    index,
    segmentBits: body.segmentBits,
    flags: 0,
    stakerId: staker.id,
    txCount: body.txCount,
    witnessRoot: body.witnessRoot,
    registryRoot: registryRootFor(network, parent, slot),
    coinSetHash: body.coinSetHash,
    extrasRoot: suite.extrasRoot(extras, (at) => setOfRound(network, parent, at)),
  };
  return { id: suite.headerId(header), header, sig: "", extras };
}

/** An own block came back signed: into the tree and out to the peers. */
export function ownBlock(core: Qpos, block: Block): void {
  const parent = branchOf(core, block.header.parent);
  if (parent === null || core.entries.has(block.id)) return;
  const branch = applyBlock(core.network, parent, block, []);
  if (core.network.rules.literalBack > 0 && !isPowerful(core, parent, branch)) {
    dropOwn(core, branch);
    return;
  }
  core.memo?.set(block.id, branch);
  addBlock(core, block, branch, null);
}

function isPowerful(core: Qpos, parent: Branch, branch: Branch): boolean {
  if (!core.network.rules.powerBefore) return powerPasses(powerAfter(branch));
  const { filled, total } = powerAfter(branch);
  return (
    parent.round === 0 || powerPasses({ filled: filled - (branch.trust - parent.trust), total })
  );
}

/** The literal rule: drop the block and everything of its round, go back, stop. */
function dropOwn(core: Qpos, branch: Branch): void {
  const { head, network } = core;
  const back = checkpointOf(head, branch.round - network.rules.literalBack);
  assert(back !== null, "a chain reaches back to its genesis");
  for (let at: Branch = head; at !== back && at.parent !== null; at = at.parent) {
    core.dropped.add(at.id);
  }
  core.stopped = true;
  core.head = back;
  const rolledBack = head.height - back.height + 1;
  core.out.push({ type: "setHead", id: back.id, rollbackTo: back.id, rolledBack, dropped: true });
}
