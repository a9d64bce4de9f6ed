// The chain as its neighbours see it: the peer-to-peer code and the servers read it and hand it
// headers and blocks. The node's chain implements it; tests have a small one in memory.
import type { Bytes } from "../base/bytes.ts";

/** A known header. The same object for the same header as long as it is on the active chain. */
export interface ChainHeader {
  /** Hash order. */
  readonly hash: Bytes;
  /** The 80 bytes. */
  readonly bytes: Bytes;
  readonly height: number;
  /** Work of the chain up to and with this header. */
  readonly work: bigint;
}

/** How far a block has come. */
export type BlockStanding =
  /** On the active chain. */
  | "active"
  /** Fully judged and valid, on another branch. */
  | "valid-fork"
  /** Its bytes are stored, not judged against its coins. */
  | "stored"
  /** Only its header is known. */
  | "headers-only"
  | "invalid";

export type HeadersVerdict =
  | {
      readonly ok: true;
      /** The last header, accepted or known before; null when none were given. */
      readonly last: ChainHeader | null;
      /** How many were new. */
      readonly added: number;
    }
  | {
      readonly ok: false;
      /** A reject reason of the header rules; "prev-blk-not-found" when the first has no parent here. */
      readonly code: string;
      /** The peer that sent them broke the protocol (as against: its clock is ahead). */
      readonly punish: boolean;
    };

export type BlockVerdict =
  | {
      readonly ok: true;
      /** `new`: it was not known; `duplicate`: it was. */
      readonly state: "connected" | "side" | "orphan" | "duplicate";
    }
  | {
      readonly ok: false;
      readonly code: string;
      readonly debug: string | null;
      /** False when only these bytes were bad: the block may be good from another peer. */
      readonly permanent: boolean;
    };

export type ChainEvent =
  /**
   * A block that extends the tip has shown its work, its Merkle root and its witness commitment,
   * and is now being judged: it may be relayed in compact form.
   */
  | { readonly kind: "seen"; readonly header: ChainHeader; readonly bytes: Bytes }
  /** The active tip has moved; durable. */
  | {
      readonly kind: "tip";
      /** Newest first. */
      readonly disconnected: readonly ChainHeader[];
      /** Oldest first. */
      readonly connected: readonly ChainHeader[];
      readonly tip: ChainHeader;
    };

export interface ChainView {
  /** The active tip. */
  tip(): ChainHeader;
  /** The header with the most work that is not known to be invalid. */
  bestHeader(): ChainHeader;
  header(hash: Bytes): ChainHeader | null;
  /** The active block at `height`. */
  headerAt(height: number): ChainHeader | null;
  /** The ancestor of a known header at `height` (itself included); null above it. */
  ancestor(of: ChainHeader, height: number): ChainHeader | null;
  standing(hash: Bytes): BlockStanding | null;
  /** True when the block's bytes are stored. */
  hasBlock(hash: Bytes): boolean;
  blockBytes(hash: Bytes): Promise<Bytes | null>;
  /** Ends of branches, the active tip among them. */
  tips(): readonly ChainHeader[];
  /** The work that a branch must lead to, so that its headers are kept. */
  headerWorkMin(): bigint;
  /**
   * Takes headers in order, 80 bytes each; the first one's parent must be known. `shown` is work
   * that the branch is known to lead to beyond these headers.
   */
  acceptHeaders(headers: Bytes, shown?: bigint): HeadersVerdict;
  /** Takes a block; the answer comes when its fate is decided and, when connected, durable. */
  acceptBlock(bytes: Bytes): Promise<BlockVerdict>;
  /** Why no block is taken now though nothing is wrong with it (a full disk); null when they are. */
  refusal(): string | null;
  /** Calls back after each event, in order; returns how to stop it. */
  subscribe(listener: (event: ChainEvent) => void): () => void;
  /** True until the tip is recent and has enough work (Bitcoin Core's initial block download). */
  initialDownload(): boolean;
}
