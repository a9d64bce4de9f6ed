// Replacement by fee. Which transactions may leave, policy has said with its verdict, by all the rules
// of Bitcoin Core; for what it did not know of (it came a moment ago) two of them are asked here: all
// that leaves is paid for, and its own bytes. It spends none of them. The protocol: look at the cone by
// ASK, then YIELD to each direct conflict; its claims are handed over in one step, so no third
// transaction slips in between. What is displaced without a coin in common (a version 3 child for its
// parent's other child) has no claims to hand over: it leaves with the decision.

import { outpointKey, outpointTxid, type Txid } from "../../../state/admission/keys.ts";
import { relativeLock } from "../../../state/admission/locks.ts";
import type { Heir } from "../../../state/admission/records.ts";
import { sameAttempt } from "../../../state/admission/records.ts";
import { leaveAndTell } from "./leaving.ts";
import type { Standing, Status, Yield } from "./messages.ts";
import { park } from "./parking.ts";
import type { Partition, Preparing } from "./partition.ts";
import { reject } from "./preparing.ts";

type Admitted = Extract<Standing, { state: "admitted" }>;

/** Asks about one transaction of the cone, once. */
export function askStanding(p: Partition, preparing: Preparing, txid: Txid): void {
  noteInCone(preparing, txid, null);
  const to = p.config.places.home(txid);
  p.send(to, { type: "ask", txid, asker: preparing.candidate.txid });
}

function noteInCone(preparing: Preparing, txid: Txid, standing: Standing | null): void {
  // All that stand in nobody's way share one empty map.
  if (preparing.cone.size === 0) preparing.cone = new Map();
  preparing.cone.set(txid, standing);
}

/** The transactions that hold its coins, and are admitted as far as is known. */
function directConflicts(preparing: Preparing): Set<Txid> {
  const direct = new Set<Txid>();
  for (const part of preparing.parts) {
    for (const claimant of part.claimants) {
      if (preparing.cone.get(claimant.txid)?.state === "admitted") direct.add(claimant.txid);
    }
  }
  return direct;
}

/**
 * Every part has answered, and of everybody in the way it is known how they stand: what leaves is judged
 * as a whole, or one fee would pay for each of several by itself.
 */
function isAllKnown(p: Partition, { parts, cone }: Preparing): boolean {
  for (const part of parts) {
    if (part.partition !== p.self && part.state !== "done" && part.state !== "refused")
      return false;
    for (const { txid, mode } of part.claimants) {
      if (cone.get(txid) == null) return false;
      if (mode === "held" && cone.get(txid)?.state !== "admitted") return false;
    }
  }
  for (const standing of cone.values()) if (standing === null) return false;
  return true;
}

/** Messages may have been lost: asks and yields are sent again. */
export function lookAgain(preparing: Preparing): void {
  preparing.yielded = null;
  for (const [txid, standing] of preparing.cone) {
    if (standing === null) preparing.cone.delete(txid);
  }
}

/** Goes on with a replacement when something new is known of the cone. */
export function considerReplacement(p: Partition, preparing: Preparing): void {
  if (!isAllKnown(p, preparing)) return;
  const direct = directConflicts(preparing);
  if (direct.size === 0) return;
  const first = [...direct][0]!;
  if (p.config.replace === "off") {
    reject(p, preparing, "txn-mempool-conflict", false, first);
    return;
  }
  for (const txid of direct) {
    const standing = preparing.cone.get(txid);
    if (standing?.state === "admitted" && standing.sealed) {
      reject(p, preparing, "txn-mempool-conflict", false, txid);
      return;
    }
  }
  const cone = walkCone(p, preparing, direct);
  if (cone === "too-many") {
    reject(p, preparing, "too many potential replacements", false, first);
    return;
  }
  if (cone === "unknown") return;
  const fault = judgeReplacement(p, preparing, cone);
  if (fault !== null) {
    reject(p, preparing, fault, false, first);
    return;
  }
  preparing.yielded ??= new Set();
  for (const txid of direct) {
    if (preparing.yielded.has(txid)) continue;
    preparing.yielded.add(txid);
    sendYield(p, preparing, txid, cone.get(txid)!);
  }
}

/** Everything that would leave, when all of it is known; asks for what is not. */
function walkCone(
  p: Partition,
  preparing: Preparing,
  direct: ReadonlySet<Txid>,
): Map<Txid, Admitted> | "unknown" | "too-many" {
  const known = new Map<Txid, Admitted>();
  const queue = [...direct];
  const seen = new Set(queue);
  let complete = true;
  while (queue.length > 0) {
    const txid = queue.pop()!;
    if (seen.size > p.config.limits.replacedCountMax) return "too-many";
    const standing = preparing.cone.get(txid);
    if (standing === undefined) askStanding(p, preparing, txid);
    if (standing === undefined || standing === null) {
      complete = false;
      continue;
    }
    if (standing.state !== "admitted") continue;
    known.set(txid, standing);
    for (const child of standing.children) {
      if (seen.has(child)) continue;
      seen.add(child);
      queue.push(child);
    }
  }
  return complete ? known : "unknown";
}

