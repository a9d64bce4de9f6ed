// How many cases a property is tried with: 20,000 for decoders unless PANDO_FUZZ says otherwise.
export const FUZZ_RUNS: number = Number(process.env["PANDO_FUZZ"] ?? 20_000);
