// One immutable state per block. Applying a block first resolves every slot since its parent
// (unfilled ones are misses), closes the rounds passed, then counts the block. "Rollback" is
// choosing another block: nothing is ever undone.
//
// Hot: the simulator applies some 100,000 blocks a second; fields keep one shape.
import type { Certificate } from "../finality/certificate.ts";
import { applyOperation, type ResolvedOperation } from "./apply-operation.ts";
import type { Block } from "./block.ts";
import { locate } from "./clock.ts";
import type { Digest, Id } from "./header.ts";
import { decideSet } from "./membership.ts";
import type { QposParameters } from "./params.ts";
import type { Power } from "./power.ts";
import {
  type LedgerChanges,
  NO_LEDGER_CHANGES,
  type Registry,
  RegistryDraft,
  recordOf,
  recordsOf,
} from "./registry.ts";
import type { Rules } from "./rules.ts";
import { nextSet, type StakerSet, weightIn } from "./staker-set.ts";
import type { Suite } from "./suite.ts";

/** What every step of one network shares. */
export interface Network {
  readonly parameters: QposParameters;
  readonly rules: Rules;
  readonly suite: Suite;
  /** The mutation `membership: seen`: what this node saw finalized. Never set on a network. */
  readonly seenFinalizedRound: (() => number) | null;
}

/** A justified checkpoint of a branch and those below it, down to the finalized one. */
export interface Justified {
  readonly round: number;
  readonly id: Id;
  readonly below: Justified | null;
}

export interface Branch {
  readonly id: Id;
  parent: Branch | null;
  readonly height: number;
  readonly slot: number;
  readonly round: number;
  readonly index: number;
  readonly stakerId: number;
  /** First slot of the round, and how many it has. */
  readonly start: number;
  readonly length: number;
  readonly queue: readonly number[];
  readonly seed: Digest;
  readonly set: StakerSet;
  /** The set of the next round. */
  readonly next: StakerSet;
  readonly trust: number;
  readonly mix: Digest;
  /** Weight of filled and of resolved slots of this round. */
  readonly hits: number;
  readonly resolved: number;
  /** The same of the previous round; a total of 0 means that there is none to judge. */
  readonly previousHits: number;
  readonly previousTotal: number;
  /** The last block of an earlier round. */
  last: Branch | null;
  readonly registry: Registry;
  readonly ledger: LedgerChanges;
  /** The registry root that all blocks of this round carry. */
  readonly registryRoot: Digest;
  readonly justified: Justified;
  readonly finalizedRound: number;
  readonly finalizedId: Id;
  /** Made when first asked for: the close of this block's round, the queue of a later round, the tie. */
  closed: Closed | null;
  aheadRound: number;
  aheadSeed: Digest;
  aheadQueue: readonly number[];
  tie: Digest | null;
}

/** The state at the close of a block's round, if no further block of that round follows. */
export interface Closed {
  readonly registry: Registry;
  /** The set of round + 2 and of all rounds after it. */
  readonly after: StakerSet;
}

/** The branch that is only the genesis block. */
export function genesisBranch(
  network: Network,
  id: Id,
  registry: Registry,
  weights: readonly number[],
): Branch {
  const set = nextSet(
    null,
    1,
    weights.map((_, at) => at + 1),
    weights,
  );
  return {
    id,
    parent: null,
    height: 0,
    slot: 0,
    round: 0,
    index: 0,
    stakerId: 0,
    start: 0,
    length: 1,
    queue: [],
    seed: network.suite.seed(0, id),
    set,
    next: set,
    trust: 0,
    mix: id,
    hits: 0,
    resolved: 0,
    previousHits: 0,
    previousTotal: 0,
    last: null,
    registry,
    ledger: NO_LEDGER_CHANGES,
    registryRoot: id,
    justified: { round: 0, id, below: null },
    finalizedRound: 0,
    finalizedId: id,
    closed: null,
    aheadRound: -1,
    aheadSeed: id,
    aheadQueue: [],
    tie: null,
  };
}

/** Closes the round of `branch` behind it: the rest are misses, then the next set is decided. */
export function closeOf(network: Network, branch: Branch): Closed {
  if (branch.closed !== null) return branch.closed;
  const draft = new RegistryDraft(branch.registry, network.parameters);
  for (let index = branch.index + 1; index < branch.queue.length; index++) {
    draft.missed(branch.queue[index]!, 1, branch.round);
  }
  let after = branch.next;
  if (network.rules.disableInFork === 0) {
    after = decideSet(draft, network.parameters, {
      round: branch.round,
      finalizedRound: network.seenFinalizedRound?.() ?? branch.finalizedRound,
      newest: branch.next,
      startAfterNext: branch.start + branch.length + branch.next.ids.length,
      nextId: branch.registry.nextId,
    });
  }
  const closed = { registry: draft.finish(), after };
  if (network.seenFinalizedRound === null) branch.closed = closed;
  return closed;
}

