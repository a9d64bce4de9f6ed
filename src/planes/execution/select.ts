// What goes into a block when space is scarce: packages by fee rate. A transaction is taken together
// with the ancestors that are not in yet, best fee rate of such a package first; taking one lowers
// what its descendants still have to bring. The result is in an order that parents precede children.
import { BinaryHeap } from "../../base/binary-heap.ts";

/** The whole graph in columns; `parents[i]` are indexes of unconfirmed parents. */
export interface FeeGraph {
  readonly fees: readonly number[];
  readonly weights: readonly number[];
  readonly sigops: readonly number[];
  readonly parents: readonly (readonly number[])[];
}

export interface SelectLimits {
  readonly weightMax: number;
  readonly sigopsMax: number;
  /** Packages below this fee per weight unit are left out. */
  readonly feePerWeightMin: number;
}

export interface Selected {
  /** Indexes in block order. */
  readonly order: readonly number[];
  readonly fees: number;
  readonly weight: number;
  readonly sigops: number;
}

/** Packages that no longer fit are skipped this often before the block counts as full. */
const MISSES_MAX = 1_000;

interface Package {
  fee: number;
  weight: number;
  sigops: number;
}

/** Chooses a block of greatest fees, greedily by package. */
export function selectByFee(graph: FeeGraph, limits: SelectLimits): Selected {
  const count = graph.fees.length;
  const children = childrenOf(graph);
  const taken = new Uint8Array(count);
  const packages = Array.from({ length: count }, (_, index) => packageOf(graph, taken, index));
  const heap = new BinaryHeap<{ index: number; rate: number }>();
  const push = (index: number): void => {
    const rate = packages[index]!.fee / packages[index]!.weight;
    heap.push(-rate, { index, rate });
  };
  for (let index = 0; index < count; index++) push(index);
  const order: number[] = [];
  const total: Package = { fee: 0, weight: 0, sigops: 0 };
  let misses = 0;
  for (let next = heap.pop(); next !== null && misses < MISSES_MAX; next = heap.pop()) {
    const { index, rate } = next;
    const found = packages[index]!;
    // An entry from before its ancestors were taken is out of date: a newer one is in the heap.
    if (taken[index] === 1 || rate !== found.fee / found.weight) continue;
    if (rate < limits.feePerWeightMin) break;
    const fits =
      total.weight + found.weight <= limits.weightMax &&
      total.sigops + found.sigops <= limits.sigopsMax;
    if (!fits) {
      misses++;
      continue;
    }
    for (const member of membersOf(graph, taken, index)) {
      taken[member] = 1;
      order.push(member);
      total.fee += graph.fees[member]!;
      total.weight += graph.weights[member]!;
      total.sigops += graph.sigops[member]!;
      lighten(graph, children, packages, taken, member, push);
    }
  }
  return { order, fees: total.fee, weight: total.weight, sigops: total.sigops };
}

function childrenOf({ parents }: FeeGraph): number[][] {
  const children: number[][] = parents.map(() => []);
  for (let index = 0; index < parents.length; index++) {
    for (const parent of parents[index]!) children[parent]!.push(index);
  }
  return children;
}

/** A transaction and its ancestors that are not taken, parents first. */
function membersOf({ parents }: FeeGraph, taken: Uint8Array, index: number): number[] {
  const members: number[] = [];
  const seen = new Set<number>([index]);
  // Depth first, without recursion: a node is put out when all its parents are.
  const stack: [number, number][] = [[index, 0]];
  while (stack.length > 0) {
    const top = stack[stack.length - 1]!;
    const parent = parents[top[0]]![top[1]++];
    if (parent === undefined) {
      members.push(top[0]);
      stack.pop();
    } else if (taken[parent] === 0 && !seen.has(parent)) {
      seen.add(parent);
      stack.push([parent, 0]);
    }
  }
  return members;
}

function packageOf(graph: FeeGraph, taken: Uint8Array, index: number): Package {
  const sum: Package = { fee: 0, weight: 0, sigops: 0 };
  for (const member of membersOf(graph, taken, index)) {
    sum.fee += graph.fees[member]!;
    sum.weight += graph.weights[member]!;
    sum.sigops += graph.sigops[member]!;
  }
  return sum;
}

/** `member` is in: its descendants no longer have to bring it. */
function lighten(
  graph: FeeGraph,
  children: readonly (readonly number[])[],
  packages: readonly Package[],
  taken: Uint8Array,
  member: number,
  push: (index: number) => void,
): void {
  const seen = new Set<number>([member]);
  const queue = [member];
  for (let at = 0; at < queue.length; at++) {
    for (const child of children[queue[at]!]!) {
      if (seen.has(child)) continue;
      seen.add(child);
      queue.push(child);
      const found = packages[child]!;
      found.fee -= graph.fees[member]!;
      found.weight -= graph.weights[member]!;
      found.sigops -= graph.sigops[member]!;
      if (taken[child] === 0) push(child);
    }
  }
}
