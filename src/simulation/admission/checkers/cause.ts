// I13: every eviction has a cause: a claim lost to a block, a parent that left, a lock, a policy
// decision, a replacement, a reset.

import type { AdmissionEvent } from "../../../planes/execution/admission/messages.ts";
import { outpointTxid, type Txid } from "../../../state/admission/keys.ts";
import { type Checker, type Sight, short } from "./checker.ts";

type Evicted = Extract<AdmissionEvent, { type: "evicted" }>;

/** Some block took one of its coins, or a coinbase it spends has vanished. */
function lostToChain({ chain, clients }: Sight, txid: Txid): boolean {
  const candidate = clients.find((client) => client.candidate.txid === txid)?.candidate;
  if (candidate === undefined) return true;
  const inputs = new Set(candidate.inputs.map(({ outpoint }) => outpoint));
  return chain.records.some(({ connect, disconnect }) => {
    const spent = connect.some(({ effect }) =>
      effect.spends.some(({ outpoint, spender }) => spender !== txid && inputs.has(outpoint)),
    );
    return (
      spent ||
      disconnect.some(({ coinbase }) =>
        candidate.inputs.some(({ outpoint }) => outpointTxid(outpoint) === coinbase.txid),
      )
    );
  });
}

export function cause(): Checker {
  const left = new Set<Txid>();
  return {
    rule: "I13",
    durable(sight, { changes }) {
      for (const change of changes) {
        if (change.space === "record" && change.value === null) left.add(change.key);
        if (change.space === "outbox" && change.value?.parent != null) {
          if (!left.has(change.value.parent)) {
            const parent = short(change.value.parent);
            sight.fail("I13", `${short(change.value.child)} leaves with ${parent}, which did not`);
          }
        }
      }
    },
    happened(sight, event) {
      if (event.type !== "evicted" || event.cause !== "chain") return;
      if (hasLeavingParent(sight, event, left) || lostToChain(sight, event.txid)) return;
      sight.fail("I13", `${short(event.txid)} left for the chain, which took nothing of it`);
    },
  };
}

function hasLeavingParent({ clients }: Sight, { txid }: Evicted, left: ReadonlySet<Txid>): boolean {
  const inputs = clients.find((client) => client.candidate.txid === txid)?.candidate.inputs ?? [];
  return inputs.some(({ outpoint }) => left.has(outpointTxid(outpoint)));
}
