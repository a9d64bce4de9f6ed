// One epoch of each epoch rule over counts. Joins are hostile or honest seats without a name; evicting
// some of a committee is a hypergeometric draw. Specified in docs/internals/resharding.md; the rules
// with identities and hashes are in sharding/rules, and both must agree.
import { never } from "../../base/assert.ts";
import { evictCount } from "../../sharding/rules/bounded.ts";
import { giveUpCount } from "../../sharding/rules/swap.ts";
import type {
  BoundedParameters,
  Harmony2019Parameters,
  RuleParameters,
  SwapParameters,
} from "../../sharding/types.ts";
import { type Committees, LEADER, type Movement, ranksOf, type Turnover } from "./committees.ts";
import type { Words } from "./random.ts";

/** Rules that the count engine plays; the sequential rules have engines of their own. */
export type EpochRule = Exclude<RuleParameters, { rule: "cuckoo" | "commensal" }>;

function seat(committees: Committees, c: number, hostile: boolean): void {
  committees.size[c]! += 1;
  if (hostile) committees.hostile[c]! += 1;
}

/** Deals a pool with `bad` hostile seats: committee c receives need[c] of them. */
function deal(committees: Committees, pool: number, bad: number, need: Int32Array, words: Words) {
  let left = pool;
  let hostile = bad;
  for (let c = 0; c < need.length; c++) {
    const drawn = words.hypergeometric(left, hostile, need[c]!);
    committees.size[c]! += need[c]!;
    committees.hostile[c]! += drawn;
    left -= need[c]!;
    hostile -= drawn;
  }
}

function full(committees: Committees, turnover: Turnover, words: Words): Movement {
  const { size, hostile } = committees;
  const shards = size.length;
  let seats = turnover.hostile + turnover.honest;
  let bad = turnover.hostile;
  for (let c = 0; c < shards; c++) {
    seats += size[c]!;
    bad += hostile[c]!;
  }
  const need = Int32Array.from(size, (_, c) => Math.floor((seats - c + shards - 1) / shards));
  size.fill(0);
  hostile.fill(0);
  deal(committees, seats, bad, need, words);
  const joins = turnover.hostile + turnover.honest;
  return { evicted: seats - joins, pairs: seats * (1 - 1 / shards) };
}

function keyMod(committees: Committees, turnover: Turnover, words: Words): Movement {
  const shards = committees.size.length;
  for (let i = 0; i < turnover.honest; i++) seat(committees, words.below(shards), false);
  for (let i = 0; i < turnover.hostile; i++) seat(committees, words.below(shards), true);
  const joins = turnover.hostile + turnover.honest;
  return { evicted: 0, pairs: joins * (1 - 1 / shards) };
}

function halves(size: Int32Array, half: BoundedParameters["half"]) {
  const ranks = ranksOf(size);
  const exact = ranks.length / 2;
  const cut = Math.max(1, half === "ceil" ? Math.ceil(exact) : Math.floor(exact));
  return { larger: ranks.subarray(0, cut), smaller: ranks.subarray(cut) };
}

function bounded(
  committees: Committees,
  turnover: Turnover,
  rule: BoundedParameters,
  words: Words,
): Movement {
  const { size, hostile } = committees;
  const shards = size.length;
  const joins = turnover.hostile + turnover.honest;
  const incumbents = Int32Array.from(size);
  const incumbentHostile = Int32Array.from(hostile);
  let { larger, smaller } = halves(size, rule.half);
  let pairs = joins;
  for (const c of larger) pairs -= turnover.leavers[c]! / larger.length;
  for (let i = 0; i < joins; i++) {
    seat(committees, larger[words.below(larger.length)]!, i < turnover.hostile);
  }
  if (shards === 1) return { evicted: 0, pairs };
  if (rule.ranked === "afterJoins") ({ larger, smaller } = halves(size, rule.half));
  const constant = evictCount(rule, joins, joins, shards);
  const all = rule.evictable === "all";
  const evict = new Int32Array(shards);
  const evictHostile = new Int32Array(shards);
  const sources = rule.evictFrom === "larger" ? larger : ranksOf(size);
  for (const c of sources) {
    const candidates = all ? size[c]! : incumbents[c]!;
    const bad = all ? hostile[c]! : incumbentHostile[c]!;
    evict[c] = Math.min(constant, Math.max(0, size[c]! - rule.minSize), candidates);
    evictHostile[c] = words.hypergeometric(candidates, bad, evict[c]!);
  }
  let evicted = 0;
  for (let c = 0; c < shards; c++) {
    size[c]! -= evict[c]!;
    hostile[c]! -= evictHostile[c]!;
  }
  for (let c = 0; c < shards; c++) {
    const targets = rule.own || smaller.length === 1 ? smaller : smaller.filter((to) => to !== c);
    for (let i = 0; i < evict[c]!; i++) {
      const to = targets[words.below(targets.length)]!;
      seat(committees, to, i < evictHostile[c]!);
      if (to !== c) pairs++;
    }
    evicted += evict[c]!;
  }
  return { evicted, pairs };
}

