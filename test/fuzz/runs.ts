// How many inputs a decoder is tried with: 20,000 unless PANDO_FUZZ says otherwise (the nightly script
// says a million), from the seed in PANDO_FUZZ_SEED.
export const FUZZ_RUNS: number = Number(process.env["PANDO_FUZZ"] ?? 20_000);
export const FUZZ_SEED: number = Number(process.env["PANDO_FUZZ_SEED"] ?? 1);
