// What a run looked like, slot by slot: links, components, heads, power. Pictures are drawn from it.
import type { Branch, Network } from "../../planes/consensus/qpos/branch.ts";
import { powerAt } from "../../planes/consensus/qpos/branch.ts";
import type { Power } from "../../planes/consensus/qpos/power.ts";
import type { Observer, Simulation } from "./simulation.ts";

export interface Moment {
  readonly slot: number;
  /** Links that are up, as pairs of node indexes. */
  readonly links: readonly (readonly [number, number])[];
  readonly components: readonly number[];
  readonly heads: readonly Branch[];
  readonly finalized: readonly number[];
  readonly power: readonly Power[];
}

export class Recording implements Observer {
  readonly moments: Moment[] = [];
  /** Every block that an honest node had, by id. */
  readonly blocks: Map<string, Branch> = new Map();
  network: Network | null = null;

  slotEnded(slot: number, simulation: Simulation): void {
    this.network = simulation.genesis.network;
    const heads = simulation.heads();
    this.moments.push({
      slot,
      links: linksOf(simulation),
      components: simulation.links.components(),
      heads,
      finalized: simulation.honest.map((node) => node.core.view.finalized.branch.height),
      power: heads.map((head) => powerAt(simulation.genesis.network, head, slot)),
    });
    for (const head of heads) this.note(head);
  }

  private note(head: Branch): void {
    for (let at: Branch | null = head; at !== null && !this.blocks.has(at.id); at = at.parent) {
      this.blocks.set(at.id, at);
    }
  }
}

function linksOf(simulation: Simulation): [number, number][] {
  const pairs: [number, number][] = [];
  simulation.links.out.forEach((out, from) => {
    for (const to of out) {
      const both = simulation.links.up[to * simulation.links.count + from] === 1;
      if (from < to || !both) pairs.push([from, to]);
    }
  });
  return pairs;
}
