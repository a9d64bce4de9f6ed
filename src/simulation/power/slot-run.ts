// Slot delivery: within a slot every message reaches the whole component it is in. The order of a
// slot is fixed: links change, nodes that meet tell each other what they have, the due produce,
// blocks spread, votes are cast at the end (and arrive then, or one slot later).
//
// Hot: this loop runs some 100,000 times a second at 3 nodes.
import type { Message } from "../../planes/consensus/qpos/message.ts";
import { roundToVote } from "../../planes/consensus/qpos/voting.ts";
import type { Crash } from "./config.ts";
import { runCrashes } from "./crash.ts";
import type { Delivery, Observer, SimNode, Simulation } from "./simulation.ts";

interface Waiting {
  readonly from: SimNode;
  readonly to: SimNode;
  readonly message: Message;
}

interface HeldVote {
  readonly from: SimNode;
  readonly message: Message;
}

class SlotDelivery implements Delivery {
  private readonly simulation: Simulation;
  private queue: Waiting[] = [];
  private held: HeldVote[] = [];
  private readonly delayed: boolean;

  constructor(simulation: Simulation) {
    this.simulation = simulation;
    this.delayed = simulation.config.voteDelay === 1;
  }

  send(from: SimNode, to: SimNode, message: Message): void {
    this.queue.push({ from, to, message });
  }

  vote(from: SimNode, message: Message): void {
    if (this.delayed) this.held.push({ from, message });
    else this.simulation.spreadNow(from, null, message);
  }

  /** Delivers until nothing is under way. */
  flood(): void {
    const { queue, simulation } = this;
    for (let at = 0; at < queue.length; at++) {
      const { from, to, message } = queue[at]!;
      simulation.deliver(from, to, message);
    }
    queue.length = 0;
  }

  /** Takes the votes that wait, to be released when the slot ends. */
  takeHeld(): HeldVote[] {
    const { held } = this;
    this.held = [];
    return held;
  }

  release(held: readonly HeldVote[]): void {
    for (const { from, message } of held) this.simulation.spreadNow(from, null, message);
    this.flood();
  }
}

const FORGET_SLOTS = 64;

function raiseLinks(simulation: Simulation, raised: readonly number[]): void {
  const { count } = simulation.links;
  for (const link of raised) {
    const from = simulation.nodes[Math.floor(link / count)]!;
    simulation.sync(from, simulation.nodes[link % count]!);
  }
}

function tickAll(simulation: Simulation, timeMs: number): void {
  simulation.timeMs = timeMs;
  const { nodes } = simulation;
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[at]!;
    if (node.alive) simulation.tick(node, timeMs);
  }
}

/** Ticks the nodes that still have votes to cast; for the others this tick would change nothing. */
function tickVoters(simulation: Simulation, slot: number, timeMs: number): void {
  simulation.timeMs = timeMs;
  for (const node of simulation.nodes) {
    const waits = node.core.early.length > 0 || node.skewMs !== 0;
    if (node.alive && (waits || roundToVote(node.core, slot) > 0)) simulation.tick(node, timeMs);
  }
}

/** Runs a simulation to its end; returns the slot in which all heads were one and new after healing. */
export function runSlots(simulation: Simulation, observer: Observer | null): number {
  const { config, genesis, links } = simulation;
  const { slotMs, voteMs } = genesis.network.parameters;
  const delivery = new SlotDelivery(simulation);
  simulation.delivery = delivery;
  const crashes: readonly Crash[] = config.faults.crashes;
  const healed = healSlot(simulation);
  let recovered = -1;
  const end = config.slots + config.heal;
  for (let slot = 1; slot <= end; slot++) {
    simulation.slot = slot;
    simulation.timeMs = slot * slotMs;
    if (crashes.length > 0) runCrashes(simulation, crashes, slot);
    const held = delivery.takeHeld();
    const raised = links.advance(slot);
    if (raised.length > 0) {
      raiseLinks(simulation, raised);
      delivery.flood();
    }
    tickAll(simulation, slot * slotMs);
    delivery.flood();
    tickVoters(simulation, slot, slot * slotMs + voteMs);
    delivery.flood();
    if (held.length > 0) delivery.release(held);
    if (slot % FORGET_SLOTS === 0) simulation.forgetSeen();
    if (recovered < 0 && slot >= healed && isRecovered(simulation, healed)) recovered = slot;
    observer?.slotEnded(slot, simulation);
  }
  return recovered < 0 ? -1 : recovered - healed;
}

/** The first slot in which all links are up for good. */
export function healSlot(simulation: Simulation): number {
  const { split, churn, slots } = simulation.config;
  return split !== null && churn === 0 ? split.fromSlot + split.slots : slots + 1;
}

/** All honest heads are one block, made after healing. */
export function isRecovered(simulation: Simulation, healed: number): boolean {
  const heads = simulation.heads();
  return heads.every((head) => head.id === heads[0]!.id) && heads[0]!.slot >= healed;
}
