// The events that a client may have missed: numbered, bounded, and resumable by a cursor that names
// the run of the node and the number of the last event seen.

import type { Json } from "../json/value.ts";
import { FEED_HISTORY_MAX } from "../limits.ts";

/** The channels that every node has; other parts add their own (`Feed.register`). */
export const CHANNELS = ["blocks", "transactions", "evictions", "statistics"] as const;
export type Channel = string;

export interface FeedEvent {
  readonly number: number;
  readonly channel: Channel;
  readonly data: Json;
}

export class FeedHistory {
  readonly run: string;
  readonly #events: FeedEvent[] = [];
  #next = 1;

  /** `run` tells this start of the node from others. */
  constructor(run: string) {
    this.run = run;
  }

  add(channel: Channel, data: Json): FeedEvent {
    const event = { number: this.#next++, channel, data };
    this.#events.push(event);
    // Half at a time, so that dropping is cheap.
    if (this.#events.length > FEED_HISTORY_MAX) this.#events.splice(0, FEED_HISTORY_MAX / 2);
    return event;
  }

  /** An event that nobody can ask for, nor for any before it: it is counted, and that is all. */
  skip(): void {
    this.#next++;
    this.#events.length = 0;
  }

  /** The number of the last event. */
  get last(): number {
    return this.#next - 1;
  }

  cursorOf(number: number): string {
    return `${this.run}-${number}`;
  }

  /** The cursor behind everything so far. */
  get cursor(): string {
    return this.cursorOf(this.last);
  }

  /** What came after `cursor`; null when that cannot be told any more. */
  after(cursor: string): readonly FeedEvent[] | null {
    const match = /^(.+)-(\d{1,15})$/.exec(cursor);
    if (match === null || match[1] !== this.run) return null;
    const number = Number(match[2]);
    const oldest = this.#events[0]?.number ?? this.#next;
    if (number >= this.#next || number < oldest - 1) return null;
    return this.#events.slice(number - oldest + 1);
  }
}
