// The order-free digest of a space (ports/store.ts): a sum of hashes, so that entries may come in
// any order and from any engine.
import { type Bytes, toHex, writeU32 } from "../base/bytes.ts";
import { sha256 } from "../crypto/hash.ts";
import type { Digest } from "../ports/store.ts";

export class DigestSum {
  readonly #lanes = new Uint32Array(8);
  #count = 0;
  #bytes = 0;

  add(key: Bytes, value: Bytes): void {
    const input = new Uint8Array(1 + key.length + value.length);
    input[0] = key.length;
    input.set(key, 1);
    input.set(value, 1 + key.length);
    const hash = sha256(input);
    const words = new DataView(hash.buffer, hash.byteOffset, 32);
    for (let lane = 0; lane < 8; lane++) {
      this.#lanes[lane] = this.#lanes[lane]! + words.getUint32(lane * 4, true);
    }
    this.#count += 1;
    this.#bytes += key.length + value.length;
  }

  result(): Digest {
    const sum = new Uint8Array(32);
    for (let lane = 0; lane < 8; lane++) writeU32(sum, lane * 4, this.#lanes[lane]!);
    return { count: this.#count, bytes: this.#bytes, hash: toHex(sum) };
  }
}
