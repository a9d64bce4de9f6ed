// Nodes that die and come back: with their disk as it was, with an old copy of it, or with a torn
// last write. What comes back must never sign twice.
import { freshGuard } from "../../planes/consensus/finality/guard.ts";
import type { Crash } from "./config.ts";
import type { SimNode, Simulation } from "./simulation.ts";

/** Kills and restarts the nodes whose time it is. */
export function runCrashes(simulation: Simulation, crashes: readonly Crash[], slot: number): void {
  for (const crash of crashes) {
    const node = simulation.nodes[crash.node]!;
    if (slot === crash.atSlot) node.alive = false;
    if (slot === crash.atSlot + crash.downSlots) restart(simulation, node, crash, slot);
  }
}

/** The guard as the disk had it when the stale copy was taken. */
function guardOf(node: SimNode, crash: Crash) {
  const copied = crash.atSlot - crash.staleSlots;
  const later = node.past.find((entry) => entry.slot > copied);
  return crash.staleSlots === 0 || later === undefined ? node.disk : later.guard;
}

function restart(simulation: Simulation, node: SimNode, crash: Crash, slot: number): void {
  const { entries } = node.core;
  const { rules } = simulation.genesis.network;
  // Without guards (a mutation) a restart is what it is in careless software: no memory, no pause.
  const guard = rules.guard ? guardOf(node, crash) : freshGuard(simulation.genesis.chainId, 1);
  const core = simulation.makeCore(node.stakerId - 1, guard, rules.guard, null);
  // A guard that does not read back means "do not sign".
  node.core = crash.torn && rules.guard ? { ...core, own: [] } : core;
  node.alive = true;
  simulation.tick(node, slot * simulation.genesis.network.parameters.slotMs - 1);
  for (const { block, branch } of entries.values()) {
    // Blocks of the last slots had not reached the stale disk either.
    if (branch.slot <= crash.atSlot - crash.staleSlots) {
      simulation.deliver(node, node, { kind: "block", block });
    }
  }
  for (const other of simulation.links.out[node.index]!) {
    simulation.sync(simulation.nodes[other]!, node);
    simulation.sync(node, simulation.nodes[other]!);
  }
}
