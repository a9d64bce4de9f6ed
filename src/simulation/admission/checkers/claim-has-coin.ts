// I7: every claim has its coin.
import { type Checker, short } from "./checker.ts";

export const claimHasCoin: Checker = {
  rule: "I7",
  sample(sight) {
    for (const store of sight.cluster.durable) {
      for (const [key, claim] of store.claimMap) {
        if (store.coinMap.has(key)) continue;
        sight.fail("I7", `${short(claim.spender)} claims ${short(key)}, which is no coin`);
      }
    }
  },
};
