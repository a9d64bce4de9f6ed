// ChaCha20 (RFC 8439) key stream for a 32-byte key, nonce and counter zero: all that MuHash needs.
import type { Bytes } from "../base/bytes.ts";
import { assemble, run } from "./wasm/assembler.ts";
import { chachaFunction } from "./wasm/chacha20-code.ts";

const OUT = 64;
/** Longest key stream, in bytes. */
const STREAM_MAX = 4096;

const kernel = run(assemble(1, [chachaFunction()]));
const memory: Bytes = new Uint8Array(kernel.memory);
const words = new Uint32Array(kernel.memory);
const chacha = kernel.function("chacha");
words.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);

/** The first `length` bytes, whole blocks of 64, of the key stream of `key`; good until the next call. */
export function chacha20Stream(key: Bytes, length: number): Bytes {
  if (length % 64 !== 0 || length > STREAM_MAX) throw new RangeError("key stream of whole blocks");
  memory.set(key, 16);
  words.fill(0, 12, 16);
  chacha(0, OUT, length / 64);
  return memory.subarray(OUT, OUT + length);
}
