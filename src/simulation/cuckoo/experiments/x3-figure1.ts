// X3: figure 1 of Sen and Freedman (2012): the smallest group that survives 100,000 rounds of the
// cuckoo rule.
import type { GroupJob } from "../jobs.ts";
import { hostileAtEpsilon, ROUNDS } from "../rounds.ts";
import { type Check, check, type Experiment, holds } from "./experiment.ts";

const EPSILONS = [0.01, 0.02, 0.03, 0.04, 0.05, 0.1, 0.2, 0.3, 0.4];

interface Row {
  readonly n: number;
  readonly k: number;
  /** Read off the figure (mark C), and where our recorded value differs from it (mark B). */
  readonly figure: readonly number[];
  readonly ours: Readonly<Record<number, number>>;
}

const ROWS: readonly Row[] = [
  { n: 512, k: 2, figure: [64, 64, 128, 128, 128, 256, 512, 512, 512], ours: {} },
  { n: 1024, k: 2, figure: [64, 128, 128, 256, 256, 512, 512, 1024, 1024], ours: {} },
  { n: 2048, k: 8, figure: [128, 256, 256, 256, 256, 256, 1024, 1024, 2048], ours: { 0.3: 2048 } },
  { n: 4096, k: 32, figure: [256, 256, 256, 256, 256, 512, 512, 1024, 4096], ours: {} },
  { n: 8192, k: 32, figure: [256, 256, 256, 256, 256, 512, 1024, 1024, 4096], ours: { 0.2: 512 } },
];

export const X3: Experiment = {
  id: "X3",
  title: "Sen-Freedman figure 1: the smallest group that survives 100,000 rounds",
  story:
    "How large groups must be under the plain cuckoo rule: hundreds at a few percent of hostile shares, " +
    "nearly the whole network at 40 hostile per 100 honest.",
  prepare: ({ quick, seed }) => {
    const rows = quick ? ROWS.slice(0, 2) : ROWS;
    const jobs: GroupJob[] = rows.flatMap((row) =>
      EPSILONS.map((epsilon) => ({
        kind: "group",
        settings: { ...ROUNDS, n: row.n, k: row.k, hostile: hostileAtEpsilon(row.n, epsilon) },
        from: 16,
        need: 5,
        cap: 100_000,
        runs: 10,
        seed: `${seed}/X3/${row.n}/${epsilon}`,
      })),
    );
    return {
      jobs,
      judge: (results) => {
        const checks: Check[] = [];
        const table: string[][] = [];
        rows.forEach((row, r) => {
          let equal = 0;
          const got = EPSILONS.map((epsilon, e) => {
            const answer = results[r * EPSILONS.length + e]!.answer;
            const recorded = row.ours[epsilon] ?? row.figure[e]!;
            if (answer === recorded) equal++;
            const id = `X3.${row.n}.${epsilon}`;
            checks.push(check(id, "B", recorded, recorded / 2, recorded * 2, answer));
            checks.push(
              check(`${id}.figure`, "C", row.figure[e]!, row.figure[e]!, row.figure[e]!, answer),
            );
            return answer;
          });
          checks.push(holds(`X3.${row.n}.equal-in-6-of-9`, equal >= 6));
          table.push([`${row.n} (k=${row.k})`, ...got.map(String)]);
          table.push(["  figure (C)", ...row.figure.map(String)]);
        });
        return {
          checks,
          tables: [
            {
              title: "Smallest group alive in at least 5 of 10 runs, by ε",
              columns: ["N", ...EPSILONS.map(String)],
              rows: table,
            },
          ],
          series: {},
          notes: [
            "The k of each row was chosen to fit the figure afterwards; no single k fits all rows.",
          ],
        };
      },
    };
  },
};
