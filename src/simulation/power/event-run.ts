// Event delivery: one binary heap of (time, sequence), a delay per message, loss and duplication,
// clocks that are off. Lost messages are repaired as real nodes do: whoever hears of a block it
// cannot place asks, and neighbours compare tips now and then.
//
// Hot: about a million events a second.
import type { Message } from "../../planes/consensus/qpos/message.ts";
import { Random } from "../world/random.ts";
import { type Faults, NO_FAULTS } from "./config.ts";
import { runCrashes } from "./crash.ts";
import type { Delivery, Observer, SimNode, Simulation } from "./simulation.ts";
import { healSlot, isRecovered } from "./slot-run.ts";

const FORGET_SLOTS = 64;

/** A message under way, or (to null) the tick of a node. */
interface Item {
  readonly timeMs: number;
  readonly sequence: number;
  readonly from: SimNode;
  readonly to: SimNode | null;
  readonly message: Message | null;
}

function before(a: Item, b: Item): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.sequence < b.sequence);
}

/** A binary heap, least time first, then least sequence. */
export class EventHeap {
  private readonly items: Item[] = [];

  push(item: Item): void {
    const { items } = this;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = items[above]!;
      if (!before(item, parent)) break;
      items[at] = parent;
      at = above;
    }
    items[at] = item;
  }

  peekMs(): number {
    return this.items.length === 0 ? Number.POSITIVE_INFINITY : this.items[0]!.timeMs;
  }

  pop(): Item {
    const { items } = this;
    const top = items[0]!;
    const last = items.pop()!;
    const count = items.length;
    if (count === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && before(items[child + 1]!, items[child]!)) child++;
      const below = items[child]!;
      if (!before(below, last)) break;
      items[at] = below;
      at = child;
    }
    items[at] = last;
    return top;
  }
}

class EventDelivery implements Delivery {
  private readonly simulation: Simulation;
  readonly heap: EventHeap = new EventHeap();
  private readonly random: Random;
  private sequence = 0;

  constructor(simulation: Simulation) {
    this.simulation = simulation;
    this.random = new Random(simulation.seed, "delivery");
  }

  /** The faults of now: after the last slot with faults the network is a good one. */
  private faults(): Faults {
    const { slot, config } = this.simulation;
    return slot > config.slots ? NO_FAULTS : config.faults;
  }

  private delayMs(): number {
    const { delayMsMin, delayMsMax } = this.faults();
    return delayMsMin + this.random.below(delayMsMax - delayMsMin + 1);
  }

  send(from: SimNode, to: SimNode, message: Message): void {
    const { lossPerMille, duplicatePerMille } = this.faults();
    if (lossPerMille > 0 && this.random.below(1_000) < lossPerMille) {
      this.simulation.unsee(to, message);
      return;
    }
    this.put(this.simulation.timeMs + this.delayMs(), from, to, message);
    if (duplicatePerMille > 0 && this.random.below(1_000) < duplicatePerMille) {
      this.put(this.simulation.timeMs + this.delayMs(), from, to, message);
    }
  }

  vote(from: SimNode, message: Message): void {
    this.simulation.spreadNow(from, null, message);
  }

  put(timeMs: number, from: SimNode, to: SimNode | null, message: Message | null): void {
    this.heap.push({ timeMs, sequence: this.sequence++, from, to, message });
  }

  /** Runs all events before `untilMs`. */
  runUntil(untilMs: number): void {
    const { heap, simulation } = this;
    while (heap.peekMs() < untilMs) {
      const { timeMs, from, to, message } = heap.pop();
      simulation.timeMs = timeMs;
      if (to === null) {
        if (from.alive) simulation.tick(from, timeMs);
      } else simulation.deliver(from, to, message!);
    }
  }
}

/** Ticks of one slot: when it starts, when a late certificate may have come, when votes are due. */
function planTicks(simulation: Simulation, delivery: EventDelivery, slot: number): void {
  const { slotMs, voteMs } = simulation.genesis.network.parameters;
  for (const node of simulation.nodes) {
    const startMs = slot * slotMs - node.skewMs;
    delivery.put(Math.max(startMs, slot * slotMs - slotMs), node, null, null);
    delivery.put(startMs + Math.floor(slotMs / 4), node, null, null);
    delivery.put(startMs + voteMs, node, null, null);
  }
}

/** Every node compares notes with one neighbour. */
function gossip(simulation: Simulation, random: Random): void {
  for (const node of simulation.honest) {
    const out = simulation.links.out[node.index]!;
    if (out.length > 0) simulation.sync(node, simulation.nodes[out[random.below(out.length)]!]!);
    for (const clone of node.clones) simulation.sync(node, clone);
  }
}

/** Runs a simulation to its end; returns the slots until all heads were one and new after healing. */
export function runEvents(simulation: Simulation, observer: Observer | null): number {
  const { config, genesis, links } = simulation;
  const { slotMs } = genesis.network.parameters;
  const delivery = new EventDelivery(simulation);
  simulation.delivery = delivery;
  const random = new Random(simulation.seed, "gossip");
  const lossy = config.faults.lossPerMille > 0;
  const healed = healSlot(simulation);
  let recovered = -1;
  for (let slot = 1; slot <= config.slots + config.heal; slot++) {
    simulation.slot = slot;
    simulation.timeMs = slot * slotMs;
    if (config.faults.crashes.length > 0) runCrashes(simulation, config.faults.crashes, slot);
    for (const link of links.advance(slot)) {
      const from = simulation.nodes[Math.floor(link / links.count)]!;
      simulation.sync(from, simulation.nodes[link % links.count]!);
    }
    if (slot === config.slots + 1) for (const node of simulation.nodes) node.skewMs = 0;
    if (lossy) gossip(simulation, random);
    planTicks(simulation, delivery, slot);
    delivery.runUntil((slot + 1) * slotMs);
    if (slot % FORGET_SLOTS === 0) simulation.forgetSeen();
    if (recovered < 0 && slot >= healed && isRecovered(simulation, healed)) recovered = slot;
    observer?.slotEnded(slot, simulation);
  }
  return recovered < 0 ? -1 : recovered - healed;
}
