// Time and chance from the machine, behind their ports. The clock can be set by an operator who
// tests (setmocktime); what only measures durations goes on undisturbed.
import { randomBytes, randomInt } from "node:crypto";
import type { Clock, Random } from "../ports/clock.ts";

export class NodeClock implements Clock {
  #mockedSeconds = 0;

  now(): number {
    return this.#mockedSeconds === 0 ? Date.now() : this.#mockedSeconds * 1000;
  }

  elapsed(): number {
    return performance.now();
  }

  /** Seconds since 1970. */
  seconds(): number {
    return Math.floor(this.now() / 1000);
  }

  /** Stands still at `seconds`; 0 gives it back its own time. */
  set(seconds: number): void {
    this.#mockedSeconds = seconds;
  }
}

export const machineRandom: Random = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
  below: (below) => randomInt(below),
  fraction: () => randomInt(2 ** 47) / 2 ** 47,
};
