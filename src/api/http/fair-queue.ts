// Calls wait here when too many are being worked on. Each client has a line of its own and the lines
// take turns, so that one client with a thousand calls does not hold up another with one. When it is
// full the caller is told to come back, and nothing dies.
import { CALLS_AT_ONCE, QUEUE_MAX, QUEUE_PER_CLIENT_MAX } from "../limits.ts";

export interface QueueBounds {
  readonly atOnce: number;
  readonly most: number;
  readonly perClient: number;
}

const DEFAULTS: QueueBounds = {
  atOnce: CALLS_AT_ONCE,
  most: QUEUE_MAX,
  perClient: QUEUE_PER_CLIENT_MAX,
};

export class FairQueue {
  readonly #bounds: QueueBounds;
  readonly #lines = new Map<string, (() => void)[]>();
  #running = 0;
  #waiting = 0;
  dropped = 0;

  constructor(bounds: QueueBounds = DEFAULTS) {
    this.#bounds = bounds;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get running(): number {
    return this.#running;
  }

  /** Runs `task` when its turn comes; null at once when there is no room. */
  run<T>(client: string, task: () => Promise<T>): Promise<T> | null {
    if (this.#running < this.#bounds.atOnce && this.#waiting === 0) return this.#start(task);
    const line = this.#lines.get(client) ?? [];
    if (this.#waiting >= this.#bounds.most || line.length >= this.#bounds.perClient) {
      this.dropped++;
      return null;
    }
    this.#lines.set(client, line);
    this.#waiting++;
    return new Promise((resolve, reject) => {
      line.push(() => {
        this.#start(task).then(resolve, reject);
      });
    });
  }

  async #start<T>(task: () => Promise<T>): Promise<T> {
    this.#running++;
    try {
      return await task();
    } finally {
      this.#running--;
      this.#next();
    }
  }

  /** A call that waits for something outside (a long poll) gives its place to others meanwhile. */
  async outside<T>(wait: Promise<T>): Promise<T> {
    this.#running--;
    this.#next();
    try {
      return await wait;
    } finally {
      this.#running++;
    }
  }

  #next(): void {
    while (this.#running < this.#bounds.atOnce) {
      const [client, line] = this.#lines.entries().next().value ?? [];
      if (client === undefined || line === undefined) return;
      const start = line.shift()!;
      this.#waiting--;
      // To the end of the round, or out of it.
      this.#lines.delete(client);
      if (line.length > 0) this.#lines.set(client, line);
      start();
    }
  }
}
