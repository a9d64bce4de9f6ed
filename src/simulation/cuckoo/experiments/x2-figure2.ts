// X2: figure 2 of Sen and Freedman (2012): how many rounds the cuckoo rule survives the "least"
// adversary, over the ratio of hostile to honest shares.
import type { RoundsJob } from "../jobs.ts";
import { hostileAtEpsilon, ROUNDS } from "../rounds.ts";
import { summarize, survivalCurve, survivors } from "../survival.ts";
import { type Check, check, type Experiment, type PointLine, short } from "./experiment.ts";

const CAP = 100_000;

/** epsilon, the figure's rounds (mark C), ours for k = 1 and k = 2 (mark B), as recorded. */
const RECORDED: Readonly<Record<number, string>> = {
  512:
    ".0297 96k/73.4k/14.0k .0343 42k/30.6k/4.32k .0393 14.5k/10.9k/1.69k .0442 4.3k/1.98k/673 " +
    ".0489 1.23k/846/433 .0543 692/402/346 .0592 431/241/318 .0638 243/195/247 .0694 314/188/259 " +
    ".0744 188/189/221",
  1024:
    ".0147 100k/86.1k/25.9k .0195 36.5k/12.6k/2.47k .0247 12.3k/1.13k/925 .0296 1.41k/533/714 " +
    ".0347 877/421/583 .0444 627/346/398 .0496 398/331/410 .0547 431/331/373 .0598 615/308/360 " +
    ".0645 398/280/326",
  2048:
    ".0082 100k/72.8k/14.9k .0128 4.8k/1.83k/1.63k .0179 1.11k/872/1.04k .0230 749/821/822 " +
    ".0281 1.3k/721/848 .0330 843/675/720 .0381 639/614/647 .0431 1.23k/577/667 .0480 720/549/573 " +
    ".0530 525/528/540 .0580 568/503/526",
  4096:
    ".0035 100k/97.4k/84.6k .0086 1.52k/1.78k/2.19k .0135 2.05k/1.47k/1.76k " +
    ".0186 2.65k/1.30k/1.45k .0237 1.78k/1.25k/1.27k .0286 1.11k/1.18k/1.21k " +
    ".0337 1.11k/1.11k/1.18k .0386 1.23k/1.03k/1.05k .0437 987/994/988 .0486 894/959/993 " +
    ".0537 1.03k/936/953",
  8192:
    ".0018 96k/96.5k/72.8k .0067 6.8k/2.80k/3.46k .0119 2.87k/2.43k/2.64k .0169 2.09k/2.13k/2.43k " +
    ".0222 2.09k/2.02k/2.17k .0272 2.01k/1.94k/2.02k .0323 2.17k/1.84k/1.88k " +
    ".0371 2.01k/1.75k/1.78k .0421 1.78k/1.68k/1.63k .0470 1.97k/1.65k/1.69k " +
    ".0518 1.59k/1.54k/1.53k",
};

interface Cell {
  readonly n: number;
  readonly epsilon: number;
  readonly figure: number;
  readonly k: 1 | 2;
  readonly ours: number;
}

function parseRounds(text: string): number {
  return text.endsWith("k") ? Number(text.slice(0, -1)) * 1000 : Number(text);
}

function cells(quick: boolean): Cell[] {
  const all: Cell[] = [];
  for (const [n, text] of Object.entries(RECORDED)) {
    const words = text.split(" ");
    for (let at = 0; at < words.length; at += 2) {
      // Quick: every third point, without the slow ones near the cap.
      if (quick && (at === 0 || (at / 2) % 3 !== 0)) continue;
      const [figure, one, two] = words[at + 1]!.split("/").map(parseRounds) as [
        number,
        number,
        number,
      ];
      const point = { n: Number(n), epsilon: Number(words[at]), figure };
      all.push({ ...point, k: 1, ours: one }, { ...point, k: 2, ours: two });
    }
  }
  return all;
}

