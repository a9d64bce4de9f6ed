// More than two thirds of the stake stand behind a block that this node finds invalid: either the
// stake is hostile, or this node is wrong. Which of the two, no program can tell. So the core stops:
// it follows nothing, votes for nothing and stays on the last good block until a person has decided.
import type { Checkpoint, Tally } from "../finality/view.ts";
import type { Branch } from "./branch.ts";
import type { Qpos } from "./core.ts";

/**
 * Stops the core when one of the blocks that go, the lowest first, is justified in view, or has a link
 * that only waits for its source or for the chain to stand still: that one would make it the head
 * later. True when it did: then the view is that of the last good block, below which all is as final
 * as it was.
 */
export function haltIfJustified(core: Qpos, gone: readonly Branch[]): boolean {
  const { view } = core;
  const ids = new Set(gone.map(({ id }) => id));
  const isGone = ({ branch }: Checkpoint): boolean => ids.has(branch.id);
  const isLost = ({ target }: Tally): boolean => ids.has(target.id);
  const isLinked = view.links.some(isLost) || view.late.some(isLost);
  if (!isLinked && !view.justified.some(isGone) && !isGone(view.finalized)) return false;
  const invalid = gone[0]!;
  const below = invalid.parent ?? core.genesis;
  // Who votes for a block votes for all below it: what is good of that is still final.
  if (isGone(view.finalized)) view.finalized = { round: below.round, branch: below };
  view.justified = view.justified.filter((one) => !isGone(one));
  if (view.justified.length === 0) view.justified.push(view.finalized);
  view.links = view.links.filter((link) => !isLost(link));
  view.late = view.late.filter((link) => !isLost(link));
  const { id, height, round } = invalid;
  core.halted = true;
  core.out.push({ type: "halted", id, height, round });
  return true;
}
