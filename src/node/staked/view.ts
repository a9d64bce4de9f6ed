// Staked consensus as the interfaces read it (ports/staking.ts). Power is computed from the branch of a
// block; the figures of blocks that the core has forgotten since they are final are kept for a while.
import { fromDisplayHex, hex, readU32, toDisplayHex, toHex } from "../../base/bytes.ts";
import { highestJustified } from "../../planes/consensus/finality/view.ts";
import {
  type Branch,
  placeOf,
  powerAfter,
  queueAhead,
} from "../../planes/consensus/qpos/branch.ts";
import { slotAt } from "../../planes/consensus/qpos/clock.ts";
import { branchOf } from "../../planes/consensus/qpos/head.ts";
import { isMajority, type Power } from "../../planes/consensus/qpos/power.ts";
import { STATUS, type StakerRecord } from "../../planes/consensus/qpos/record.ts";
import { recordsOf } from "../../planes/consensus/qpos/registry.ts";
import { weightIn } from "../../planes/consensus/qpos/staker-set.ts";
import { NONE } from "../../planes/consensus/work/block-index.ts";
import type {
  Checkpoint,
  FinalityInfo,
  PowerInfo,
  PowerStatus,
  QueueInfo,
  StakerInfo,
  StakingNetwork,
  StakingTroubles,
  StakingView,
} from "../../ports/staking.ts";
import type { StakedChain } from "../chain/staked-chain.ts";
import type { StakedConsensus } from "./consensus.ts";

/** Blocks whose power is remembered when their branch is not. */
const FIGURES_MAX = 20_000;
const DECIMALS = 8;

const STATUS_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(STATUS).map(([name, number]) => [number, name]),
);

/** filled / total, rounded down; 1 where there is nothing to judge. */
export function powerText({ filled, total }: Power): string {
  if (total === 0) return `1.${"0".repeat(DECIMALS)}`;
  const scaled = (BigInt(filled) * 10n ** BigInt(DECIMALS)) / BigInt(total);
  const digits = scaled.toString().padStart(DECIMALS + 1, "0");
  return `${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`;
}

/** An id as people read it. */
function shown(id: string): string {
  return toDisplayHex(hex(id));
}

function outpointShown(outpoint: string): string {
  const bytes = hex(outpoint);
  return `${toDisplayHex(bytes, 0, 32)}:${readU32(bytes, 32)}`;
}

export class ConsensusView implements StakingView {
  readonly network: StakingNetwork;
  readonly #consensus: StakedConsensus;
  readonly #chain: StakedChain;
  readonly #nowMs: () => number;
  readonly #figures = new Map<string, Power>();

  constructor(consensus: StakedConsensus, chain: StakedChain, nowMs: () => number) {
    this.#consensus = consensus;
    this.#chain = chain;
    this.#nowMs = nowMs;
    const { chainId, consensus: rules } = consensus.network;
    const { genesisMs, slotMs, bond, unbondSlots, activeMax } = rules.parameters;
    this.network = { chainId, genesisMs, slotMs, bond, unbondSlots, activeMax };
    consensus.subscribe((what) => {
      if (what === "head") this.#remember();
    });
    this.#remember();
  }

