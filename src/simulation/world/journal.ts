// A disk with one journal: what is appended becomes durable at the next sync, in order. A crash keeps
// a random prefix of what was not synced; an entry torn in the middle fails its checksum and is lost
// with everything behind it.
import type { Draws } from "./draws.ts";

export class Journal<T> {
  private pending: T[] = [];
  /** Entries appended and made durable so far. */
  appended = 0;
  durable = 0;
  private readonly perform: (entry: T) => void;

  constructor(perform: (entry: T) => void) {
    this.perform = perform;
  }

  append(entry: T): number {
    this.pending.push(entry);
    this.appended++;
    return this.appended;
  }

  get isClean(): boolean {
    return this.pending.length === 0;
  }

  /** Makes everything appended durable. */
  sync(): void {
    const entries = this.pending;
    this.pending = [];
    for (const entry of entries) this.perform(entry);
    this.durable = this.appended;
  }

  /** Power loss: a prefix survives, the torn rest does not. */
  crash(random: Draws): number {
    const survivors = random.below(this.pending.length + 1);
    for (const entry of this.pending.slice(0, survivors)) this.perform(entry);
    const lost = this.pending.length - survivors;
    this.pending = [];
    return lost;
  }
}
