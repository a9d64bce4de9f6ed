// The tree of blocks of one core: receiving, judging, keeping orphans and early ones, choosing the
// head. An unknown parent means "ask", never "penalise".
import { TWO_ACTS } from "../finality/evidence.ts";
import { followCarried, resolveVotes, useLateLinks } from "../finality/view.ts";
import type { Block } from "./block.ts";
import { applyBlock, type Branch, placeOf, queueAhead, setOfRound } from "./branch.ts";
import type { Qpos } from "./core.ts";
import { decodeExtras, type ExtrasFault } from "./extras.ts";
import { branchOf, consider, followView, headAgain, isSettled, roundNow } from "./head.ts";
import type { Id } from "./header.ts";
import type { Misdeed, Peer, SealedBlock } from "./message.ts";
import { heedHeader } from "./own-signatures.ts";
import { type BlockFault, type BlockVerdict, earlyBy, judgeBlock } from "./validate.ts";
import { keepEvidence, voteOnArrival } from "./voting.ts";

const ORPHANS_MAX = 4_096;
const EARLY_MAX = 256;
/** A block further ahead than any honest clock is not kept: nobody's signature was looked at yet. */
const EARLY_SLOTS_MAX = 16;
const INVALID_MAX = 65_536;

function misbehaved(core: Qpos, peer: Peer | null, why: Misdeed): void {
  if (peer !== null) core.out.push({ type: "misbehaved", peer, why });
}

/** Blocks that waited for their parent's transactions to be judged. */
export function takeWaiting(core: Qpos, parent: Id): void {
  const waiting = core.orphans.get(parent);
  if (waiting === undefined) return;
  core.orphans.delete(parent);
  core.orphanCount -= waiting.length;
  for (const block of waiting) receiveBlock(core, block, null);
}

/** Remembers a block that must not be judged again. */
export function markInvalid(core: Qpos, id: Id): void {
  if (core.invalid.size >= INVALID_MAX) core.invalid.clear();
  core.invalid.add(id);
}

/**
 * The naive check of the published flaw: is the signer due at that slot on my own chain? It costs
 * the sender points although the block itself may be good; the bans are what makes forks last.
 */
function isForeignHere(core: Qpos, block: SealedBlock): boolean {
  const { slot, stakerId } = block.header;
  let mine: Branch | null = core.head;
  while (mine.slot >= slot) {
    if (mine.parent === null) return false;
    mine = mine.parent;
  }
  const place = placeOf(core.network, mine, slot);
  return queueAhead(core.network, mine, place.round)[place.index] !== stakerId;
}

/** Takes a block from a peer (null: from a queue of this core). */
export function receiveBlock(core: Qpos, block: SealedBlock, from: Peer | null): void {
  if (core.entries.has(block.id) || core.invalid.has(block.id)) return;
  if (block.id === core.genesis.id || core.dropped.has(block.id)) return;
  if (block.header.height <= core.view.finalized.branch.height) return;
  const naive = core.network.rules.schedule === "own" && !core.stopped;
  if (naive && isForeignHere(core, block)) {
    misbehaved(core, from, "foreign-schedule-here");
    return;
  }
  const waiting = [block];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const sender = next === block ? from : null;
    if (!takeBlock(core, next, sender)) continue;
    const children = core.orphans.get(next.id);
    if (children === undefined) continue;
    core.orphans.delete(next.id);
    core.orphanCount -= children.length;
    waiting.push(...children);
  }
}

/** Forgets the blocks that wait for this parent: it is not to be had. */
export function forgetOrphans(core: Qpos, parent: Id): void {
  core.orphanCount -= core.orphans.get(parent)?.length ?? 0;
  core.orphans.delete(parent);
}

/** Keeps a block until its parent's transactions are judged. */
export function keepWaiting(core: Qpos, block: SealedBlock): void {
  keepOrphan(core, block, null);
}

function keepOrphan(core: Qpos, block: SealedBlock, from: Peer | null): void {
  const { parent } = block.header;
  const siblings = core.orphans.get(parent);
  if (siblings?.some((other) => other.id === block.id) === true) return;
  if (core.orphanCount >= ORPHANS_MAX) {
    // The oldest gap goes first; whoever still needs it will be asked again.
    const [oldest, dropped] = core.orphans.entries().next().value!;
    core.orphans.delete(oldest);
    core.orphanCount -= dropped.length;
  }
  if (siblings === undefined) core.orphans.set(parent, [block]);
  else siblings.push(block);
  core.orphanCount++;
  // The gap may be longer than this one parent: ask below the lowest block of it that is here.
  if (from !== null) core.out.push({ type: "ask", peer: from, ids: [parent] });
}

/** Judges one block; true when it is now in the tree. */
function takeBlock(core: Qpos, block: SealedBlock, from: Peer | null): boolean {
  const parent = branchOf(core, block.header.parent);
  if (parent === null) {
    if (core.invalid.has(block.header.parent)) markInvalid(core, block.id);
    else keepOrphan(core, block, from);
    return false;
  }
  const waitMs = earlyBy(core.network, block.header, core.nowMs);
  if (waitMs > EARLY_SLOTS_MAX * core.network.parameters.slotMs) return false;
  if (waitMs > 0) {
    if (core.early.length < EARLY_MAX) core.early.push(block);
    const untilMs = core.nowMs + waitMs;
    core.out.push({ type: "park", id: block.id, why: "future-time", untilMs });
    return false;
  }
  const opened = openBlock(core, parent, block);
  if (typeof opened === "string") return refused(core, parent, block, opened, from, false);
  if (isCrowded(core, opened)) return false;
  const branch = judged(core, parent, opened);
  // The id does not cover the signature: another peer may have the right one.
  const forGood = branch !== "bad-signature";
  if (typeof branch === "string") return refused(core, parent, block, branch, from, forGood);
  addBlock(core, opened, branch, from);
  return true;
}

