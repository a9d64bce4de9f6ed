// The adversaries of the epochs engine: they see every count, steer their own seats, and cannot
// predict draws. Each takes seats out of the committees; the rule then puts them back.
// Strategies and what is known of them: docs/internals/resharding.md, "Adversaries".
import { never } from "../../base/assert.ts";
import { type Committees, LEADER, type Turnover, worstOf } from "./committees.ts";
import type { Words } from "./random.ts";
import { createTournament, keyOf, lowest, NO_HOSTILE, setKey } from "./tournament.ts";

export const STRATEGIES = [
  "least",
  "fixed",
  "most",
  "steer",
  "random",
  "key-grind",
  "adaptive",
] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** A hostile seat of committee c leaves. */
function pull(committees: Committees, turnover: Turnover, c: number, words: Words): void {
  // Its leader is as likely to be the one as any other hostile member.
  if (committees.leader[c] === LEADER.hostile && words.below(committees.hostile[c]!) === 0) {
    committees.leader[c] = LEADER.none;
  }
  committees.size[c]! -= 1;
  committees.hostile[c]! -= 1;
  turnover.hostile++;
  turnover.leavers[c]! += 1;
}

/** An honest seat of committee c leaves. */
function push(committees: Committees, turnover: Turnover, c: number, words: Words): void {
  const honest = committees.size[c]! - committees.hostile[c]!;
  if (committees.leader[c] === LEADER.honest && words.below(honest) === 0) {
    committees.leader[c] = LEADER.none;
  }
  committees.size[c]! -= 1;
  turnover.honest++;
  turnover.leavers[c]! += 1;
}

function pullLeast(committees: Committees, turnover: Turnover, count: number, words: Words): void {
  const { size, hostile } = committees;
  const { keys, base } = createTournament(size.length);
  for (let c = 0; c < size.length; c++) setKey(keys, base, c, keyOf(hostile[c]!, size[c]!));
  for (let i = 0; i < count && keys[1] !== NO_HOSTILE; i++) {
    const c = lowest(keys, base);
    pull(committees, turnover, c, words);
    setKey(keys, base, c, keyOf(hostile[c]!, size[c]!));
  }
}

/** A uniform hostile seat outside one committee; false when there is none. */
function pullOutside(
  committees: Committees,
  turnover: Turnover,
  avoid: number,
  words: Words,
): boolean {
  const { hostile } = committees;
  let total = 0;
  for (let c = 0; c < hostile.length; c++) if (c !== avoid) total += hostile[c]!;
  if (total === 0) return false;
  let pick = words.below(total);
  for (let c = 0; c < hostile.length; c++) {
    if (c === avoid) continue;
    if (pick < hostile[c]!) {
      pull(committees, turnover, c, words);
      return true;
    }
    pick -= hostile[c]!;
  }
  return false;
}

/** Keeps the worst committee in the larger half, where newcomers land. */
function pullSteering(committees: Committees, turnover: Turnover, words: Words): boolean {
  const { size, hostile } = committees;
  const worst = worstOf(committees);
  let asLarge = 0;
  for (let c = 0; c < size.length; c++) if (c !== worst && size[c]! >= size[worst]!) asLarge++;
  const crowded = asLarge >= Math.floor(size.length / 2);
  let from = -1;
  for (let c = 0; c < size.length; c++) {
    if (c === worst || hostile[c] === 0 || (crowded && size[c]! < size[worst]!)) continue;
    if (from < 0 || size[c]! < size[from]!) from = c;
  }
  if (from < 0) return pullOutside(committees, turnover, worst, words);
  pull(committees, turnover, from, words);
  return true;
}

/** Anybody's seat, uniformly: churn without intention. */
function pullAnybody(committees: Committees, turnover: Turnover, words: Words): void {
  const { size, hostile } = committees;
  let total = 0;
  for (const seats of size) total += seats;
  let pick = words.below(total);
  for (let c = 0; c < size.length; c++) {
    if (pick < size[c]!) {
      if (pick < hostile[c]!) pull(committees, turnover, c, words);
      else push(committees, turnover, c, words);
      return;
    }
    pick -= size[c]!;
  }
}

/** Takes `count` seats out by the strategy; `start` is the committee that was worst at the start. */
export function leaveBy(
  strategy: Strategy,
  committees: Committees,
  turnover: Turnover,
  count: number,
  start: number,
  words: Words,
): void {
  if (strategy === "least") {
    pullLeast(committees, turnover, count, words);
    return;
  }
  for (let i = 0; i < count; i++) {
    switch (strategy) {
      case "fixed":
      case "key-grind":
        if (!pullOutside(committees, turnover, start, words)) return;
        break;
      case "most":
        if (!pullOutside(committees, turnover, worstOf(committees), words)) return;
        break;
      case "steer":
        if (!pullSteering(committees, turnover, words)) return;
        break;
      case "random":
      case "adaptive":
        pullAnybody(committees, turnover, words);
        break;
      default:
        never(strategy);
    }
  }
}

/** Forces up to `count` honest members out of the committee that is worst now. */
export function forceOut(
  committees: Committees,
  turnover: Turnover,
  count: number,
  words: Words,
): void {
  const c = worstOf(committees);
  const honest = committees.size[c]! - committees.hostile[c]!;
  for (let i = 0; i < Math.min(count, honest); i++) push(committees, turnover, c, words);
}

/** True when a's worst committee is worse than b's: what an adversary who grinds seeds prefers. */
export function isWorseState(a: Committees, b: Committees): boolean {
  const wa = worstOf(a);
  const wb = worstOf(b);
  return a.hostile[wa]! * b.size[wb]! > b.hostile[wb]! * a.size[wa]!;
}

/** Epochs an honest join waits when `flood` joins of strangers arrive with it, first come first. */
export function floodDelay(
  joinsMax: number,
  honest: number,
  flood: number,
  epochs: number,
): { meanDelay: number; backlog: number } {
  let backlog = 0;
  let delay = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    // Every epoch's arrivals are ordered by id, so honest ones stand evenly between the strangers.
    delay += Math.max(0, (backlog + (honest + flood) / 2) / joinsMax - 1);
    backlog = Math.max(0, backlog + honest + flood - joinsMax);
  }
  return { meanDelay: delay / epochs, backlog };
}
