// I11: no two transactions that share an input are both accepted, unless one of them is reported
// evicted: gone, condemned by an entry in a durable outbox, or taken by a record on its way.

import type { AdmissionRecord } from "../../../state/admission/records.ts";
import { sameAttempt } from "../../../state/admission/records.ts";
import { type Checker, durableRecords, type Sight, seqOf, short } from "./checker.ts";

function isCondemned({ cluster }: Sight, record: AdmissionRecord): boolean {
  return cluster.durable.some((store) => {
    for (const { child, attempt } of store.outboxMap.values()) {
      if (child === record.txid && sameAttempt(attempt, record.attempt)) return true;
    }
    return false;
  });
}

export const twoAccepted: Checker = {
  rule: "I11",
  durable(sight, { changes }) {
    for (const change of changes) {
      if (change.space !== "record" || change.value === null) continue;
      const made = change.value;
      const spent = new Set(made.candidate.inputs.map(({ outpoint }) => outpoint));
      for (const { record: other, seq } of durableRecords(sight)) {
        if (other.txid === made.txid) continue;
        const shared = other.candidate.inputs.find(({ outpoint }) => spent.has(outpoint));
        if (shared === undefined || isCondemned(sight, other) || isCondemned(sight, made)) continue;
        // A home that has not applied the record yet that restores one or confirms the other.
        const { cluster, chain } = sight;
        const at = seqOf(cluster.durable[cluster.parts.places.coin(shared.outpoint)]!);
        const lowest = Math.min(seq, at, made.attempt.seq);
        const moved = chain.records.slice(lowest + 1).some((record) => {
          const touched = [made.txid, other.txid];
          return (
            record.reset ||
            touched.some((id) => record.restored.has(id) || record.confirmed.has(id))
          );
        });
        if (moved) continue;
        sight.fail("I11", `${short(made.txid)} and ${short(other.txid)} are both admitted`);
      }
    }
  },
};
