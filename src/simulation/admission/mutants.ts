// Every rule of the protocol as a switch: a mutant is the protocol without it, and the simulation must
// catch each one, by random runs or by a fixed schedule.
import { ALL_RULES, type ProtocolRules } from "../../state/admission/rules.ts";
import { ALL_BLOCK_RULES, type BlockRules } from "../../state/block-rules.ts";
import { ALL_HOST_RULES, type HostRules } from "./faults.ts";

export interface Mutant {
  readonly name: string;
  /** The rule removed, in words. */
  readonly rule: string;
  readonly without: readonly (keyof ProtocolRules | keyof HostRules | keyof BlockRules)[];
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: "attempts",
    rule: "OK and RELEASE compare attempts",
    without: ["okComparesAttempt", "releaseComparesAttempt"],
  },
  {
    name: "release-attempt",
    rule: "RELEASE acts on attempts up to its own only",
    without: ["releaseComparesAttempt"],
  },
  {
    name: "durable",
    rule: "OK leaves after the claim is durable",
    without: ["durableBeforeReply"],
  },
  {
    name: "release-owner",
    rule: "RELEASE acts on claims of its own transaction only",
    without: ["releaseComparesOwner"],
  },
  {
    name: "early-coins",
    rule: "outputs become coins with the decision",
    without: ["coinsWithDecision"],
  },
  { name: "no-sweep", rule: "HELD claims are asked about at their home", without: ["sweep"] },
  {
    name: "no-tombstone",
    rule: "an evicted transaction keeps a tombstone until its claims are released",
    without: ["tombstone"],
  },
  {
    name: "volatile-outbox",
    rule: "EVICT is written before it is sent and repeated until acknowledged",
    without: ["durableOutbox"],
  },
  {
    name: "keep-children",
    rule: "children are evicted with their parent",
    without: ["evictChildren"],
  },
  {
    name: "foreign-claims",
    rule: "a block drops and evicts the claims of others on what it spends",
    without: ["blockTakesClaims"],
  },
  {
    name: "preparing-survives",
    rule: "PREPARING dies with a chain record",
    without: ["preparingDies"],
  },
  {
    name: "later-position",
    rule: "HOLD is judged at equal chain position; RELEASE and EVICT wait for theirs",
    without: ["holdAtEqualSeq", "waitForSeq"],
  },
  {
    name: "freecoin",
    rule: "a disconnected spend returns its coin claimed",
    without: ["restoreClaims"],
  },
  {
    name: "lowattempt",
    rule: "restored claims carry the attempt (n, 0, 0)",
    without: ["restoredAttemptHigh"],
  },
  { name: "maturity", rule: "maturity and locks are judged again", without: ["rejudge"] },
  { name: "fence", rule: "an old owner's writes are refused", without: ["fence"] },
  {
    name: "round",
    rule: "a child's round is above its parents' rounds",
    without: ["roundAboveParents"],
  },
  {
    name: "restoreorder",
    rule: "the newest restoration stands first",
    without: ["restoredNewestFirst"],
  },
  {
    name: "evict-attempt",
    rule: "EVICT acts on exactly its attempt",
    without: ["evictComparesAttempt"],
  },
  {
    name: "unsettled-template",
    rule: "a template waits for SETTLED",
    without: ["templateAfterSettled"],
  },
  {
    name: "earlyack",
    rule: "EVICT is acknowledged when its cone is gone",
    without: ["treeAcknowledgement"],
  },
  {
    name: "unfenced-ack",
    rule: "an acknowledgement always writes, so that the fence refuses an old owner's",
    without: ["acknowledgeFenced"],
  },
  { name: "no-audit", rule: "SPENT claims are audited", without: ["audit"] },
  {
    name: "finalize-attempt",
    rule: "FINALIZE acts on exactly its attempt",
    without: ["finalizeComparesAttempt"],
  },
  {
    name: "hold-spent",
    rule: "HOLD overtakes an old SPENT claim of its transaction",
    without: ["holdOvertakesSpent"],
  },
  {
    name: "query-position",
    rule: "QUERY is answered at equal chain position only",
    without: ["queryAtEqualSeq"],
  },
  {
    name: "spend-position",
    rule: "SPEND finds a coin of its block only behind the transaction that made it",
    without: ["spendByPosition"],
  },
  {
    name: "creates-first",
    rule: "SPEND is judged when all CREATEs of the block are in",
    without: ["createsFirst"],
  },
  {
    name: "own-coinbase",
    rule: "a block does not spend its own coinbase",
    without: ["ownCoinbaseImmature"],
  },
];

export interface AllRules {
  readonly rules: ProtocolRules;
  readonly hostRules: HostRules;
  readonly blockRules: BlockRules;
}

/** All rules, less those of the mutant. */
export function rulesOf(mutant: Mutant | null): AllRules {
  const without = new Set<string>(mutant?.without ?? []);
  const less = <T extends object>(all: T): T =>
    Object.fromEntries(Object.keys(all).map((name) => [name, !without.has(name)])) as T;
  return {
    rules: less(ALL_RULES),
    hostRules: less(ALL_HOST_RULES),
    blockRules: less(ALL_BLOCK_RULES),
  };
}
