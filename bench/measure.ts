// Timing for benches: the median of several rounds, because other work on the machine only ever
// makes a round slower.

/** How long a task runs before it is timed, so that the engine has optimised it. */
const WARM_MS = 60;

/**
 * Nanoseconds of one operation of each task, which does `count` of them: medians over `rounds` in
 * which the tasks take turns, so that a busy moment falls on all alike.
 */
export function nanosecondsOfEach(
  count: number,
  rounds: number,
  tasks: readonly (() => void)[],
): number[] {
  const until = performance.now() + WARM_MS * tasks.length;
  do for (const task of tasks) task();
  while (performance.now() < until);
  const taken = tasks.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    tasks.forEach((task, at) => {
      const began = performance.now();
      task();
      taken[at]!.push(performance.now() - began);
    });
  }
  return taken.map((each) => (each.sort((a, b) => a - b)[rounds >> 1]! * 1e6) / count);
}

/** The same for one task. */
export function nanosecondsPer(count: number, rounds: number, task: () => void): number {
  return nanosecondsOfEach(count, rounds, [task])[0]!;
}

/** `value` with one digit behind the point. */
export function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Bytes that look random and are the same in every run. */
export function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state >>> 24;
  });
}

/** The middle one. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** `value` with three digits behind the point. */
export function fine(value: number): number {
  return Math.round(value * 1000) / 1000;
}
