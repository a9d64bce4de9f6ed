// Taproot's trees and output keys: leaf, branch and tweak hashes, and the control block that proves
// a leaf. Rule: BIP341.
import { type Bytes, compareBytes, concatBytes } from "../../base/bytes.ts";
import { compactSizeBytes, writeCompactSize } from "../../base/reader.ts";
import { sha256, taggedHash } from "../../crypto/hash.ts";

/** First byte of an annex. */
export const ANNEX_TAG = 0x50;
export const LEAF_MASK = 0xfe;
/** The leaf version of BIP342. */
export const LEAF_TAPSCRIPT = 0xc0;

const CONTROL_BASE_BYTES = 33;
const CONTROL_NODE_BYTES = 32;
const CONTROL_NODES_MAX = 128;

/** The 64 bytes that open the message of a tagged hash (BIP340). */
export function tagPrefix(tag: string): Bytes {
  const hash = sha256(new TextEncoder().encode(tag));
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
function controlRoot(control: Bytes, leaf: Bytes): Bytes {
  let node = leaf;
  for (let at = CONTROL_BASE_BYTES; at < control.length; at += CONTROL_NODE_BYTES) {
    node = branchHash(node, control.subarray(at, at + CONTROL_NODE_BYTES));
  }
  return node;
}

/** The tweak that an output key must have for a control block of right size to prove `leaf`. */
export function controlTweak(control: Bytes, leaf: Bytes): Bytes {
  return tweakHash(controlKey(control), controlRoot(control, leaf));
}

/** The internal key that a control block of right size names. */
export function controlKey(control: Bytes): Bytes {
  return control.subarray(1, CONTROL_BASE_BYTES);
}
