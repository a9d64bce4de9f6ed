// SipHash-2-4 and SipHash-1-3 (Aumasson and Bernstein) with a 128-bit key, in 32-bit halves: no
// BigInt and no allocation. Keyed placement, short transaction ids and hash tables over peers' bytes.
// The key is four little-endian words, the result its low and high word.
import { type Bytes, readU32 } from "../base/bytes.ts";

/** The tail word: the last bytes and, in the top byte, the length. */
function tailLow(bytes: Bytes, at: number, left: number): number {
  let word = 0;
  for (let byte = 0; byte < Math.min(left, 4); byte++) word |= bytes[at + byte]! << (byte * 8);
  return word;
}

/**
 * Hot: one loop over the message words, the tail word and the finalisation, so that the round is
 * written once and all eight half words stay in registers. a, b, c, d are v0 to v3, h the high half.
 * Carries are computed, not branched on: nobody can predict them.
 */
function sip(
  compression: number,
  finalization: number,
  key: Uint32Array,
  bytes: Bytes,
  at: number,
  length: number,
  out: Uint32Array,
): void {
  let a = key[0]! ^ 0x70736575;
  let ah = key[1]! ^ 0x736f6d65;
  let b = key[2]! ^ 0x6e646f6d;
  let bh = key[3]! ^ 0x646f7261;
  let c = key[0]! ^ 0x6e657261;
  let ch = key[1]! ^ 0x6c796765;
  let d = key[2]! ^ 0x79746573;
  let dh = key[3]! ^ 0x74656462;
  const words = length >>> 3;
  for (let word = 0; word <= words + 1; word++) {
    const from = at + word * 8;
    let low = 0;
    let high = 0;
    let rounds = compression;
    if (word < words) {
      low = readU32(bytes, from) | 0;
      high = readU32(bytes, from + 4) | 0;
    } else if (word === words) {
      low = tailLow(bytes, from, length & 7);
      high = (length << 24) | tailLow(bytes, from + 4, (length & 7) - 4);
    } else {
      rounds = finalization;
      c ^= 0xff;
    }
    d ^= low;
    dh ^= high;
    for (let round = 0; round < rounds; round++) {
      let sum = (a + b) | 0;
      ah = (ah + bh + (((a & b) | ((a | b) & ~sum)) >>> 31)) | 0;
      a = sum;
      let old = b;
      b = ((b << 13) | (bh >>> 19)) ^ a;
      bh = ((bh << 13) | (old >>> 19)) ^ ah;
      old = a;
      a = ah;
      ah = old;
      sum = (c + d) | 0;
      ch = (ch + dh + (((c & d) | ((c | d) & ~sum)) >>> 31)) | 0;
      c = sum;
      old = d;
      d = ((d << 16) | (dh >>> 16)) ^ c;
      dh = ((dh << 16) | (old >>> 16)) ^ ch;
      sum = (a + d) | 0;
      ah = (ah + dh + (((a & d) | ((a | d) & ~sum)) >>> 31)) | 0;
      a = sum;
      old = d;
      d = ((d << 21) | (dh >>> 11)) ^ a;
      dh = ((dh << 21) | (old >>> 11)) ^ ah;
      sum = (c + b) | 0;
      ch = (ch + bh + (((c & b) | ((c | b) & ~sum)) >>> 31)) | 0;
      c = sum;
      old = b;
      b = ((b << 17) | (bh >>> 15)) ^ c;
      bh = ((bh << 17) | (old >>> 15)) ^ ch;
      old = c;
      c = ch;
      ch = old;
    }
    a ^= low;
    ah ^= high;
  }
  out[0] = a ^ b ^ c ^ d;
  out[1] = ah ^ bh ^ ch ^ dh;
}

/** SipHash-2-4 of `bytes[at, at + length)`. */
export function siphash24Into(
  key: Uint32Array,
  bytes: Bytes,
  at: number,
  length: number,
  out: Uint32Array,
): void {
  sip(2, 4, key, bytes, at, length, out);
}

/** SipHash-2-4 of the 32 bytes at `at`: a txid. */
export function siphash24Hash32Into(
  key: Uint32Array,
  bytes: Bytes,
  at: number,
  out: Uint32Array,
): void {
  sip(2, 4, key, bytes, at, 32, out);
}

/** SipHash-1-3: for hash tables that need only resist floods. */
export function siphash13Into(
  key: Uint32Array,
  bytes: Bytes,
  at: number,
  length: number,
  out: Uint32Array,
): void {
  sip(1, 3, key, bytes, at, length, out);
}
