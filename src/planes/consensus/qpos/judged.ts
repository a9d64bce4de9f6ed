// What the execution plane's verdict on a block changes: the registry root is checked, operations
// take effect, or the block and all that build on it go.
import { highestJustified, replaceInView } from "../finality/view.ts";
import type { ResolvedOperation } from "./apply-operation.ts";
import type { Block } from "./block.ts";
import { applyBlock, type Branch, registryRootFor } from "./branch.ts";
import { bestOf } from "./choice.ts";
import type { Entry, Qpos } from "./core.ts";
import { haltIfJustified } from "./halt.ts";
import { forgetFinal, setHead } from "./head.ts";
import type { Id } from "./header.ts";
import { NO_LEDGER_CHANGES } from "./registry.ts";
import { keepWaiting, markInvalid, takeWaiting } from "./tree.ts";
import { judgeBlock } from "./validate.ts";
import { voteOnArrival } from "./voting.ts";

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
    takeWaiting(core, id);
    return;
  }
  entry.judged = true;
  if (operations.length > 0 && parent !== null) rebuild(core, entry, operations);
  const changes = entry.branch.ledger;
  if (changes !== NO_LEDGER_CHANGES) core.out.push({ type: "bonds", id, changes });
  takeWaiting(core, id);
  voteOnArrival(core, entry.branch);
  forgetFinal(core);
}

/**
 * The entries that build on a block, lowest first: looked for from the tips down, since blocks are
 * judged near the tips and the tree may reach far below while finality stands still.
 */
function descendants(core: Qpos, { branch: from }: Entry): Entry[] {
  const found = new Map<Id, Entry>();
  for (const tip of core.tips) {
    const path: Entry[] = [];
    let at = tip;
    while (at.height > from.height && !found.has(at.id) && at.parent !== null) {
      path.push(core.entries.get(at.id)!);
      at = at.parent;
    }
    if (at.id !== from.id && !found.has(at.id)) continue;
    for (const entry of path) found.set(entry.block.id, entry);
  }
  return [...found.values()].sort((a, b) => a.branch.height - b.branch.height);
}

/**
 * Applies a block again now that its operations are known, and all that build on it. Those were
 * judged without the operations, so they are judged again; some may not be valid after all.
 */
function rebuild(core: Qpos, entry: Entry, operations: readonly ResolvedOperation[]): void {
  const { network } = core;
  const replaced = new Map<Branch, Branch>();
  const refused: Entry[] = [];
  const again = (one: Entry, parent: Branch, done: readonly ResolvedOperation[]): void => {
    const branch = applyBlock(network, parent, one.block, done);
    replaced.set(one.branch, branch);
    one.branch = branch;
  };
  const above = descendants(core, entry);
  again(entry, entry.branch.parent!, operations);
  for (const child of above) {
    const parent = replaced.get(child.branch.parent!);
    if (parent === undefined) continue;
    if (judgeBlock(network, parent, child.block).ok) again(child, parent, []);
    else refused.push(child);
  }
  const current = (branch: Branch): Branch => replaced.get(branch) ?? branch;
  core.tips = core.tips.map(current);
  core.head = current(core.head);
  replaceInView(core.view, current);
  if (core.carried !== null) core.carried = { ...core.carried, head: current(core.carried.head) };
  for (const child of refused) {
    // Behind a parent that is itself not judged the state is still incomplete.
    if (core.halted) return;
    if (child.block.header.parent === entry.block.id) dropInvalid(core, child);
    else takeOut(core, [child, ...descendants(core, child)], keepWaiting);
  }
}

/** A block failed rules 10 to 12: it goes, with all that build on it. */
function dropInvalid(core: Qpos, entry: Entry): void {
  const forGood = (_: Qpos, { id }: Block): void => markInvalid(core, id);
  const gone = [entry, ...descendants(core, entry)];
  haltIfJustified(
    core,
    gone.map(({ branch }) => branch),
  );
  takeOut(core, gone, forGood);
}

/** Takes blocks out of the tree, and chooses the head again when it went with them. */
function takeOut(
  core: Qpos,
  gone: readonly Entry[],
  then: (core: Qpos, block: Block) => void,
): void {
  const headGoes = gone.some(({ block }) => block.id === core.head.id);
  for (const { block } of gone) {
    core.entries.delete(block.id);
    then(core, block);
  }
  const parents = new Set([...core.entries.values()].map((e) => e.block.header.parent));
  core.tips = [...core.entries.values()].map((e) => e.branch).filter((b) => !parents.has(b.id));
  if (core.tips.length === 0) core.tips.push(core.genesis);
  if (headGoes) {
    const best = bestOf(core.network, core.tips, highestJustified(core.view), core.view.finalized);
    setHead(core, best ?? standing(core));
  }
}

/** The highest justified block, or what of its branch is in the tree: the rest may wait to be judged. */
function standing(core: Qpos): Branch {
  let at = highestJustified(core.view).branch;
  while (at.parent !== null && !core.entries.has(at.id)) at = at.parent;
  return at;
}
