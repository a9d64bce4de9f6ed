// What the execution plane's verdict on a block changes: the registry root is checked, operations
// take effect, or the block and all that build on it go.
import { highestJustified } from "../finality/view.ts";
import type { ResolvedOperation } from "./apply-operation.ts";
import { applyBlock, type Branch, registryRootFor } from "./branch.ts";
import { bestOf } from "./choice.ts";
import type { Entry, Qpos } from "./core.ts";
import { setHead } from "./head.ts";
import type { Id } from "./header.ts";
import { NO_LEDGER_CHANGES } from "./registry.ts";
import { markInvalid } from "./tree.ts";

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
    setHead(core, best ?? highestJustified(core.view).branch);
  }
}
