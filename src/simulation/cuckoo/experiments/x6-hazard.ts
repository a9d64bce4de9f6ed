// X6: the hazard law of the swap rule: expected losses over a horizon, against what happens.
import { effectiveFraction, hazard } from "../../../sharding/plan.ts";
import { logBinomialTail, lossCount } from "../../../sharding/tails.ts";
import type { EpochsJob } from "../jobs.ts";
import { mergeLives, summarize, survivors } from "../survival.ts";
import { EPOCH_CAP, epochsJob, fixedSwap, swapOf } from "./epoch-cells.ts";
import { type Check, check, type Experiment, short } from "./experiment.ts";
import { withinSigmas } from "./x2-figure2.ts";

interface Cell {
  readonly m: number;
  readonly shards: number;
  readonly thirds: boolean;
  readonly faulty: number;
  readonly rejoin: number;
  readonly evict: number;
}

function gridCells(): Cell[] {
  const cells: Cell[] = [];
  for (const faulty of [0.2, 0.25, 0.3]) {
    for (const rejoin of [5, 20, 40]) {
      for (const evict of rejoin === 5 ? [2, 5, 10, 20] : [5, 10, 20, 40]) {
        cells.push({ m: 250, shards: 8, thirds: false, faulty, rejoin, evict });
      }
    }
  }
  for (const m of [250, 600]) {
    for (const faulty of [0.1, 0.15, 0.2, 0.25]) {
      for (const evict of [10, 20, 40, 50]) {
        cells.push({ m, shards: 8, thirds: true, faulty, rejoin: 20, evict });
      }
    }
  }
  return cells;
}

const theta = (cell: Cell) => ({ num: 1, den: cell.thirds ? 3 : 2 });

/** Expected losses over the cap by law 2. */
function lossesOf(cell: Cell): number {
  const k = (cell.shards * cell.evict) / cell.rejoin;
  const effective = (k * cell.faulty + 1) / (k + 1);
  return hazard(cell.shards, cell.m, theta(cell), effective, cell.evict) * EPOCH_CAP;
}

function inDomain(cell: Cell): boolean {
  const hostile = cell.faulty * cell.m * cell.shards;
  return cell.evict / cell.m <= 0.16 && cell.rejoin <= 0.1 * hostile;
}

function settingsOf(cell: Cell) {
  const n = cell.m * cell.shards;
  return {
    rule: fixedSwap(cell.evict),
    n,
    shards: cell.shards,
    hostile: Math.round(cell.faulty * n),
    theta: theta(cell),
    rejoin: cell.rejoin,
  };
}

interface Deployment {
  readonly kappa: number;
  /** Joins per epoch that a movement ceiling of 10 % admits at this kappa. */
  readonly rejoin: number;
  readonly local: number;
  readonly batches: number;
  readonly median: number;
  /** Least part of the runs that must be alive at the cap. Half of those with kappa 12 are. */
  readonly aliveMin: number;
}

/** Deployment size, with the recorded medians. */
const DEPLOYMENT: readonly Deployment[] = [
  { kappa: 8, rejoin: 666, local: 0, batches: 4, median: 43, aliveMin: 0 },
  { kappa: 10, rejoin: 545, local: 0, batches: 4, median: 265, aliveMin: 0 },
  { kappa: 12, rejoin: 461, local: 0, batches: 4, median: 1500, aliveMin: 0.2 },
  { kappa: 24, rejoin: 206, local: 4, batches: 1, median: 1500, aliveMin: 1 },
];

const BATCH = 10;

function deploymentJobs(one: Deployment, seed: string): EpochsJob[] {
  const settings = {
    rule: swapOf(one.kappa, one.local),
    n: 60_000,
    shards: 100,
    hostile: 12_000,
    theta: { num: 1, den: 3 },
    rejoin: one.rejoin,
  };
  const name = `${seed}/X6/deployment/${one.kappa}`;
  return Array.from({ length: one.batches }, (_, b) => epochsJob(settings, BATCH, `${name}/${b}`));
}

export const X6: Experiment = {
  id: "X6",
  title: "The hazard law: expected losses against survivors (swap)",
  story:
    "A simple formula predicts where the swap rule is safe: expected losses below .03 and nobody dies, above " +
    "30 and everybody does. The planner stands on it, with a tenfold margin. It is pessimistic outside its " +
    "domain, and it does not hold for the bounded rule.",
  prepare: ({ quick, seed }) => {
    const cells = gridCells().filter((_, index) => !quick || index % 3 === 0);
    const runs = quick ? 60 : 100;
    const big = quick ? [] : DEPLOYMENT;
    const jobs = [
      ...cells.map((cell, index) => epochsJob(settingsOf(cell), runs, `${seed}/X6/${index}`)),
      ...big.flatMap((one) => deploymentJobs(one, seed)),
    ];
    return {
      jobs,
      judge: (results) => {
        const checks: Check[] = [];
        const rows: string[][] = [];
        let safe = 0;
        let safeAlive = 0;
        let doomed = 0;
        let doomedAlive = 0;
        cells.forEach((cell, index) => {
          const losses = lossesOf(cell);
          const alive = survivors(results[index]!);
          if (inDomain(cell) && losses < 0.03) {
            safe++;
            if (alive >= 0.9 * runs) safeAlive++;
          }
          if (inDomain(cell) && losses > 30) {
            doomed++;
            if (alive === 0) doomedAlive++;
          }
          rows.push([
            cell.thirds ? "1/3" : "1/2",
            String(cell.m),
            String(cell.faulty),
            String(cell.rejoin),
            String(cell.evict),
            inDomain(cell) ? "yes" : "no",
            losses.toPrecision(3),
            String(alive),
            short(summarize(results[index]!).median),
          ]);
        });
        checks.push(check("X6.safe-cells-alive", "B", safe, safe, safe, safeAlive));
        checks.push(check("X6.doomed-cells-dead", "B", doomed, doomed, doomed, doomedAlive));
        let next = cells.length;
        const bigRows = big.map((one) => {
          const lives = mergeLives(results.slice(next, next + one.batches));
          next += one.batches;
          const summary = summarize(lives);
          const runsHere = lives.lives.length;
          const alive = survivors(lives);
          const id = `X6.deployment.k${one.kappa}`;
          if (one.aliveMin > 0) {
            checks.push(check(id, "B", runsHere, one.aliveMin * runsHere, runsHere, alive));
          } else checks.push(withinSigmas(id, one.median, { ...summary, geomean: summary.median }));
          const f = effectiveFraction({ num: 1, den: 5 }, one.kappa);
          const limit = lossCount(600, { num: 1, den: 3 });
          const tail = Math.exp(logBinomialTail(600, f.num / f.den, limit));
          return [
            String(one.kappa),
            String(one.rejoin),
            tail.toPrecision(3),
            short(summary.median),
            `${alive}/${runsHere}`,
          ];
        });
        return {
          checks,
          tables: [
            {
              title: `Expected losses in ${EPOCH_CAP} epochs and survivors of ${runs}`,
              columns: ["θ", "m", "F", "J", "e", "domain", "h", "alive", "median"],
              rows,
            },
            {
              title: "Deployment size: 100 committees of 600, F=.20, θ=1/3",
              columns: ["κ", "J", "tail at F_eff", "median", "alive"],
              rows: bigRows,
            },
          ],
          series: {},
          notes: [],
        };
      },
    };
  },
};