  /** Keeps the figures of the head's chain down to what is known. */
  #remember(): void {
    const { core } = this.#consensus;
    for (let at: Branch | null = core.head; at !== null; at = at.parent) {
      if (this.#figures.has(at.id)) break;
      this.#figures.set(at.id, powerAfter(at));
    }
    for (const id of this.#figures.keys()) {
      if (this.#figures.size <= FIGURES_MAX) break;
      this.#figures.delete(id);
    }
  }

  power(hash: string | null): PowerInfo | null {
    const { core } = this.#consensus;
    const bytes = hash === null ? hex(core.head.id) : fromDisplayHex(hash);
    if (bytes === null || bytes.length !== 32) return null;
    const id = toHex(bytes);
    const branch = branchOf(core, id);
    const figures = branch === null ? this.#figures.get(id) : powerAfter(branch);
    const { index } = this.#chain;
    const block = index.find(bytes);
    if (figures === undefined || (branch === null && block === NONE)) return null;
    const header = block === NONE ? null : index.header(block);
    return {
      hash: toDisplayHex(bytes),
      height: branch?.height ?? index.height(block),
      slot: branch?.slot ?? readU32(header!, 72),
      round: branch?.round ?? readU32(header!, 80),
      filled: figures.filled,
      total: figures.total,
      power: powerText(figures),
      status: this.#status(id, branch),
    };
  }

  #status(id: string, branch: Branch | null): PowerStatus {
    const { core } = this.#consensus;
    const { finalized } = core.view;
    // Only what lies below the finalized block is forgotten, and side branches with it.
    if (branch === null) return this.#isActive(id) ? "finalized" : "provisional";
    if (isOn(branch, finalized.branch)) return "finalized";
    if (isOn(branch, highestJustified(core.view).branch)) return "justified";
    if (!isOn(branch, core.head)) return "provisional";
    const { head } = core;
    // The round behind it has opened, or would: more than half of the weight stands in its round.
    const gated = head.round > branch.round || isMajority(head.hits, head.set.total);
    return gated ? "gated" : "provisional";
  }

  #isActive(id: string): boolean {
    const { index, tipId } = this.#chain;
    const block = index.find(hex(id));
    return block !== NONE && index.ancestor(tipId, index.height(block)) === block;
  }

  stakers(): readonly StakerInfo[] {
    const { head } = this.#consensus.core;
    return [...recordsOf(head.registry)].map((record) => stakerInfo(record, head));
  }

  finality(): FinalityInfo {
    const { head, view } = this.#consensus.core;
    const checkpoint = (at: { round: number; branch: Branch }): Checkpoint => ({
      round: at.round,
      hash: shown(at.branch.id),
      height: at.branch.height,
    });
    return {
      finalized: checkpoint(view.finalized),
      justified: checkpoint(highestJustified(view)),
      head: { round: head.round, hash: shown(head.id), height: head.height, slot: head.slot },
    };
  }

  troubles(): StakingTroubles {
    const { haltReason, signingFault } = this.#consensus;
    return { finality: haltReason, signing: signingFault };
  }

  queue(): QueueInfo {
    const { core } = this.#consensus;
    const { head, network } = core;
    const now = this.#nowMs();
    const slot = Math.max(0, slotAt(network.parameters, now));
    const place =
      slot <= head.slot
        ? { round: head.round, index: head.index, set: head.set }
        : placeOf(network, head, slot);
    // Behind the head's own round the gate is asked of what was seen in it; later, nothing was.
    const hits = place.round <= head.round + 1 ? head.hits : 0;
    const weight = place.round <= head.round + 1 ? head.set.total : place.set.total;
    const known = place.round <= head.round + 1;
    return {
      round: place.round,
      slot,
      index: place.index,
      now,
      ids: place.round === 0 ? [] : queueAhead(network, head, place.round),
      next: known && head.round > 0 ? queueAhead(network, head, place.round + 1) : null,
      gate: { open: head.round === 0 || isMajority(hits, weight), hits, weight },
    };
  }
}

function stakerInfo(record: StakerRecord, head: Branch): StakerInfo {
  return {
    id: record.id,
    status: STATUS_NAMES[record.status] ?? "unknown",
    weight: weightIn(head.set, record.id),
    produced: record.produced,
    docked: record.docked,
    missRun: record.missRun,
    signKey: record.signKey,
    payout: record.payout,
    bondOutpoint: outpointShown(record.bondOutpoint),
    bondValue: record.bondValue,
    penalty: record.penalty,
    sinceSlot: record.sinceSlot,
    freeSlot: record.freeSlot,
    active: head.set.positions.has(record.id),
  };
}

/** True for `tip` and what lies below it. */
function isOn(branch: Branch, tip: Branch): boolean {
  let at: Branch | null = tip;
  while (at !== null && at.height > branch.height) at = at.parent;
  return at !== null && at.id === branch.id;
}
