// X8: the rule that Harmony shipped in 2019, beside bounded, swap and a full reshuffle, all with about
// the same number of evictions.
import { BOUNDED, HARMONY_2019 } from "../../../sharding/parameters.ts";
import type { EpochRule } from "../epoch-rules.ts";
import { summarize, survivalCurve, survivors } from "../survival.ts";
import { EPOCH_CAP, epochsJob, fixedSwap } from "./epoch-cells.ts";
import { type Check, check, type Experiment, holds, short } from "./experiment.ts";

const FAULTY = [0.2, 0.25, 0.3];

const RULES: readonly { label: string; rule: EpochRule; recorded: readonly number[] }[] = [
  { label: "bounded e=13", rule: { ...BOUNDED, evict: 13 }, recorded: [14, 12, 10] },
  {
    label: "bounded e=13, incumbents only",
    rule: { ...BOUNDED, evict: 13, evictable: "incumbents" },
    recorded: [13, 12, 9],
  },
  {
    label: "harmony-2019 random",
    rule: { ...HARMONY_2019, kick: "random" },
    recorded: [30, 20, 13],
  },
  { label: "harmony-2019 tail", rule: HARMONY_2019, recorded: [50, 30, 20] },
  { label: "swap e=13", rule: fixedSwap(13), recorded: [405, 86, 34] },
  { label: "full", rule: { rule: "full" }, recorded: [1500, 1500, 1500] },
];

export const X8: Experiment = {
  id: "X8",
  title: "The rule of Harmony's code of 2019",
  story:
    "What was shipped is better than bounded, since it deals evenly and passes newcomers on, but its half is " +
    "known in advance and it dies within tens of epochs all the same. A full reshuffle never dies here, and " +
    "moves everybody.",
  prepare: ({ quick, seed }) => {
    const runs = quick ? 24 : 40;
    const rules = quick ? RULES.slice(0, 5) : RULES;
    const cells = rules.flatMap((one) => FAULTY.map((faulty) => ({ ...one, faulty })));
    const jobs = cells.map((cell) =>
      epochsJob(
        { rule: cell.rule, hostile: 2000 * cell.faulty, rejoin: 40 },
        runs,
        `${seed}/X8/${cell.label}/${cell.faulty}`,
      ),
    );
    return {
      jobs,
      judge: (results) => {
        const checks: Check[] = [];
        const medians = results.map((result) => summarize(result).median);
        const at = (rule: number, f: number) => medians[rule * 3 + f]!;
        FAULTY.forEach((faulty, f) => {
          const ordered = at(4, f) > at(3, f) && at(3, f) > at(2, f) && at(2, f) > at(0, f);
          checks.push(holds(`X8.swap>tail>random>bounded.${faulty * 100}`, ordered));
          rules.forEach((one, r) => {
            const recorded = one.recorded[f]!;
            if (recorded >= 300) return;
            const id = `X8.${one.label.replaceAll(/[ ,]+/g, "-")}.${faulty * 100}`;
            checks.push(check(id, "B", recorded, recorded / 2, recorded * 2, at(r, f)));
          });
        });
        if (rules.length === RULES.length) {
          const alive = [15, 16, 17].map((index) => survivors(results[index]!));
          checks.push(check("X8.full.alive", "B", runs, runs, runs, Math.min(...alive)));
        }
        const rows = rules.map((one, r) => [
          one.label,
          ...FAULTY.map((_, f) => short(at(r, f))),
          one.recorded.join(" · "),
          results[r * 3]!.evicted.toFixed(0),
        ]);
        return {
          checks,
          tables: [
            {
              title: "Median life in epochs (n=2000, C=8, J=40, θ=1/2)",
              columns: ["rule", "F=.20", ".25", ".30", "recorded (B)", "evictions per epoch"],
              rows,
            },
          ],
          series: {
            survival: rules.map((one, r) =>
              survivalCurve(`${one.label}, F=.25`, results[r * 3 + 1]!, EPOCH_CAP),
            ),
            movement: rules.map((one, r) => ({
              label: one.label,
              pairs: results[r * 3 + 1]!.pairs,
            })),
          },
          notes: [],
        };
      },
    };
  },
};
