// SHA-256 of short messages and as a stream whose state can be copied, on the WebAssembly kernel:
// node:crypto needs 0.6 us before it hashes the first byte and cannot copy a state cheaply. Long
// messages are the other way round; hash.ts chooses.
import { type Bytes, writeU32BE } from "../base/bytes.ts";
import { assemble, run } from "./wasm/assembler.ts";
import { ripemdFunction } from "./wasm/ripemd160-code.ts";
import { INITIAL, scalarFunctions } from "./wasm/sha256-code.ts";

// Memory of the kernel. Behind the digest stands its padding, so that it is a block as it is.
const STATE = 0;
const DIGEST = 64;
const RIPEMD_DIGEST = 192;
const INPUT = 256;
/** Longest message that fits with its padding. */
export const SHORT_MAX = 4096;

const kernel = run(assemble(1, [...scalarFunctions(STATE, DIGEST), ripemdFunction()]));
const memory: Bytes = new Uint8Array(kernel.memory);
const stateWords = new Uint32Array(kernel.memory, STATE, 8);
const compress = kernel.function("compress");
const single = kernel.function("single");
const twice = kernel.function("twice");
const ripemd = kernel.function("ripemd");
memory[DIGEST + 32] = 0x80;
memory[DIGEST + 62] = 1;

/** Below this many bytes a loop beats making a view. */
const LOOP_BYTES = 96;

function copy(out: Bytes, at: number, bytes: Bytes, from: number, to: number): void {
  if (to - from > LOOP_BYTES) out.set(bytes.subarray(from, to), at);
  else for (let byte = from; byte < to; byte++) out[at + byte - from] = bytes[byte]!;
}

/** Pads what ends at `end` in the kernel's memory, of `length` bytes in all, and returns the end. */
function pad(end: number, length: number): number {
  const padded = INPUT + (((end - INPUT + 72) >>> 6) << 6);
  for (let at = end + 1; at < padded - 8; at++) memory[at] = 0;
  memory[end] = 0x80;
  writeU32BE(memory, padded - 8, Math.floor(length / 0x2000_0000));
  writeU32BE(memory, padded - 4, (length << 3) >>> 0);
  return padded;
}

/** Puts a message of at most SHORT_MAX bytes, padded, where the kernel reads; returns its blocks. */
function place(bytes: Bytes, from: number, to: number): number {
  copy(memory, INPUT, bytes, from, to);
  return (pad(INPUT + to - from, to - from) - INPUT) >>> 6;
}

/** SHA-256 of `bytes[from, to)`, at most SHORT_MAX bytes. */
export function shortSha256Into(
  out: Bytes,
  at: number,
  bytes: Bytes,
  from: number,
  to: number,
): void {
  single(INPUT, place(bytes, from, to));
  copy(out, at, memory, DIGEST, DIGEST + 32);
}

/** Double SHA-256 of `bytes[from, to)`, at most SHORT_MAX bytes. */
export function shortHash256Into(
  out: Bytes,
  at: number,
  bytes: Bytes,
  from: number,
  to: number,
): void {
  twice(INPUT, place(bytes, from, to));
  copy(out, at, memory, DIGEST, DIGEST + 32);
}

/** RIPEMD-160 of SHA-256 of `bytes[from, to)`, at most SHORT_MAX bytes. */
export function shortHash160Into(
  out: Bytes,
  at: number,
  bytes: Bytes,
  from: number,
  to: number,
): void {
  single(INPUT, place(bytes, from, to));
  ripemd(DIGEST, RIPEMD_DIGEST);
  copy(out, at, memory, RIPEMD_DIGEST, RIPEMD_DIGEST + 20);
}

/** A SHA-256 that is fed in pieces; its state (a midstate, where several messages begin alike) can be copied. */
export class Sha256 {
  readonly #state: Uint32Array = Uint32Array.from(INITIAL);
  readonly #rest: Bytes = new Uint8Array(64);
  #length = 0;

  reset(): this {
    this.#state.set(INITIAL);
    this.#length = 0;
    return this;
  }

  /** Takes over the state of another. */
  copyFrom(other: Sha256): this {
    this.#state.set(other.#state);
    this.#rest.set(other.#rest);
    this.#length = other.#length;
    return this;
  }

  clone(): Sha256 {
    return new Sha256().copyFrom(this);
  }

  update(bytes: Bytes, from = 0, to: number = bytes.length): this {
    let at = from;
    while (at < to) {
      const kept = this.#length & 63;
      const take = Math.min(to - at, SHORT_MAX - kept);
      this.#feed(bytes, at, at + take, kept);
      at += take;
    }
    return this;
  }

  /** One piece that, behind the `kept` bytes, fits the kernel's memory. */
  #feed(bytes: Bytes, from: number, to: number, kept: number): void {
    this.#length += to - from;
    if (kept + to - from < 64) {
      copy(this.#rest, kept, bytes, from, to);
      return;
    }
    copy(memory, INPUT, this.#rest, 0, kept);
    copy(memory, INPUT + kept, bytes, from, to);
    const blocks = (kept + to - from) >>> 6;
    const end = INPUT + kept + to - from;
    this.#compress(blocks);
    copy(this.#rest, 0, memory, INPUT + blocks * 64, end);
  }

  #compress(blocks: number): void {
    stateWords.set(this.#state);
    compress(STATE, INPUT, blocks);
    this.#state.set(stateWords);
  }

  /** Leaves the digest in the kernel's memory. This object stays as it was. */
  #finish(): void {
    const kept = this.#length & 63;
    copy(memory, INPUT, this.#rest, 0, kept);
    const blocks = (pad(INPUT + kept, this.#length) - INPUT) >>> 6;
    stateWords.set(this.#state);
    compress(STATE, INPUT, blocks);
    for (let word = 0; word < 8; word++) writeU32BE(memory, DIGEST + word * 4, stateWords[word]!);
  }

  /** Writes the SHA-256 of all that was fed at `out[at, at + 32)`; more may be fed afterwards. */
  digestInto(out: Bytes, at: number): void {
    this.#finish();
    copy(out, at, memory, DIGEST, DIGEST + 32);
  }

  /** The same for the double SHA-256. */
  digestTwiceInto(out: Bytes, at: number): void {
    this.#finish();
    single(DIGEST, 1);
    copy(out, at, memory, DIGEST, DIGEST + 32);
  }

  digest(): Bytes {
    const out = new Uint8Array(32);
    this.digestInto(out, 0);
    return out;
  }
}
