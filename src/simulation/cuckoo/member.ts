// The same rules with identities: every share is a number, the hostile ones come first. It is slower
// than the count engines and shares no line of the rules with them, so that their agreement means
// something. Hot: more than a million cuckoo rounds per second at N = 8192.
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

/** What both rules keep: who is where, and the hostile members of every group. */
abstract class MemberEngine implements RoundEngine {
  lost = false;
  fallbacks = 0;
  tries = 0;
  readonly groupSize: Int32Array;
  readonly groupHostile: Int32Array;
  readonly group: Int32Array;
  protected readonly settings: RoundSettings;
  protected readonly words: Words;
  private readonly hostileOf: number[][] = [];
  private readonly hostileAt: Int32Array;
  private readonly tournament: Tournament;
  private fixed = -1;
  private readonly touched: number[] = [];

  constructor(settings: RoundSettings, words: Words) {
    this.settings = settings;
    this.words = words;
    const groups = settings.n / settings.group;
    this.groupSize = new Int32Array(groups);
    this.groupHostile = new Int32Array(groups);
    this.group = new Int32Array(settings.n).fill(-1);
    this.hostileAt = new Int32Array(settings.hostile);
    this.tournament = createTournament(groups);
    for (let g = 0; g < groups; g++) this.hostileOf.push([]);
  }

  protected enter(share: number, group: number): void {
    this.group[share] = group;
    this.groupSize[group]! += 1;
    this.touched.push(group);
    if (share >= this.settings.hostile) return;
    this.groupHostile[group]! += 1;
    const list = this.hostileOf[group]!;
    this.hostileAt[share] = list.length;
    list.push(share);
  }

  protected exit(share: number): void {
    const group = this.group[share]!;
    this.groupSize[group]! -= 1;
    this.touched.push(group);
    if (share >= this.settings.hostile) return;
    this.groupHostile[group]! -= 1;
    const list = this.hostileOf[group]!;
    const last = list.pop()!;
    if (last === share) return;
    const at = this.hostileAt[share]!;
    list[at] = last;
    this.hostileAt[last] = at;
  }

  /** Enters all changed groups into the tournament and notes a loss. */
  protected settle(): void {
    const { theta, strict } = this.settings;
    for (const group of this.touched) {
      const hostile = this.groupHostile[group]!;
      const size = this.groupSize[group]!;
      const excess = theta.den * hostile - theta.num * size;
      if (strict ? excess > 0 : excess >= 0) this.lost = true;
      setKey(this.tournament.keys, this.tournament.base, group, keyOf(hostile, size));
    }
    this.touched.length = 0;
  }

  protected begin(): void {
    this.settle();
    this.fixed = worstGroup(this.groupHostile, this.groupSize);
  }

  /** The share that the adversary pulls out next, or -1. */
  private victim(): number {
    const { keys, base } = this.tournament;
    let group: number;
    if (this.settings.strategy === "least")
      group = keys[1] === NO_HOSTILE ? -1 : lowest(keys, base);
    else {
      const worst = worstGroup(this.groupHostile, this.groupSize);
      const avoid = this.settings.strategy === "fixed" ? this.fixed : worst;
      group = chooseGroup(this.groupHostile, avoid, this.words);
    }
    if (group < 0) return -1;
    const list = this.hostileOf[group]!;
    return list[this.words.below(list.length)]!;
  }

  advance(rounds: number): number {
    let played = 0;
    while (played < rounds && !this.lost) {
      const share = this.victim();
      if (share < 0) return rounds;
      this.rejoin(share);
      this.settle();
      played++;
    }
    return played;
  }

  /** `share` leaves and joins again by the rule. */
  abstract rejoin(share: number): void;
}

export class CuckooMembers extends MemberEngine {
  /** Points on the ring, and the members of each region as a linked list. */
  readonly position: Uint32Array;
  readonly regionShift: number;
  private readonly groupShift: number;
  private readonly head: Int32Array;
  private readonly next: Int32Array;
  private readonly before: Int32Array;

