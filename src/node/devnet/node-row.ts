// One node as the snapshot shows it: what its process is at, and what it said last.
import type { FleetNode } from "./fleet.ts";
import type { NodeObserver } from "./observer.ts";
import { type DevnetPlan, nodeNumber, nodeOfStaker } from "./plan.ts";
import type { NodeRow } from "./snapshot.ts";

export function nodeRow(
  { index, child, ports }: FleetNode,
  { reading, rate }: NodeObserver,
  plan: DevnetPlan,
): NodeRow {
  const staked = reading?.staked ?? null;
  return {
    node: nodeNumber(index),
    state: child.state,
    why: child.why,
    pid: child.pid,
    rpc: `http://127.0.0.1:${ports.rpc}`,
    cookie: child.cookie,
    height: reading?.height ?? null,
    tip: reading?.tip ?? null,
    round: staked?.round ?? null,
    slot: staked?.slot ?? null,
    power: staked?.power ?? null,
    status: staked?.status ?? null,
    finalizedHeight: staked?.finalizedHeight ?? null,
    finalizedRound: staked?.finalizedRound ?? null,
    peers: reading?.peers.length ?? null,
    mempool: reading?.mempool ?? null,
    rate: reading === null ? null : rate,
    stakers: Array.from({ length: plan.stakers }, (_, staker) => staker)
      .filter((staker) => nodeOfStaker(plan, staker) === index)
      .map((staker) => staker + 1),
  };
}
