// A clock that only tests move, chance from a seed, and streams in memory: what the network code
// needs to run without sockets or waiting.
import type { Bytes } from "../../src/base/bytes.ts";
import type { Clock, Random } from "../../src/ports/clock.ts";
import type {
  Endpoint,
  Listener,
  Stream,
  StreamHandlers,
  Transport,
} from "../../src/ports/stream.ts";

export class ManualClock implements Clock {
  #ms = 0;
  readonly #start: number;

  constructor(startMs = 1_700_000_000_000) {
    this.#start = startMs;
  }

  now(): number {
    return this.#start + this.#ms;
  }

  elapsed(): number {
    return this.#ms;
  }

  advance(ms: number): void {
    this.#ms += ms;
  }
}

/** xorshift128: the same seed, the same numbers. */
export function seededRandom(seed: number): Random {
  const state = Uint32Array.of(seed | 1, 0x9e3779b9, 0x243f6a88, 0xb7e15162);
  const next = (): number => {
    let t = state[3]!;
    const s = state[0]!;
    state[3] = state[2]!;
    state[2] = state[1]!;
    state[1] = s;
    t ^= t << 11;
    t ^= t >>> 8;
    state[0] = t ^ s ^ (s >>> 19);
    return state[0]!;
  };
  for (let turn = 0; turn < 20; turn++) next();
  return {
    bytes: (count) => Uint8Array.from({ length: count }, () => next() & 0xff),
    below: (below) => next() % below,
    fraction: () => next() / 2 ** 32,
  };
}

class MemoryStream implements Stream {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly pendingBytes = 0;
  other: MemoryStream | null = null;
  #handlers: StreamHandlers | null = null;
  #held: Bytes[] = [];
  #paused = false;
  #closed = false;

  constructor(local: Endpoint, remote: Endpoint) {
    this.local = local;
    this.remote = remote;
  }

  open(handlers: StreamHandlers): void {
    this.#handlers = handlers;
    this.#deliver();
  }

  send(bytes: Bytes): void {
    if (this.#closed) return;
    const copy = bytes.slice();
    setImmediate(() => this.other?.receive(copy));
  }

  receive(bytes: Bytes): void {
    this.#held.push(bytes);
    this.#deliver();
  }

  #deliver(): void {
    while (this.#handlers !== null && !this.#paused && !this.#closed && this.#held.length > 0) {
      this.#handlers.data(this.#held.shift()!);
    }
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    setImmediate(() => {
      this.#handlers?.closed();
      this.other?.close();
    });
  }
}

/** Streams between addresses of one test; nobody listens until told. */
export class MemoryNet {
  readonly #listeners = new Map<string, (stream: Stream) => void>();
  readonly names: Map<string, string[]> = new Map<string, string[]>();
  #port = 40_000;

  /** The transport of the machine at `host`. */
  transport(host: string): Transport {
    return {
      connect: async (to) => {
        const accept = this.#listeners.get(`${to.host}:${to.port}`);
        if (accept === undefined) throw new Error("connection refused");
        const from: Endpoint = { host, port: this.#port++ };
        const near = new MemoryStream(from, to);
        const far = new MemoryStream(to, from);
        near.other = far;
        far.other = near;
        accept(far);
        return near;
      },
      listen: async (at, accept): Promise<Listener> => {
        const key = `${at.host}:${at.port}`;
        this.#listeners.set(key, accept);
        return {
          local: at,
          close: async () => {
            this.#listeners.delete(key);
          },
        };
      },
      resolve: async (name) => this.names.get(name) ?? [],
    };
  }
}

/** Lets everything that is due happen, until `done` or too many turns. */
export async function settle(done: () => boolean, step: () => void = () => {}): Promise<void> {
  for (let turn = 0; turn < 20_000; turn++) {
    if (done()) return;
    if (turn % 20 === 19) step();
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("it did not come about");
}
