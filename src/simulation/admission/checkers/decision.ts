// I1: a transaction is admitted iff its home holds the durable record; nobody is told otherwise.
import { type Checker, short } from "./checker.ts";

export function decision(): Checker {
  const committed = new Map<string, number>();
  return {
    rule: "I1",
    durable(_, entry) {
      for (const change of entry.changes) {
        if (change.space === "record" && change.value !== null) {
          committed.set(change.key, change.value.attempt.seq);
        }
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
