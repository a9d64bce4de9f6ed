// A binary heap: least first, equal ones in the order they came, so that a simulation that uses it
// repeats itself exactly.

interface Item<T> {
  readonly key: number;
  readonly order: number;
  readonly value: T;
}

export class BinaryHeap<T> {
  private readonly items: Item<T>[] = [];
  private pushed = 0;

  get size(): number {
    return this.items.length;
  }

  /** The least key, or null when empty. */
  peekKey(): number | null {
    return this.items[0]?.key ?? null;
  }

  push(key: number, value: T): void {
    const item = { key, order: this.pushed++, value };
    const { items } = this;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(item, items[parent]!)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  /** Removes and returns the value with the least key, or null when empty. */
  pop(): T | null {
    const { items } = this;
    const top = items[0];
    if (top === undefined) return null;
    const last = items.pop()!;
    if (items.length > 0) this.sink(last);
    return top.value;
  }

  clear(): void {
    this.items.length = 0;
  }

  private sink(item: Item<T>): void {
    const { items } = this;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) child++;
      if (!before(items[child]!, item)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = item;
  }
}

function before<T>(a: Item<T>, b: Item<T>): boolean {
  return a.key < b.key || (a.key === b.key && a.order < b.order);
}
