// Deterministic random numbers: one stream per seed and concern, so that a change in what one
// concern draws never moves another. Integers only; a probability becomes a bound on a u32.

/** A 32-bit mix of an integer (splitmix32's finalizer). */
function mix32(value: number): number {
  let x = (value + 0x9e3779b9) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/** One stream of random numbers (sfc32). */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: number, concern: string) {
    let state = mix32(seed >>> 0) ^ mix32(Math.floor(seed / 0x1_0000_0000));
    for (let at = 0; at < concern.length; at++) state = mix32(state ^ concern.charCodeAt(at));
    this.a = mix32(state);
    this.b = mix32(this.a ^ 0x5bd1e995);
    this.c = mix32(this.b ^ 0x1b873593);
    for (let round = 0; round < 12; round++) this.u32();
  }

  /** A uniform integer of 0 … 2^32 - 1. */
  u32(): number {
    const { a, b, c } = this;
    const t = (((a + b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = b ^ (b >>> 9);
    this.b = (c + (c << 3)) | 0;
    this.c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  }

  /** A uniform integer of 0 … count - 1. */
  below(count: number): number {
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % count);
    let draw = this.u32();
    while (draw >= limit) draw = this.u32();
    return draw % count;
  }

  /** True with a probability given as a bound: see `bound`. */
  hits(limit: number): boolean {
    return this.u32() < limit;
  }
}

/** The bound on a u32 that stands for a probability. */
export function bound(probability: number): number {
  return Math.round(probability * 0x1_0000_0000);
}