function swap(
  committees: Committees,
  turnover: Turnover,
  rule: SwapParameters,
  words: Words,
): Movement {
  const { size, hostile } = committees;
  const shards = size.length;
  const joins = turnover.hostile + turnover.honest;
  let staying = 0;
  for (const seats of size) staying += seats;
  const seats = staying + joins;
  const target = new Int32Array(shards).fill(Math.floor(seats / shards));
  // Which committees are one larger: a uniform sample of them.
  let extra = seats % shards;
  for (let c = 0; c < shards; c++) {
    if (words.below(shards - c) < extra) {
      target[c]! += 1;
      extra--;
    }
  }
  const churn = { joins, leaves: joins, staying };
  const need = new Int32Array(shards);
  const gave = new Int32Array(shards);
  let pool = joins;
  let bad = turnover.hostile;
  for (let c = 0; c < shards; c++) {
    gave[c] = giveUpCount(rule, churn, size[c]!, turnover.leavers[c]!, target[c]!);
    const evictedHostile = words.hypergeometric(size[c]!, hostile[c]!, gave[c]!);
    size[c]! -= gave[c]!;
    hostile[c]! -= evictedHostile;
    need[c] = target[c]! - size[c]!;
    pool += gave[c]!;
    bad += evictedHostile;
  }
  let pairs = pool;
  for (let c = 0; c < shards; c++) pairs -= ((gave[c]! + turnover.leavers[c]!) * need[c]!) / pool;
  deal(committees, pool, bad, need, words);
  return { evicted: pool - joins, pairs };
}

/** Gives every committee without a leader one of its members. */
function pinLeaders(committees: Committees, words: Words): void {
  const { size, hostile, leader } = committees;
  for (let c = 0; c < size.length; c++) {
    if (leader[c] !== LEADER.none || size[c] === 0) continue;
    leader[c] = words.below(size[c]!) < hostile[c]! ? LEADER.hostile : LEADER.honest;
  }
}

function harmony2019(
  committees: Committees,
  turnover: Turnover,
  rule: Harmony2019Parameters,
  words: Words,
): Movement {
  const { size, hostile, leader } = committees;
  const shards = size.length;
  const joins = turnover.hostile + turnover.honest;
  const ranks = ranksOf(size);
  const cut = Math.floor(shards / 2);
  pinLeaders(committees, words);
  // Joins are dealt round-robin, in an order that does not tell hostile from honest.
  const hosts = cut === 0 ? 1 : cut;
  const newcomers = new Int32Array(shards);
  const newHostile = new Int32Array(shards);
  let bad = turnover.hostile;
  for (let i = 0; i < joins; i++) {
    const c = ranks[i % hosts]!;
    newcomers[c]! += 1;
    if (words.below(joins - i) < bad) {
      newHostile[c]! += 1;
      bad--;
    }
  }
  let pairs = joins;
  let taken = 0;
  let takenHostile = 0;
  for (let rank = 0; rank < cut; rank++) {
    const c = ranks[rank]!;
    const pinned = leader[c] === LEADER.none ? 0 : 1;
    const list = size[c]! - pinned + newcomers[c]!;
    const listHostile = hostile[c]! - (leader[c] === LEADER.hostile ? 1 : 0);
    const count = Math.max(1, Math.floor((list * rule.percent) / 100));
    if (list <= count) continue;
    // The tail holds the newcomers; only what is missing comes from the shuffled incumbents.
    const fromNew = rule.kick === "tail" ? Math.min(count, newcomers[c]!) : 0;
    const kicked =
      rule.kick === "tail"
        ? words.hypergeometric(newcomers[c]!, newHostile[c]!, fromNew) +
          words.hypergeometric(list - newcomers[c]!, listHostile, count - fromNew)
        : words.hypergeometric(list, listHostile + newHostile[c]!, count);
    size[c]! -= count;
    hostile[c]! -= kicked;
    taken += count;
    takenHostile += kicked;
  }
  for (let c = 0; c < shards; c++) {
    size[c]! += newcomers[c]!;
    hostile[c]! += newHostile[c]!;
  }
  const smaller = ranks.subarray(cut);
  const need = new Int32Array(shards);
  for (let i = 0; i < taken; i++) need[smaller[i % smaller.length]!]! += 1;
  deal(committees, taken, takenHostile, need, words);
  pairs += taken;
  return { evicted: taken, pairs };
}

/** Plays the rule for one epoch; the leavers are already out of the counts. */
export function playRule(
  committees: Committees,
  turnover: Turnover,
  rule: EpochRule,
  words: Words,
): Movement {
  switch (rule.rule) {
    case "full":
      return full(committees, turnover, words);
    case "key-mod":
      return keyMod(committees, turnover, words);
    case "bounded":
      return bounded(committees, turnover, rule, words);
    case "harmony-2019":
      return harmony2019(committees, turnover, rule, words);
    case "swap":
      return swap(committees, turnover, rule, words);
    default:
      return never(rule);
  }
}
