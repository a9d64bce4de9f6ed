// I8: at every transition the confirmed coins of a partition are the sequential ledger's, restricted
// to that partition.
import { UNCONFIRMED } from "../../../state/admission/records.ts";
import { type Checker, seqOf, short } from "./checker.ts";

export const coinSet: Checker = {
  rule: "I8",
  durable(sight, { instance, changes }) {
    if (!changes.some((change) => change.space === "meta" && change.key === "seq")) return;
    const { partition } = instance;
    const store = sight.cluster.durable[partition]!;
    const seq = seqOf(store);
    const expected = sight.chain.at(seq).coins;
    let count = 0;
    for (const [key, coin] of store.coinMap) {
      if (coin.height === UNCONFIRMED) continue;
      count++;
      const known = expected.get(key);
      if (known?.height !== coin.height || known.value !== coin.value) {
        sight.fail("I8", `partition ${partition} at ${seq}: ${short(key)} should not be there`);
      }
    }
    let wanted = 0;
    for (const key of expected.keys()) {
      if (sight.cluster.parts.places.coin(key) === partition) wanted++;
    }
    if (count !== wanted) {
      sight.fail("I8", `partition ${partition} at ${seq}: ${count} coins instead of ${wanted}`);
    }
  },
};
