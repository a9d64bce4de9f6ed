// What admission's world draws from its streams of random numbers: fractions, delays, ids. No floating
// function that differs between machines is used.
import { Random } from "./random.ts";

export class Draws extends Random {
  /** 0 … 1, without 1. */
  fraction(): number {
    return this.u32() / 0x1_0000_0000;
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** A whole number of [least, most]. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** About exponential with this mean, by whole halvings and a linear rest; no logarithm, which differs between machines. */
  exponential(mean: number): number {
    const bits = this.u32();
    const halvings = Math.clz32(bits);
    return (mean * (halvings + this.fraction())) / 1.5;
  }

  /** 32 random bytes, two in each unit. */
  id(): string {
    let text = "";
    for (let word = 0; word < 8; word++) {
      const bits = this.u32();
      text += String.fromCharCode(bits >>> 16, bits & 0xffff);
    }
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
