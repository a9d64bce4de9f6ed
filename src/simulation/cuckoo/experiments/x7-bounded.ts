// X7: the bounded cuckoo rule against swap, under the same batched adversary and the same number of
// evictions.
import { BOUNDED } from "../../../sharding/parameters.ts";
import { summarize, survivalCurve, survivors } from "../survival.ts";
import { EPOCH_CAP, epochsJob, fixedSwap } from "./epoch-cells.ts";
import { type Check, check, type Experiment, short } from "./experiment.ts";

const FAULTY = [0.2, 0.25, 0.3];

/** Recorded: a median below the cap, or [survivors of 40, median or null]. */
type Recorded = number | readonly [number, number | null];

interface Row {
  readonly rejoin: number;
  readonly evict: number;
  readonly bounded: readonly Recorded[];
  readonly swap: readonly Recorded[];
}

const ROWS: readonly Row[] = [
  { rejoin: 5, evict: 2, bounded: [137, 96, 84], swap: [[40, null], [10, 883], 285] },
  { rejoin: 20, evict: 5, bounded: [24, 21, 19], swap: [179, 86, 57] },
  { rejoin: 40, evict: 5, bounded: [12, 10, 8], swap: [53, 41, 30] },
  { rejoin: 20, evict: 10, bounded: [69, 39, 25], swap: [[40, null], [32, null], 121] },
  { rejoin: 40, evict: 20, bounded: [28, 19, 13], swap: [[40, null], [36, null], 115] },
  {
    rejoin: 20,
    evict: 20,
    bounded: [
      [40, null],
      [40, null],
      [12, 704],
    ],
    swap: [
      [40, null],
      [40, null],
      [39, null],
    ],
  },
  {
    rejoin: 40,
    evict: 40,
    bounded: [[40, null], [40, null], 314],
    swap: [
      [40, null],
      [40, null],
      [39, null],
    ],
  },
];

interface Got {
  readonly alive: number;
  readonly median: number;
}

/** The gate of one cell: medians below 300 within x2; nearly all alive stays so. */
function gate(id: string, recorded: Recorded, got: Got, runs: number): Check[] {
  if (typeof recorded === "number") {
    if (recorded >= 300) return [];
    return [check(id, "B", recorded, recorded / 2, recorded * 2, got.median)];
  }
  const [alive] = recorded;
  if (alive < 39) return [];
  const low = runs === 40 ? 36 : Math.floor(0.85 * runs);
  return [check(id, "B", (alive * runs) / 40, low, runs, got.alive)];
}

export const X7: Experiment = {
  id: "X7",
  title: "Bounded against swap: the same evictions, the same adversary",
  story:
    "An adversary who makes some of its shares rejoin every epoch, always out of the committee it holds least " +
    "of, owns a committee of the bounded rule within tens of epochs when the evictions do not keep up with " +
    "the churn. Swap with the same number of moves lives 2.5 to 40 times longer, and its committees stay equal.",
  prepare: ({ quick, seed }) => {
    const runs = quick ? 20 : 40;
    const cells = ROWS.flatMap((row) =>
      FAULTY.flatMap((faulty, f) =>
        (["bounded", "swap"] as const).map((rule) => ({ row, faulty, f, rule })),
      ),
    );
    const jobs = cells.map(({ row, faulty, rule }) =>
      epochsJob(
        {
          rule: rule === "bounded" ? { ...BOUNDED, evict: row.evict } : fixedSwap(row.evict),
          hostile: 2000 * faulty,
          rejoin: row.rejoin,
        },
        runs,
        `${seed}/X7/${rule}/${row.rejoin}/${row.evict}/${faulty}`,
        row.rejoin === 20 && row.evict === 10 && faulty === 0.25 ? 5 : 0,
      ),
    );
    return {
      jobs,
      judge: (results) => {
        const checks: Check[] = [];
        const got = results.map((result) => ({
          alive: survivors(result),
          median: summarize(result).median,
        }));
        cells.forEach(({ row, faulty, f, rule }, index) => {
          const id = `X7.${rule}.${row.rejoin}.${row.evict}.${Math.round(faulty * 100)}`;
          checks.push(...gate(id, row[rule][f]!, got[index]!, runs));
          const result = results[index]!;
          if (rule === "swap") {
            checks.push(check(`${id}.sizes`, "B", 0, 0, 1, result.sizeMax - result.sizeMin));
            const bounded = got[index - 1]!;
            const swap = got[index]!;
            if (bounded.median < EPOCH_CAP && swap.median < EPOCH_CAP) {
              const ratio = swap.median / bounded.median;
              checks.push(check(`${id}.over-bounded`, "B", 2.5, 2.5, 1e9, ratio));
            }
          }
        });
        const text = (index: number) =>
          got[index]!.alive === 0
            ? short(got[index]!.median)
            : `${short(got[index]!.median)} (${got[index]!.alive}/${runs})`;
        const rows = ROWS.map((row, r) => {
          const at = (f: number, rule: 0 | 1) => text((r * 3 + f) * 2 + rule);
          const sizes = results.slice(r * 6, r * 6 + 6).filter((_, index) => index % 2 === 0);
          const least = Math.min(...sizes.map((one) => one.sizeMin));
          const most = Math.max(...sizes.map((one) => one.sizeMax));
          return [
            `${row.rejoin}, ${row.evict}, ${(8 * row.evict) / row.rejoin}`,
            ...[0, 1, 2].map((f) => at(f, 0)),
            ...[0, 1, 2].map((f) => at(f, 1)),
            `${least}..${most}`,
          ];
        });
        const traced = cells.findIndex(
          ({ row, faulty, rule }) =>
            row.rejoin === 20 && row.evict === 10 && faulty === 0.25 && rule === "bounded",
        );
        return {
          checks,
          tables: [
            {
              title: `Median life in epochs (survivors of ${runs} at ${EPOCH_CAP}); n=2000, C=8, θ=1/2`,
              columns: [
                "J, e, k",
                "bounded F=.20",
                ".25",
                ".30",
                "swap F=.20",
                ".25",
                ".30",
                "bounded sizes",
              ],
              rows,
            },
          ],
          series: {
            corruption: results[traced]!.traces,
            levels: [
              { label: "θ", value: 0.5 },
              { label: "F", value: 0.25 },
              { label: "F_eff", value: (4 * 0.25 + 1) / 5 },
            ],
            survival: [traced, traced + 1].map((index) =>
              survivalCurve(`${cells[index]!.rule} J=20 e=10 F=.25`, results[index]!, EPOCH_CAP),
            ),
          },
          notes: [],
        };
      },
    };
  },
};
