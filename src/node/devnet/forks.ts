// Who is on which branch, from the chains that the nodes tell: a node whose tip is an ancestor of
// another's tip lags, it does not fork. Pure; the tracker says when a fork appears and heals.
import { never } from "../../base/assert.ts";
import type { ChainWindow, WindowBlock } from "./chain-window.ts";

export interface Branch {
  /** Indexes of the nodes on it, ascending. */
  readonly nodes: readonly number[];
  readonly tip: WindowBlock;
  /**
   * Blocks that it does not share with the highest branch; of that one, with any other. Null:
   * they part further down than is kept.
   */
  readonly depth: number | null;
}

/** One branch: all agree (some may lag). The highest first. */
export type Branches = readonly Branch[];

export interface NodeChain {
  readonly node: number;
  readonly window: ChainWindow;
}

function standsOn(tip: WindowBlock, head: ChainWindow): boolean {
  const there = head.at(tip.height);
  // Below what is kept nothing speaks against it.
  return there === null ? tip.height < (head.blocks[0]?.height ?? 0) : there.hash === tip.hash;
}

/** The highest height at which both hold the same block; null when none is kept. */
function commonHeight(a: ChainWindow, b: ChainWindow): number | null {
  let height = Math.min(a.tip?.height ?? -1, b.tip?.height ?? -1);
  for (; height >= 0; height--) {
    const [mine, theirs] = [a.at(height), b.at(height)];
    if (mine === null || theirs === null) return null;
    if (mine.hash === theirs.hash) return height;
  }
  return null;
}

/** Blocks of `own` above what it shares with every one of `others`. */
function depthOf(own: ChainWindow, others: readonly ChainWindow[]): number | null {
  const tip = own.tip?.height ?? 0;
  let depth = 0;
  for (const other of others) {
    const common = commonHeight(own, other);
    if (common === null) return null;
    depth = Math.max(depth, tip - common);
  }
  return depth;
}

/** The branches of the nodes that have a chain. */
export function branchesOf(chains: readonly NodeChain[]): Branches {
  const known = chains.filter(({ window }) => window.tip !== null);
  const byHeight = [...known].sort(
    (a, b) => b.window.tip!.height - a.window.tip!.height || a.node - b.node,
  );
  const heads: { readonly window: ChainWindow; readonly nodes: number[] }[] = [];
  for (const { node, window } of byHeight) {
    const head = heads.find((one) => standsOn(window.tip!, one.window));
    if (head === undefined) heads.push({ window, nodes: [node] });
    else head.nodes.push(node);
  }
  const [highest, ...others] = heads.map(({ window }) => window);
  return heads.map(({ window, nodes }) => ({
    nodes: nodes.sort((a, b) => a - b),
    tip: window.tip!,
    depth: depthOf(window, window === highest ? others : [highest!]),
  }));
}

/** Where the network's own clock stands. */
export interface Moment {
  readonly ms: number;
  readonly round: number;
}

export interface OpenFork {
  readonly since: Moment;
  readonly branches: Branches;
  /** Of the branches but the highest: the blocks that somebody has to drop. */
  readonly depth: number;
}

export type ForkEvent =
  | { readonly kind: "forked"; readonly branches: Branches }
  | {
      readonly kind: "healed";
      readonly ms: number;
      readonly rounds: number;
      /** Since the links were healed; null when nobody healed them while it lasted. */
      readonly roundsAfterHeal: number | null;
      /** Blocks that the side that gave way had at most. */
      readonly depth: number;
    };

/** A line for people, nodes numbered from 1. */
export function forkEventText(event: ForkEvent): string {
  switch (event.kind) {
    case "forked": {
      const sides = event.branches.map(
        ({ nodes, tip }) =>
          `${nodes.map((node) => node + 1).join(",")} at ${tip.height} ${tip.hash.slice(0, 8)}`,
      );
      return `fork: ${sides.join(" | ")}`;
    }
    case "healed": {
      const seconds = (event.ms / 1000).toFixed(1);
      const after = event.roundsAfterHeal;
      const heal = after === null ? "" : ` (${after} after the heal)`;
      return `fork healed after ${seconds} s, ${event.rounds} rounds${heal}; ${event.depth} deep at most`;
    }
    default:
      return never(event);
  }
}

export class ForkTracker {
  #open: OpenFork | null = null;
  #healRound: number | null = null;
  count = 0;
  deepest = 0;

  get open(): OpenFork | null {
    return this.#open;
  }

  /** Every link is up from now on. */
  linked(now: Moment): void {
    if (this.#open !== null) this.#healRound = now.round;
  }

  update(branches: Branches, now: Moment): ForkEvent | null {
    if (branches.length > 1) return this.#forked(branches, now);
    const open = this.#open;
    if (open === null) return null;
    const there = new Set(branches.flatMap(({ nodes }) => nodes));
    // A side that went away has not come round.
    const everybody = open.branches.every(({ nodes }) => nodes.every((node) => there.has(node)));
    if (!everybody) return null;
    this.#open = null;
    const roundsAfterHeal =
      this.#healRound === null ? null : Math.max(0, now.round - this.#healRound);
    this.#healRound = null;
    const rounds = Math.max(0, now.round - open.since.round);
    return {
      kind: "healed",
      ms: now.ms - open.since.ms,
      rounds,
      roundsAfterHeal,
      depth: open.depth,
    };
  }

  #forked(branches: Branches, now: Moment): ForkEvent | null {
    const depths = branches.slice(1).map(({ depth }) => depth ?? 0);
    const depth = Math.max(this.#open?.depth ?? 0, ...depths);
    this.deepest = Math.max(this.deepest, depth);
    const isNew = this.#open === null;
    this.#open = { since: this.#open?.since ?? now, branches, depth };
    if (!isNew) return null;
    this.count += 1;
    return { kind: "forked", branches };
  }
}
