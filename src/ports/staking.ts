// What staking needs from outside the consensus core, and what it shows: the signer that holds the
// keys and the durable double-sign guards, and the view that the interfaces (JSON-RPC, metrics,
// devnet) read. Plain data, so that a signer may live in another process. docs/internals/qpos.md.

/** What one staker has signed; durable before any signature leaves. Hashes in hex, hash order. */
export interface GuardRecord {
  readonly chainId: string;
  readonly stakerId: number;
  /** The last round in which a header was signed, and the digest signed. */
  readonly actRound: number;
  readonly actDigest: string;
  readonly declSeq: number;
  readonly voteTarget: number;
  readonly voteSource: number;
  readonly voteDigest: string;
}

/** A staker whose key this node may use. */
export interface SignerStaker {
  readonly id: number;
  /** BIP340 public key, hex. */
  readonly signKey: string;
  /** Makes the reveals; not the signing key. */
  readonly revealSecret: string;
  readonly guard: GuardRecord;
}

/**
 * What is to be signed, as its own bytes in hex: the signer computes the digest itself, so that a
 * node that has been broken into cannot have something else signed under the name of a good digest.
 */
export type SignRequest =
  /** The 224 bytes of a block's header. */
  | { readonly what: "block"; readonly header: string }
  /** The 76 signed bytes of a vote. */
  | { readonly what: "vote"; readonly vote: string };

export interface StakerSigner {
  /** Those whose id is known; `adopt` adds to them. */
  readonly stakers: readonly SignerStaker[];
  /** Public keys that have no id yet: their registration is still to come. */
  readonly waiting: readonly string[];
  /**
   * The chain has registered a waiting key as `stakerId`: makes a fresh guard durable and answers
   * the staker. Null for a key that does not wait, and when `produced` blocks show that the key has
   * signed before: its guard is lost, and a fresh one would allow to sign twice.
   */
  adopt(signKey: string, stakerId: number, produced: number): Promise<SignerStaker | null>;
  /** Makes the guard durable (fsync) before it answers; false when the one on disk forbids it. */
  persist(guard: GuardRecord): Promise<boolean>;
  /** A signature in hex, over what a persisted guard names and nothing else; null when refused. */
  sign(stakerId: number, request: SignRequest): Promise<string | null>;
  close(): Promise<void>;
}

/** How far a block is agreed upon; wallets count confirmations from `gated`. */
export type PowerStatus = "provisional" | "gated" | "justified" | "finalized";

export interface PowerInfo {
  readonly hash: string;
  readonly height: number;
  readonly slot: number;
  readonly round: number;
  /** Weight of filled slots, and of all, in the round before and this one up to the block. */
  readonly filled: number;
  readonly total: number;
  /** filled / total, rounded down to 8 decimals. */
  readonly power: string;
  readonly status: PowerStatus;
}

export interface StakerInfo {
  readonly id: number;
  /** `waiting`, `active`, `paused`, `leaving`, `free` or `slashed`. */
  readonly status: string;
  readonly weight: number;
  readonly produced: number;
  readonly docked: number;
  readonly missRun: number;
  readonly signKey: string;
  /** A scriptPubKey in hex. */
  readonly payout: string;
  /** `txid:output`, the txid as displayed. */
  readonly bondOutpoint: string;
  readonly bondValue: number;
  readonly penalty: number;
  readonly sinceSlot: number;
  /** First slot at which the bond is free; 0: not leaving. */
  readonly freeSlot: number;
  /** Has a slot in the current round. */
  readonly active: boolean;
}

export interface Checkpoint {
  readonly round: number;
  readonly hash: string;
  readonly height: number;
}

export interface FinalityInfo {
  readonly finalized: Checkpoint;
  readonly justified: Checkpoint;
  readonly head: Checkpoint & { readonly slot: number };
}

export interface QueueInfo {
  readonly round: number;
  readonly slot: number;
  /** Place of the slot in its round, from 0. */
  readonly index: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The stakers of this round, in the order of their slots. */
  readonly ids: readonly number[];
  /** Those of the next round, when they are known already. */
  readonly next: readonly number[] | null;
  /** Would the next round open on the head as it is: hits of more than half of the weight. */
  readonly gate: { readonly open: boolean; readonly hits: number; readonly weight: number };
}

/** In one line each, or null where all is well. */
export interface StakingTroubles {
  /** Why this node has stopped following finality. */
  readonly finality: string | null;
  /** Why it signs nothing any more although it has keys. */
  readonly signing: string | null;
}

/** What a person who stakes must know of the network. */
export interface StakingNetwork {
  /** Hex in hash order: the id of the genesis block, which every signature is bound to. */
  readonly chainId: string;
  readonly genesisMs: number;
  readonly slotMs: number;
  /** The least bond, in base units. */
  readonly bond: number;
  readonly unbondSlots: number;
  readonly activeMax: number;
}

/** Reads of the staked chain as this node sees it. Hashes as displayed. */
export interface StakingView {
  readonly network: StakingNetwork;
  /** Of the head when `hash` is null; null for a block that is not known. */
  power(hash: string | null): PowerInfo | null;
  stakers(): readonly StakerInfo[];
  finality(): FinalityInfo;
  queue(): QueueInfo;
  /** What is not well and a person must see to. */
  troubles(): StakingTroubles;
}
