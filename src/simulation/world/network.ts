// A network that loses, doubles, delays, reorders and cuts, by one stream of random numbers.
import type { Draws } from "./draws.ts";

export interface NetworkFaults {
  readonly loss: number;
  readonly doubling: number;
  /** Mean delay of a message, ms. */
  readonly delayMs: number;
  /** Share of messages that take fifteen times as long. */
  readonly tail: number;
  /** Share of time that some pair of machines cannot talk. */
  readonly cuts: number;
}

export const CALM: NetworkFaults = { loss: 0, doubling: 0, delayMs: 1, tail: 0, cuts: 0 };

export class Network {
  faults: NetworkFaults;
  private readonly random: Draws;
  /** "a|b" -> until when they cannot talk. */
  private readonly cut: Map<string, number> = new Map();

  constructor(random: Draws, faults: NetworkFaults) {
    this.random = random;
    this.faults = faults;
  }

  /** Cuts two machines apart for a while. */
  cutApart(a: number, b: number, until: number): void {
    this.cut.set(pair(a, b), until);
  }

  heal(): void {
    this.faults = CALM;
    this.cut.clear();
  }

  /** After how long each copy of a message arrives; empty when it is lost. */
  deliveries(now: number, from: number, to: number): number[] {
    const { loss, doubling } = this.faults;
    if ((this.cut.get(pair(from, to)) ?? 0) > now) return [];
    const delays: number[] = [];
    if (!this.random.chance(loss)) delays.push(this.delay());
    if (this.random.chance(doubling)) delays.push(this.delay());
    return delays;
  }

  delay(): number {
    const { delayMs, tail } = this.faults;
    return this.random.exponential(delayMs) * (this.random.chance(tail) ? 15 : 1);
  }
}

function pair(a: number, b: number): string {
  return a < b ? `${a}|${b}` : `${b}|${a}`;
}
