// Does a replacement make the mempool better for who builds blocks? The fees that the affected
// clusters give for the first so many bytes, in their best order, must nowhere be less than before and
// somewhere more (the feerate diagram of Bitcoin Core 31: ImprovesFeerateDiagram, CompareChunks). The
// best order is found exactly: a graph is cut where a part of it with all its ancestors pays more than
// the whole (a closure of greatest weight, by a minimum cut) until no such part is left.

/** A transaction of the graph. */
export interface FeeNode {
  readonly fee: number;
  readonly size: number;
  /** Places of its parents in the list. */
  readonly parents: readonly number[];
}

export interface Chunk {
  readonly fee: number;
  readonly size: number;
}

/** Sign of a·b − c·d, exact. */
function compareProducts(a: number, b: number, c: number, d: number): number {
  const left = a * b;
  const right = c * d;
  if (Math.abs(left) <= Number.MAX_SAFE_INTEGER && Math.abs(right) <= Number.MAX_SAFE_INTEGER) {
    return left - right;
  }
  const difference = BigInt(a) * BigInt(b) - BigInt(c) * BigInt(d);
  return difference > 0n ? 1 : difference < 0n ? -1 : 0;
}

/** Positive when `a` pays more for its size than `b`. */
export function compareRates(a: Chunk, b: Chunk): number {
  return compareProducts(a.fee, b.size, b.fee, a.size);
}

/** The pieces in which a graph is mined, the best first. */
export function chunksOf(nodes: readonly FeeNode[]): readonly Chunk[] {
  const chunks: Chunk[] = [];
  // The part that is cut next is on top.
  const parts = [nodes.map((_, place) => place)];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    if (part.length === 0) continue;
    const sum = sumOf(nodes, part);
    const best = part.length === 1 ? null : bestPart(nodes, part, sum);
    if (best === null) {
      chunks.push(sum);
      continue;
    }
    parts.push(
      part.filter((place) => !best.has(place)),
      [...best],
    );
  }
  return chunks;
}

function sumOf(nodes: readonly FeeNode[], places: Iterable<number>): Chunk {
  let [fee, size] = [0, 0];
  for (const place of places) {
    fee += nodes[place]!.fee;
    size += nodes[place]!.size;
  }
  return { fee, size };
}

/** All of `part` that is mined before the rest because it pays more than `sum`; null when nothing is. */
function bestPart(
  nodes: readonly FeeNode[],
  part: readonly number[],
  sum: Chunk,
): ReadonlySet<number> | null {
  const own = new Map(part.map((place, index) => [place, index]));
  const source = part.length;
  const network = new Network(part.length + 2);
  for (const [place, index] of own) {
    const { fee, size, parents } = nodes[place]!;
    // Exact below 2^53; beyond, all of a cluster paying hundreds of coins, the cut may miss the best.
    const weight = fee * sum.size - sum.fee * size;
    if (weight > 0) network.join(source, index, weight);
    else if (weight < 0) network.join(index, source + 1, -weight);
    for (const parent of parents) {
      const to = own.get(parent);
      if (to !== undefined) network.join(index, to, Number.POSITIVE_INFINITY);
    }
  }
  const reached = network.cut(source, source + 1);
  const best = new Set(part.filter((_, index) => reached[index]! >= 0));
  const isBetter = best.size > 0 && compareRates(sumOf(nodes, best), sum) > 0;
  return isBetter && best.size < part.length ? best : null;
}

/** Flow through a small graph: Dinic's algorithm. */
class Network {
  readonly #edgesOf: number[][];
  readonly #to: number[] = [];
  /** What an edge can still carry; its reverse is the next one, or the one before. */
  readonly #room: number[] = [];
  readonly #level: Int32Array;
  readonly #next: Int32Array;

  constructor(count: number) {
    this.#edgesOf = Array.from({ length: count }, () => []);
    this.#level = new Int32Array(count);
    this.#next = new Int32Array(count);
  }

  join(from: number, to: number, room: number): void {
    this.#edgesOf[from]!.push(this.#to.length);
    this.#edgesOf[to]!.push(this.#to.length + 1);
    this.#to.push(to, from);
    this.#room.push(room, 0);
  }

  /** Sends all it can; which nodes can then still be reached from `source` (not below 0). */
  cut(source: number, sink: number): Int32Array {
    while (this.#reach(source)[sink]! >= 0) {
      this.#next.fill(0);
      while (this.#send(source, sink, Number.POSITIVE_INFINITY) > 0);
    }
    return this.#level;
  }

  #reach(source: number): Int32Array {
    this.#level.fill(-1);
    this.#level[source] = 0;
    const queue = [source];
    for (const from of queue) {
      for (const edge of this.#edgesOf[from]!) {
        const to = this.#to[edge]!;
        if (this.#room[edge]! <= 0 || this.#level[to]! >= 0) continue;
        this.#level[to] = this.#level[from]! + 1;
        queue.push(to);
      }
    }
    return this.#level;
  }

  #send(from: number, sink: number, most: number): number {
    if (from === sink) return most;
    const edges = this.#edgesOf[from]!;
    for (; this.#next[from]! < edges.length; this.#next[from]!++) {
      const edge = edges[this.#next[from]!]!;
      const to = this.#to[edge]!;
      if (this.#room[edge]! <= 0 || this.#level[to] !== this.#level[from]! + 1) continue;
      const sent = this.#send(to, sink, Math.min(most, this.#room[edge]!));
      if (sent <= 0) continue;
      this.#room[edge]! -= sent;
      this.#room[edge ^ 1]! += sent;
      return sent;
    }
    return 0;
  }
}

/** True when `after` gives nowhere less than `before` and somewhere more. */
export function improves(before: readonly Chunk[], after: readonly Chunk[]): boolean {
  const old = pointsOf(before);
  const fresh = pointsOf(after);
  const gains = heightsAbove(fresh, old);
  const losses = heightsAbove(old, fresh);
  const isLess = gains.some((sign) => sign < 0) || losses.some((sign) => sign > 0);
  return !isLess && (gains.some((sign) => sign > 0) || losses.some((sign) => sign < 0));
}

/** Sums of fees and sizes, the best pieces first. */
function pointsOf(chunks: readonly Chunk[]): Chunk[] {
  const points: Chunk[] = [{ fee: 0, size: 0 }];
  for (const { fee, size } of [...chunks].sort((a, b) => compareRates(b, a))) {
    const last = points.at(-1)!;
    points.push({ fee: last.fee + fee, size: last.size + size });
  }
  return points;
}

/** For each point: is it above (positive) or below the line through `others`? That goes on level. */
function heightsAbove(points: readonly Chunk[], others: readonly Chunk[]): number[] {
  let at = 0;
  return points.map(({ fee, size }) => {
    while (at < others.length && others[at]!.size < size) at++;
    const end = others[at];
    if (end === undefined) return fee - others.at(-1)!.fee;
    if (end.size === size) return fee - end.fee;
    const start = others[at - 1]!;
    const [width, height] = [end.size - start.size, end.fee - start.fee];
    return compareProducts(fee - start.fee, width, height, size - start.size);
  });
}
