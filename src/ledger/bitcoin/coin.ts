// A coin: an unspent output with what the rules need to know of it (see ARCHITECTURE.md, words).
import type { Bytes } from "../../base/bytes.ts";

/** A resolved coin, as a judge receives it. */
export interface Coin {
  /** Base units. */
  readonly value: number;
  /** scriptPubKey. */
  readonly script: Bytes;
  /** Height of the block that created it. */
  readonly height: number;
  readonly coinbase: boolean;
}
