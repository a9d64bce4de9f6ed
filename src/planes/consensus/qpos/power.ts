// Power: the weight of filled slots over the weight of all slots, taken over the previous round and
// the resolved slots of the current one, after the block in question is counted. One step earlier
// the majority chain of the golden trace would stand at 1/2 and stop.

export interface Power {
  readonly filled: number;
  /** 0 when there is nothing to judge (round 1): such a power passes. */
  readonly total: number;
}

/** Weights of the slots of a round that are resolved, in order; `hit` says whether it was filled. */
export interface ResolvedSlot {
  readonly weight: number;
  readonly hit: boolean;
}

/** The power over a previous round (null: absent, not judged) and the resolved slots of this one. */
export function powerOf(
  previous: { readonly filled: number; readonly total: number } | null,
  current: readonly ResolvedSlot[],
): Power {
  if (previous === null) return { filled: 0, total: 0 };
  let { filled, total } = previous;
  for (const slot of current) {
    total += slot.weight;
    if (slot.hit) filled += slot.weight;
  }
  return { filled, total };
}

/** The mark of the literal rule: filled/total >= 51/100, as integers. */
export const POWER_MARK = { filled: 51, total: 100 } as const;

/** True when a power reaches the literal rule's mark. */
export function powerPasses(power: Power): boolean {
  return power.total === 0 || power.filled * POWER_MARK.total >= power.total * POWER_MARK.filled;
}

const PICO = 1_000_000_000_000;

/** floor(10^12 * filled / total), as screens and RPC show it; all of it when nothing is judged. */
export function picoPower(power: Power): number {
  if (power.total === 0) return PICO;
  return Number((BigInt(power.filled) * BigInt(PICO)) / BigInt(power.total));
}

/** "3/5" in lowest terms, as the pictures show it. */
export function powerFraction(power: Power): string {
  if (power.total === 0) return "1";
  let a = power.filled;
  let b = power.total;
  while (b !== 0) [a, b] = [b, a % b];
  const below = power.total / a;
  return below === 1 ? `${power.filled / a}` : `${power.filled / a}/${below}`;
}

/** The gate's count: strictly more than half, as integers. */
export function isMajority(hits: number, total: number): boolean {
  return 2 * hits > total;
}
