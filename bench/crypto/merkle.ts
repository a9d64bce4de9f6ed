// `bench merkle`: nanoseconds a leaf of Bitcoin's Merkle tree on one core: on lanes, on the same
// kernel one node at a time, and on node:crypto.
import { hash } from "node:crypto";
import type { Bytes } from "../../src/base/bytes.ts";
import { hash64Scalar } from "../../src/crypto/hash-lanes.ts";
import { merkleRoot } from "../../src/crypto/merkle.ts";
import { nanosecondsPer, noise, rounded } from "../measure.ts";

type HashNodes = (input: Bytes, output: Bytes, count: number) => void;

function hashNodesNative(input: Bytes, output: Bytes, count: number): void {
  for (let node = 0; node < count; node++) {
    const inner = hash("sha256", input.subarray(node * 64, node * 64 + 64), "buffer");
    output.set(hash("sha256", inner, "buffer"), node * 32);
  }
}

/** The root of a power of two of leaves, hashed level by level with `hashNodes`. */
function root(leaves: Bytes, hashNodes: HashNodes): Bytes {
  const level = leaves.slice();
  for (let count = leaves.length / 64; count >= 1; count /= 2) hashNodes(level, level, count);
  return level.slice(0, 32);
}

/** `quick`: a sixteenth of the tree, few rounds. */
export async function run(options: { quick: boolean }): Promise<Record<string, number | string>> {
  const count = options.quick ? 4096 : 65_536;
  const rounds = options.quick ? 3 : 15;
  const leaves = noise(count * 32);
  const fast = merkleRoot(leaves, count).root;
  for (const hashNodes of [hash64Scalar, hashNodesNative]) {
    if (!fast.every((byte, at) => byte === root(leaves, hashNodes)[at])) {
      throw new Error("the trees differ");
    }
  }
  return {
    leaves: count,
    nsPerLeaf: rounded(nanosecondsPer(count, rounds, () => merkleRoot(leaves, count))),
    nsPerLeafScalar: rounded(nanosecondsPer(count, 3, () => root(leaves, hash64Scalar))),
    nsPerLeafNodeCrypto: rounded(nanosecondsPer(count, 3, () => root(leaves, hashNodesNative))),
  };
}
