// The tree of blocks of one core: receiving, judging, keeping orphans and early ones, choosing the
// head. An unknown parent means "ask", never "penalise".
import type { Certificate } from "../finality/certificate.ts";
import { votesOf } from "../finality/certificate.ts";
import { offenceKey, offenceOf, TWO_ACTS } from "../finality/evidence.ts";
import {
  followCarried,
  followLinks,
  forgetVotes,
  hasCheckpoint,
  highestJustified,
  resolveVotes,
} from "../finality/view.ts";
import type { ResolvedOperation } from "./apply-operation.ts";
import type { Block } from "./block.ts";
import {
  applyBlock,
  type Branch,
  placeOf,
  queueAhead,
  registryRootFor,
  setOfRound,
} from "./branch.ts";
import { bestOf, commonAncestor, isBetter } from "./choice.ts";
import { slotAt } from "./clock.ts";
import type { Entry, Qpos } from "./core.ts";
import { decodeExtras } from "./extras.ts";
import type { Id } from "./header.ts";
import type { Misdeed, Peer, SealedBlock } from "./message.ts";
import { NO_LEDGER_CHANGES } from "./registry.ts";
import { type BlockFault, earlyBy, judgeBlock } from "./validate.ts";
import { checkVote, voteOnArrival } from "./voting.ts";

const ORPHANS_MAX = 4_096;
const EARLY_MAX = 256;
const INVALID_MAX = 65_536;

/** The branch of a known block. */
export function branchOf(core: Qpos, id: Id): Branch | null {
  if (id === core.genesis.id) return core.genesis;
  return core.entries.get(id)?.branch ?? null;
}

/** The block itself, to serve it to a peer. */
export function blockOf(core: Qpos, id: Id): Block | null {
  return core.entries.get(id)?.block ?? null;
}

/** The round that the clock shows on the head's branch. */
export function roundNow(core: Qpos): number {
  const slot = slotAt(core.network.parameters, core.nowMs);
  return slot <= core.head.slot ? core.head.round : placeOf(core.network, core.head, slot).round;
}

function misbehaved(core: Qpos, peer: Peer | null, why: Misdeed): void {
  if (peer !== null) core.out.push({ type: "misbehaved", peer, why });
}

function markInvalid(core: Qpos, id: Id): void {
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
  if (waitMs > 0) {
    if (core.early.length < EARLY_MAX) core.early.push(block);
    core.out.push({ type: "park", untilMs: core.nowMs + waitMs });
    return false;
  }
  const opened = openBlock(core, parent, block, from);
  if (opened === null || isCrowded(core, opened)) return false;
  const branch = judged(core, parent, opened);
  if (typeof branch === "string") {
    markInvalid(core, block.id);
    misbehaved(core, from, branch);
    return false;
  }
  addBlock(core, opened, branch, from);
  return true;
}

function openBlock(
  core: Qpos,
  parent: Branch,
  block: SealedBlock,
  from: Peer | null,
): Block | null {
  const { extras } = block;
  if (!(extras instanceof Uint8Array)) return block as Block;
  const tooLarge = extras.length > core.network.parameters.extrasBytesMax;
  const read = tooLarge
    ? ({ ok: false, code: "extras-too-large" } as const)
    : decodeExtras(extras, (round) => setOfRound(core.network, parent, round));
  if (read.ok) return { id: block.id, header: block.header, sig: block.sig, extras: read.extras };
  // The id does not cover these bytes' form: another peer may have them right.
  misbehaved(core, from, read.code);
  return null;
}

/** True when the staker's differing headers of this round are as many as are kept. */
function isCrowded(core: Qpos, block: Block): boolean {
  const { stakerId, round } = block.header;
  if (!core.evidence.has(offenceKey({ kind: TWO_ACTS, stakerId, round }))) return false;
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
  if (known === undefined) core.memo?.set(block.id, result);
  return "ok" in result ? (result as { readonly code: BlockFault }).code : result;
}

