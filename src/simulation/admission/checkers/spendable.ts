// I6: a coin is claimed only when it is confirmed on the tip or its creator is admitted.
import { outpointTxid } from "../../../state/admission/keys.ts";
import { UNCONFIRMED } from "../../../state/admission/records.ts";
import { type Checker, short } from "./checker.ts";

export const spendable: Checker = {
  rule: "I6",
  stepped(sight, instance, message) {
    if (message === null) return;
    const { store, p, partition } = instance;
    for (const { key, before, now } of store.touched) {
      if (now === null || before?.spender === now.spender) continue;
      const coin = store.coin(key);
      if (coin === null) continue;
      if (coin.height !== UNCONFIRMED) {
        if (sight.chain.at(p.seq).coins.has(key)) continue;
        sight.fail("I6", `${short(key)} was claimed as confirmed and is not on the tip`);
        continue;
      }
      const creator = outpointTxid(key);
      const home = sight.cluster.parts.places.home(creator);
      const admitted = home === partition ? store.record(creator) !== null : coin.open;
      if (!admitted) sight.fail("I6", `${short(key)} was claimed before its creator was admitted`);
    }
  },
};
