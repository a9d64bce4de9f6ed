// Time and chance as ports, so that everything above them runs under a simulated clock.
import type { Bytes } from "../base/bytes.ts";

export interface Clock {
  /** Milliseconds since 1970, as the operator's clock (or a test's) has it. */
  now(): number;
  /** Milliseconds that only grow. */
  elapsed(): number;
}

export interface Random {
  bytes(count: number): Bytes;
  /** A whole number of 0 … below-1. */
  below(below: number): number;
  /** In [0, 1). */
  fraction(): number;
}
