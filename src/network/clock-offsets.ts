// How far this machine's clock is from those of the peers that we dialled (as Bitcoin Core's
// node/timeoffsets): it is told, never adjusted.

/** Newest offsets that are kept; so many make a median. */
const OFFSETS_MAX = 50;
const OFFSETS_MIN = 5;

export class ClockOffsets {
  readonly #offsets: number[] = [];

  /** Seconds by which a peer's clock was ahead of ours. */
  add(seconds: number): void {
    if (this.#offsets.length === OFFSETS_MAX) this.#offsets.shift();
    this.#offsets.push(seconds);
  }

  /** The median, seconds; 0 while too few peers are known. */
  get median(): number {
    const sorted = [...this.#offsets].sort((a, b) => a - b);
    return sorted.length < OFFSETS_MIN ? 0 : sorted[sorted.length >> 1]!;
  }
}