function judgeReplacement(
  p: Partition,
  preparing: Preparing,
  cone: ReadonlyMap<Txid, Admitted>,
): string | null {
  const { candidate, verdict } = preparing;
  if (verdict === null || !verdict.ok) return "insufficient fee";
  for (const { outpoint } of candidate.inputs) {
    if (cone.has(outpointTxid(outpoint))) return "bad-txns-spends-conflicting-tx";
  }
  const { replaces = [] } = verdict;
  const approved = new Set(replaces);
  if ([...cone.keys()].every((txid) => approved.has(txid))) return null;
  let fees = 0;
  for (const standing of cone.values()) fees += standing.fee;
  if (verdict.fee < fees) return "insufficient fee";
  const increment = p.config.limits.incrementalFeeRate * candidate.size;
  return verdict.fee - fees < increment ? "insufficient fee" : null;
}

function heirOf(p: Partition, preparing: Preparing): Heir {
  const { candidate, attempt } = preparing;
  const inputs = candidate.inputs.map(({ outpoint, sequence }, vin) => ({
    outpoint,
    vin,
    lock: relativeLock(candidate.version, sequence),
  }));
  // Claims may now arrive everywhere by inheritance: an abort has to release them.
  for (const part of preparing.parts) if (part.partition !== p.self) part.mayHold = true;
  return { txid: candidate.txid, attempt, inputs };
}

function sendYield(p: Partition, preparing: Preparing, txid: Txid, standing: Admitted): void {
  const heir = heirOf(p, preparing);
  p.send(p.config.places.home(txid), { type: "yield", txid, attempt: standing.attempt, heir });
}

/** At the home of the transaction in the way: it leaves, its bytes stay until the heir is decided. */
export function onYield(p: Partition, from: number, message: Yield): void {
  const { txid, attempt, heir } = message;
  const record = p.view.record(txid);
  if (record === null || !sameAttempt(record.attempt, attempt) || p.config.isSealed(txid)) {
    const standing = standingOf(p, txid);
    p.send(from, { type: "status", txid, asker: heir.txid, standing });
    return;
  }
  leaveAndTell(p, record, "replaced", heir.txid, heir);
  park(p, record.candidate, 0, heir);
}

/** What this home knows of a transaction. */
export function standingOf(p: Partition, txid: Txid): Standing {
  const record = p.view.record(txid);
  if (record === null) return { state: p.preparing.has(txid) ? "preparing" : "none" };
  const children = new Set<Txid>();
  const { candidate, attempt, fee } = record;
  for (let index = 0; index < candidate.outputs.length; index++) {
    const claim = p.view.claim(outpointKey(txid, index));
    if (claim !== null) children.add(claim.spender);
    if (children.size > p.config.limits.replacedCountMax) break;
  }
  const sealed = p.config.isSealed(txid);
  return { state: "admitted", attempt, fee, sealed, children: [...children] };
}

/** Asks how those it displaces stand, if it is not known; those of this host at once. */
export function askDisplaced(p: Partition, preparing: Preparing): void {
  for (const txid of displacedOf(preparing)) {
    if (preparing.cone.get(txid) != null) continue;
    const owner = p.ownerHere(p.config.places.home(txid));
    if (owner === null) askStanding(p, preparing, txid);
    else noteInCone(preparing, txid, standingOf(owner, txid));
  }
}

/** A new attempt does not go by what it has heard before. */
export function forgetDisplaced(preparing: Preparing): void {
  for (const txid of displacedOf(preparing)) preparing.cone.delete(txid);
}

/** What the decision must wait for, or be refused for, because of those it displaces; null: nothing. */
export function displacedFault(preparing: Preparing): "unknown" | "sealed" | null {
  for (const txid of displacedOf(preparing)) {
    const standing = preparing.cone.get(txid);
    if (standing == null) return "unknown";
    if (standing.state === "admitted" && standing.sealed) return "sealed";
  }
  return null;
}

/** In the group of the decision: their evictions, which are repeated until they are done. */
export function evictDisplaced(p: Partition, preparing: Preparing): void {
  const { seq } = p;
  const parent = null;
  const by = preparing.candidate.txid;
  for (const child of displacedOf(preparing)) {
    const standing = preparing.cone.get(child);
    if (standing?.state !== "admitted") continue;
    const { attempt } = standing;
    p.view.addOutbox({ child, attempt, seq, cause: "replaced", parent, by });
  }
}

export function displacedOf({ verdict }: Preparing): readonly Txid[] {
  return verdict?.ok === true ? (verdict.displaces ?? []) : [];
}

/** An answer to ASK, for a preparing transaction. */
export function noteStanding(preparing: Preparing, message: Status): void {
  if (!preparing.cone.has(message.txid)) return;
  preparing.cone.set(message.txid, message.standing);
  // It did not leave as it was asked to: it is asked again, by what it is now.
  preparing.yielded?.delete(message.txid);
}
