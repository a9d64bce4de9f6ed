// Scalars modulo the order of secp256k1, as BigInt. Only for signing in tools and for the rare
// paths where the native library lacks a module; a signature check on the main path needs none.
import type { Bytes } from "../../base/bytes.ts";

/** n, the order of the group. */
export const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** 32 big-endian bytes as a number. */
export function toNumber(bytes: Bytes): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 32);
  const high = (view.getBigUint64(0) << 64n) | view.getBigUint64(8);
  return (high << 128n) | (view.getBigUint64(16) << 64n) | view.getBigUint64(24);
}

/** `value` as 32 big-endian bytes. */
export function toBytes(value: bigint): Bytes {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  for (let word = 0; word < 4; word++) {
    view.setBigUint64(24 - word * 8, BigInt.asUintN(64, value >> BigInt(word * 64)));
  }
  return bytes;
}

/** `value` modulo n, never negative. */
export function reduce(value: bigint): bigint {
  const rest = value % ORDER;
  return rest < 0n ? rest + ORDER : rest;
}
