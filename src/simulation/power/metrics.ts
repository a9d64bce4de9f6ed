// What one simulated run showed: forks, bans, stalls, rollbacks, finality, and the checks that must
// never fail. Honest nodes only.
import type { Branch } from "../../planes/consensus/qpos/branch.ts";

export interface RunReport {
  readonly seed: number;
  /** Tips more than 3 blocks above the common prefix at the end. */
  readonly fork: boolean;
  /** Blocks above the common prefix at the end. */
  readonly lag: number;
  readonly bans: number;
  readonly stall: boolean;
  readonly maxReorg: number;
  readonly maxReorgTrust: number;
  readonly maxDrop: number;
  readonly boundTrust: number | null;
  readonly withinBound: boolean;
  readonly blocks: number;
  readonly prefixBlocks: number;
  readonly prefixPerSlot: number;
  readonly certificates: number;
  readonly refusals: number;
  readonly skippedActs: number;
  readonly finalizedRound: number;
  readonly finalizedHeight: number;
  readonly finalityConflict: boolean;
  readonly honestSlashed: number;
  readonly hostileSlashed: number;
  readonly finalitySlots: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Slots from healing until all heads are one and new; -1 = never. */
  readonly recoverySlots: number;
  readonly messages: number;
  readonly bytes: number;
  readonly events: number;
  readonly slots: number;
  readonly traceHash: string;
  readonly replay: string;
}

/** Counts of small whole numbers. */
export class Histogram {
  readonly counts: number[] = [];
  total = 0;

  add(value: number): void {
    while (this.counts.length <= value) this.counts.push(0);
    this.counts[value]!++;
    this.total++;
  }

  /** The least value that at least `perMille` of 1,000 do not exceed; 0 when empty. */
  quantile(perMille: number): number {
    const wanted = Math.ceil((this.total * perMille) / 1_000);
    let seen = 0;
    for (let value = 0; value < this.counts.length; value++) {
      seen += this.counts[value]!;
      if (seen >= wanted && seen > 0) return value;
    }
    return 0;
  }

  max(): number {
    return Math.max(0, this.counts.length - 1);
  }

  merge(other: Histogram): void {
    for (let value = 0; value < other.counts.length; value++) {
      while (this.counts.length <= value) this.counts.push(0);
      this.counts[value]! += other.counts[value]!;
    }
    this.total += other.total;
  }
}

/** The checker of finality: all that any honest node finalizes must lie on one chain. */
export class FinalityChecker {
  private top: Branch | null = null;
  readonly delays: Histogram = new Histogram();
  conflict = false;
  round = 0;

  /** A node finalized `branch`, observed at the end of `slot`. */
  add(branch: Branch, round: number, slot: number): void {
    const { top } = this;
    if (top !== null && branch.height <= top.height) {
      if (!isAncestor(branch, top)) this.conflict = true;
      return;
    }
    if (top !== null && !isAncestor(top, branch)) {
      this.conflict = true;
      return;
    }
    const floor = top === null ? 0 : top.height;
    for (let at: Branch | null = branch; at !== null && at.height > floor; at = at.parent) {
      this.delays.add(slot + 1 - at.slot);
    }
    this.top = branch;
    this.round = round;
  }

  height(): number {
    return this.top?.height ?? 0;
  }
}

function isAncestor(low: Branch, high: Branch): boolean {
  let at: Branch | null = high;
  while (at !== null && at.height > low.height) at = at.parent;
  return at === null || at.id === low.id;
}

/** The height of the last block that all these chains share. */
export function commonHeight(heads: readonly Branch[]): number {
  let height = Math.min(...heads.map((head) => head.height));
  let at = heads.map((head) => ancestorAt(head, height));
  while (at.some((branch) => branch.id !== at[0]!.id)) {
    height--;
    at = at.map((branch) => branch.parent!);
  }
  return height;
}

function ancestorAt(head: Branch, height: number): Branch {
  let at = head;
  while (at.height > height) at = at.parent!;
  return at;
}
