// X10: honest members of the worst committee are forced out and rejoin: who protects the committee?
import { BOUNDED } from "../../../sharding/parameters.ts";
import type { EpochRule } from "../epoch-rules.ts";
import { survivalCurve, survivors } from "../survival.ts";
import { EPOCH_CAP, epochsJob, fixedSwap, swapOf } from "./epoch-cells.ts";
import { type Check, check, type Experiment } from "./experiment.ts";

const FORCED = [0, 5, 10, 20];

interface Row {
  readonly label: string;
  rule(forced: number): EpochRule;
  readonly recorded: readonly number[];
}

const ROWS: readonly Row[] = [
  { label: "bounded e=20", rule: () => ({ ...BOUNDED, evict: 20 }), recorded: [40, 34, 5, 0] },
  {
    label: "bounded e=20+D",
    rule: (forced) => ({ ...BOUNDED, evict: 20 + forced }),
    recorded: [40, 40, 40, 39],
  },
  { label: "swap e=20", rule: () => fixedSwap(20), recorded: [40, 36, 0, 0] },
  { label: "swap κ=8 local 0", rule: () => swapOf(8, 0), recorded: [40, 40, 40, 38] },
  { label: "swap κ=8 local 4", rule: () => swapOf(8, 4), recorded: [40, 40, 40, 40] },
];

export const X10: Experiment = {
  id: "X10",
  title: "Denial of service against the honest members of one committee",
  story:
    "Whoever can knock honest members out of one committee wins against any rule that evicts a constant " +
    "number. What protects is movement that follows churn, the committee's own above all: swap with " +
    "local 4 loses nobody.",
  prepare: ({ quick, seed }) => {
    const runs = quick ? 20 : 40;
    const jobs = ROWS.flatMap((row) =>
      FORCED.map((forced) =>
        epochsJob(
          { rule: row.rule(forced), hostile: 500, rejoin: 20, dos: forced },
          runs,
          `${seed}/X10/${row.label}/${forced}`,
        ),
      ),
    );
    return {
      jobs,
      judge: (results) => {
        const checks: Check[] = [];
        const alive = results.map((result) => survivors(result));
        const low = quick ? 18 : 36;
        FORCED.forEach((forced, d) => {
          const got = alive[4 * 4 + d]!;
          checks.push(check(`X10.swap-local-4.D${forced}`, "B", runs, low, runs, got));
        });
        for (const row of [0, 2]) {
          const got = alive[row * 4 + 3]!;
          const id = `X10.${ROWS[row]!.label.replaceAll(" ", "-")}.D20.lost`;
          checks.push(check(id, "B", 0, 0, runs / 10, got));
        }
        const rows = ROWS.map((row, r) => [
          row.label,
          ...FORCED.map((_, d) => String(alive[r * 4 + d])),
          row.recorded.join(", "),
        ]);
        return {
          checks,
          tables: [
            {
              title: `Alive of ${runs} at ${EPOCH_CAP} epochs (n=2000, C=8, F=.25, θ=1/2, J=20)`,
              columns: ["rule", ...FORCED.map((d) => `D=${d}`), "recorded of 40 (B)"],
              rows,
            },
          ],
          series: {
            survival: ROWS.map((row, r) =>
              survivalCurve(`${row.label}, D=10`, results[r * 4 + 2]!, EPOCH_CAP),
            ),
          },
          notes: [],
        };
      },
    };
  },
};