  constructor(settings: RoundSettings, words: Words) {
    super(settings, words);
    const regions = regionCount(settings.n, { num: settings.k, den: 1 });
    this.regionShift = 31 - Math.log2(regions);
    this.groupShift = 31 - Math.log2(settings.n / settings.group);
    this.position = new Uint32Array(settings.n);
    this.head = new Int32Array(regions).fill(-1);
    this.next = new Int32Array(settings.n);
    this.before = new Int32Array(settings.n);
    for (let share = 0; share < settings.n; share++) this.sit(share, words.word());
    this.begin();
  }

  private sit(share: number, point: number): void {
    const region = (point >>> 1) >>> this.regionShift;
    const head = this.head[region]!;
    this.position[share] = point;
    this.next[share] = head;
    this.before[share] = -1;
    if (head >= 0) this.before[head] = share;
    this.head[region] = share;
    this.enter(share, (point >>> 1) >>> this.groupShift);
  }

  private stand(share: number): void {
    const region = (this.position[share]! >>> 1) >>> this.regionShift;
    const next = this.next[share]!;
    const before = this.before[share]!;
    if (before < 0) this.head[region] = next;
    else this.next[before] = next;
    if (next >= 0) this.before[next] = before;
    this.exit(share);
  }

  /** The members of a region in the order in which they are thrown out. */
  membersOf(region: number): number[] {
    const members: number[] = [];
    for (let share = this.head[region]!; share >= 0; share = this.next[share]!) members.push(share);
    return members;
  }

  rejoin(share: number): void {
    this.stand(share);
    const point = this.words.word();
    const region = (point >>> 1) >>> this.regionShift;
    // The list is cut off whole: members thrown back into their own region are not thrown again.
    let member = this.head[region]!;
    this.head[region] = -1;
    while (member >= 0) {
      const next = this.next[member]!;
      this.exit(member);
      this.sit(member, this.words.word());
      member = next;
    }
    this.sit(share, point);
  }
}

export class CommensalMembers extends MemberEngine {
  private readonly members: number[][] = [];
  private readonly at: Int32Array;
  private readonly secondary: Int32Array;
  private readonly need: number;

  constructor(settings: RoundSettings, words: Words) {
    super(settings, words);
    const groups = this.groupSize.length;
    this.need = settings.vetting ? settings.need : 0;
    this.at = new Int32Array(settings.n);
    this.secondary = new Int32Array(groups).fill(this.need);
    for (let g = 0; g < groups; g++) this.members.push([]);
    for (let share = 0; share < settings.n; share++) this.sit(share, words.below(groups));
    this.begin();
  }

  private sit(share: number, group: number): void {
    const list = this.members[group]!;
    this.at[share] = list.length;
    list.push(share);
    this.enter(share, group);
  }

  private stand(share: number): void {
    const list = this.members[this.group[share]!]!;
    const last = list.pop()!;
    if (last !== share) {
      list[this.at[share]!] = last;
      this.at[last] = this.at[share]!;
    }
    this.exit(share);
  }

  private host(): number {
    const { secondary, words } = this;
    let enough = this.need;
    let ready: number[] = [];
    while (ready.length === 0) {
      for (let g = 0; g < secondary.length; g++) if (secondary[g]! >= enough) ready.push(g);
      if (ready.length > 0) break;
      this.fallbacks++;
      enough = secondary.reduce((a, b) => Math.max(a, b), 0);
      ready = [];
    }
    this.tries += secondary.length / ready.length;
    return ready[words.below(ready.length)]!;
  }

  rejoin(share: number): void {
    const { settings, words } = this;
    this.stand(share);
    const host = this.host();
    const list = this.members[host]!;
    const exact = settings.scaling ? (settings.k * list.length) / settings.group : settings.k;
    const lot = words.word() / 2 ** 32 < exact - Math.floor(exact) ? 1 : 0;
    const count = Math.min(list.length, Math.floor(exact) + lot);
    const evicted: number[] = [];
    for (let taken = 0; taken < count; taken++) {
      const member = list[words.below(list.length)]!;
      this.stand(member);
      evicted.push(member);
    }
    this.sit(share, host);
    this.secondary[host] = 0;
    for (const member of evicted) {
      const to = words.below(this.groupSize.length);
      this.sit(member, to);
      this.secondary[to]! += 1;
    }
  }
}
