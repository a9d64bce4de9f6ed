// Merkle trees in the shape of RFC 6962: the left part is the largest power of two below the length,
// nothing is duplicated, leaves are prefixed 0x00 and nodes 0x01, so neither passes as the other.
import { type Bytes, bytesEqual, concatBytes } from "../base/bytes.ts";
import { sha256 } from "../crypto/hash.ts";

const LEAF = new Uint8Array([0]);

/** SHA-256(0x00 ‖ data). */
export function leafHash(data: Bytes): Bytes {
  return sha256(concatBytes(LEAF, data));
}

const scratch = new Uint8Array(65);
scratch[0] = 1;

function nodeHash(left: Bytes, right: Bytes): Bytes {
  scratch.set(left, 1);
  scratch.set(right, 33);
  return sha256(scratch);
}

/** Packed hashes of one level above `level`; an odd last hash moves up as it is. */
function levelAbove(level: Bytes): Bytes {
  const count = level.length / 32;
  const above = new Uint8Array(Math.ceil(count / 2) * 32);
  for (let at = 0; at + 1 < count; at += 2) {
    const from = at * 32;
    const node = nodeHash(level.subarray(from, from + 32), level.subarray(from + 32, from + 64));
    above.set(node, from / 2);
  }
  if (count % 2 === 1) above.set(level.subarray((count - 1) * 32), above.length - 32);
  return above;
}

/** The root over packed 32-byte leaf hashes; SHA-256 of nothing when there are none. */
export function treeRoot(leaves: Bytes): Bytes {
  if (leaves.length === 0) return sha256(new Uint8Array(0));
  let level = leaves;
  while (level.length > 32) level = levelAbove(level);
  return level.slice();
}

/** The hashes beside the way from leaf `index` to the root, from below. */
export function treeBranch(leaves: Bytes, index: number): Bytes[] {
  const branch: Bytes[] = [];
  let level = leaves;
  let at = index;
  while (level.length > 32) {
    const beside = at ^ 1;
    if (beside * 32 < level.length) branch.push(level.slice(beside * 32, beside * 32 + 32));
    level = levelAbove(level);
    at >>= 1;
  }
  return branch;
}

/** The root that a leaf hash and its branch lead to in a tree of `count` leaves, or null. */
export function branchRoot(
  leaf: Bytes,
  index: number,
  count: number,
  branch: readonly Bytes[],
): Bytes | null {
  if (!(Number.isInteger(index) && index >= 0 && index < count)) return null;
  let hash = leaf;
  let at = index;
  let width = count;
  let used = 0;
  while (width > 1) {
    if ((at ^ 1) < width) {
      const beside = branch[used++];
      if (beside === undefined || beside.length !== 32) return null;
      hash = at % 2 === 0 ? nodeHash(hash, beside) : nodeHash(beside, hash);
    }
    at = Math.floor(at / 2);
    width = Math.ceil(width / 2);
  }
  return used === branch.length ? hash : null;
}

/** True when the branch leads from the leaf to `root`. */
export function verifyBranch(
  root: Bytes,
  leaf: Bytes,
  index: number,
  count: number,
  branch: readonly Bytes[],
): boolean {
  const reached = branchRoot(leaf, index, count, branch);
  return reached !== null && bytesEqual(reached, root);
}
