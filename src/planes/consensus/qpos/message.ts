// What goes in and out of the core: events, effects and the messages between nodes, as values. The
// shell (a process, or the simulator) performs effects in order and reports back with events.

import type { Bytes } from "../../../base/bytes.ts";
import type { Certificate } from "../finality/certificate.ts";
import type { Evidence } from "../finality/evidence.ts";
import type { Guard } from "../finality/guard.ts";
import type { Vote } from "../finality/vote.ts";
import type { ResolvedOperation } from "./apply-operation.ts";
import type { Block, Extras } from "./block.ts";
import type { ExtrasFault } from "./extras.ts";
import type { Digest, Header, Id } from "./header.ts";
import type { ForeignAct } from "./own-signatures.ts";
import type { LedgerChanges, Payment } from "./registry.ts";
import type { BlockFault } from "./validate.ts";

/** How the shell names a neighbour. */
export type Peer = number;

/** A block whose extras may still be bytes: only its parent's branch knows how to open them. */
export interface SealedBlock {
  readonly id: Id;
  readonly header: Header;
  readonly sig: string;
  readonly extras: Extras | Bytes;
}

export type Message =
  | { readonly kind: "block"; readonly block: SealedBlock }
  | { readonly kind: "vote"; readonly vote: Vote }
  | { readonly kind: "links"; readonly links: readonly Certificate[] }
  | { readonly kind: "evidence"; readonly evidence: Evidence };

/** What the assembler knows of the body of a block to be signed. */
export interface Body {
  readonly txRoot: Digest;
  readonly witnessRoot: Digest;
  readonly txCount: number;
  readonly segmentBits: number;
  readonly coinSetHash: Digest;
}

export type Event =
  | { readonly type: "tick"; readonly nowMs: number }
  | { readonly type: "message"; readonly from: Peer; readonly message: Message }
  /** The execution plane's verdict; blocks are judged parents first. */
  | {
      readonly type: "judged";
      readonly id: Id;
      readonly ok: boolean;
      readonly operations: readonly ResolvedOperation[];
    }
  /** The answer to `assemble`. */
  | {
      readonly type: "assembled";
      readonly stakerId: number;
      readonly slot: number;
      readonly parent: Id;
      readonly body: Body;
    }
  /** The answers to `sign`. */
  | { readonly type: "signedBlock"; readonly block: Block }
  | { readonly type: "signedVote"; readonly vote: Vote };

/** Why a peer lost standing: only for bytes that no honest node can send. */
export type Misdeed =
  | BlockFault
  | ExtrasFault
  | "bad-vote-signature"
  | "too-many-bad-signatures"
  | "foreign-schedule-here";

export type Effect =
  | {
      readonly type: "send";
      /** null: to all neighbours but `except`. */
      readonly to: Peer | null;
      readonly except: Peer | null;
      readonly message: Message;
    }
  | { readonly type: "ask"; readonly peer: Peer; readonly ids: readonly Id[] }
  /** A block from the future is kept, not refused; a tick at that time lets it in. */
  | {
      readonly type: "park";
      readonly id: Id;
      readonly why: "future-time";
      readonly untilMs: number;
    }
  /** Must be durable before the `sign` behind it is performed. */
  | { readonly type: "persist"; readonly guard: Guard }
  | {
      readonly type: "sign";
      readonly what: "block";
      readonly digest: Digest;
      readonly block: Block;
    }
  | { readonly type: "sign"; readonly what: "vote"; readonly digest: Digest; readonly vote: Vote }
  | {
      readonly type: "assemble";
      readonly stakerId: number;
      readonly slot: number;
      readonly parent: Id;
      readonly height: number;
      readonly time: number;
      /** The coinbase pays these exactly, in order, before anything else. */
      readonly due: readonly Payment[];
    }
  /** Execute this block's transactions and report with `judged`. */
  | { readonly type: "judge"; readonly block: Block; readonly due: readonly Payment[] }
  | { readonly type: "bonds"; readonly id: Id; readonly changes: LedgerChanges }
  | {
      readonly type: "setHead";
      readonly id: Id;
      /** The last common ancestor with the head before; its descendants there are rolled back. */
      readonly rollbackTo: Id;
      /** How many blocks of the head before are no longer in the chain. */
      readonly rolledBack: number;
      /** The literal power rule dropped them by its own will. */
      readonly dropped: boolean;
    }
  | { readonly type: "finalized"; readonly round: number; readonly id: Id; readonly height: number }
  /**
   * A signature of an own staker, made since this process listens, that its guard does not know;
   * `guard` is the one that would, or the one that names another signature of that round.
   */
  | {
      readonly type: "foreign";
      readonly stakerId: number;
      readonly guard: Guard;
      readonly act: ForeignAct;
    }
  /** Finality is for this block, which is invalid: the core has stopped (halt.ts). */
  | { readonly type: "halted"; readonly id: Id; readonly height: number; readonly round: number }
  | { readonly type: "misbehaved"; readonly peer: Peer; readonly why: Misdeed };
