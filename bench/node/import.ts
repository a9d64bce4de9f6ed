// `bench import`: a chain of blocks of 500 transactions, 2 inputs and 2 P2WPKH outputs each, from a
// file to a durable coin set by `pando import` with default settings: with all scripts checked, with
// the tip assumed valid, and with 16 partitions against 1. On a machine that others use too the
// ratios by processor time are the ones to look at.
import { fine, median, rounded } from "../measure.ts";
import { type RawRate, rawVerifyRate } from "../raw-rate.ts";
import { chainFile, type ImportFlags, type ImportRun, runImport } from "./import-run.ts";

/** Medians of each figure over some runs. */
function middle(runs: readonly ImportRun[]): ImportRun {
  const names = Object.keys(runs[0]!) as (keyof ImportRun)[];
  return Object.fromEntries(
    names.map((name) => [name, median(runs.map((run) => run[name]))]),
  ) as unknown as ImportRun;
}

/** Runs of each set of flags by turns, so that a busy moment falls on all alike. */
async function byTurns(
  path: string,
  rounds: number,
  ...flags: readonly ImportFlags[]
): Promise<ImportRun[]> {
  const runs = flags.map((): ImportRun[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [at, each] of flags.entries()) runs[at]!.push(await runImport(path, each));
  }
  return runs.map(middle);
}

/** All scripts checked, with the raw rate measured before and after each run. */
async function checked(path: string, rounds: number): Promise<{ run: ImportRun; raw: RawRate }> {
  const runs: ImportRun[] = [];
  const rates = [await rawVerifyRate("ecdsa")];
  for (let round = 0; round < rounds; round++) {
    runs.push(await runImport(path));
    rates.push(await rawVerifyRate("ecdsa"));
  }
  const raw: RawRate = {
    perSecond: median(rates.map(({ perSecond }) => perSecond)),
    cpuUs: median(rates.map(({ cpuUs }) => cpuUs)),
    workers: rates[0]!.workers,
  };
  return { run: middle(runs), raw };
}

/** `quick`: a short chain, once each. */
export async function run({ quick }: { quick: boolean }): Promise<Record<string, number | string>> {
  const rounds = quick ? 1 : 3;
  const shape = { inputs: 2, outputs: 2, kind: "p2wpkh" } as const;
  const transactions = quick ? 100 : 500;
  const long = await chainFile({ ...shape, transactions, blocks: quick ? 20 : 500 });
  const short = quick ? long : await chainFile({ ...shape, transactions, blocks: 120 });
  const { run: all, raw } = await checked(long.path, rounds);
  const [assumed] = await byTurns(long.path, rounds, { assumeValid: long.tip.hash });
  const [one, sixteen] = await byTurns(short.path, rounds, { partitions: 1 }, { partitions: 16 });
  const rate = all.inputs / all.seconds;
  return {
    inputs: all.inputs,
    inputsPerSecond: Math.round(rate),
    rawPerSecond: Math.round(raw.perSecond),
    ratioToRaw: fine(rate / raw.perSecond),
    cpuUs: rounded(all.cpuUs),
    rawCpuUs: rounded(raw.cpuUs),
    ratioToRawByCpu: fine(raw.cpuUs / all.cpuUs),
    mainUs: rounded(all.mainUs),
    hostsUs: rounded(all.hostsUs),
    verifiersUs: rounded(all.verifiersUs),
    verifiersOutsideSignaturesUs: rounded(all.verifiersUs - raw.cpuUs),
    collectorAndCompilerUs: rounded(all.othersUs),
    residentMB: Math.round(all.residentMB),
    assumedValidPerSecond: Math.round(assumed!.inputs / assumed!.seconds),
    assumedValidCpuUs: rounded(assumed!.cpuUs),
    assumedValidMainUs: rounded(assumed!.mainUs),
    workAt16PartitionsTo1: fine(sixteen!.cpuUs / one!.cpuUs),
  };
}
