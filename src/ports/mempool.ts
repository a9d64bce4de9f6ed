// Unconfirmed transactions as their neighbours see them: relay, mining and the servers.
import type { Bytes } from "../base/bytes.ts";

export interface MempoolEntry {
  /** Hash order. */
  readonly txid: Bytes;
  readonly wtxid: Bytes;
  readonly raw: Bytes;
  readonly weight: number;
  /** Virtual bytes with the sigop adjustment. */
  readonly size: number;
  /** Base units. */
  readonly fee: number;
  /** As changed by prioritisation; mining goes by it. */
  readonly modifiedFee: number;
  /** Seconds since 1970 when it was admitted. */
  readonly time: number;
  /** Height of the tip when it was admitted. */
  readonly height: number;
  /** With itself. */
  readonly ancestors: { readonly count: number; readonly size: number; readonly fees: number };
  readonly descendants: { readonly count: number; readonly size: number; readonly fees: number };
  /** Unconfirmed parents and children, txids. */
  readonly depends: readonly Bytes[];
  readonly spentBy: readonly Bytes[];
  /** BIP125: it or an ancestor of it says that it may be replaced. */
  readonly replaceable: boolean;
  /** The operator sent it and no peer has asked for it yet. */
  readonly unbroadcast: boolean;
}

/** Fee per 1,000 virtual bytes, base units. */
export type FeeRate = number;

export interface MempoolInfo {
  readonly loaded: boolean;
  readonly count: number;
  /** Sum of virtual sizes. */
  readonly bytes: number;
  readonly memoryBytes: number;
  readonly memoryBytesMax: number;
  readonly totalFee: number;
  /** What a transaction must pay to come in now. */
  readonly feeFloor: FeeRate;
  /** What it must pay even when there is room. */
  readonly relayFee: FeeRate;
  readonly incrementalFee: FeeRate;
  readonly unbroadcastCount: number;
  readonly fullReplacement: boolean;
  /** Transactions, and virtual bytes, that may hang together. */
  readonly clusterCountMax: number;
  readonly clusterSizeMax: number;
}

export type TransactionVerdict =
  | {
      readonly ok: true;
      readonly txid: Bytes;
      readonly wtxid: Bytes;
      readonly size: number;
      readonly fee: number;
      /** It came in with others: the fee rate of them all, and their wtxids. */
      readonly effective?: { readonly rate: FeeRate; readonly includes: readonly Bytes[] };
      /** Txids of what left for it. */
      readonly replaced?: readonly Bytes[];
    }
  | {
      readonly ok: false;
      /** Bitcoin Core's reject reason. */
      readonly code: string;
      readonly debug: string | null;
      /**
       * `known`: in the mempool already; `confirmed`: its outputs are in the coin set; `missing`: a
       * parent is not known; `rejected`: policy or rules; `invalid`: breaks a rule of consensus with
       * any witness, its sender is punished; `witness`: the witness may have been changed on the way;
       * `busy`: try later.
       */
      readonly kind:
        | "known"
        | "confirmed"
        | "missing"
        | "rejected"
        | "invalid"
        | "witness"
        | "busy";
      /** For `busy`. */
      readonly retryAfterMs?: number;
    };

/** What became of transactions that were given as a package. */
export interface PackageVerdict {
  /** "success", or Bitcoin Core's reason against the package. */
  readonly message: string;
  /** It was refused as a package, whatever its transactions are by themselves. */
  readonly policy: boolean;
  /** One for each transaction; null: it was not judged. */
  readonly results: readonly (TransactionVerdict | null)[];
}

export type MempoolEvent =
  | { readonly kind: "added"; readonly entry: MempoolEntry; readonly sequence: number }
  /** It is the operator's and should be heard of by every peer. */
  | { readonly kind: "broadcast"; readonly entry: MempoolEntry }
  | {
      readonly kind: "removed";
      readonly txid: Bytes;
      readonly wtxid: Bytes;
      readonly reason: "block" | "conflict" | "replaced" | "expired" | "full" | "reorganised";
      readonly sequence: number;
    };

