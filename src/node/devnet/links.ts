// Which nodes may talk to one another: a partition into groups, and inside the groups links that
// churn cuts and restores. It decides only; the supervisor makes the nodes follow.
import type { Prng } from "../../base/prng.ts";

export interface Link {
  /** The lower index; the other one dials. */
  readonly low: number;
  readonly high: number;
}

/** "1-2", as people number nodes. */
export function linkText({ low, high }: Link): string {
  return `${low + 1}-${high + 1}`;
}

export class Links {
  readonly all: readonly Link[];
  /** Group of each node. */
  #groups: number[];
  readonly #cut = new Set<Link>();

  constructor(nodes: number) {
    const all: Link[] = [];
    for (let high = 1; high < nodes; high++) {
      for (let low = 0; low < high; low++) all.push({ low, high });
    }
    this.all = all;
    this.#groups = new Array<number>(nodes).fill(0);
  }

  isUp(link: Link): boolean {
    return this.#together(link) && !this.#cut.has(link);
  }

  /** True when the link's nodes are in two groups of a partition. */
  separates(link: Link): boolean {
    return !this.#together(link);
  }

  #together({ low, high }: Link): boolean {
    return this.#groups[low] === this.#groups[high];
  }

  /** Nodes by group, for the view. */
  get groups(): readonly (readonly number[])[] {
    const groups: number[][] = [];
    this.#groups.forEach((group, node) => {
      groups[group] ??= [];
      groups[group].push(node);
    });
    return groups.filter((group) => group !== undefined);
  }

  partition(groups: readonly (readonly number[])[]): void {
    groups.forEach((group, number) => {
      for (const node of group) this.#groups[node] = number;
    });
  }

  /** Every link is up again. */
  heal(): void {
    this.#groups.fill(0);
    this.#cut.clear();
  }

  /** Cuts or restores one link within a group; null when no group has two nodes. */
  churn(prng: Prng): { readonly link: Link; readonly up: boolean } | null {
    const within = this.all.filter((link) => this.#together(link));
    if (within.length === 0) return null;
    const link = within[prng.below(within.length)]!;
    const up = this.#cut.has(link);
    if (up) this.#cut.delete(link);
    else this.#cut.add(link);
    return { link, up };
  }
}
