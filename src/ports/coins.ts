// The confirmed coins as the servers read them.
import type { Bytes } from "../base/bytes.ts";

export interface ConfirmedCoin {
  readonly value: number;
  readonly script: Bytes;
  readonly height: number;
  readonly coinbase: boolean;
}

export interface CoinSetInfo {
  readonly height: number;
  readonly hash: Bytes;
  readonly coins: number;
  /** Base units. */
  readonly amount: number;
  /** Transactions with a coin; null when only what has changed was counted. */
  readonly transactions: number | null;
  /** As Bitcoin Core counts it, without any store. */
  readonly bytes: number;
  /** What the stores take on disk. */
  readonly diskBytes: number;
  /** MuHash3072 finalised, hash order; null where the set hash is of another kind. */
  readonly muhash: Bytes | null;
}

export interface FoundCoin extends ConfirmedCoin {
  readonly txid: Bytes;
  readonly index: number;
}

export interface CoinView {
  /** At the active tip; null when spent or never there. */
  coin(txid: Bytes, index: number): Promise<ConfirmedCoin | null>;
  /** Figures of the whole set at a tip; blocks go on meanwhile. `hash` asks for the set hash. */
  info(hash: boolean): Promise<CoinSetInfo>;
  /** Visits every coin whose script is wanted. */
  scan(scripts: ReadonlySet<string>, found: (coin: FoundCoin) => void): Promise<number>;
}
