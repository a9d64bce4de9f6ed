// I1: a transaction is admitted iff its home holds the durable record; nobody is told otherwise.
import { type Checker, short } from "./checker.ts";

export function decision(): Checker {
  const committed = new Map<string, number>();
  const left = new Set<string>();
  return {
    rule: "I1",
    durable(_, entry) {
      for (const change of entry.changes) {
        if (change.space !== "record") continue;
        if (change.value === null) left.add(change.key);
        else committed.set(change.key, change.value.attempt.seq);
      }
    },
    rest({ cluster, fail }) {
      for (const txid of committed.keys()) {
        const home = cluster.durable[cluster.parts.places.home(txid)]!;
        if (home.recordMap.has(txid) || left.has(txid)) continue;
        fail("I1", `${short(txid)} was admitted and is lost`);
      }
    },
    answered(sight, { txid, answer }) {
      if (answer.kind === "accepted" && !committed.has(txid)) {
        sight.fail("I1", `${short(txid)} was answered accepted without a durable record`);
      }
      if (answer.kind === "confirmed") {
        const known = sight.chain.records.some((record) => record.confirmed.has(txid));
        if (!known) sight.fail("I1", `${short(txid)} was answered confirmed and never was`);
      }
    },
  };
}
