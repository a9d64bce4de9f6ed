// Bitcoin's Merkle tree: double SHA-256 of pairs, the last node of an odd level paired with itself.
// Segments are subtrees of 2^level leaves; the roots of all segments, folded by merkleRoot, give the
// root of the whole. Hashing runs on lanes; merkle-plain.ts is the same without, for comparison.
import { assert } from "../base/assert.ts";
import type { Bytes } from "../base/bytes.ts";
import { hash64Lanes } from "./hash-lanes.ts";

export interface MerkleResult {
  readonly root: Bytes;
  /**
   * CVE-2012-2459: two equal nodes side by side, so that a shorter list of leaves has the same root.
   * As in Bitcoin Core's ComputeMerkleRoot; such a block is refused without marking its hash bad.
   */
  readonly mutated: boolean;
}

/** A level of the tree, shrinking in place. */
interface Level {
  readonly nodes: Bytes;
  readonly words: Int32Array;
  count: number;
  mutated: boolean;
}

function levelOf(hashes: Bytes, count: number): Level {
  assert(hashes.length >= count * 32, "32 bytes for each leaf");
  const nodes = new Uint8Array((count + 1) * 32);
  nodes.set(hashes.subarray(0, count * 32));
  return { nodes, words: new Int32Array(nodes.buffer), count, mutated: false };
}

function hasEqualPair(words: Int32Array, count: number): boolean {
  for (let pair = 0; pair + 16 <= count * 8; pair += 16) {
    let word = 0;
    while (word < 8 && words[pair + word] === words[pair + word + 8]) word++;
    if (word === 8) return true;
  }
  return false;
}

/** Replaces a level of at least one node by the one above. */
function raise(level: Level): void {
  const { nodes, words, count } = level;
  level.mutated ||= hasEqualPair(words, count);
  if (count % 2 === 1) nodes.copyWithin(count * 32, (count - 1) * 32, count * 32);
  level.count = (count + 1) >>> 1;
  hash64Lanes(nodes, nodes, level.count);
}

/** Root of `count` hashes of 32 bytes each; of none, zero. Also folds segment roots. */
export function merkleRoot(hashes: Bytes, count: number): MerkleResult {
  const level = levelOf(hashes, count);
  while (level.count > 1) raise(level);
  return { root: level.nodes.slice(0, 32), mutated: level.mutated };
}

/**
 * Roots of all segments of 2^segmentBits leaves: the nodes of the whole tree at that level. A tree
 * that fits in one segment gives its own root, not raised.
 */
export function segmentRoots(
  hashes: Bytes,
  count: number,
  segmentBits: number,
): { readonly roots: Bytes; readonly mutated: boolean } {
  const level = levelOf(hashes, count);
  for (let bits = 0; bits < segmentBits && level.count > 1; bits++) raise(level);
  return { roots: level.nodes.slice(0, level.count * 32), mutated: level.mutated };
}

/**
 * Root of one segment of 1 … 2^segmentBits leaves. A short one, which only the last of several may
 * be, is raised to the level of the others by hashing its node with itself; the only one is not.
 */
export function segmentRoot(
  hashes: Bytes,
  count: number,
  segmentBits: number,
  isOnly: boolean,
): MerkleResult {
  assert(count >= 1 && count <= 2 ** segmentBits, "1 to 2^segmentBits leaves");
  const level = levelOf(hashes, count);
  for (let bits = 0; bits < segmentBits && !(isOnly && level.count === 1); bits++) raise(level);
  return { root: level.nodes.slice(0, 32), mutated: level.mutated };
}

/** The hashes that prove leaf `index`, lowest first, 32 bytes each. */
export function merkleBranch(hashes: Bytes, count: number, index: number): Bytes {
  assert(index >= 0 && index < count, "a leaf of the tree");
  const level = levelOf(hashes, count);
  const branch: Bytes[] = [];
  for (let at = index; level.count > 1; at >>>= 1) {
    const sibling = Math.min(at ^ 1, level.count - 1);
    branch.push(level.nodes.slice(sibling * 32, sibling * 32 + 32));
    raise(level);
  }
  const bytes = new Uint8Array(branch.length * 32);
  branch.forEach((hash, at) => {
    bytes.set(hash, at * 32);
  });
  return bytes;
}

/** The root that `leaf` at `index` has with this branch; the caller compares it. */
export function foldBranch(leaf: Bytes, index: number, branch: Bytes): Bytes {
  const pair = new Uint8Array(64);
  pair.set(leaf);
  let position = index;
  for (let at = 0; at < branch.length; at += 32) {
    const sibling = branch.subarray(at, at + 32);
    if (position % 2 === 1) {
      pair.copyWithin(32, 0, 32);
      pair.set(sibling);
    } else pair.set(sibling, 32);
    hash64Lanes(pair, pair, 1);
    position = Math.floor(position / 2);
  }
  return pair.slice(0, 32);
}
