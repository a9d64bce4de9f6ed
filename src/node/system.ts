// The machine's own time and chance behind their ports.
import { randomBytes, randomInt } from "node:crypto";
import type { Bytes } from "../base/bytes.ts";
import type { Clock, Random } from "../ports/clock.ts";

/** The system's clock; on a test network it can be told another time. */
export class SystemClock implements Clock {
  #mockMs = 0;

  now(): number {
    return this.#mockMs > 0 ? this.#mockMs : Date.now();
  }

  elapsed(): number {
    return performance.now();
  }

  /** Seconds since 1970; 0 gives the clock back its own time. */
  setMockTime(seconds: number): void {
    this.#mockMs = seconds * 1_000;
  }
}

export const systemRandom: Random = {
  bytes: (count): Bytes => new Uint8Array(randomBytes(count)),
  below: (below) => randomInt(below),
  fraction: () => randomInt(2 ** 47) / 2 ** 47,
};
