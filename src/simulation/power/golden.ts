// The golden power trace: stakers A, B, C of weight 1, round 1 full, A and C on one side of a
// partition, B alone on the other. The published figures are 3/5 for C9 and 2/5 for B8.
import {
  isMajority,
  type Power,
  powerOf,
  type ResolvedSlot,
} from "../../planes/consensus/qpos/power.ts";
import type { Cell, Lane, RoundBox } from "./fork-diagram.ts";

/** One side: the orders of rounds 2 and 3, and who fills its slots there. */
export interface GoldenFork {
  readonly name: string;
  readonly queues: readonly [string, string];
  readonly present: string;
}

export const GOLDEN_FORKS: readonly GoldenFork[] = [
  { name: "fork AC", queues: ["CAB", "BCA"], present: "AC" },
  { name: "fork B", queues: ["CAB", "CBA"], present: "B" },
];

export interface GoldenStep {
  readonly round: number;
  readonly index: number;
  readonly staker: string;
  readonly hit: boolean;
  readonly height: number | null;
  readonly before: Power;
  readonly after: Power;
}

export interface GoldenTrace {
  readonly steps: readonly GoldenStep[];
  /** The previous round alone, as round 3 opens. */
  readonly atRound3: Power;
  readonly opens: boolean;
}

/** The trace of one fork, slot by slot. */
export function goldenTrace(fork: GoldenFork): GoldenTrace {
  const steps: GoldenStep[] = [];
  let previous = { filled: 3, total: 3 };
  let height = 6;
  let atRound3 = previous;
  for (let at = 0; at < 2; at++) {
    const current: ResolvedSlot[] = [];
    for (let index = 0; index < 3; index++) {
      const staker = fork.queues[at]![index]!;
      const hit = fork.present.includes(staker);
      const before = powerOf(previous, current);
      current.push({ weight: 1, hit });
      const after = powerOf(previous, current);
      if (hit) height++;
      steps.push({ round: at + 2, index, staker, hit, height: hit ? height : null, before, after });
    }
    if (at === 0) {
      previous = { filled: current.filter((slot) => slot.hit).length, total: 3 };
      atRound3 = previous;
    }
  }
  return { steps, atRound3, opens: isMajority(atRound3.filled, atRound3.total) };
}

/** The golden trace as lanes of a fork diagram. */
export function goldenLanes(): Lane[] {
  return GOLDEN_FORKS.map((fork) => {
    const { steps, opens } = goldenTrace(fork);
    let parentSlot: number | null = null;
    const cells = steps.map((step): Cell => {
      const slot = (step.round - 2) * 3 + step.index;
      const kept = step.round === 2 || opens;
      const cell: Cell = {
        slot,
        staker: step.staker,
        kind: !step.hit ? "miss" : kept ? "block" : "dropped",
        height: step.height,
        power: step.hit ? step.after : null,
        parentSlot: step.hit ? parentSlot : null,
      };
      if (step.hit) parentSlot = slot;
      return cell;
    });
    const rounds = [2, 3].map(
      (round): RoundBox => ({
        round,
        fromSlot: (round - 2) * 3,
        slots: 3,
        queue: [...fork.queues[round - 2]!].join(" "),
        shut: round === 3 && !opens,
      }),
    );
    return { title: fork.name, cells, rounds, from: null };
  });
}
