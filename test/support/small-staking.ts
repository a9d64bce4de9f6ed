// A staking view with fixed answers, for tests of what reads one: three stakers, the golden power of
// fork AC after block C9 (docs/internals/qpos.md).
import type { StakerInfo, StakingView } from "../../src/ports/staking.ts";

const HASH = (byte: string): string => byte.repeat(32);

function staker(id: number, more: Partial<StakerInfo> = {}): StakerInfo {
  return {
    id,
    status: "active",
    weight: 1,
    produced: 10 * id,
    docked: id,
    missRun: 0,
    signKey: HASH(`a${id}`),
    payout: `0014${`0${id}`.repeat(20)}`,
    bondOutpoint: `${HASH(`b${id}`)}:0`,
    bondValue: 100_000_000_000,
    penalty: 0,
    sinceSlot: 0,
    freeSlot: 0,
    active: true,
    ...more,
  };
}

export const SMALL_HEAD: string = HASH("c9");

export function smallStaking(): StakingView {
  const finalized = { round: 1, hash: HASH("c3"), height: 3 };
  const justified = { round: 2, hash: HASH("c8"), height: 8 };
  return {
    network: {
      chainId: HASH("c0"),
      genesisMs: 1_700_000_000_000,
      slotMs: 5_000,
      bond: 100_000_000_000,
      unbondSlots: 120_960,
      activeMax: 128,
    },
    power: (hash) =>
      hash === null || hash === SMALL_HEAD
        ? {
            hash: SMALL_HEAD,
            height: 9,
            slot: 8,
            round: 3,
            filled: 3,
            total: 5,
            power: "0.60000000",
            status: "provisional",
          }
        : null,
    stakers: () => [
      staker(1),
      staker(2, { status: "leaving", freeSlot: 121_000, active: false }),
      staker(3, { penalty: 12_500_000_000 }),
    ],
    finality: () => ({
      finalized,
      justified,
      head: { round: 3, hash: SMALL_HEAD, height: 9, slot: 8 },
    }),
    troubles: () => ({ finality: null, signing: null }),
    queue: () => ({
      round: 3,
      slot: 8,
      index: 1,
      now: 1_700_000_040_500,
      ids: [2, 3, 1],
      next: null,
      gate: { open: false, hits: 1, weight: 3 },
    }),
  };
}
