// Does a replacement make the mempool better for who builds blocks? The fees that the affected
// clusters give for the first so many bytes, in their best order, must nowhere be less than before and
// somewhere more (the feerate diagram of Bitcoin Core 31's ImprovesFeerateDiagram). The order is found
// by taking the best set of ancestors again and again, which is not always the very best.

/** A transaction of the graph. */
export interface FeeNode {
  readonly fee: number;
  readonly size: number;
  /** Places of its parents in the list. */
  readonly parents: readonly number[];
}

interface Chunk {
  fee: number;
  size: number;
}

/** What `taken` leaves of a node's ancestors, itself included. */
function ancestorsOf(nodes: readonly FeeNode[], start: number, taken: Uint8Array): Set<number> {
  const found = new Set<number>([start]);
  for (const at of found) {
    for (const parent of nodes[at]!.parents) if (taken[parent] === 0) found.add(parent);
  }
  return found;
}

/** The pieces in which a graph is mined, the best first. */
export function chunksOf(nodes: readonly FeeNode[]): readonly Chunk[] {
  const taken = new Uint8Array(nodes.length);
  const chunks: Chunk[] = [];
  for (let left = nodes.length; left > 0; ) {
    let best: Set<number> = new Set();
    let [fee, size] = [0, 0];
    for (let at = 0; at < nodes.length; at++) {
      if (taken[at] === 1) continue;
      const ancestors = ancestorsOf(nodes, at, taken);
      let own: Chunk = { fee: 0, size: 0 };
      for (const one of ancestors) {
        own = { fee: own.fee + nodes[one]!.fee, size: own.size + nodes[one]!.size };
      }
      if (best.size > 0 && own.fee * size <= fee * own.size) continue;
      best = ancestors;
      ({ fee, size } = own);
    }
    for (const one of best) taken[one] = 1;
    left -= best.size;
    chunks.push({ fee, size });
    merge(chunks);
  }
  return chunks;
}

/** A piece that is better than the one before it is mined with it. */
function merge(chunks: Chunk[]): void {
  for (let last = chunks.at(-1)!, before = chunks.at(-2); before !== undefined; ) {
    if (last.fee * before.size <= before.fee * last.size) return;
    chunks.pop();
    before.fee += last.fee;
    before.size += last.size;
    last = before;
    before = chunks.at(-2);
  }
}

/** True when `after` gives nowhere less than `before` and somewhere more. */
export function improves(before: readonly Chunk[], after: readonly Chunk[]): boolean {
  const old = pointsOf(before);
  const fresh = pointsOf(after);
  let isMore = false;
  for (const { size } of [...old, ...fresh]) {
    const difference = feesAt(fresh, size) - feesAt(old, size);
    // Points lie on lines between whole numbers: what is less than a unit is rounding.
    if (difference < -1e-6) return false;
    if (difference > 1e-6) isMore = true;
  }
  return isMore;
}

/** Sums of fees and sizes, the best pieces first. */
function pointsOf(chunks: readonly Chunk[]): Chunk[] {
  const sorted = [...chunks].sort((a, b) => b.fee * a.size - a.fee * b.size);
  const points: Chunk[] = [{ fee: 0, size: 0 }];
  for (const { fee, size } of sorted) {
    const last = points.at(-1)!;
    points.push({ fee: last.fee + fee, size: last.size + size });
  }
  return points;
}

function feesAt(points: readonly Chunk[], size: number): number {
  let before = points[0]!;
  for (const point of points) {
    if (point.size >= size) {
      if (point.size === before.size) return point.fee;
      const share = (size - before.size) / (point.size - before.size);
      return before.fee + share * (point.fee - before.fee);
    }
    before = point;
  }
  return before.fee;
}
