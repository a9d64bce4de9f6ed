// What the servers ask of the node as a whole: its life, its test switches and the records it keeps
// beside the chain.
import type { Bytes } from "../base/bytes.ts";
import type { BlockVerdict } from "./chain.ts";
import type { ConfirmedCoin } from "./coins.ts";

/** A change that the operator asked for: null when it was made, otherwise the reason against. */
export type Refusal = string | null;

export interface NodeControl {
  /** Why calls are answered with -28, or null once the node is up. */
  warmup(): string | null;
  /** Milliseconds of the clock's `elapsed` at which it was started. */
  readonly startedAt: number;
  /** Begins an orderly stop. */
  stop(): void;
  readonly version: string;
  warnings(): readonly string[];
  dataBytes(): number;
  /** Where its files are. */
  readonly folder: string;

  /** Blocks cannot be asked for below this height; 0 when nothing was pruned. */
  pruneHeight(): number;
  /** The coins that the inputs of a stored block spent: one list for each transaction but the first. */
  spentCoins(hash: Bytes): Promise<readonly (readonly ConfirmedCoin[])[] | null>;
  /** Where a confirmed transaction is; null when there is no transaction index or it is not there. */
  transaction(txid: Bytes): Promise<{ readonly block: Bytes; readonly raw: Bytes } | null>;
  /** True when there is a transaction index. */
  readonly indexed: boolean;

  /** Judges a block on the tip, its work aside, without keeping it (a template proposal). */
  testBlock(bytes: Bytes): Promise<BlockVerdict>;

  invalidateBlock(hash: Bytes): Promise<Refusal>;
  reconsiderBlock(hash: Bytes): Promise<Refusal>;
  preciousBlock(hash: Bytes): Promise<Refusal>;
  /** Drops and refuses the peers with these node names until it is called again (devnets). */
  isolate(names: readonly string[]): void;
  /** Seconds since 1970; 0 gives the clock back its own time. */
  setMockTime(seconds: number): void;
}
