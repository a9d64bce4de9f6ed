// Our own mistakes crash at once, with what must have held. Never used on a peer's bytes: those
// get a verdict.

/** Stops the program when something that must hold does not. */
export function assert(condition: boolean, mustHold: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${mustHold}`);
}

/** The end of a switch over a union: the compiler proves that it is not reached. */
export function never(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
