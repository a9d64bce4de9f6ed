// Segment roots are the nodes of the Merkle trees at level n, so they need no field of their own: a
// receiver folds the announced list to the header's root once, then judges each segment alone.
import { type Bytes, concatBytes } from "../../../base/bytes.ts";
import { hash256 } from "../../../crypto/hash.ts";

function fold(level: readonly Bytes[]): Bytes[] {
  const above: Bytes[] = [];
  for (let at = 0; at < level.length; at += 2) {
    above.push(hash256(concatBytes(level[at]!, level[at + 1] ?? level[at]!)));
  }
  return above;
}

/** Bitcoin's Merkle root over at least one hash: double SHA-256, a last odd one doubled. */
export function merkleRoot(hashes: readonly Bytes[]): Bytes {
  let level: readonly Bytes[] = hashes;
  while (level.length > 1) level = fold(level);
  return level[0]!;
}

/**
 * The roots of segments of 2^bits hashes. The last, shorter one is raised to the same level by
 * hashing a lone node with itself, unless it is the only one: then its root is the root.
 */
export function segmentRoots(hashes: readonly Bytes[], bits: number): Bytes[] {
  const size = 2 ** bits;
  if (hashes.length <= size) return [merkleRoot(hashes)];
  const roots: Bytes[] = [];
  for (let from = 0; from < hashes.length; from += size) {
    let level: readonly Bytes[] = hashes.slice(from, from + size);
    for (let height = 0; height < bits; height++) level = fold(level);
    roots.push(level[0]!);
  }
  return roots;
}

/** The root that a list of segment roots folds to. */
export function foldSegments(roots: readonly Bytes[]): Bytes {
  return merkleRoot(roots);
}
