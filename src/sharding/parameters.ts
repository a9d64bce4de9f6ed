// The documented default of every parameter of every rule, and what values are allowed. Where the
// defaults come from is told in docs/internals/resharding.md.
import { never } from "../base/assert.ts";
import {
  type BoundedParameters,
  type CommensalParameters,
  type CuckooParameters,
  type Harmony2019Parameters,
  RATIO_MAX,
  type Ratio,
  type RuleName,
  type RuleParameters,
  SEATS_MAX,
  type SwapParameters,
} from "./types.ts";

export const CUCKOO: CuckooParameters = { rule: "cuckoo", k: { num: 2, den: 1 } };

export const COMMENSAL: CommensalParameters = {
  rule: "commensal",
  k: { num: 8, den: 1 },
  need: 7,
  vetting: true,
  scaling: true,
};

export const BOUNDED: BoundedParameters = {
  rule: "bounded",
  evict: 5,
  kappa: null,
  evictFrom: "all",
  half: "floor",
  ranked: "beforeJoins",
  evictable: "all",
  own: true,
  minSize: 1,
};

export const HARMONY_2019: Harmony2019Parameters = {
  rule: "harmony-2019",
  percent: 10,
  kick: "tail",
};

export const SWAP: SwapParameters = {
  rule: "swap",
  kappa: { num: 24, den: 1 },
  eMin: 2,
  local: 4,
};

const DEFAULTS: Readonly<Record<RuleName, RuleParameters>> = {
  full: { rule: "full" },
  cuckoo: CUCKOO,
  commensal: COMMENSAL,
  bounded: BOUNDED,
  "harmony-2019": HARMONY_2019,
  swap: SWAP,
  "key-mod": { rule: "key-mod" },
};

export const RULE_NAMES: readonly RuleName[] = [
  "full",
  "cuckoo",
  "commensal",
  "bounded",
  "harmony-2019",
  "swap",
  "key-mod",
];

export function defaultParameters(rule: RuleName): RuleParameters {
  return DEFAULTS[rule];
}

function isCount(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function isRatio(ratio: Ratio, least: number): boolean {
  return isCount(ratio.num, least, RATIO_MAX) && isCount(ratio.den, 1, RATIO_MAX);
}

/** What is wrong with the parameters, or null. */
export function parametersFault(parameters: RuleParameters, shards: number): string | null {
  switch (parameters.rule) {
    case "full":
    case "key-mod":
      return null;
    case "cuckoo":
      if (!isRatio(parameters.k, 1)) return "k";
      return (shards & (shards - 1)) === 0 ? null : "shards: cuckoo needs a power of two";
    case "commensal":
      if (!isRatio(parameters.k, 1)) return "k";
      return isCount(parameters.need, 0, SEATS_MAX) ? null : "need";
    case "bounded":
      if (!isCount(parameters.evict, 0, SEATS_MAX)) return "evict";
      if (parameters.kappa !== null && !isRatio(parameters.kappa, 0)) return "kappa";
      return isCount(parameters.minSize, 0, SEATS_MAX) ? null : "minSize";
    case "harmony-2019":
      return isCount(parameters.percent, 0, 100) ? null : "percent";
    case "swap":
      if (!isRatio(parameters.kappa, 0)) return "kappa";
      if (!isCount(parameters.eMin, 0, SEATS_MAX)) return "eMin";
      return isCount(parameters.local, 0, RATIO_MAX) ? null : "local";
    default:
      return never(parameters);
  }
}
