// What the experiments in epochs share: the swap rule with a fixed number of evictions, and jobs.
import { SWAP } from "../../../sharding/parameters.ts";
import type { SwapParameters } from "../../../sharding/types.ts";
import { EPOCHS, type EpochSettings } from "../epochs.ts";
import type { EpochsJob } from "../jobs.ts";

/** The cap of all experiments in epochs. */
export const EPOCH_CAP = 1500;

/** Swap as the experiments compare it with bounded: e evictions per committee, whatever the churn. */
export function fixedSwap(evict: number): SwapParameters {
  return { ...SWAP, kappa: { num: 0, den: 1 }, eMin: evict, local: 0 };
}

export function swapOf(kappa: number, local: number): SwapParameters {
  return { ...SWAP, kappa: { num: kappa, den: 1 }, local };
}

export function epochsJob(
  settings: Partial<EpochSettings> & Pick<EpochSettings, "rule">,
  runs: number,
  seed: string,
  trace = 0,
): EpochsJob {
  const whole = { ...EPOCHS, ...settings };
  return { kind: "epochs", settings: whole, cap: EPOCH_CAP, runs, seed, trace };
}
