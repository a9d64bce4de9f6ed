// The arms of the study: the published test network as it was, the literal power rule, its repairs,
// and the rules as specified. And the mutations: each rule off, one at a time, to show what it is for.
import { type Rules, SPECIFIED } from "../../planes/consensus/qpos/rules.ts";

export const ARMS = ["N", "P", "P3", "PC", "C", "G0", "G"] as const;
export type Arm = (typeof ARMS)[number];

/** No power, naive check: a block that is not due on one's own chain costs its sender points. */
const NAIVE: Rules = {
  ...SPECIFIED,
  schedule: "own",
  seed: "last",
  ties: "first",
  gate: "off",
  certificate: false,
  votes: false,
  finality: false,
  oneAct: false,
};

const CONTEXTUAL: Rules = { ...NAIVE, schedule: "branch", ties: "hash" };

export const ARM_RULES: Readonly<Record<Arm, Rules>> = {
  N: { ...NAIVE, disableInFork: 8 },
  P: { ...NAIVE, disableInFork: 8, literalBack: 1 },
  P3: { ...NAIVE, disableInFork: 8, literalBack: 3 },
  PC: { ...CONTEXTUAL, literalBack: 1 },
  C: CONTEXTUAL,
  G0: { ...CONTEXTUAL, gate: "majority", certificate: true, votes: true },
  G: SPECIFIED,
};

/** What each arm is, for `--help` and the pictures. */
export const ARM_TITLES: Readonly<Record<Arm, string>> = {
  N: "no power, blocks judged by one's own schedule (the published failure)",
  P: "the literal power rule, naive check",
  P3: "the literal power rule, going back three queues",
  PC: "the literal power rule, blocks checked in their own branch, hash ties",
  C: "blocks checked in their own branch, hash ties, no power",
  G0: "C with the gate and restart certificates, without finality",
  G: "as specified: gate, restart certificates, one act per round, finality",
};

export const MUTATIONS = [
  "no-gate",
  "gate-half",
  "power-before",
  "no-certificate",
  "first-seen-ties",
  "naive-check",
  "one-quorum",
  "seen-membership",
  "no-guard",
  "votes-pruned",
  "exempt-empty-rounds",
] as const;
export type Mutation = (typeof MUTATIONS)[number];

const CHANGES: Readonly<Record<Mutation, Partial<Rules>>> = {
  "no-gate": { gate: "off" },
  "gate-half": { gate: "atLeast" },
  "power-before": { powerBefore: true },
  "no-certificate": { certificate: false },
  "first-seen-ties": { ties: "first" },
  "naive-check": { schedule: "own", seed: "last" },
  "one-quorum": { rearQuorum: false },
  "seen-membership": { membership: "seen" },
  "no-guard": { guard: false },
  "votes-pruned": { keepVotes: false },
  "exempt-empty-rounds": { exemptEmptyRounds: true },
};

/** Rules with one of them changed. */
export function mutate(rules: Rules, mutation: Mutation | null): Rules {
  return mutation === null ? rules : { ...rules, ...CHANGES[mutation] };
}
