// The committees of the epochs engine as counts, and what one epoch did to them. A seat is hostile or
// honest; harmony-2019 also pins a leader per committee.

/** What is pinned as leader of a committee. */
export const LEADER = { none: 0, honest: 1, hostile: 2 } as const;

export interface Committees {
  readonly size: Int32Array;
  readonly hostile: Int32Array;
  readonly leader: Int8Array;
}

export function createCommittees(shards: number): Committees {
  return {
    size: new Int32Array(shards),
    hostile: new Int32Array(shards),
    leader: new Int8Array(shards),
  };
}

export function copyCommittees(from: Committees, to: Committees): void {
  to.size.set(from.size);
  to.hostile.set(from.hostile);
  to.leader.set(from.leader);
}

/** Who leaves and joins in one epoch; everybody who leaves joins again. */
export interface Turnover {
  hostile: number;
  honest: number;
  /** Leavers of each committee, already taken out of its counts. */
  readonly leavers: Int32Array;
}

/** What an epoch moved: evictions, and expected (seat, shard) pairs that are new. */
export interface Movement {
  readonly evicted: number;
  readonly pairs: number;
}

export interface Spread {
  readonly worst: number;
  readonly mean: number;
  readonly best: number;
}

/** Committee a is worse than b: a greater hostile fraction, without division. */
export function isWorse(committees: Committees, a: number, b: number): boolean {
  const { size, hostile } = committees;
  return hostile[a]! * size[b]! > hostile[b]! * size[a]!;
}

/** The committee with the greatest hostile fraction, lowest number on ties. */
export function worstOf(committees: Committees): number {
  let worst = 0;
  for (let c = 1; c < committees.size.length; c++) if (isWorse(committees, c, worst)) worst = c;
  return worst;
}

export function spreadOf({ size, hostile }: Committees): Spread {
  let worst = 0;
  let best = 1;
  let sum = 0;
  for (let c = 0; c < size.length; c++) {
    const fraction = size[c] === 0 ? 0 : hostile[c]! / size[c]!;
    worst = Math.max(worst, fraction);
    best = Math.min(best, fraction);
    sum += fraction;
  }
  return { worst, mean: sum / size.length, best };
}

/** Committees by size, larger first, tie lower number. */
export function ranksOf(size: Int32Array): Int32Array {
  const ranks = Int32Array.from(size, (_, c) => c);
  return ranks.sort((a, b) => size[b]! - size[a]! || a - b);
}
