// The head of one core: where blocks are found, how the head moves, and what finality makes useless.
// Fork choice itself is choice.ts.
import { offenceOf } from "../finality/evidence.ts";
import { followLinks, forgetVotes, hasCheckpoint, highestJustified } from "../finality/view.ts";
import type { Block } from "./block.ts";
import { type Branch, placeOf } from "./branch.ts";
import { bestOf, commonAncestor, isBetter } from "./choice.ts";
import { slotAt } from "./clock.ts";
import type { Qpos } from "./core.ts";
import type { Id } from "./header.ts";
import { isBondGone } from "./record.ts";
import { recordOf } from "./registry.ts";

const LOCATOR_DENSE = 10;

/** The branch of a known block. */
export function branchOf(core: Qpos, id: Id): Branch | null {
  if (id === core.genesis.id) return core.genesis;
  return core.entries.get(id)?.branch ?? null;
}

/** The block itself, to serve it to a peer. */
export function blockOf(core: Qpos, id: Id): Block | null {
  return core.entries.get(id)?.block ?? null;
}

/** True when the execution plane has found a known block good, and so all below it. */
export function isSettled(core: Qpos, branch: Branch): boolean {
  return !core.executes || core.entries.get(branch.id)?.judged !== false;
}

/** The highest block of a branch that the execution plane has found good. */
export function settledOf(core: Qpos, branch: Branch): Branch {
  let at = branch;
  while (!isSettled(core, at) && at.parent !== null) at = at.parent;
  return at;
}

/** Ids of the head's chain, dense near the head and sparse below: where a peer may find a common block. */
export function locatorOf(core: Qpos): Id[] {
  const ids: Id[] = [];
  let stride = 1;
  let left = 1;
  for (let at: Branch | null = core.head; at !== null; at = at.parent) {
    left--;
    if (left > 0 && at.parent !== null) continue;
    ids.push(at.id);
    if (ids.length > LOCATOR_DENSE) stride *= 2;
    left = stride;
  }
  return ids;
}

/** The ids of the head's chain behind the first id of a locator that lies on it, lowest first. */
export function idsBehind(core: Qpos, locator: readonly Id[], most: number): Id[] {
  const known = new Set(locator);
  const ids: Id[] = [];
  for (let at: Branch | null = core.head; at !== null && !known.has(at.id); at = at.parent) {
    if (at.parent !== null) ids.push(at.id);
  }
  return ids.reverse().slice(0, most);
}

/** The round that the clock shows on the head's branch. */
export function roundNow(core: Qpos): number {
  const { clock, head, nowMs } = core;
  if (clock.head !== head || clock.nowMs !== nowMs) {
    const slot = slotAt(core.network.parameters, nowMs);
    clock.round = slot <= head.slot ? head.round : placeOf(core.network, head, slot).round;
    clock.head = head;
    clock.nowMs = nowMs;
  }
  return clock.round;
}

/** Follows complete links and tells what became final; true when the view moved. */
export function followView(core: Qpos): boolean {
  return followLinks(core.view);
}

/** Makes a new tip the head if it is better than the head. */
export function consider(core: Qpos, tip: Branch): void {
  const { head, network, view } = core;
  const justified = highestJustified(view);
  const extendsHead = tip.parent === head && tip.round > justified.round;
  if (!extendsHead) {
    if (!isBetter(network, tip, head)) return;
    if (!hasCheckpoint(tip, justified) || !hasCheckpoint(tip, view.finalized)) return;
  }
  setHead(core, tip);
}

/** Chooses the head again after the view or the tree changed. */
export function headAgain(core: Qpos): void {
  const { network, view, head } = core;
  const justified = highestJustified(view);
  const usable =
    core.dropped.size === 0 ? core.tips : core.tips.filter((t) => !core.dropped.has(t.id));
  // No tip may be left: a last block of a round that came after the votes is no part of what they
  // justified. Then the justified block itself is the head, and grows a new branch.
  const best = bestOf(network, usable, justified, view.finalized) ?? justified.branch;
  if (best !== head) {
    const headStands = hasCheckpoint(head, justified) && hasCheckpoint(head, view.finalized);
    if (!headStands || isBetter(network, best, head)) setHead(core, best);
  }
  settleFinality(core);
}

/** Moves the head and tells how far back the chain went. */
export function setHead(core: Qpos, head: Branch): void {
  const before = core.head;
  core.head = head;
  core.stopped = false;
  let rollbackTo = before;
  let rolledBack = 0;
  if (head.parent !== before) {
    const common = commonAncestor(before, head);
    rollbackTo = common.branch;
    rolledBack = common.above;
  }
  core.out.push({
    type: "setHead",
    id: head.id,
    rollbackTo: rollbackTo.id,
    rolledBack,
    dropped: false,
  });
  if (!core.network.rules.keepVotes) forgetVotes(core.view, head.round - 2);
}

/** Announces finality that moved and forgets what it made useless. */
function settleFinality(core: Qpos): void {
  const { finalized } = core.view;
  if (finalized.round <= core.toldRound) return;
  core.toldRound = finalized.round;
  const { branch, round } = finalized;
  core.out.push({ type: "finalized", round, id: branch.id, height: branch.height });
  core.tips = core.tips.filter((tip) => hasCheckpoint(tip, finalized));
  if (core.tips.length === 0) core.tips.push(branch);
  for (const known of core.acts.keys()) if (known < round) core.acts.delete(known);
  let carried = finalized.round;
  for (const tip of core.tips) carried = Math.min(carried, tip.finalizedRound);
  forgetVotes(core.view, carried);
  forgetEvidence(core, branch);
  forgetFinal(core);
}

/** Evidence that a final block has carried, or that no block may carry any more. */
function forgetEvidence(core: Qpos, branch: Branch): void {
  if (core.evidence.size === 0) return;
  const punished = new Set(branch.registry.offences);
  for (const [key, evidence] of core.evidence) {
    const record = recordOf(branch.registry, offenceOf(evidence).stakerId);
    const expired = record !== null && isBondGone(record, branch.slot);
    if (expired || punished.has(key)) core.evidence.delete(key);
  }
}

/** Blocks that are forgotten at once while execution is far behind finality. */
const FORGET_BATCH = 64;

/**
 * Forgets what is below the finalized block, as far as it has been executed: links may come long
 * before the blocks' transactions are judged, and the operations in those still count.
 */
export function forgetFinal(core: Qpos): void {
  if (!core.forgets) return;
  const finalized = core.view.finalized.branch;
  const base = settledOf(core, finalized);
  const least = base === finalized ? 1 : FORGET_BATCH;
  if (base.height < core.forgottenHeight + least) return;
  core.forgottenHeight = base.height;
  core.carried = null;
  forgetBelow(core, base);
}

/** Drops the blocks below `base`, and the references that would keep them alive. */
function forgetBelow(core: Qpos, base: Branch): void {
  for (const [id, entry] of core.entries) {
    const below = entry.branch.height < base.height;
    const beside = entry.branch.height === base.height && entry.branch !== base;
    if (below || beside) core.entries.delete(id);
  }
  if (base.last !== null) {
    base.last.last = null;
    base.last.parent = null;
  }
  base.parent = null;
}
