// Streams between addresses of one test that take their time: what is sent arrives in order, after a
// wait from a seed, when the test lets it. Any two machines can be cut off from one another.
import type { Bytes } from "../../src/base/bytes.ts";
import type { Clock, Random } from "../../src/ports/clock.ts";
import type { Endpoint, Stream, StreamHandlers, Transport } from "../../src/ports/stream.ts";

interface Parcel {
  readonly at: number;
  /** Null: the end of the stream. */
  readonly bytes: Bytes | null;
}

class SlowStream implements Stream {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly pendingBytes = 0;
  readonly #post: (to: SlowStream, bytes: Bytes | null) => void;
  other: SlowStream | null = null;
  /** On their way to this end. */
  readonly parcels: Parcel[] = [];
  #handlers: StreamHandlers | null = null;
  #paused = false;
  isClosed = false;

  constructor(
    local: Endpoint,
    remote: Endpoint,
    post: (to: SlowStream, bytes: Bytes | null) => void,
  ) {
    this.local = local;
    this.remote = remote;
    this.#post = post;
  }

  open(handlers: StreamHandlers): void {
    this.#handlers = handlers;
  }

  send(bytes: Bytes): void {
    if (!this.isClosed && this.other !== null) this.#post(this.other, bytes.slice());
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.other !== null) this.#post(this.other, null);
    this.#handlers?.closed();
  }

  /** The other end is gone, or the line is. */
  end(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#handlers?.closed();
  }

  /** Hands over what has arrived. */
  deliver(now: number): void {
    while (!this.isClosed && this.#handlers !== null && !this.#paused) {
      const parcel = this.parcels[0];
      if (parcel === undefined || parcel.at > now) return;
      this.parcels.shift();
      if (parcel.bytes === null) this.end();
      else this.#handlers.data(parcel.bytes);
    }
  }
}

export class SlowNet {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #delayMsMax: number;
  readonly #listeners = new Map<string, (stream: Stream) => void>();
  #streams: SlowStream[] = [];
  #cut: (a: string, b: string) => boolean = () => false;
  #port = 40_000;

  constructor(clock: Clock, random: Random, delayMsMax: number) {
    this.#clock = clock;
    this.#random = random;
    this.#delayMsMax = delayMsMax;
  }

  /** Cuts the lines between hosts for which it is true, now and until it is called again. */
  cut(between: (a: string, b: string) => boolean): void {
    this.#cut = between;
    for (const stream of this.#streams) {
      if (between(stream.local.host, stream.remote.host)) stream.end();
    }
  }

  deliver(): void {
    const now = this.#clock.elapsed();
    for (const stream of [...this.#streams]) stream.deliver(now);
    this.#streams = this.#streams.filter((stream) => !stream.isClosed);
  }

  #post(to: SlowStream, bytes: Bytes | null): void {
    const soon = this.#clock.elapsed() + this.#random.below(this.#delayMsMax + 1);
    to.parcels.push({ at: Math.max(soon, to.parcels.at(-1)?.at ?? 0), bytes });
  }

  /** The transport of the machine at `host`; what it sends and `passes` refuses is lost. */
  transport(host: string, passes: (bytes: Bytes) => boolean = () => true): Transport {
    return {
      connect: async (to) => {
        const accept = this.#listeners.get(to.host);
        if (accept === undefined || this.#cut(host, to.host)) throw new Error("no route");
        const from: Endpoint = { host, port: this.#port++ };
        const post = (end: SlowStream, bytes: Bytes | null): void => this.#post(end, bytes);
        const near = new SlowStream(from, to, (end, bytes) => {
          if (bytes === null || passes(bytes)) post(end, bytes);
        });
        const far = new SlowStream(to, from, post);
        near.other = far;
        far.other = near;
        this.#streams.push(near, far);
        accept(far);
        return near;
      },
      listen: async (at, accept) => {
        this.#listeners.set(at.host, accept);
        return { local: at, close: async () => void this.#listeners.delete(at.host) };
      },
      resolve: async () => [],
    };
  }
}