/** The set of a round on a branch whose tip is `branch`; null before the first version kept. */
export function setOfRound(network: Network, branch: Branch, round: number): StakerSet | null {
  if (round === branch.round + 1) return branch.next;
  if (round > branch.round) return closeOf(network, branch).after;
  let set: StakerSet | null = branch.set;
  while (set !== null && set.activation > round) set = set.before;
  return set;
}

/** The last block at or before the end of `round` on the branch; null when it was forgotten. */
export function checkpointOf(branch: Branch, round: number): Branch | null {
  let at: Branch | null = branch;
  while (at !== null && at.round > round) at = at.last;
  return at;
}

/** The seed of a round at or after that of `branch`. */
function seedAhead(network: Network, branch: Branch, round: number): Digest {
  // checkpoint(round - 2): the block before this round's first, or, two rounds on, this block.
  const source = round >= branch.round + 2 || branch.last === null ? branch : branch.last;
  return network.suite.seed(round, network.rules.seed === "last" ? source.id : source.mix);
}

/** The order of a round at or after that of `branch`. */
export function queueAhead(network: Network, branch: Branch, round: number): readonly number[] {
  if (round === branch.round) return branch.queue;
  if (branch.aheadRound !== round) {
    const set = setOfRound(network, branch, round)!;
    branch.aheadSeed = seedAhead(network, branch, round);
    branch.aheadQueue = network.suite.queue(branch.aheadSeed, set.ids);
    branch.aheadRound = round;
  }
  return branch.aheadQueue;
}

/** Power after the block was counted. */
export function powerAfter(branch: Branch): Power {
  if (branch.previousTotal === 0) return { filled: 0, total: 0 };
  return {
    filled: branch.previousHits + branch.hits,
    total: branch.previousTotal + branch.resolved,
  };
}

/** Power as it stands at the end of a slot in which nothing was added to `branch`. */
export function powerAt(network: Network, branch: Branch, slot: number): Power {
  if (slot <= branch.slot) return powerAfter(branch);
  const place = placeOf(network, branch, slot);
  const opens = place.round > branch.round;
  const previous = opens ? previousTotal(branch, place.round, closeOf(network, branch).after) : 0;
  if ((opens ? previous : branch.previousTotal) === 0) return { filled: 0, total: 0 };
  const queue = queueAhead(network, branch, place.round);
  let total = opens ? previous : branch.previousTotal + branch.resolved;
  for (let at = opens ? 0 : branch.index + 1; at <= place.index; at++) {
    total += weightIn(place.set, queue[at]!);
  }
  if (!opens) return { filled: branch.previousHits + branch.hits, total };
  return { filled: place.round === branch.round + 1 ? branch.hits : 0, total };
}

/** Where a slot behind `branch` lies, and which sets the rounds there have. */
export interface Place {
  readonly round: number;
  readonly index: number;
  readonly start: number;
  readonly set: StakerSet;
  readonly next: StakerSet;
}

/** Places a slot behind `branch`. */
export function placeOf(network: Network, branch: Branch, slot: number): Place {
  if (slot < branch.start + branch.length) {
    const { round, start, set, next } = branch;
    return { round, index: slot - start, start, set, next };
  }
  const { after } = closeOf(network, branch);
  const { round, start } = locate(slot, {
    round: branch.round,
    start: branch.start,
    length: branch.length,
    nextLength: branch.next.ids.length,
    laterLength: after.ids.length,
  });
  const set = round === branch.round + 1 ? branch.next : after;
  return { round, index: slot - start, start, set, next: after };
}

/** Adds the misses between a parent and a slot of a later round: whole rounds, then first slots. */
function resolveGap(draft: RegistryDraft, parent: Branch, place: Place, after: StakerSet): void {
  const skipped = place.round - parent.round - 1;
  if (skipped >= 1) for (const id of parent.next.ids) draft.missed(id, 1, parent.round + 1);
  if (skipped >= 2) for (const id of after.ids) draft.missed(id, skipped - 1, place.round - 1);
}

/** The set of the next round in the arms where misses disable a staker inside its fork. */
function disableInFork(
  limit: number,
  set: StakerSet,
  registry: Registry,
  round: number,
): StakerSet {
  const ids = set.ids.filter((id) => recordOf(registry, id)!.missRun < limit);
  if (ids.length === set.ids.length || ids.length === 0) return set;
  return nextSet(
    set,
    round + 1,
    ids,
    ids.map((id) => weightIn(set, id)),
  );
}