/**
 * A block that cannot be taken, by the state behind its parent. While the parent's transactions are
 * not judged that state lacks their registry operations: the block waits, and costs nobody anything.
 */
function refused(
  core: Qpos,
  parent: Branch,
  block: SealedBlock,
  why: Misdeed,
  from: Peer | null,
  forGood: boolean,
): false {
  if (!isSettled(core, parent)) {
    keepWaiting(core, block);
    return false;
  }
  if (forGood) markInvalid(core, block.id);
  misbehaved(core, from, why);
  return false;
}

/** The name of what is wrong with its extras is no verdict: the id does not cover these bytes' form. */
function openBlock(
  core: Qpos,
  parent: Branch,
  block: SealedBlock,
): Block | ExtrasFault | BlockFault {
  const { extras } = block;
  if (!(extras instanceof Uint8Array)) return block as Block;
  const tooLarge = extras.length > core.network.parameters.extrasBytesMax;
  const read = tooLarge
    ? ({ ok: false, code: "extras-too-large" } as const)
    : decodeExtras(extras, (round) => setOfRound(core.network, parent, round));
  if (!read.ok) return read.code;
  return { id: block.id, header: block.header, sig: block.sig, extras: read.extras };
}

/** True when the staker's differing headers of this round are as many as are kept. */
function isCrowded(core: Qpos, block: Block): boolean {
  const { stakerId, round } = block.header;
  // Not by the evidence: of that only so much is kept, and an offender chooses of what.
  if (core.acts.get(round)?.has(stakerId) !== true) return false;
  if (core.orphans.has(block.id)) return false;
  let known = 0;
  for (const entry of core.entries.values()) {
    if (entry.branch.round === round && entry.branch.stakerId === stakerId) known++;
  }
  return known >= core.network.parameters.keepEquivocations;
}

/** The state after a block, or the name of what is wrong with it. */
function judged(core: Qpos, parent: Branch, block: Block): Branch | BlockFault {
  const known = core.memo?.get(block.id);
  const result = known ?? judgeAfresh(core, parent, block);
  if (known === undefined && isSettled(core, parent)) core.memo?.set(block.id, result);
  return "ok" in result ? (result as { readonly code: BlockFault }).code : result;
}

function judgeAfresh(core: Qpos, parent: Branch, block: Block): Branch | BlockVerdict {
  const verdict = judgeBlock(core.network, parent, block);
  if (!verdict.ok) return verdict;
  return applyBlock(core.network, parent, block, []);
}

/** Puts a valid block into the tree and follows what it changes. */
export function addBlock(core: Qpos, block: Block, branch: Branch, from: Peer | null): void {
  core.entries.set(block.id, { block, branch, judged: !core.executes });
  const at = core.tips.indexOf(branch.parent!);
  if (at >= 0) core.tips[at] = branch;
  else core.tips.push(branch);
  if (core.network.rules.oneAct) noteAct(core, block);
  heedHeader(core, block.header, block.id, branch.parent!);
  core.out.push({ type: "send", to: null, except: from, message: { kind: "block", block } });
  if (core.executes) {
    const due = branch.parent!.registry.due.slice(0, core.network.parameters.dueCountMax);
    core.out.push({ type: "judge", block, due });
  }
  resolveVotes(core.network, core.view, branch, roundNow(core));
  const moved = followBlock(core, block, branch);
  if (moved) headAgain(core);
  else consider(core, branch);
  voteOnArrival(core, branch);
}

/** Follows the links a block carries, and those that waited for it; true when the view moved. */
function followBlock(core: Qpos, block: Block, branch: Branch): boolean {
  let moved = false;
  for (const link of block.extras.links) {
    if (followCarried(core.view, branch, link)) moved = true;
  }
  return followView(core) || moved;
}

/** Remembers who signed in which round; two different headers are evidence. */
function noteAct(core: Qpos, block: Block): void {
  const { round, stakerId } = block.header;
  let acts = core.acts.get(round);
  if (acts === undefined) {
    acts = new Map();
    core.acts.set(round, acts);
  }
  const first = acts.get(stakerId);
  if (first === undefined) {
    acts.set(stakerId, block);
    return;
  }
  const evidence = {
    kind: TWO_ACTS,
    a: { header: first.header, sig: first.sig },
    b: { header: block.header, sig: block.sig },
  } as const;
  keepEvidence(core, evidence);
}

/** Lets parked blocks in whose time has come, and late links when the chain has halted. */
export function tickTree(core: Qpos): void {
  if (core.view.late.length > 0 && roundNow(core) > core.head.round + 1) {
    useLateLinks(core.view);
    if (followView(core)) headAgain(core);
  }
  if (core.early.length === 0) return;
  const waiting = core.early;
  core.early = [];
  for (const block of waiting) receiveBlock(core, block, null);
}
