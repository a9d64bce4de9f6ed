// The new money of a block (Bitcoin Core's GetBlockSubsidy).
import { COIN_UNITS } from "./limits.ts";
import type { Params } from "./params.ts";

/** Base units that the block at `height` may create. */
export function blockSubsidy(height: number, params: Params): number {
  const halvings = Math.floor(height / params.halvingInterval);
  const first = params.staked === null ? 50 * COIN_UNITS : params.staked.subsidy;
  // 50 coins are 33 bits of base units: after that nothing is left.
  return halvings >= 64 ? 0 : Math.floor(first / 2 ** halvings);
}
