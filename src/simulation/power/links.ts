// Which links are up in each slot: churn, splits, rings, one-way links, a bridge node, flapping.
// Links are directed here, so that one-way failures can be said; all other shapes set both ways.
import { bound, type Random } from "../world/random.ts";
import type { PowerConfig } from "./config.ts";

export class Links {
  readonly count: number;
  /** up[from * count + to] */
  readonly up: Uint8Array;
  private readonly banned: Uint8Array;
  private readonly config: PowerConfig;
  private readonly random: Random;
  private readonly churnBound: number;
  /** Outgoing neighbours of each node, ascending; rebuilt after changes. */
  readonly out: number[][];

  constructor(config: PowerConfig, random: Random) {
    this.config = config;
    this.random = random;
    this.count = config.nodes - config.hostile;
    this.churnBound = bound(config.churn);
    this.up = new Uint8Array(this.count * this.count);
    this.banned = new Uint8Array(this.count * this.count);
    this.out = Array.from({ length: this.count }, () => []);
    for (let a = 0; a < this.count; a++) {
      for (let b = 0; b < this.count; b++)
        if (a !== b && this.exists(a, b)) this.up[this.at(a, b)] = 1;
    }
    this.rebuild();
  }

  private at(from: number, to: number): number {
    return from * this.count + to;
  }

  /** True when the shape has a link between these nodes at all. */
  private exists(a: number, b: number): boolean {
    const distance = Math.abs(a - b);
    const ring = Math.min(distance, this.count - distance);
    if (this.config.shape === "ring") return ring === 1;
    // A circulant graph: every node has `degree` links to its nearest and to far nodes.
    if (this.config.degree > 0) return isChord(ring, this.config.degree, this.count);
    return true;
  }

  private rebuild(): void {
    for (let a = 0; a < this.count; a++) {
      const list = this.out[a]!;
      list.length = 0;
      for (let b = 0; b < this.count; b++) if (this.up[this.at(a, b)] === 1) list.push(b);
    }
  }

  isBanned(a: number, b: number): boolean {
    return a < this.count && b < this.count && this.banned[this.at(a, b)] === 1;
  }

  /** Cuts a pair for good. */
  ban(a: number, b: number): void {
    this.banned[this.at(a, b)] = 1;
    this.banned[this.at(b, a)] = 1;
    this.up[this.at(a, b)] = 0;
    this.up[this.at(b, a)] = 0;
    this.rebuild();
  }

  /** Moves to a slot; returns the directed links that came up, as from * count + to. */
  advance(slot: number): readonly number[] {
    const { config } = this;
    if (slot > config.slots) return slot === config.slots + 1 ? this.heal() : NONE;
    const raised: number[] = [];
    let changed = false;
    const change = (a: number, b: number, up: number): void => {
      const at = this.at(a, b);
      if (this.up[at] === up || (up === 1 && this.banned[at] === 1)) return;
      this.up[at] = up;
      changed = true;
      if (up === 1) raised.push(at);
    };
    if (config.churn > 0) this.churn(change);
    const { split } = config;
    if (split !== null) this.split(split.groups, slot, split.fromSlot, split.slots, change);
    if (changed) this.rebuild();
    return raised;
  }

  private churn(change: (a: number, b: number, up: number) => void): void {
    for (let a = 0; a < this.count; a++) {
      for (let b = a + 1; b < this.count; b++) {
        if (!this.exists(a, b) || !this.random.hits(this.churnBound)) continue;
        const up = this.up[this.at(a, b)] === 1 ? 0 : 1;
        change(a, b, up);
        change(b, a, up);
      }
    }
  }

  private split(
    groups: readonly number[],
    slot: number,
    fromSlot: number,
    slots: number,
    change: (a: number, b: number, up: number) => void,
  ): void {
    const inside = slot >= fromSlot && slot < fromSlot + slots;
    const flapped = this.config.shape === "flapping" && (slot - fromSlot) % 4 >= 2;
    const cut = inside && !flapped;
    for (let a = 0; a < this.count; a++) {
      for (let b = 0; b < this.count; b++) {
        if (a === b || !this.exists(a, b)) continue;
        const apart = groupOf(groups, a) !== groupOf(groups, b);
        if (apart) change(a, b, cut && !this.survives(groups, a, b) ? 0 : 1);
      }
    }
  }

  /** Links between groups that a split leaves: one way only, or through node 0. */
  private survives(groups: readonly number[], a: number, b: number): boolean {
    if (this.config.shape === "one-way") return groupOf(groups, a) < groupOf(groups, b);
    return this.config.shape === "bridge" && (a === 0 || b === 0) && this.random.hits(0x4000_0000);
  }

  private heal(): readonly number[] {
    const raised: number[] = [];
    for (let a = 0; a < this.count; a++) {
      for (let b = 0; b < this.count; b++) {
        const at = this.at(a, b);
        const down = a !== b && this.up[at] === 0 && this.banned[at] === 0 && this.exists(a, b);
        if (!down) continue;
        this.up[at] = 1;
        raised.push(at);
      }
    }
    this.rebuild();
    return raised;
  }

  /** The component of each node, as the smallest index in it (links of either way count). */
  components(): number[] {
    const label = Array.from({ length: this.count }, (_, index) => index);
    for (let again = true; again; ) {
      again = false;
      for (let a = 0; a < this.count; a++) {
        for (const b of this.out[a]!) {
          const least = Math.min(label[a]!, label[b]!);
          if (label[a] === least && label[b] === least) continue;
          label[a] = least;
          label[b] = least;
          again = true;
        }
      }
    }
    return label;
  }
}

const NONE: readonly number[] = [];

/** The group that a node belongs to; nodes beyond the groups belong to the last one. */
export function groupOf(groups: readonly number[], node: number): number {
  let end = 0;
  for (let group = 0; group < groups.length; group++) {
    end += groups[group]!;
    if (node < end) return group;
  }
  return groups.length - 1;
}

/** Chord lengths 1, then further ones growing fivefold, two links each, up to the degree. */
function isChord(ring: number, degree: number, count: number): boolean {
  let length = 1;
  for (let links = 0; links < degree; links += 2) {
    if (ring === Math.min(length, count - length)) return true;
    length = (length * 5 + 2) % count;
    if (length === 0) length = 2;
  }
  return false;
}
