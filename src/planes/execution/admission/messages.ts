// The messages of admission: plain records, one union. When each may be processed and what it is
// compared with is the table in docs/internals/admission.md; the handlers follow it line by line.
import type { HoldInput, HoldOutput, HoldVerdict } from "../../../state/admission/claims.ts";
import type { OutpointKey, Txid } from "../../../state/admission/keys.ts";
import type {
  AdmissionRecord,
  Attempt,
  Candidate,
  CoinRecord,
  Heir,
  LeaveCause,
} from "../../../state/admission/records.ts";

/** Addresses that are not partitions. */
export const CLIENT = -1;
export const VERIFIER = -2;

/** Where an answer goes; opaque to the handlers. */
export type Token = number;

export type Answer =
  | { readonly kind: "accepted"; readonly seq: number }
  | { readonly kind: "confirmed"; readonly height: number }
  | { readonly kind: "parked"; readonly deadlineMs: number }
  | {
      readonly kind: "rejected";
      readonly code: string;
      readonly permanent: boolean;
      /** The transaction it collides with, when that is why. */
      readonly by: Txid | null;
    }
  | { readonly kind: "busy"; readonly retryAfterMs: number };

export type Verdict =
  | {
      readonly ok: true;
      readonly fee: number;
      readonly sigops: number;
      /** A child that comes with it pays for it: no floor is asked of it. */
      readonly sponsored?: boolean;
      /** What policy lets it replace, descendants too: its fees are not asked about again for these. */
      readonly replaces?: readonly Txid[];
      /** Of these, what shares no coin with it: that leaves with the decision. */
      readonly displaces?: readonly Txid[];
    }
  | { readonly ok: false; readonly code: string; readonly permanent: boolean };

export type Refusal = Extract<HoldVerdict, { ok: false }> | { readonly code: "retry" };

/** What an ASK wants to know about a transaction. */
export type Standing =
  | {
      readonly state: "admitted";
      readonly attempt: Attempt;
      readonly fee: number;
      /** An announced segment holds it: it is not replaced. */
      readonly sealed: boolean;
      /** Who claims its outputs at its home: what would leave with it. */
      readonly children: readonly Txid[];
    }
  | { readonly state: "preparing" | "none" };

interface Tried {
  readonly txid: Txid;
  readonly attempt: Attempt;
}

interface Placed {
  readonly inputs: readonly OutpointKey[];
  readonly outputs: readonly OutpointKey[];
}

export interface Submit {
  readonly type: "submit";
  readonly candidate: Candidate;
  readonly source: number;
  readonly token: Token | null;
  /** Coins that came with the transaction (extended format): READ is skipped, HOLD compares digests. */
  readonly given: readonly CoinRecord[] | null;
}
export interface Read extends Tried {
  readonly type: "read";
  readonly inputs: readonly OutpointKey[];
}
export interface Coins extends Tried {
  readonly type: "coins";
  readonly coins: readonly CoinRecord[];
}
export interface Wait extends Tried {
  readonly type: "wait";
}
export interface HoldMessage extends Tried {
  readonly type: "hold";
  readonly inputs: readonly HoldInput[];
  readonly outputs: readonly HoldOutput[];
}
export interface Ok extends Tried {
  readonly type: "ok";
  readonly round: number;
  readonly ancestors: number;
}
export interface Refuse extends Tried {
  readonly type: "refuse";
  readonly refusal: Refusal;
}
/** Claims were handed to this heir: it may ask for the rest. */
export interface Handed extends Tried {
  readonly type: "handed";
  /** Whose they were. */
  readonly left: Txid;
}
export interface Finalize extends Tried, Placed {
  readonly type: "finalize";
  readonly round: number;
  readonly ancestors: number;
}
/** From an abort or a QUERY: not answered. */
export interface ReleaseMessage extends Tried, Placed {
  readonly type: "release";
}
/** From a tombstone: repeated until RELEASED. */
export interface ReleaseLeaving extends Tried, Placed {
  readonly type: "release-leaving";
  readonly seq: number;
  readonly cause: LeaveCause;
  readonly heir: Heir | null;
}
export interface Released extends Tried {
  readonly type: "released";
}
export interface Query extends Placed {
  readonly type: "query";
  readonly txid: Txid;
  readonly seq: number;
}
export interface Evict extends Tried {
  readonly type: "evict";
  readonly entry: number;
  readonly seq: number;
  readonly cause: LeaveCause;
  readonly by: Txid | null;
}
export interface Evicted {
  readonly type: "evicted";
  readonly txid: Txid;
  readonly entry: number;
}
export interface Ask {
  readonly type: "ask";
  readonly txid: Txid;
  readonly asker: Txid;
}
export interface Status {
  readonly type: "status";
  readonly txid: Txid;
  readonly asker: Txid;
  readonly standing: Standing;
}
export interface Wake {
  readonly type: "wake";
  readonly txid: Txid;
}
/** Asks an admitted transaction to make room for one that pays more. */
export interface Yield {
  readonly type: "yield";
  readonly txid: Txid;
  readonly attempt: Attempt;
  readonly heir: Heir;
}
/** A command of the host: this admitted transaction leaves by policy. */
export interface Drop {
  readonly type: "drop";
  readonly txid: Txid;
}
export interface Verify extends Tried {
  readonly type: "verify";
  readonly candidate: Candidate;
  readonly coins: readonly CoinRecord[];
  /** Height and flags of the block it is judged for. */
  readonly height: number;
  readonly flags: number;
}
export interface VerdictMessage extends Tried {
  readonly type: "verdict";
  readonly flags: number;
  readonly verdict: Verdict;
}
export interface AnswerMessage {
  readonly type: "answer";
  readonly token: Token;
  readonly txid: Txid;
  readonly answer: Answer;
}

/** What a partition receives. */
export type Incoming =
  | Submit
  | Read
  | Coins
  | Wait
  | HoldMessage
  | Ok
  | Refuse
  | Handed
  | Finalize
  | ReleaseMessage
  | ReleaseLeaving
  | Released
  | Query
  | Evict
  | Evicted
  | Ask
  | Status
  | Wake
  | Yield
  | Drop
  | VerdictMessage;

export type Message = Incoming | Verify | AnswerMessage;

export interface Envelope {
  readonly from: number;
  readonly to: number;
  readonly message: Message;
}

/** The event stream: what happened to admitted transactions. */
export type AdmissionEvent =
  | { readonly type: "accepted"; readonly txid: Txid; readonly record: AdmissionRecord }
  | {
      readonly type: "evicted";
      readonly txid: Txid;
      readonly attempt: Attempt;
      readonly cause: LeaveCause;
      readonly by: Txid | null;
    }
  | { readonly type: "confirmed"; readonly txid: Txid }
  | { readonly type: "disconnected"; readonly txid: Txid };