function jobOf(cell: Cell, runs: number, seed: string): RoundsJob {
  const hostile = hostileAtEpsilon(cell.n, cell.epsilon);
  const settings = { ...ROUNDS, n: cell.n, k: cell.k, hostile };
  const name = `${seed}/X2/${cell.n}/${cell.epsilon}/${cell.k}`;
  return { kind: "rounds", engine: "count", settings, cap: CAP, runs, seed: name, trace: 0 };
}

/** 4 sigma: 5.7 times our own log standard error, for both sides were measured with as many runs. */
export function withinSigmas(
  id: string,
  reference: number,
  got: { geomean: number; logSe: number },
): Check {
  // Runs at the cap show no spread; the recorded values themselves are rounded to three digits.
  const width = Math.exp(5.7 * Math.max(got.logSe, 0.01));
  return check(id, "B", reference, reference / width, reference * width, got.geomean);
}

function lines(all: readonly Cell[], got: readonly number[], n: number): PointLine[] {
  const of = (label: string, figure: boolean, k: 1 | 2, value: (index: number) => number) => {
    const x: number[] = [];
    const y: number[] = [];
    all.forEach((cell, index) => {
      if (cell.n !== n || cell.k !== k) return;
      x.push(cell.epsilon);
      y.push(value(index));
    });
    return { label, figure, x, y };
  };
  return [
    of(`N=${n} figure`, true, 1, (index) => all[index]!.figure),
    of(`N=${n} ours, k=1`, false, 1, (index) => got[index]!),
    of(`N=${n} ours, k=2`, false, 2, (index) => got[index]!),
  ];
}

export const X2: Experiment = {
  id: "X2",
  title: "Sen-Freedman figure 2: rounds until the cuckoo rule loses a group of 64",
  story:
    "The plain cuckoo rule with groups of 64 dies within a few thousand rounds once a few percent of the " +
    "shares are hostile, and sooner the larger the network is: small groups do not work.",
  prepare: ({ quick, seed }) => {
    const all = cells(quick);
    const runs = quick ? 50 : 100;
    return {
      jobs: all.map((cell) => jobOf(cell, runs, seed)),
      judge: (results) => {
        const checks: Check[] = [];
        const rows: string[][] = [];
        const got = results.map((result) => summarize(result));
        let near = 0;
        let counted = 0;
        all.forEach((cell, index) => {
          const own = got[index]!;
          const id = `X2.${cell.n}.${cell.epsilon}.k${cell.k}`;
          checks.push(withinSigmas(id, cell.ours, own));
          if (cell.k === 1 && cell.figure < 95_000) {
            counted++;
            if (Math.abs(Math.log(own.geomean / cell.figure)) <= Math.log(3)) near++;
          }
          rows.push([
            String(cell.n),
            String(cell.epsilon),
            String(cell.k),
            short(own.geomean),
            own.logSe.toFixed(3),
            String(survivors(results[index]!)),
            short(cell.ours),
            short(cell.figure),
          ]);
        });
        checks.push(check("X2.figure.k1.within-x3", "C", 47 / 48, 0.9, 1, near / counted));
        const sizes = [...new Set(all.map((cell) => cell.n))];
        const survival = all.flatMap((cell, index) =>
          cell.n === 8192 && cell.k === 1 && cell.epsilon < 0.02
            ? [survivalCurve(`N=8192 epsilon=${cell.epsilon}`, results[index]!, CAP)]
            : [],
        );
        const chart = {
          title: "Rounds until a group is lost (cuckoo rule, groups of 64)",
          x: "hostile : honest (ε)",
          y: "rounds (geometric mean)",
          logX: false,
          logY: true,
          lines: sizes.flatMap((n) =>
            lines(
              all,
              got.map((one) => one.geomean),
              n,
            ),
          ),
        };
        return {
          checks,
          tables: [
            {
              title: `Rounds survived (R=${runs}, cap ${CAP})`,
              columns: ["N", "ε", "k", "ours", "log s.e.", "alive", "recorded (B)", "figure (C)"],
              rows,
            },
          ],
          series: { points: [chart], survival },
          notes: [
            "The figure was read with ±.0005 in ε and ±5 % in rounds; its k and averaging are unknown.",
          ],
        };
      },
    };
  },
};