function judgeAfresh(core: Qpos, parent: Branch, block: Block) {
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
  noteAct(core, block);
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

/** Follows complete links and tells what became final; true when the view moved. */
export function followView(core: Qpos): boolean {
  return core.view.links.length > 0 && followLinks(core.view);
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
  const key = offenceKey(offenceOf(evidence));
  if (core.evidence.has(key)) return;
  core.evidence.set(key, evidence);
  core.out.push({ type: "send", to: null, except: null, message: { kind: "evidence", evidence } });
}

/** Makes a new tip the head if it is better than the head. */
function consider(core: Qpos, tip: Branch): void {
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
  const best = bestOf(network, usable, justified, view.finalized);
  if (best !== null && best !== head) {
    const headStands = hasCheckpoint(head, justified) && hasCheckpoint(head, view.finalized);
    if (!headStands || isBetter(network, best, head)) setHead(core, best);
  }
  settleFinality(core);
}

/** Moves the head and tells how far back the chain went. */
function setHead(core: Qpos, head: Branch): void {
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
  if (core.forgets) forgetBlocks(core, branch);
}

/** Drops the blocks below a finalized one, and the references that would keep them alive. */
function forgetBlocks(core: Qpos, finalized: Branch): void {
  for (const [id, entry] of core.entries) {
    const below = entry.branch.height < finalized.height;
    const beside = entry.branch.height === finalized.height && entry.branch !== finalized;
    if (below || beside) core.entries.delete(id);
  }
  if (finalized.last !== null) {
    finalized.last.last = null;
    finalized.last.parent = null;
  }
  finalized.parent = null;
}

/** Lets parked blocks in whose time has come. */
export function tickTree(core: Qpos): void {
  if (core.early.length === 0) return;
  const waiting = core.early;
  core.early = [];
  for (const block of waiting) receiveBlock(core, block, null);
}

/** Complete links from a peer (`qfin`): their votes are votes like any other. */
export function receiveLinks(core: Qpos, links: readonly Certificate[], from: Peer): void {
  let moved = false;
  for (const link of links) {
    for (const vote of votesOf(link)) checkVote(core, vote, from, false);
    const target = branchOf(core, link.targetId);
    if (target !== null && followView(core)) moved = true;
  }
  if (moved) headAgain(core);
}

/** The execution plane has judged a block: rule 11 and its operations can now be settled. */
export function blockJudged(
  core: Qpos,
  id: Id,
  ok: boolean,
  operations: readonly ResolvedOperation[],
): void {
  const entry = core.entries.get(id);
  if (entry === undefined || entry.judged) return;
  const parent = entry.branch.parent;
  const root = parent === null ? null : registryRootFor(core.network, parent, entry.branch.slot);
  if (!ok || (root !== null && root !== entry.block.header.registryRoot)) {
    dropInvalid(core, entry);
    return;
  }
  entry.judged = true;
  if (operations.length > 0 && parent !== null) rebuild(core, entry, operations);
  const changes = entry.branch.ledger;
  if (changes !== NO_LEDGER_CHANGES) core.out.push({ type: "bonds", id, changes });
}

/** The entries that build on a block, lowest first. */
function descendants(core: Qpos, id: Id): Entry[] {
  const found = new Set([id]);
  const entries = [...core.entries.values()].sort((a, b) => a.branch.height - b.branch.height);
  return entries.filter((entry) => {
    if (!found.has(entry.block.header.parent)) return false;
    found.add(entry.block.id);
    return true;
  });
}

/** Applies a block again now that its operations are known, and all that build on it. */
function rebuild(core: Qpos, entry: Entry, operations: readonly ResolvedOperation[]): void {
  const replaced = new Map<Branch, Branch>();
  const again = (one: Entry, done: readonly ResolvedOperation[]): void => {
    const parent = one.branch.parent!;
    const branch = applyBlock(core.network, replaced.get(parent) ?? parent, one.block, done);
    replaced.set(one.branch, branch);
    one.branch = branch;
  };
  again(entry, operations);
  for (const child of descendants(core, entry.block.id)) again(child, []);
  const current = (branch: Branch): Branch => replaced.get(branch) ?? branch;
  core.tips = core.tips.map(current);
  core.head = current(core.head);
  const { view } = core;
  view.finalized = { round: view.finalized.round, branch: current(view.finalized.branch) };
  view.justified = view.justified.map((c) => ({ round: c.round, branch: current(c.branch) }));
}

/** A block failed rules 10 to 12: it goes, with all that build on it. */
function dropInvalid(core: Qpos, entry: Entry): void {
  for (const gone of [entry, ...descendants(core, entry.block.id)]) {
    markInvalid(core, gone.block.id);
    core.entries.delete(gone.block.id);
  }
  const parents = new Set([...core.entries.values()].map((e) => e.block.header.parent));
  core.tips = [...core.entries.values()].map((e) => e.branch).filter((b) => !parents.has(b.id));
  if (core.tips.length === 0) core.tips.push(core.genesis);
  if (core.invalid.has(core.head.id)) {
    const best = bestOf(core.network, core.tips, highestJustified(core.view), core.view.finalized);
    setHead(core, best ?? core.view.finalized.branch);
  }
}
