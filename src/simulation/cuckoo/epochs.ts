// The epochs engine over counts: an adversary takes seats out, the rule puts everybody back, and the
// first lost committee ends the run. Hot: some thousands of epochs per second at 100 committees of 250
// with 250 rejoins, far more at 8 committees; see bench/sharding.
import type { Ratio } from "../../sharding/types.ts";
import { forceOut, isWorseState, leaveBy, type Strategy } from "./adversaries.ts";
import {
  type Committees,
  copyCommittees,
  createCommittees,
  type Movement,
  type Spread,
  spreadOf,
  type Turnover,
  worstOf,
} from "./committees.ts";
import { type EpochRule, playRule } from "./epoch-rules.ts";
import type { Words } from "./random.ts";

export interface EpochSettings {
  readonly rule: EpochRule;
  readonly n: number;
  readonly shards: number;
  readonly hostile: number;
  readonly theta: Ratio;
  readonly strict: boolean;
  readonly strategy: Strategy;
  /** J: seats that the strategy makes rejoin per epoch. */
  readonly rejoin: number;
  /** D: honest seats of the worst committee forced to rejoin per epoch. */
  readonly dos: number;
  /** b: the adversary picks the worst of 2^b seeds. */
  readonly grind: number;
  /** d: epochs after which the adaptive adversary owns whom it saw. */
  readonly delay: number;
  /** Epochs of a thousand in which a withheld beacon share keeps everybody in place. */
  readonly withhold: number;
}

export const EPOCHS: Omit<EpochSettings, "rule"> = {
  n: 2000,
  shards: 8,
  hostile: 500,
  theta: { num: 1, den: 2 },
  strict: false,
  strategy: "least",
  rejoin: 20,
  dos: 0,
  grind: 0,
  delay: 0,
  withhold: 0,
};

export class EpochEngine {
  lost = false;
  epoch = 0;
  evicted = 0;
  pairs = 0;
  sizeMin: number;
  sizeMax: number;
  worstEver = 0;
  private readonly settings: EpochSettings;
  private readonly words: Words;
  private readonly now: Committees;
  private readonly before: Committees;
  private readonly chosen: Committees;
  private readonly turnover: Turnover;
  private readonly start: number;

  constructor(settings: EpochSettings, words: Words) {
    this.settings = settings;
    this.words = words;
    const { n, shards } = settings;
    this.now = createCommittees(shards);
    this.before = createCommittees(shards);
    this.chosen = createCommittees(shards);
    this.turnover = { hostile: 0, honest: 0, leavers: new Int32Array(shards) };
    this.dealStart();
    this.start = worstOf(this.now);
    this.sizeMin = Math.floor(n / shards);
    this.sizeMax = Math.ceil(n / shards);
    this.note();
  }

  /** Committees of equal size with a random deal of hostile seats; adaptive: all of committee 0. */
  private dealStart(): void {
    const { n, shards, strategy } = this.settings;
    let left = n;
    let hostile = this.settings.hostile;
    for (let c = 0; c < shards; c++) {
      const size = Math.floor((n - c + shards - 1) / shards);
      const drawn = this.words.hypergeometric(left, hostile, size);
      this.now.size[c] = size;
      this.now.hostile[c] = drawn;
      left -= size;
      hostile -= drawn;
    }
    if (strategy !== "adaptive") return;
    this.now.hostile.fill(0);
    this.now.hostile[0] = this.now.size[0]!;
  }

  get spread(): Spread {
    return spreadOf(this.now);
  }

  /** Notes sizes and fractions, and whether a committee is lost. */
  private note(): void {
    const { size, hostile } = this.now;
    const { theta, strict, strategy, delay } = this.settings;
    // The adaptive adversary owns whom it saw only after its delay.
    const blind = strategy === "adaptive" && this.epoch < delay;
    for (let c = 0; c < size.length; c++) {
      const excess = theta.den * hostile[c]! - theta.num * size[c]!;
      if (!blind && (strict ? excess > 0 : excess >= 0)) this.lost = true;
      if (size[c]! < this.sizeMin) this.sizeMin = size[c]!;
      if (size[c]! > this.sizeMax) this.sizeMax = size[c]!;
      const fraction = hostile[c]! / Math.max(1, size[c]!);
      if (fraction > this.worstEver) this.worstEver = fraction;
    }
  }

  /** Plays up to so many epochs; says how many were played before a committee was lost. */
  advance(epochs: number): number {
    let played = 0;
    while (played < epochs && !this.lost) {
      this.step();
      played++;
    }
    return played;
  }

  private step(): void {
    const { settings, words, now, turnover } = this;
    this.epoch++;
    if (settings.withhold > 0 && words.below(1000) < settings.withhold) return;
    turnover.hostile = 0;
    turnover.honest = 0;
    turnover.leavers.fill(0);
    if (settings.dos > 0) forceOut(now, turnover, settings.dos, words);
    leaveBy(settings.strategy, now, turnover, settings.rejoin, this.start, words);
    const movement = settings.strategy === "key-grind" ? this.grindKeys() : this.grindSeeds();
    this.evicted += movement.evicted;
    this.pairs += movement.pairs;
    this.note();
  }

  /** Under key-mod whoever makes keys chooses the shard; any other rule does not look at keys. */
  private grindKeys(): Movement {
    const { now, turnover, settings, words } = this;
    if (settings.rule.rule !== "key-mod") return this.grindSeeds();
    now.size[this.start]! += turnover.hostile;
    now.hostile[this.start]! += turnover.hostile;
    const honest = { ...turnover, hostile: 0 };
    const movement = playRule(now, honest, settings.rule, words);
    return { evicted: 0, pairs: movement.pairs + turnover.hostile };
  }

  /** Plays the rule under 2^b seeds and keeps the outcome with the worst committee. */
  private grindSeeds(): Movement {
    const { now, before, chosen, turnover, settings, words } = this;
    if (settings.grind === 0) return playRule(now, turnover, settings.rule, words);
    copyCommittees(now, before);
    let best: Movement | null = null;
    for (let candidate = 0; candidate < 2 ** settings.grind; candidate++) {
      copyCommittees(before, now);
      const movement = playRule(now, turnover, settings.rule, words);
      if (best === null || isWorseState(now, chosen)) {
        copyCommittees(now, chosen);
        best = movement;
      }
    }
    copyCommittees(chosen, now);
    return best ?? { evicted: 0, pairs: 0 };
  }
}
