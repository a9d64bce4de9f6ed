// I9: no record of a transaction that is confirmed at the same chain position.
import { type Checker, durableRecords, short } from "./checker.ts";

export const notConfirmed: Checker = {
  rule: "I9",
  sample(sight) {
    for (const { record, seq } of durableRecords(sight)) {
      if (!sight.chain.at(seq).confirmed.has(record.txid)) continue;
      sight.fail("I9", `${short(record.txid)} is confirmed and still admitted`);
    }
  },
};
