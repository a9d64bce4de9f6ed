// Simulated time: a heap of things to do. Nothing waits; time jumps to the next event.
import { BinaryHeap } from "../../base/binary-heap.ts";

export class Clock {
  now = 0;
  private readonly events: BinaryHeap<() => void> = new BinaryHeap();

  /** Plans `event` after `ms` of simulated time. */
  after(ms: number, event: () => void): void {
    this.events.push(this.now + ms, event);
  }

  /** Runs the next event; false when there is none before `until`. */
  step(until: number): boolean {
    const at = this.events.peekKey();
    if (at === null || at > until) return false;
    this.now = at;
    this.events.pop()!();
    return true;
  }
}
