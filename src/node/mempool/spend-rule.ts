// What a network's consensus forbids to spend although the coin is there, as the mempool asks it: on
// networks of stakers, coins that are somebody's bond.
import type { Transaction } from "../../ledger/bitcoin/transaction.ts";
import type { Entry } from "./entry.ts";

export interface SpendRule {
  /** The reason against admitting a transaction, or null. */
  fault(transaction: Transaction): string | null;
  /** Those that the next block may hold: what has been admitted may be forbidden by now. */
  usable(entries: readonly Entry[]): readonly Entry[];
}