export interface SubmitOptions {
  /** Base units per 1,000 virtual bytes above which it is refused; absent or 0: no bound. */
  readonly feeRateMax?: FeeRate;
  /** Base units that one output may make unspendable; absent: no bound. */
  readonly burnMax?: number;
  /** Judged only, not admitted. */
  readonly dry?: boolean;
}

/** A transaction of a block template. */
export interface TemplateTransaction {
  readonly raw: Bytes;
  readonly txid: Bytes;
  readonly wtxid: Bytes;
  readonly fee: number;
  readonly sigops: number;
  readonly weight: number;
  /** Places (from 0) in the list of those that must stand before it. */
  readonly depends: readonly number[];
}

/** The Merkle trees of a template that is laid out in segments, with zero in the coinbase's place. */
export interface TemplateSegments {
  /** Each of 2^bits transactions, the coinbase among them; the last one may be short. */
  readonly bits: number;
  /** The hashes beside the coinbase's path: its txid folded with them is the block's Merkle root. */
  readonly coinbaseBranch: Bytes;
  readonly witnessRoot: Bytes;
}

/** Room in a block that is not the mempool's to fill. */
export interface BlockReserve {
  /** Weight, or bytes where blocks are bounded in bytes. */
  readonly weight: number;
  readonly sigops: number;
}

export interface BlockTemplate {
  /** Hash order. */
  readonly previous: Bytes;
  readonly height: number;
  readonly version: number;
  readonly bits: number;
  readonly timeMin: number;
  readonly time: number;
  /** New money and fees. */
  readonly coinbaseValue: number;
  readonly transactions: readonly TemplateTransaction[];
  /** Null where the transactions were chosen by what they pay. */
  readonly segments: TemplateSegments | null;
  /** Grows whenever the list would be different. */
  readonly sequence: number;
}

export interface FeeEstimate {
  /** Null when too little was seen. */
  readonly rate: FeeRate | null;
  /** Blocks that it holds for; fewer than asked for when the node has not run long enough. */
  readonly blocks: number;
}

export interface MempoolView {
  info(): MempoolInfo;
  /** Why no transaction is taken now, whatever it is; null when they are. */
  refusal(): string | null;
  has(txid: Bytes): boolean;
  hasWitness(wtxid: Bytes): boolean;
  /** By txid. */
  entry(txid: Bytes): MempoolEntry | null;
  byWitness(wtxid: Bytes): MempoolEntry | null;
  /** Every entry, in no order. */
  entries(): Iterable<MempoolEntry>;
  /** Who spends this output, by txid; null when nobody does. */
  spender(txid: Bytes, index: number): Bytes | null;
  submit(raw: Bytes, options?: SubmitOptions): Promise<TransactionVerdict>;
  /** As a package, parents first; `dry` judges them without a child paying for its parents. */
  submitPackage(raws: readonly Bytes[], options?: SubmitOptions): Promise<PackageVerdict>;
  /**
   * A new block on the active tip; `transactions` false leaves it empty. `reserve` is kept free for
   * all that is not in the template; without one, what a coinbase by work is given.
   */
  template(transactions?: boolean, reserve?: BlockReserve): Promise<BlockTemplate>;
  /** Grows with every addition and removal. */
  sequence(): number;
  /** What to pay for confirmation within `blocks`; `conservative` asks a longer past as well. */
  estimateFee(blocks: number, conservative: boolean): FeeEstimate;
  /** The operator wants it known: it is announced until a peer asks for it. */
  broadcast(txid: Bytes): void;
  /** Entries that were broadcast and that no peer has asked for. */
  unbroadcast(): Iterable<MempoolEntry>;
  /** A peer has asked for it. */
  requested(txid: Bytes): void;
  prioritise(txid: Bytes, feeDelta: number): void;
  save(): Promise<string>;
  subscribe(listener: (event: MempoolEvent) => void): () => void;
}
