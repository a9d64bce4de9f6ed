// I14: value is conserved: the confirmed coins of all partitions at one chain position are worth what
// the chain claimed, less what it made unspendable.
import { UNCONFIRMED } from "../../../state/admission/records.ts";
import { type Checker, seqOf } from "./checker.ts";

export const value: Checker = {
  rule: "I14",
  sample(sight) {
    const { durable } = sight.cluster;
    const seq = seqOf(durable[0]!);
    if (durable.some((store) => seqOf(store) !== seq)) return;
    let sum = 0;
    for (const store of durable) {
      for (const coin of store.coinMap.values()) if (coin.height !== UNCONFIRMED) sum += coin.value;
    }
    const expected = sight.chain.at(seq).value;
    if (sum !== expected)
      sight.fail("I14", `at ${seq} the coins are worth ${sum}, not ${expected}`);
  },
};
