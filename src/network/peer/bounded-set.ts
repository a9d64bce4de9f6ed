// A set of texts that forgets the oldest half of what it holds when it is full: two generations, so
// that adding stays cheap.

export class BoundedSet {
  readonly #half: number;
  #young = new Set<string>();
  #old = new Set<string>();

  constructor(most: number) {
    this.#half = Math.max(1, Math.floor(most / 2));
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  has(text: string): boolean {
    return this.#young.has(text) || this.#old.has(text);
  }

  /** Adds it; false when it was there. */
  add(text: string): boolean {
    if (this.has(text)) return false;
    if (this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(text);
    return true;
  }

  delete(text: string): void {
    this.#young.delete(text);
    this.#old.delete(text);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
