// X9: how many incumbents change shard in one epoch of ordinary churn, by `assign` itself: what a rule
// costs in state to be synced.
import { toHex } from "../../../base/bytes.ts";
import { sha256 } from "../../../crypto/hash.ts";
import { assign, genesis } from "../../../sharding/assign.ts";
import { BOUNDED, HARMONY_2019 } from "../../../sharding/parameters.ts";
import { idAt, type RuleParameters } from "../../../sharding/types.ts";
import { Words } from "../random.ts";
import { numberedShare } from "../reference.ts";
import { swapOf } from "./epoch-cells.ts";
import { check, type Experiment, type Outcome } from "./experiment.ts";

const SHARDS = 100;
const SIZE = 250;
const CHURN = 250;

const RULES: readonly {
  label: string;
  rule: RuleParameters;
  percent: number;
  band: number;
  mark: "A" | "B";
}[] = [
  { label: "full", rule: { rule: "full" }, percent: 99, band: 0.3, mark: "A" },
  { label: "bounded e=20", rule: { ...BOUNDED, evict: 20 }, percent: 7.93, band: 0.1, mark: "B" },
  {
    label: "bounded e=20, own false",
    rule: { ...BOUNDED, evict: 20, own: false },
    percent: 8.0,
    band: 0.1,
    mark: "B",
  },
  { label: "swap κ=8 local 0", rule: swapOf(8, 0), percent: 8.22, band: 0.15, mark: "B" },
  { label: "harmony-2019", rule: HARMONY_2019, percent: 4.04, band: 0.15, mark: "B" },
];

/** Percentage of staying shares whose shard changed, over some epochs. */
function movedPercent(rule: RuleParameters, epochs: number, seed: string): number {
  const words = new Words(seed, 0);
  const seedAt = (epoch: number) => sha256(new TextEncoder().encode(`${seed}/${epoch}`));
  let next = SHARDS * SIZE;
  const shares = Array.from({ length: next }, (_, number) => numberedShare(number));
  const start = genesis(shares, SHARDS, seedAt(0), rule);
  if (!start.ok) throw new Error(start.code);
  let now = start.assignment;
  let moved = 0;
  let stayed = 0;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const leaving = new Set<number>();
    while (leaving.size < CHURN) leaving.add(words.below(now.shard.length));
    const leaves = [...leaving].map((row) => idAt(now.ids, row));
    const joins = Array.from({ length: CHURN }, () => numberedShare(next++));
    const result = assign(now, joins, leaves, seedAt(epoch), rule);
    if (!result.ok) throw new Error(result.code);
    const newcomers = new Set(joins.map((id) => toHex(id)));
    for (let row = 0; row < result.assignment.shard.length; row++) {
      if (newcomers.has(toHex(idAt(result.assignment.ids, row)))) continue;
      stayed++;
      if (result.assignment.since[row] === epoch) moved++;
    }
    now = result.assignment;
  }
  return (100 * moved) / stayed;
}

function judge(quick: boolean, seed: string): Outcome {
  // The bands are of one epoch; the mean over some is closer. Quick: one epoch after genesis.
  const epochs = quick ? 1 : 3;
  const got = RULES.map((one) => movedPercent(one.rule, epochs, `${seed}/X9/${one.label}`));
  return {
    checks: RULES.map((one, r) => {
      const id = `X9.${one.label.replaceAll(/[ ,=]+/g, "-")}`;
      return check(
        id,
        one.mark,
        one.percent,
        one.percent - one.band,
        one.percent + one.band,
        got[r]!,
      );
    }),
    tables: [
      {
        title: `Incumbents that change shard per epoch, % (${SHARDS} shards of ${SIZE}, ${CHURN} joins and leaves)`,
        columns: ["rule", "ours", "recorded"],
        rows: RULES.map((one, r) => [
          one.label,
          got[r]!.toFixed(2),
          `${one.percent} ± ${one.band}`,
        ]),
      },
    ],
    series: {
      movement: RULES.map((one, r) => ({
        label: one.label,
        pairs: Math.round((got[r]! / 100) * (SHARDS * SIZE - CHURN)) + CHURN,
      })),
    },
    notes: [],
  };
}

export const X9: Experiment = {
  id: "X9",
  title: "Movement: what a rule costs in state to be synced",
  story:
    "A full reshuffle makes 99 of 100 members fetch another shard's state every epoch. Bounded and swap move " +
    "about 8 of 100 at this churn: what swap gains it gains at no more movement.",
  prepare: ({ quick, seed }) => ({ jobs: [], judge: () => judge(quick, seed) }),
};
