// The state of a devnet at one moment, as plain data: what the view draws, what `status --json`
// prints and what tests read. Everything about the chain in it was read from the nodes.
import type { Branches } from "./forks.ts";
import type { ChildState } from "./node-child.ts";
import type { DevnetPlan } from "./plan.ts";

export interface NodeRow {
  /** As people number them, from 1. */
  readonly node: number;
  readonly state: ChildState;
  /** Why it is not up; "" when it is. */
  readonly why: string;
  readonly pid: number | null;
  readonly rpc: string;
  readonly cookie: string;
  readonly height: number | null;
  readonly tip: string | null;
  readonly round: number | null;
  readonly slot: number | null;
  readonly power: string | null;
  readonly status: string | null;
  readonly finalizedHeight: number | null;
  readonly finalizedRound: number | null;
  readonly peers: number | null;
  readonly mempool: number | null;
  /** Confirmed transactions a second over the last ten. */
  readonly rate: number | null;
  /** The stakers whose keys it holds, from 1. */
  readonly stakers: readonly number[];
}

export interface ForkView {
  readonly sinceMs: number;
  readonly sinceRound: number;
  readonly depth: number;
  readonly branches: Branches;
}

export interface LoadView {
  readonly rate: number;
  readonly acknowledged: number;
  /** Acknowledged, and not in the chain of every node that is up. */
  readonly waiting: number;
  readonly refused: number;
  /** The last reason. */
  readonly refusal: string | null;
  readonly lost: number;
  readonly unanswered: number;
  readonly idle: string | null;
}

export interface EventLine {
  readonly ms: number;
  readonly text: string;
}

export interface Snapshot {
  readonly folder: string;
  readonly plan: DevnetPlan;
  readonly nowMs: number;
  readonly startedMs: number;
  readonly round: number;
  readonly nodes: readonly NodeRow[];
  /** Links that are cut although their nodes are in one group, e.g. "1-2". */
  readonly cut: readonly string[];
  /** More than one: the groups of a partition, nodes numbered from 1. */
  readonly groups: readonly (readonly number[])[];
  readonly churnMs: number | null;
  readonly fork: ForkView | null;
  readonly forks: { readonly count: number; readonly deepest: number };
  readonly conflicts: readonly string[];
  readonly load: LoadView;
  readonly events: readonly EventLine[];
}

/** True when every node is up and all have the same tip. */
export function isAgreed({ nodes }: Snapshot): boolean {
  const first = nodes[0]?.tip ?? null;
  return first !== null && nodes.every(({ tip }) => tip === first);
}
