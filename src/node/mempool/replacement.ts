// Replacement by fee as Bitcoin Core 31 judges it (policy/rbf.cpp, ReplacementChecks of validation.cpp):
// full, no signal is needed. Here are the rules that need only the node's index: how many clusters are
// touched, and the fees; relations.ts asks them in Core's order, with the fee rate diagram after them.
import { toDisplayHex } from "../../base/bytes.ts";
import { INCREMENTAL_FEE_RATE } from "../../ledger/bitcoin/policy/limits.ts";
import { feeFor } from "../../planes/execution/judge-transaction.ts";
import type { Txid } from "../../state/admission/keys.ts";
import { type Entry, relatives } from "./entry.ts";
import type { Member } from "./topology.ts";

/** Clusters that one replacement may conflict with. */
const REPLACED_CLUSTERS_MAX = 100;

export interface Fault {
  readonly code: string;
  readonly debug: string | null;
}

/** What leaves when a transaction comes in. */
export interface Replacement {
  /** Conflicts and all that hangs on them. */
  readonly leaving: ReadonlyMap<Txid, Entry>;
  /** The other child of its version 3 parent, which shares no coin with it. */
  readonly sibling: Entry | null;
}

/** What pays for a replacement; `member` is named when it does not. */
export interface Payment {
  readonly member: Member;
  /** Base units, as prioritised. */
  readonly fee: number;
  /** Virtual bytes. */
  readonly size: number;
}

export function leavingWith(conflicts: Iterable<Entry>): Map<Txid, Entry> {
  const leaving = new Map<Txid, Entry>();
  for (const conflict of conflicts) {
    if (leaving.has(conflict.id)) continue;
    for (const entry of relatives(conflict, ({ children }) => children)) {
      leaving.set(entry.id, entry);
    }
  }
  return leaving;
}

/** Rule 5: too many clusters would have to be put in order again. */
export function clustersFault(conflicts: ReadonlySet<Entry>, member: Member): string | null {
  const seen = new Set<Entry>();
  let count = 0;
  for (const conflict of conflicts) {
    if (seen.has(conflict)) continue;
    count++;
    const cluster = new Set([conflict]);
    for (const { parents, children } of cluster) {
      for (const parent of parents) cluster.add(parent);
      for (const child of children) cluster.add(child);
    }
    for (const entry of cluster) seen.add(entry);
  }
  if (count <= REPLACED_CLUSTERS_MAX) return null;
  return `${rejecting(member)}; too many conflicting clusters (${count} > ${REPLACED_CLUSTERS_MAX})`;
}

/** Rules 3 and 4: it pays for all that leaves, and for being relayed itself. */
export function paymentFault(
  leaving: ReadonlyMap<Txid, Entry>,
  { member, fee, size }: Payment,
): string | null {
  let fees = 0;
  for (const entry of leaving.values()) fees += entry.modifiedFee;
  if (fee < fees) {
    return `${rejecting(member)}, less fees than conflicting txs; ${coins(fee)} < ${coins(fees)}`;
  }
  const increment = feeFor(INCREMENTAL_FEE_RATE, size);
  if (fee - fees >= increment) return null;
  const owed = `${coins(fee - fees)} < ${coins(increment)}`;
  return `${rejecting(member)}, not enough additional fees to relay; ${owed}`;
}

function rejecting({ txid }: Member): string {
  return `rejecting replacement ${toDisplayHex(txid)}`;
}

/** An amount as Core's FormatMoney writes it: at least two digits behind the point. */
function coins(amount: number): string {
  const [whole, part] = (Math.abs(amount) / 1e8).toFixed(8).split(".");
  return `${amount < 0 ? "-" : ""}${whole}.${part!.slice(0, 2)}${part!.slice(2).replace(/0+$/, "")}`;
}

/** A fee rate as Core's CFeeRate writes it. */
export function rateText({ fee, size }: { readonly fee: number; readonly size: number }): string {
  return `${(Math.floor((fee * 1000) / size) / 1e8).toFixed(8)} BTC/kvB`;
}
