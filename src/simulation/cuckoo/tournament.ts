// A tournament of committees by hostile fraction, lowest first, ties by lowest number: the adversary's
// next victim in O(1), an update in O(log G) with early stop. A committee without hostile seats comes
// last. Keys are quotients of integers below 2^20: as doubles they order, and tie, exactly.
// Hot: a few updates per round.

/** Key of a committee without hostile seats. */
export const NO_HOSTILE = 2;

export interface Tournament {
  /** Index of the first leaf; leaves and nodes hold the least key below them. Node 1 is the root. */
  readonly base: number;
  readonly keys: Float64Array;
}

export function createTournament(count: number): Tournament {
  let base = 1;
  while (base < count) base *= 2;
  return { base, keys: new Float64Array(base * 2).fill(NO_HOSTILE) };
}

export function setKey(keys: Float64Array, base: number, index: number, key: number): void {
  let at = base + index;
  if (keys[at] === key) return;
  keys[at] = key;
  for (at >>= 1; at >= 1; at >>= 1) {
    const left = keys[at * 2]!;
    const right = keys[at * 2 + 1]!;
    const least = Math.min(left, right);
    if (keys[at] === least) return;
    keys[at] = least;
  }
}

/** The committee with the lowest key, lowest number on ties. */
export function lowest(keys: Float64Array, base: number): number {
  const key = keys[1]!;
  let at = 1;
  while (at < base) {
    at *= 2;
    if (keys[at] !== key) at++;
  }
  return at - base;
}

export function keyOf(hostile: number, size: number): number {
  return hostile > 0 ? hostile / size : NO_HOSTILE;
}
