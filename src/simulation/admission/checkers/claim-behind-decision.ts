// I4: behind every decision stand its claims: at the parent's partition the claim (T, a), or an EVICT
// of (T, a) that is not acknowledged. Between different chain positions, what a record in between did
// to T is taken into account.

import type { OutpointKey } from "../../../state/admission/keys.ts";
import { sameAttempt } from "../../../state/admission/records.ts";
import type { MemoryPartitionStore } from "../../../state/admission/store.ts";
import {
  type Checker,
  type DurableRecord,
  durableRecords,
  type Sight,
  seqOf,
  short,
} from "./checker.ts";

function hasClaim(
  store: MemoryPartitionStore,
  key: OutpointKey,
  { record }: DurableRecord,
): boolean {
  const claim = store.claimMap.get(key);
  return claim?.spender === record.txid && sameAttempt(claim.attempt, record.attempt);
}

function isCondemned(store: MemoryPartitionStore, { record }: DurableRecord): boolean {
  for (const { child, attempt } of store.outboxMap.values()) {
    if (child === record.txid && sameAttempt(attempt, record.attempt)) return true;
  }
  return false;
}

/** A chain record between the two positions explains the difference. */
function isExplained({ chain }: Sight, home: number, parent: number, txid: string): boolean {
  for (let seq = home + 1; seq <= parent; seq++) {
    const record = chain.at(seq);
    if (record.reset || record.confirmed.has(txid) || record.restored.has(txid)) return true;
  }
  for (let seq = parent + 1; seq <= home; seq++) {
    if (chain.at(seq).restored.has(txid)) return true;
  }
  return false;
}

export const claimBehindDecision: Checker = {
  rule: "I4",
  sample(sight) {
    const { cluster } = sight;
    for (const found of durableRecords(sight)) {
      const { txid, candidate } = found.record;
      for (const { outpoint } of candidate.inputs) {
        const partition = cluster.parts.places.coin(outpoint);
        const store = cluster.durable[partition]!;
        if (hasClaim(store, outpoint, found) || isCondemned(store, found)) continue;
        if (isExplained(sight, found.seq, seqOf(store), txid)) continue;
        const claim = store.claimMap.get(outpoint);
        const holder = claim === undefined ? "nobody" : `${short(claim.spender)} (${claim.mode})`;
        sight.fail(
          "I4",
          `${short(txid)} is admitted at ${found.partition}, but ${short(outpoint)} at ${partition} ` +
            `is held by ${holder}`,
        );
      }
    }
  },
};
