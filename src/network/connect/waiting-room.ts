// Connections from addresses that were shut out a moment ago: each waits a second, unread, before it
// is looked at. An offender that comes back as fast as it is shut out would otherwise make us greet it
// some hundred times a second; a refusal would only bring it back sooner. This machine's own addresses
// wait too, since strangers that come through a proxy (Tor) have them. Not from Bitcoin Core.
import type { Stream } from "../../ports/stream.ts";
import { OFFENDER_MEMORY_MS, OFFENDER_WAIT_MS, OFFENDERS_MAX, WAITING_MAX } from "../limits.ts";

interface Waiting {
  readonly stream: Stream;
  readonly until: number;
}

export class WaitingRoom {
  /** When each address last gave offence, oldest first. */
  readonly #offenders = new Map<string, number>();
  /** In the order of their times. */
  #waiting: Waiting[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  get offenderCount(): number {
    return this.#offenders.size;
  }

  /** A peer at this address was shut out. */
  offended(host: string, now: number): void {
    this.#offenders.delete(host);
    this.#offenders.set(host, now);
    for (const [oldest, at] of this.#offenders) {
      if (now - at < OFFENDER_MEMORY_MS && this.#offenders.size <= OFFENDERS_MAX) break;
      this.#offenders.delete(oldest);
    }
  }

  /** Whether a connection from there is to wait. */
  isFor(host: string, now: number): boolean {
    const at = this.#offenders.get(host);
    return at !== undefined && now - at < OFFENDER_MEMORY_MS;
  }

  /** False when it is full. */
  enter(stream: Stream, now: number): boolean {
    if (this.#waiting.length >= WAITING_MAX) return false;
    this.#waiting.push({ stream, until: now + OFFENDER_WAIT_MS });
    return true;
  }

  /** Those that have waited long enough leave. */
  leave(now: number): Stream[] {
    const first = this.#waiting.findIndex(({ until }) => until > now);
    const gone = this.#waiting.splice(0, first < 0 ? this.#waiting.length : first);
    return gone.map(({ stream }) => stream);
  }

  close(): void {
    for (const { stream } of this.#waiting) stream.close();
    this.#waiting = [];
  }
}
