// Taproot's trees and output keys: leaf, branch and tweak hashes, and the control block that proves
// a leaf. Rule: BIP341.
import { type Bytes, compareBytes, concatBytes } from "../../base/bytes.ts";
import { compactSizeBytes, writeCompactSize } from "../../base/reader.ts";
import { sha256, taggedHash } from "../../crypto/hash.ts";
import { checkTaprootTweak } from "../../crypto/secp256k1.ts";

/** First byte of an annex. */
export const ANNEX_TAG = 0x50;
export const LEAF_MASK = 0xfe;
/** The leaf version of BIP342. */
export const LEAF_TAPSCRIPT = 0xc0;

const CONTROL_BASE_BYTES = 33;
const CONTROL_NODE_BYTES = 32;
const CONTROL_NODES_MAX = 128;

const ENCODER: TextEncoder = new TextEncoder();

/** The 64 bytes that open the message of a tagged hash (BIP340). */
export function tagPrefix(tag: string): Bytes {
  const hash = sha256(ENCODER.encode(tag));
  return concatBytes(hash, hash);
}

/** `bytes` with its length before it. */
function withLength(bytes: Bytes): Bytes {
  const head = new Uint8Array(compactSizeBytes(bytes.length));
  writeCompactSize(head, 0, bytes.length);
  return concatBytes(head, bytes);
}

export function leafHash(leafVersion: number, script: Bytes): Bytes {
  return taggedHash("TapLeaf", new Uint8Array([leafVersion]), withLength(script));
}

/** Of two children in any order. */
export function branchHash(a: Bytes, b: Bytes): Bytes {
  return compareBytes(a, b) < 0 ? taggedHash("TapBranch", a, b) : taggedHash("TapBranch", b, a);
}

/** `root` null: no tree, the key path is the only one. */
export function tweakHash(internalKey: Bytes, root: Bytes | null): Bytes {
  return root === null
    ? taggedHash("TapTweak", internalKey)
    : taggedHash("TapTweak", internalKey, root);
}

/** What signatures commit to of an annex. */
export function annexHash(annex: Bytes): Bytes {
  return sha256(withLength(annex));
}

export function isControlSize(bytes: number): boolean {
  const nodes = (bytes - CONTROL_BASE_BYTES) / CONTROL_NODE_BYTES;
  return Number.isInteger(nodes) && nodes >= 0 && nodes <= CONTROL_NODES_MAX;
}

/** The root that a control block of right size gives for a leaf. */
export function controlRoot(control: Bytes, leaf: Bytes): Bytes {
  let node = leaf;
  for (let at = CONTROL_BASE_BYTES; at < control.length; at += CONTROL_NODE_BYTES) {
    node = branchHash(node, control.subarray(at, at + CONTROL_NODE_BYTES));
  }
  return node;
}

/** True when a control block of right size proves that `leaf` is in the tree of `outputKey`. */
export function provesLeaf(control: Bytes, outputKey: Bytes, leaf: Bytes): boolean {
  const internalKey = control.subarray(1, CONTROL_BASE_BYTES);
  const tweak = tweakHash(internalKey, controlRoot(control, leaf));
  const parity = (control[0]! & 1) === 1 ? 1 : 0;
  return checkTaprootTweak(internalKey, tweak, outputKey, parity);
}
