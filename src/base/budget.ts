// A token bucket: so much per second, so much saved up.

export class Budget {
  readonly #perMs: number;
  readonly #most: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, most: number, now: number) {
    this.#perMs = perSecond / 1000;
    this.#most = most;
    this.#tokens = most;
    this.#at = now;
  }

  #refill(now: number): void {
    if (now <= this.#at) return;
    this.#tokens = Math.min(this.#most, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
  }

  /** True when something is left; what is taken may overdraw it once. */
  has(now: number): boolean {
    this.#refill(now);
    return this.#tokens > 0;
  }

  spend(count: number): void {
    this.#tokens -= count;
  }

  /** Takes up to `count` whole tokens and says how many. */
  take(count: number, now: number): number {
    this.#refill(now);
    const taken = Math.max(0, Math.min(count, Math.floor(this.#tokens)));
    this.#tokens -= taken;
    return taken;
  }

  grant(count: number): void {
    this.#tokens += count;
  }
}
