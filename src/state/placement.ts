// Which partition owns a transaction: SipHash-2-4 of the txid under the node's private 128-bit salt,
// the top bits of which name a leaf of the prefix tree (64 virtual partitions of depth 6 at the
// start). The salt is never exported, so nobody outside can aim at one partition. Source: state.md 2.
import type { Bytes } from "../base/bytes.ts";
import { siphash24Into } from "../crypto/siphash.ts";

/** Virtual partitions of a new node: leaves of depth 6. */
export const LEAF_BITS = 6;
export const SALT_BYTES = 16;

export class Placement {
  readonly #key = new Uint32Array(4);
  readonly #hash = new Uint32Array(2);
  readonly partitionCount: number;

  /** `salt`: 16 bytes; `partitionCount`: 1 … 64 owners of the 64 leaves. */
  constructor(salt: Bytes, partitionCount: number) {
    const view = new DataView(salt.buffer, salt.byteOffset, SALT_BYTES);
    for (let word = 0; word < 4; word++) this.#key[word] = view.getUint32(word * 4, true);
    this.partitionCount = partitionCount;
  }

  /** Hashes `bytes[at, at+32)`; `low` and `high` then hold the keyed 64-bit hash. */
  hash(bytes: Bytes, at: number): void {
    siphash24Into(this.#key, bytes, at, 32, this.#hash);
  }

  get low(): number {
    return this.#hash[0]!;
  }

  get high(): number {
    return this.#hash[1]!;
  }

  /** The partition that owns the last hashed txid. */
  get partition(): number {
    return partitionOf(this.#hash[1]!, this.partitionCount);
  }
}

/** Owner of the leaf that the high half of the keyed hash names: contiguous leaves share an owner. */
export function partitionOf(hashHigh: number, partitionCount: number): number {
  return ((hashHigh >>> (32 - LEAF_BITS)) * partitionCount) >>> LEAF_BITS;
}
