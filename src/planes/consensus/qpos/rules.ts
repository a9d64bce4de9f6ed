// The rules that the simulator may change, one at a time, to show what each is for: the arms of the
// study and the mutations. A network runs SPECIFIED, and nothing else can be configured for it.

export interface Rules {
  /** Judge a block by the schedule of its own branch, or (the published flaw) of one's own head. */
  readonly schedule: "branch" | "own";
  /** What a round's order is drawn from: reveals two rounds back, or the last block's hash. */
  readonly seed: "reveal" | "last";
  readonly ties: "hash" | "first";
  /** `atLeast` is a mutation: half of the weight is let through. */
  readonly gate: "off" | "majority" | "certified" | "atLeast";
  /** Restart certificates exist. */
  readonly certificate: boolean;
  /** A round without any block is exempt from the gate (a mutation). */
  readonly exemptEmptyRounds: boolean;
  /** The literal power rule: drop the own block below the mark and go back so many rounds. */
  readonly literalBack: 0 | 1 | 3;
  /** Power measured before the own block is counted (a mutation of the literal rule). */
  readonly powerBefore: boolean;
  /** Votes are cast (presence), and links of them justify and finalize. */
  readonly votes: boolean;
  readonly finality: boolean;
  readonly oneAct: boolean;
  /** Misses after which a staker leaves the order inside the branch; 0: only finality changes sets. */
  readonly disableInFork: number;
  /** `seen` is a mutation: sets follow what this node saw finalized instead of what a branch says. */
  readonly membership: "carried" | "seen";
  readonly rearQuorum: boolean;
  /** Votes newer than the last carried finalization are kept; false (a mutation) forgets them. */
  readonly keepVotes: boolean;
  /** The guard is asked before a signature; false is a mutation. */
  readonly guard: boolean;
}

export const SPECIFIED: Rules = {
  schedule: "branch",
  seed: "reveal",
  ties: "hash",
  gate: "majority",
  certificate: true,
  exemptEmptyRounds: false,
  literalBack: 0,
  powerBefore: false,
  votes: true,
  finality: true,
  oneAct: true,
  disableInFork: 0,
  membership: "carried",
  rearQuorum: true,
  keepVotes: true,
  guard: true,
};
