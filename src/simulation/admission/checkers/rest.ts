// I10: at rest no claim is without its decision, no coin is closed, outbox and tombstones are empty.
import { outpointTxid } from "../../../state/admission/keys.ts";
import { sameAttempt, UNCONFIRMED } from "../../../state/admission/records.ts";
import { type Checker, short } from "./checker.ts";

export const atRest: Checker = {
  rule: "I10",
  rest(sight) {
    const { durable, parts } = sight.cluster;
    for (const store of durable) {
      for (const [key, claim] of store.claimMap) {
        const record = durable[parts.places.home(claim.spender)]!.recordMap.get(claim.spender);
        if (record !== undefined && sameAttempt(record.attempt, claim.attempt)) continue;
        sight.fail(
          "I10",
          `${short(key)} is claimed (${claim.mode}) by ${short(claim.spender)}: a ghost`,
        );
      }
      for (const [key, coin] of store.coinMap) {
        if (!coin.open) sight.fail("I10", `${short(key)} is still closed`);
        if (coin.height !== UNCONFIRMED) continue;
        const creator = outpointTxid(key);
        if (durable[parts.places.home(creator)]!.recordMap.has(creator)) continue;
        sight.fail("I10", `${short(key)} exists without the decision of its creator`);
      }
      for (const txid of store.leavingMap.keys()) {
        sight.fail("I10", `the tombstone of ${short(txid)} is not drained`);
      }
      for (const { child } of store.outboxMap.values()) {
        sight.fail("I10", `EVICT of ${short(child)} is still in an outbox`);
      }
    }
  },
};
