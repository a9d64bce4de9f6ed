// Seeded random numbers for simulated worlds: one independent stream per name, so that a new use of
// one stream does not change what the others draw. sfc32 over integers: the same on every machine.

export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter: number;

  constructor(seed: number, name: string) {
    let hash = 0x811c9dc5;
    for (let at = 0; at < name.length; at++) {
      hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
    }
    this.a = seed | 0;
    this.b = Math.floor(seed / 0x1_0000_0000) | 0;
    this.c = hash;
    this.counter = 1;
    for (let round = 0; round < 15; round++) this.next();
  }

  /** 32 random bits. */
  next(): number {
    const value = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + value;
    return value >>> 0;
  }

  /** 0 … 1, without 1. */
  fraction(): number {
    return this.next() / 0x1_0000_0000;
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** A whole number of [0, count). */
  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  /** A whole number of [least, most]. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** About exponential with this mean, by whole halvings and a linear rest: no logarithm involved. */
  exponential(mean: number): number {
    const bits = this.next();
    const halvings = Math.clz32(bits);
    return mean * 0.6931471805599453 * (halvings + this.fraction());
  }

  /** 64 hex digits. */
  hex64(): string {
    let text = "";
    for (let word = 0; word < 8; word++) text += this.next().toString(16).padStart(8, "0");
    return text;
  }

  shuffle<T>(items: T[]): T[] {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      const kept = items[last]!;
      items[last] = items[other]!;
      items[other] = kept;
    }
    return items;
  }
}
