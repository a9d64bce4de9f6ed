// What a devnet is made of: the figures that hold for its whole life and are kept in its state
// folder. A state folder goes on with the plan it was made with.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type ConsensusKind = "qpos" | "work";

export interface DevnetPlan {
  readonly consensus: ConsensusKind;
  readonly nodes: number;
  /** Spread over the nodes in turn; 0 with work. */
  readonly stakers: number;
  readonly slotMs: number;
  /** Bytes of a block; null: the network's own bound. */
  readonly blockBytes: number | null;
  /** Keys of accounts and stakers, and every random choice, follow from it. */
  readonly seed: string;
}

export const NODES_MAX = 16;
export const STAKERS_MAX = 64;
const PLAN_FILE = "devnet.json";
const PLAN_FORMAT = 1;

/** The node that holds the keys of staker number `staker` (from 0). */
export function nodeOfStaker(plan: DevnetPlan, staker: number): number {
  return staker % plan.nodes;
}

/** As people and commands number nodes: from 1. */
export function nodeNumber(index: number): number {
  return index + 1;
}

export type SavedPlan =
  | { readonly found: "none" }
  | { readonly found: "damaged" }
  | { readonly found: "plan"; readonly plan: DevnetPlan };

export function readPlan(folder: string): SavedPlan {
  let text: string;
  try {
    text = readFileSync(join(folder, PLAN_FILE), "utf8");
  } catch {
    return { found: "none" };
  }
  try {
    const saved = JSON.parse(text) as { readonly format: number; readonly plan: DevnetPlan };
    if (saved.format !== PLAN_FORMAT || !Number.isInteger(saved.plan.nodes)) {
      return { found: "damaged" };
    }
    return { found: "plan", plan: saved.plan };
  } catch {
    return { found: "damaged" };
  }
}

/** True when nothing is lost by removing the folder but a devnet. */
export function isDevnetFolder(folder: string): boolean {
  if (!existsSync(folder) || existsSync(join(folder, PLAN_FILE))) return true;
  try {
    return readdirSync(folder).length === 0;
  } catch {
    return false;
  }
}

export function writePlan(folder: string, plan: DevnetPlan): void {
  const text = JSON.stringify({ format: PLAN_FORMAT, plan }, null, 2);
  writeFileSync(join(folder, PLAN_FILE), `${text}\n`);
}

/** The groups of `partition 1,2 3`, as indexes; nodes that are not named stay together in one more. */
export type ParsedGroups =
  | { readonly ok: true; readonly groups: readonly (readonly number[])[] }
  | { readonly ok: false; readonly why: string };

export function parseGroups(words: readonly string[], nodes: number): ParsedGroups {
  const seen = new Set<number>();
  const groups: number[][] = [];
  for (const word of words) {
    const group: number[] = [];
    for (const text of word.split(",")) {
      const index = parseNode(text, nodes);
      if (index === null) return { ok: false, why: `'${text}' is no node from 1 to ${nodes}` };
      if (seen.has(index)) return { ok: false, why: `node ${text} stands in two groups` };
      seen.add(index);
      group.push(index);
    }
    groups.push(group);
  }
  const rest = Array.from({ length: nodes }, (_, index) => index).filter((at) => !seen.has(at));
  if (rest.length > 0) groups.push(rest);
  if (groups.length < 2) return { ok: false, why: "a partition has two groups or more: 1,2 3" };
  return { ok: true, groups };
}

/** The index of a node named by its number; null when there is none. */
export function parseNode(text: string, nodes: number): number | null {
  const number = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= nodes ? number - 1 : null;
}
