// The cuckoo rule over counts: members of one cell are exchangeable, so a cell keeps only its size and
// how many of it are hostile, whatever the number of shares. A cell is the finer of region and group.
// Hot: 2 to 3 million rounds per second at N = 8192, groups of 64, k = 4; see bench/sharding.
import { regionCount } from "../../sharding/rules/cuckoo.ts";
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

export class CuckooCount implements RoundEngine {
  lost = false;
  fallbacks = 0;
  tries = 0;
  readonly groupSize: Int32Array;
  readonly groupHostile: Int32Array;
  private readonly settings: RoundSettings;
  private readonly words: Words;
  private readonly cellSize: Int32Array;
  private readonly cellHostile: Int32Array;
  private readonly regions: number;
  private readonly tournament: Tournament;
  /** Groups changed in this round, each once; `stamp` holds the round that last listed a group. */
  private readonly touched: Int32Array;
  private readonly stamp: Float64Array;
  private roundNumber = 0;
  private count = 0;
  private readonly fixed: number;

  constructor(settings: RoundSettings, words: Words) {
    this.settings = settings;
    this.words = words;
    const groups = settings.n / settings.group;
    this.regions = regionCount(settings.n, { num: settings.k, den: 1 });
    const cells = Math.max(groups, this.regions);
    this.cellSize = new Int32Array(cells);
    this.cellHostile = new Int32Array(cells);
    this.groupSize = new Int32Array(groups);
    this.groupHostile = new Int32Array(groups);
    this.tournament = createTournament(groups);
    this.touched = new Int32Array(groups);
    this.stamp = new Float64Array(groups);
    for (let share = 0; share < settings.n; share++) {
      const cell = words.below(cells);
      const group = Math.floor(cell / (cells / groups));
      this.cellSize[cell]! += 1;
      this.groupSize[group]! += 1;
      if (share < settings.hostile) {
        this.cellHostile[cell]! += 1;
        this.groupHostile[group]! += 1;
      }
    }
    for (let group = 0; group < groups; group++) this.settle(group);
    const { groupHostile, groupSize } = this;
    this.fixed = settings.strategy === "fixed" ? worstGroup(groupHostile, groupSize) : -1;
  }

  /** Enters a group's new counts into the tournament and notes a loss. */
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

  /** A hostile member of `group` leaves and rejoins. */
  private round(group: number): void {
    const { cellSize, cellHostile, groupSize, groupHostile, words, regions } = this;
    const cells = cellSize.length;
    const perGroup = cells / groupSize.length;
    const perRegion = cells / regions;
    const cellShift = 31 - Math.log2(cells);
    const groupShift = Math.log2(perGroup);
    // The leaver: the cell of a uniform hostile member of the group.
    let pick = words.below(groupHostile[group]!);
    let cell = group * perGroup;
    while (pick >= cellHostile[cell]!) pick -= cellHostile[cell++]!;
    cellSize[cell]! -= 1;
    cellHostile[cell]! -= 1;
    groupSize[group]! -= 1;
    groupHostile[group]! -= 1;
    this.roundNumber++;
    this.count = 0;
    this.touch(group);
    // The region that the joiner lands in is emptied into random cells; then the joiner sits down.
    const home = (words.word() >>> 1) >>> cellShift;
    const first = home - (home % perRegion);
    let { buffer } = words;
    let honest = 0;
    let hostile = 0;
    for (cell = first; cell < first + perRegion; cell++) {
      const size = cellSize[cell]!;
      if (size === 0) continue;
      const bad = cellHostile[cell]!;
      honest += size - bad;
      hostile += bad;
      cellSize[cell] = 0;
      cellHostile[cell] = 0;
      const from = cell >> groupShift;
      groupSize[from]! -= size;
      groupHostile[from]! -= bad;
      this.touch(from);
    }
    let at = words.at;
    for (let move = hostile + honest; move > 0; move--) {
      if (at >= buffer.length) {
        words.refill();
        at = 0;
        buffer = words.buffer;
      }
      const to = (buffer[at++]! >>> 1) >>> cellShift;
      const into = to >> groupShift;
      cellSize[to]! += 1;
      groupSize[into]! += 1;
      if (move <= hostile) {
        cellHostile[to]! += 1;
        groupHostile[into]! += 1;
      }
      this.touch(into);
    }
    words.at = at;
    const homeGroup = home >> groupShift;
    cellSize[home]! += 1;
    cellHostile[home]! += 1;
    groupSize[homeGroup]! += 1;
    groupHostile[homeGroup]! += 1;
    this.touch(homeGroup);
    for (let index = 0; index < this.count; index++) this.settle(this.touched[index]!);
  }
}
