// I16: when faults have stopped, a transaction that is retried and whose coins exist and are free is
// admitted.
import { judge } from "../model.ts";
import { type Checker, short } from "./checker.ts";
import { settledSeq, template } from "./template.ts";

/** Refused by a limit of the node, not by the ledger. */
const POLICY = new Set(["mempool min fee not met", "too-long-mempool-chain", "too-many-children"]);

export const progress: Checker = {
  rule: "I16",
  rest(sight) {
    const seq = settledSeq(sight);
    if (seq === null) {
      sight.fail("I16", "the partitions did not come to one chain position");
      return;
    }
    const { coins, facts, confirmed } = sight.chain.at(seq);
    const admitted = new Set(template(sight).map(({ txid }) => txid));
    const claimed = new Set<string>();
    for (const store of sight.cluster.durable)
      for (const key of store.claimMap.keys()) claimed.add(key);
    for (const { candidate, gaveUp, last } of sight.clients) {
      if (gaveUp || admitted.has(candidate.txid) || confirmed.has(candidate.txid)) continue;
      // Accepted when it was last offered: it left later, by a decision that is reported (I1, I13).
      if (last?.kind === "accepted") continue;
      if (last?.kind === "rejected" && POLICY.has(last.code)) continue;
      if (judge(candidate, coins, facts) !== null) continue;
      if (candidate.inputs.some(({ outpoint }) => claimed.has(outpoint))) continue;
      sight.fail(
        "I16",
        `${short(candidate.txid)} could be admitted and is not: ${JSON.stringify(last)}`,
      );
    }
  },
};
