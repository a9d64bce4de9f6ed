// The Merkle root as its definition reads, on node:crypto: what the fast one is compared with, in
// tests and benches only.
import { createHash } from "node:crypto";
import { type Bytes, bytesEqual, concatBytes } from "../base/bytes.ts";
import type { MerkleResult } from "./merkle.ts";

function hashTwice(bytes: Bytes): Bytes {
  const inner = createHash("sha256").update(bytes).digest();
  return new Uint8Array(createHash("sha256").update(inner).digest());
}

/** All levels of the tree, the leaves first, and whether any level has an equal pair. */
export function plainLevels(leaves: readonly Bytes[]): { levels: Bytes[][]; mutated: boolean } {
  const levels = [[...leaves]];
  let mutated = false;
  for (let level = levels[0]!; level.length > 1; level = levels.at(-1)!) {
    const above: Bytes[] = [];
    for (let at = 0; at < level.length; at += 2) {
      const left = level[at]!;
      const right = level[at + 1];
      if (right !== undefined && bytesEqual(left, right)) mutated = true;
      above.push(hashTwice(concatBytes(left, right ?? left)));
    }
    levels.push(above);
  }
  return { levels, mutated };
}

/** The root of `leaves`. */
export function plainMerkleRoot(leaves: readonly Bytes[]): MerkleResult {
  if (leaves.length === 0) return { root: new Uint8Array(32), mutated: false };
  const { levels, mutated } = plainLevels(leaves);
  return { root: levels.at(-1)![0]!, mutated };
}
