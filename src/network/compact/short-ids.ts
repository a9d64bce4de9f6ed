// BIP152: short ids are the low 48 bits of SipHash-2-4 over the wtxid, keyed by the block's header
// and the sender's nonce, so that nobody can prepare collisions.
import { type Bytes, concatBytes } from "../../base/bytes.ts";
import { sha256 } from "../../crypto/hash.ts";
import { siphash24Hash32Into } from "../../crypto/siphash.ts";

export const SHORT_ID_BYTES = 6;

export interface ShortIdKey {
  readonly words: Uint32Array;
  readonly out: Uint32Array;
}

export function shortIdKey(header: Bytes, nonce: Bytes): ShortIdKey {
  const digest = sha256(concatBytes(header, nonce));
  const words = new Uint32Array(4);
  const view = new DataView(digest.buffer, digest.byteOffset);
  for (let word = 0; word < 4; word++) words[word] = view.getUint32(word * 4, true);
  return { words, out: new Uint32Array(2) };
}

/** The short id as a number below 2^48. */
export function shortId(key: ShortIdKey, wtxid: Bytes): number {
  siphash24Hash32Into(key.words, wtxid, 0, key.out);
  return (key.out[1]! & 0xffff) * 0x1_0000_0000 + key.out[0]!;
}

/** Reads short id `index` of a list. */
export function readShortId(list: Bytes, index: number): number {
  let value = 0;
  for (let byte = SHORT_ID_BYTES - 1; byte >= 0; byte--) {
    value = value * 256 + list[index * SHORT_ID_BYTES + byte]!;
  }
  return value;
}

export function writeShortId(list: Bytes, index: number, value: number): void {
  let rest = value;
  for (let byte = 0; byte < SHORT_ID_BYTES; byte++) {
    list[index * SHORT_ID_BYTES + byte] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}
