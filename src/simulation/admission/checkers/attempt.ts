// I3: only the newest attempt of a transaction decides, and only at the chain position it began at.
import { type Attempt, compareAttempts } from "../../../state/admission/records.ts";
import { type Checker, seqOf, short } from "./checker.ts";

export function attempt(): Checker {
  const newest = new Map<string, Attempt>();
  return {
    rule: "I3",
    durable(sight, { instance, changes }) {
      const seq = seqOf(sight.cluster.durable[instance.partition]!);
      for (const change of changes) {
        if (change.space !== "record" || change.value === null) continue;
        const now = change.value.attempt;
        const before = newest.get(change.key);
        if (before !== undefined && compareAttempts(before, now) >= 0) {
          sight.fail("I3", `${short(change.key)} was decided by an attempt that is not its newest`);
        }
        if (now.seq > seq || (now.epoch > 0 && now.seq !== seq)) {
          sight.fail("I3", `${short(change.key)} began at ${now.seq} and was decided at ${seq}`);
        }
        newest.set(change.key, now);
      }
    },
  };
}