/** The justified checkpoints and the finalized one after a block's links. */
function applyLinks(
  parent: Branch,
  links: readonly Certificate[],
): { justified: Justified; finalizedRound: number; finalizedId: Id } {
  let { justified, finalizedRound, finalizedId } = parent;
  for (const link of links) {
    const { sourceRound, sourceId } = link.groups[0]!;
    justified = { round: link.targetRound, id: link.targetId, below: justified };
    if (link.targetRound === sourceRound + 1 && sourceRound > finalizedRound) {
      finalizedRound = sourceRound;
      finalizedId = sourceId;
      const source = { round: sourceRound, id: sourceId, below: null };
      justified = { round: link.targetRound, id: link.targetId, below: source };
    }
  }
  return { justified, finalizedRound, finalizedId };
}

/** Punishes what the block's evidence proves and rewards its staker. */
function applyEvidence(draft: RegistryDraft, block: Block, set: StakerSet): void {
  const { header } = block;
  for (const evidence of block.extras.evidence) {
    const stakerId = "header" in evidence.a ? evidence.a.header.stakerId : evidence.a.stakerId;
    const weight = weightIn(set, stakerId);
    const reward = draft.punish(evidence, header.round, header.slot, weight, set.total);
    draft.pay(draft.get(header.stakerId).payout, reward);
  }
}

/**
 * The state after a block that validate.ts found good, given the registry operations in its
 * transactions (none while they are not yet known).
 */
export function applyBlock(
  network: Network,
  parent: Branch,
  block: Block,
  operations: readonly ResolvedOperation[],
): Branch {
  const { header, extras } = block;
  const { parameters, rules, suite } = network;
  const place = placeOf(network, parent, header.slot);
  const { round, index, set } = place;
  const opens = round > parent.round;
  const queue = queueAhead(network, parent, round);
  const closed = opens ? closeOf(network, parent) : null;
  const draft = new RegistryDraft(closed === null ? parent.registry : closed.registry, parameters);
  if (closed !== null) resolveGap(draft, parent, place, closed.after);
  const root = opens ? rootAtClose(network, parent, draft, closed!.after) : parent.registryRoot;
  let resolved = opens ? 0 : parent.resolved;
  for (let at = opens ? 0 : parent.index + 1; at < index; at++) {
    draft.missed(queue[at]!, 1, round);
    resolved += weightIn(set, queue[at]!);
  }
  draft.produced(header.stakerId, extras.commit);
  draft.paid(Math.min(parent.registry.due.length, parameters.dueCountMax));
  if (extras.evidence.length > 0) applyEvidence(draft, block, set);
  for (const operation of operations) applyOperation(draft, parameters, operation, header);
  draft.release(header.slot);
  const registry = draft.finish();
  const weight = weightIn(set, header.stakerId);
  const links = extras.links.length === 0 ? parent : applyLinks(parent, extras.links);
  const follows = round === parent.round + 1;
  return {
    id: block.id,
    parent,
    height: parent.height + 1,
    slot: header.slot,
    round,
    index,
    stakerId: header.stakerId,
    start: place.start,
    length: set.ids.length,
    queue,
    seed: opens ? parent.aheadSeed : parent.seed,
    set,
    next:
      rules.disableInFork === 0
        ? place.next
        : disableInFork(rules.disableInFork, set, registry, round),
    trust: parent.trust + weight,
    mix: suite.mix(parent.mix, extras.reveal),
    hits: weight + (opens ? 0 : parent.hits),
    resolved: resolved + weight,
    previousHits: opens ? (follows ? parent.hits : 0) : parent.previousHits,
    previousTotal: opens ? previousTotal(parent, round, closed!.after) : parent.previousTotal,
    last: opens ? parent : parent.last,
    registry,
    ledger: draft.ledgerChanges(),
    registryRoot: root,
    justified: links.justified,
    finalizedRound: links.finalizedRound,
    finalizedId: links.finalizedId,
    closed: null,
    aheadRound: -1,
    aheadSeed: "",
    aheadQueue: queue,
    tie: null,
  };
}

/** The weight of all slots of the round before `round`; 0 for round 1, which has none before it. */
function previousTotal(parent: Branch, round: number, after: StakerSet): number {
  if (round === 1) return 0;
  if (round === parent.round + 1) return parent.set.total;
  return round === parent.round + 2 ? parent.next.total : after.total;
}

function rootAtClose(
  network: Network,
  parent: Branch,
  draft: RegistryDraft,
  set: StakerSet,
): Digest {
  const registry = draft.finish();
  return network.suite.registryRoot({
    records: recordsOf(registry),
    set,
    finalizedRound: parent.finalizedRound,
    finalizedId: parent.finalizedId,
    mix: parent.mix,
    nextId: registry.nextId,
  });
}

/** The registry root that a block at `slot` behind `parent` must carry. */
export function registryRootFor(network: Network, parent: Branch, slot: number): Digest {
  const place = placeOf(network, parent, slot);
  if (place.round === parent.round) return parent.registryRoot;
  const closed = closeOf(network, parent);
  const draft = new RegistryDraft(closed.registry, network.parameters);
  resolveGap(draft, parent, place, closed.after);
  return rootAtClose(network, parent, draft, closed.after);
}
