// One integer per staker per set version, the same for gate, trust, power, certificates and quorum.
// `flat` is the default because accountable safety is a promise about bonds (docs/internals/qpos.md).

export type WeightRule = "flat" | "earned" | "senior";

/** floor(sqrt(x)) for 0 <= x < 2^53, exact whatever the rounding of Math.sqrt. */
export function isqrt(x: number): number {
  let root = Math.floor(Math.sqrt(x));
  while (root * root > x) root--;
  while ((root + 1) * (root + 1) <= x) root++;
  return root;
}

/** What the weight of one staker is computed from. */
export interface WeightSource {
  readonly id: number;
  readonly produced: number;
  readonly docked: number;
}

/** The weight of a staker when the next id to be given out is `nextId`. */
export function stakerWeight(
  rule: WeightRule,
  staker: WeightSource,
  nextId: number,
  weightMax: number,
): number {
  if (rule === "flat") return Math.min(weightMax, 1);
  const net = Math.max(0, staker.produced - staker.docked);
  if (rule === "earned") return Math.min(weightMax, Math.max(1, isqrt(net)));
  const age = Math.min(nextId - staker.id, weightMax);
  return Math.min(weightMax, net > 0 ? isqrt(net + age * age) : age);
}
