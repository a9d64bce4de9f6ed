// What a devnet with --for says at its end: whether its nodes agree, and what it saw on the way.

import { isAgreed, type Snapshot } from "./snapshot.ts";
import { branchesText } from "./view.ts";

export interface Summary {
  readonly agreed: boolean;
  readonly nodes: number;
  readonly up: number;
  readonly height: number;
  readonly tip: string | null;
  readonly round: number;
  readonly finalizedHeight: number | null;
  readonly forks: number;
  readonly deepestFork: number;
  readonly finalityConflicts: number;
  readonly payments: {
    readonly acknowledged: number;
    readonly unconfirmed: number;
    readonly refused: number;
    readonly lost: number;
  };
  readonly seconds: number;
  readonly state: string;
}

export function summaryOf(snapshot: Snapshot): Summary {
  const { nodes, load, forks, conflicts, round } = snapshot;
  const heights = nodes.map(({ height }) => height ?? 0);
  const final = nodes.flatMap(({ finalizedHeight: at }) => (at === null ? [] : [at]));
  return {
    agreed: isAgreed(snapshot) && conflicts.length === 0,
    nodes: nodes.length,
    up: nodes.filter(({ state }) => state === "up").length,
    height: Math.max(...heights),
    tip: nodes.find(({ height }) => height === Math.max(...heights))?.tip ?? null,
    round,
    finalizedHeight: final.length === 0 ? null : Math.min(...final),
    forks: forks.count,
    deepestFork: forks.deepest,
    finalityConflicts: conflicts.length,
    payments: {
      acknowledged: load.acknowledged,
      unconfirmed: load.waiting,
      refused: load.refused,
      lost: load.lost,
    },
    seconds: Math.round((snapshot.nowMs - snapshot.startedMs) / 1000),
    state: snapshot.folder,
  };
}

/** 0 when all went as it should. */
export function isGood({ agreed, finalityConflicts, payments }: Summary): boolean {
  return agreed && finalityConflicts === 0 && payments.lost === 0;
}

function disagreementText({ fork, nodes, conflicts }: Snapshot): string {
  if (conflicts.length > 0) return `CONFLICT ${conflicts[0]}`;
  if (fork !== null) return `fork: ${branchesText(fork.branches)}`;
  const tips = new Set(nodes.flatMap(({ tip }) => (tip === null ? [] : [tip])));
  return tips.size === 1 ? "those that are up agree" : "not all have the same tip";
}

export function summaryLines(summary: Summary, snapshot: Snapshot): string[] {
  const { payments } = summary;
  const count = (value: number): string => value.toLocaleString("en-US");
  const agreement = summary.agreed ? "all agree" : disagreementText(snapshot);
  const final =
    summary.finalizedHeight === null ? "" : `, final up to ${count(summary.finalizedHeight)}`;
  return [
    `nodes     ${summary.up} of ${summary.nodes} up, ${agreement}`,
    `chain     height ${count(summary.height)}${final}, tip ${summary.tip ?? "none"}`,
    `forks     ${summary.forks}, the deepest ${summary.deepestFork} blocks; ${summary.finalityConflicts} conflicts of finality`,
    `payments  ${count(payments.acknowledged)} acknowledged, ${count(payments.unconfirmed)} not confirmed everywhere, ${payments.refused} refused, ${payments.lost} lost`,
    `time      ${summary.seconds} s; state kept in ${summary.state}`,
  ];
}
