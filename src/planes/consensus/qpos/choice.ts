// Fork choice: the chain with the most trust among the descendants of what is justified and
// finalized; ties by a hash that the producer cannot grind. First-seen ties leave equal tips
// standing for good: 40 of 100 runs stalled.
import { type Checkpoint, hasCheckpoint } from "../finality/view.ts";
import type { Branch, Network } from "./branch.ts";
import type { Digest } from "./header.ts";

/** The tie-break of a block, smaller wins. */
export function tieOfBranch(network: Network, branch: Branch): Digest {
  branch.tie ??= network.suite.tie(branch.seed, branch.slot, branch.stakerId);
  return branch.tie;
}

/** True when chain `a` is better than chain `b`; `b` is the one that was there first. */
export function isBetter(network: Network, a: Branch, b: Branch): boolean {
  if (a.trust !== b.trust) return a.trust > b.trust;
  if (network.rules.ties === "first") return false;
  const tieA = tieOfBranch(network, a);
  const tieB = tieOfBranch(network, b);
  return tieA === tieB ? a.id < b.id : tieA < tieB;
}

/** The best of `tips` that descends from the checkpoints; null when none does. */
export function bestOf(
  network: Network,
  tips: Iterable<Branch>,
  justified: Checkpoint,
  finalized: Checkpoint,
): Branch | null {
  let best: Branch | null = null;
  for (const tip of tips) {
    if (best !== null && !isBetter(network, tip, best)) continue;
    if (hasCheckpoint(tip, justified) && hasCheckpoint(tip, finalized)) best = tip;
  }
  return best;
}

/** The last block that two chains share, and how many blocks of `from` lie above it. */
export function commonAncestor(
  from: Branch,
  to: Branch,
): { readonly branch: Branch; readonly above: number } {
  let a = from;
  let b = to;
  while (a !== b) {
    const lower = a.height < b.height ? b : a;
    const parent = lower.parent;
    if (parent === null) break;
    if (lower === a) a = parent;
    else b = parent;
  }
  return { branch: a, above: from.height - a.height };
}

export type BlockStatus = "provisional" | "gated" | "justified" | "finalized";

/** What a block of the chain below `head` may be called; wallets count from `gated`. */
export function statusOf(
  head: Branch,
  block: Branch,
  justified: Checkpoint,
  finalized: Checkpoint,
): BlockStatus {
  if (block.height <= finalized.branch.height) return "finalized";
  if (block.height <= justified.branch.height) return "justified";
  let last: Branch = head;
  while (last.round > block.round && last.last !== null) last = last.last;
  return last.round > block.round || 2 * last.hits > last.set.total ? "gated" : "provisional";
}
