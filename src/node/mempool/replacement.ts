// Replacement by fee as Bitcoin Core judges it (policy/rbf.cpp; full: no signal needed), against the
// node's index. It is asked before any script is run, so that a flood of conflicting spends costs no
// signature checks; the partitions judge again, with what is true then.
import { toDisplayHex } from "../../base/bytes.ts";
import { INCREMENTAL_FEE_RATE } from "../../ledger/bitcoin/policy/limits.ts";
import { feeFor } from "../../planes/execution/judge-transaction.ts";
import { type Entry, relatives } from "./entry.ts";

/** Transactions that may leave for one. */
const REPLACED_COUNT_MAX = 100;

export interface Fault {
  readonly code: string;
  readonly debug: string | null;
}

export interface Replacing {
  readonly fee: number;
  readonly size: number;
  /** Ids of the transactions whose coins it spends. */
  readonly parents: ReadonlySet<string>;
}

/** Why `replacing` may not take the place of `conflicts`; null when it may. */
export function replacementFault(
  conflicts: ReadonlySet<Entry>,
  { fee, size, parents }: Replacing,
): Fault | null {
  if (conflicts.size === 0) return null;
  const leaving = new Set<Entry>();
  for (const conflict of conflicts) {
    for (const entry of relatives(conflict, ({ children }) => children)) leaving.add(entry);
    if (leaving.size > REPLACED_COUNT_MAX) {
      const code = "too many potential replacements";
      return { code, debug: `too many potential replacements (${leaving.size} > 100)` };
    }
  }
  for (const entry of leaving) {
    if (!parents.has(entry.id)) continue;
    return {
      code: "bad-txns-spends-conflicting-tx",
      debug: `spends conflicting ${toDisplayHex(entry.txid)}`,
    };
  }
  return feeFault(conflicts, leaving, fee, size);
}

function feeFault(
  conflicts: ReadonlySet<Entry>,
  leaving: ReadonlySet<Entry>,
  fee: number,
  size: number,
): Fault | null {
  const code = "insufficient fee";
  for (const conflict of conflicts) {
    if (fee * conflict.size <= conflict.modifiedFee * size) {
      return { code, debug: "new feerate is not above the feerate it replaces" };
    }
  }
  let fees = 0;
  for (const entry of leaving) fees += entry.modifiedFee;
  if (fee < fees) return { code, debug: `less fees than conflicting txs; ${fee} < ${fees}` };
  const increment = feeFor(INCREMENTAL_FEE_RATE, size);
  if (fee - fees >= increment) return null;
  return { code, debug: `not enough additional fees to relay; ${fee - fees} < ${increment}` };
}
