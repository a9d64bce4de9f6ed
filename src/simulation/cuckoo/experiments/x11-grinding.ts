// X11: an adversary who may choose among a few seeds per epoch.
import { summarize, survivalCurve, survivors } from "../survival.ts";
import { EPOCH_CAP, epochsJob, swapOf } from "./epoch-cells.ts";
import { type Check, check, type Experiment, short } from "./experiment.ts";

const BITS = [0, 1, 2, 4, 6];

const SETTINGS = [
  {
    label: "θ=1/2, n=2000, F=.25, κ=8",
    settings: { rule: swapOf(8, 0), hostile: 500, rejoin: 20 },
    recorded: ["alive", "alive", "111", "16", "11"],
  },
  {
    label: "θ=1/3, n=4800, F=.20, κ=16",
    settings: {
      rule: swapOf(16, 0),
      n: 4800,
      hostile: 960,
      theta: { num: 1, den: 3 },
      rejoin: 20,
    },
    recorded: ["alive", "1074", "43", "14", "10"],
  },
];

export const X11: Experiment = {
  id: "X11",
  title: "Grinding: choosing among a few seeds",
  story:
    "One fresh draw among 2^b seeds gains the adversary a factor of 2^b. Under bounded movement the bias " +
    "accumulates: two bits ruin every rule here. A beacon whose last revealer has a choice is unfit.",
  prepare: ({ quick, seed }) => {
    const runs = quick ? 10 : 20;
    const bits = quick ? [0, 2, 4] : BITS;
    const jobs = SETTINGS.flatMap((one) =>
      bits.map((grind) =>
        epochsJob({ ...one.settings, grind }, runs, `${seed}/X11/${one.label}/${grind}`),
      ),
    );
    return {
      jobs,
      judge: (results) => {
        const checks: Check[] = [];
        SETTINGS.forEach((one, s) => {
          bits.forEach((grind, b) => {
            const result = results[s * bits.length + b]!;
            const id = `X11.${s === 0 ? "half" : "third"}.b${grind}`;
            const low = Math.floor(0.9 * runs);
            if (grind === 0) checks.push(check(id, "B", runs, low, runs, survivors(result)));
            if (grind === 4)
              checks.push(check(id, "B", Number(one.recorded[3]), 1, 30, summarize(result).median));
          });
        });
        const rows = SETTINGS.map((one, s) => [
          one.label,
          ...bits.map((_, b) => {
            const result = results[s * bits.length + b]!;
            const alive = survivors(result);
            const { median } = summarize(result);
            return median >= EPOCH_CAP ? `alive (${alive}/${runs})` : short(median);
          }),
          bits.map((grind) => one.recorded[BITS.indexOf(grind)]!).join(", "),
        ]);
        return {
          checks,
          tables: [
            {
              title: "Median life in epochs, by bits of choice",
              columns: ["setting", ...bits.map((bit) => `b=${bit}`), "recorded (B)"],
              rows,
            },
          ],
          series: {
            survival: bits.map((bit, b) =>
              survivalCurve(`b=${bit}, ${SETTINGS[0]!.label}`, results[b]!, EPOCH_CAP),
            ),
          },
          notes: [],
        };
      },
    };
  },
};
