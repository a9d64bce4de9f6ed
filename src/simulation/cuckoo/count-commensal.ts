// The commensal cuckoo rule over counts: a group keeps its size, how many of it are hostile and how
// many secondary joins it saw; which of its members are evicted is a hypergeometric draw.
// Hot: 1.4 million rounds per second and more at N = 8192, groups of 64, k = 8; see bench/sharding.
import type { Words } from "./random.ts";
import type { RoundEngine, RoundSettings } from "./rounds.ts";
import {
  createTournament,
  keyOf,
  lowest,
  NO_HOSTILE,
  setKey,
  type Tournament,
} from "./tournament.ts";
import { chooseGroup, worstGroup } from "./victim.ts";

const TWO_32 = 2 ** 32;

export class CommensalCount implements RoundEngine {
  lost = false;
  fallbacks = 0;
  tries = 0;
  readonly groupSize: Int32Array;
  readonly groupHostile: Int32Array;
  private readonly settings: RoundSettings;
  private readonly words: Words;
  private readonly need: number;
  private readonly secondary: Int32Array;
  /** Groups that take a join, in any order, and where each group stands in it (-1: nowhere). */
  private readonly ready: Int32Array;
  private readonly readyAt: Int32Array;
  private readyCount = 0;
  private readonly tournament: Tournament;
  private readonly touched: Int32Array;
  private readonly stamp: Float64Array;
  private roundNumber = 0;
  private count = 0;
  private readonly fixed: number;

  constructor(settings: RoundSettings, words: Words) {
    this.settings = settings;
    this.words = words;
    this.need = settings.vetting ? settings.need : 0;
    const groups = settings.n / settings.group;
    this.groupSize = new Int32Array(groups);
    this.groupHostile = new Int32Array(groups);
    this.secondary = new Int32Array(groups).fill(this.need);
    this.ready = Int32Array.from({ length: groups }, (_, group) => group);
    this.readyAt = Int32Array.from(this.ready);
    this.readyCount = groups;
    this.tournament = createTournament(groups);
    this.touched = new Int32Array(groups);
    this.stamp = new Float64Array(groups);
    for (let share = 0; share < settings.n; share++) {
      const group = words.below(groups);
      this.groupSize[group]! += 1;
      if (share < settings.hostile) this.groupHostile[group]! += 1;
    }
    for (let group = 0; group < groups; group++) this.settle(group);
    const { groupHostile, groupSize } = this;
    this.fixed = settings.strategy === "fixed" ? worstGroup(groupHostile, groupSize) : -1;
  }

  private settle(group: number): void {
    const hostile = this.groupHostile[group]!;
    const size = this.groupSize[group]!;
    const { theta, strict } = this.settings;
    const excess = theta.den * hostile - theta.num * size;
    if (strict ? excess > 0 : excess >= 0) this.lost = true;
    setKey(this.tournament.keys, this.tournament.base, group, keyOf(hostile, size));
  }

  private touch(group: number): void {
    if (this.stamp[group] === this.roundNumber) return;
    this.stamp[group] = this.roundNumber;
    this.touched[this.count++] = group;
  }

  private victimGroup(): number {
    const { strategy } = this.settings;
    const { keys, base } = this.tournament;
    if (strategy === "least") return keys[1] === NO_HOSTILE ? -1 : lowest(keys, base);
    const worst = worstGroup(this.groupHostile, this.groupSize);
    return chooseGroup(this.groupHostile, strategy === "fixed" ? this.fixed : worst, this.words);
  }

  advance(rounds: number): number {
    let played = 0;
    while (played < rounds && !this.lost) {
      const group = this.victimGroup();
      if (group < 0) return rounds;
      this.round(group);
      played++;
    }
    return played;
  }

  /** A secondary join; the group becomes ready when it has seen enough of them. */
  private noteSecondary(group: number): void {
    const seen = this.secondary[group]! + 1;
    this.secondary[group] = seen;
    if (seen >= this.need && this.readyAt[group]! < 0) {
      this.readyAt[group] = this.readyCount;
      this.ready[this.readyCount++] = group;
    }
  }

  private notePrimary(group: number): void {
    this.secondary[group] = 0;
    const at = this.readyAt[group]!;
    if (this.need === 0 || at < 0) return;
    const last = this.ready[--this.readyCount]!;
    this.ready[at] = last;
    this.readyAt[last] = at;
    this.readyAt[group] = -1;
  }

  /** A group that takes the join: a ready one, else one of those that saw most secondary joins. */
  private host(): number {
    const groups = this.groupSize.length;
    if (this.readyCount > 0) {
      this.tries += groups / this.readyCount;
      return this.ready[this.words.below(this.readyCount)]!;
    }
    this.fallbacks++;
    const { secondary } = this;
    const most = secondary.reduce((a, b) => Math.max(a, b), 0);
    const nearest: number[] = [];
    for (let group = 0; group < groups; group++) if (secondary[group] === most) nearest.push(group);
    this.tries += groups / nearest.length;
    return nearest[this.words.below(nearest.length)]!;
  }

  /** How many members leave group `host` for a join: k in proportion to its size, rounded by lot. */
  private evictions(size: number): number {
    const { k, group, scaling } = this.settings;
    if (!scaling) return Math.min(size, k);
    const num = k * size;
    const whole = Math.floor(num / group);
    const rest = num - whole * group;
    return Math.min(size, rest > 0 && this.words.below(group) < rest ? whole + 1 : whole);
  }

  private round(group: number): void {
    const { groupSize, groupHostile, words } = this;
    const groups = groupSize.length;
    this.roundNumber++;
    this.count = 0;
    groupSize[group]! -= 1;
    groupHostile[group]! -= 1;
    this.touch(group);
    const host = this.host();
    this.touch(host);
    const evicted = this.evictions(groupSize[host]!);
    const bad = words.hypergeometric(groupSize[host]!, groupHostile[host]!, evicted);
    groupSize[host]! += 1 - evicted;
    groupHostile[host]! += 1 - bad;
    this.notePrimary(host);
    for (let move = evicted; move > 0; move--) {
      const to = Math.floor((words.word() * groups) / TWO_32);
      groupSize[to]! += 1;
      if (move <= bad) groupHostile[to]! += 1;
      this.noteSecondary(to);
      this.touch(to);
    }
    for (let index = 0; index < this.count; index++) this.settle(this.touched[index]!);
  }
}
