// I17: what is displaced without a coin in common is sent away in the very group of the decision that
// displaces it, and is gone at rest.
import type { Txid } from "../../../state/admission/keys.ts";
import { type Attempt, sameAttempt } from "../../../state/admission/records.ts";
import { type Checker, short } from "./checker.ts";

export function displaced(): Checker {
  const sent: { readonly child: Txid; readonly attempt: Attempt }[] = [];
  return {
    rule: "I17",
    durable(sight, { changes }) {
      for (const change of changes) {
        if (change.space !== "outbox" || change.value?.cause !== "replaced") continue;
        const { child, attempt, parent, by } = change.value;
        if (parent !== null) continue;
        sent.push({ child, attempt });
        const isDecided = changes.some(
          ({ space, key, value }) => space === "record" && key === by && value !== null,
        );
        if (!isDecided) sight.fail("I17", `${short(child)} leaves for one that is not admitted`);
      }
    },
    rest({ cluster, fail }) {
      for (const { child, attempt } of sent) {
        const record = cluster.durable[cluster.parts.places.home(child)]!.recordMap.get(child);
        if (record === undefined || !sameAttempt(record.attempt, attempt)) continue;
        fail("I17", `${short(child)} was sent away and is still admitted`);
      }
    },
  };
}
