// MuHash3072: a hash of a set that is updated by one element at a time, in any order, as Bitcoin
// Core computes it for gettxoutsetinfo. An element is hashed, stretched by ChaCha20 to a number and
// multiplied in modulo 2^3072 - 1103717; removed elements are kept as a denominator until the end.
import type { Bytes } from "../base/bytes.ts";
import { chacha20Stream } from "./chacha20.ts";
import { sha256, sha256Into } from "./hash.ts";

const BYTES = 384;
const BITS = 3072;
const EXCESS = 1103717n;
const MODULUS: bigint = (1n << BigInt(BITS)) - EXCESS;
const SHIFT = BigInt(BITS);

const key: Bytes = new Uint8Array(32);

const reversed = Buffer.alloc(BYTES);

function toNumber(bytes: Bytes, at = 0): bigint {
  reversed.set(bytes.subarray(at, at + BYTES));
  return BigInt(`0x${reversed.reverse().toString("hex")}`);
}

function toBytes(value: bigint): Bytes {
  const hex = value.toString(16).padStart(BYTES * 2, "0");
  return new Uint8Array(Buffer.from(hex, "hex").reverse());
}

/** Product modulo the prime, below 2^3072 but not fully reduced: folding beats division. */
function multiply(a: bigint, b: bigint): bigint {
  let product = a * b;
  while (product >> SHIFT !== 0n) {
    product = (product >> SHIFT) * EXCESS + BigInt.asUintN(BITS, product);
  }
  return product;
}

/** Inverse modulo the prime by the extended Euclidean algorithm; of zero, zero. */
function invert(value: bigint): bigint {
  let [r, nextR] = [MODULUS, value % MODULUS];
  let [t, nextT] = [0n, 1n];
  while (nextR !== 0n) {
    const quotient = r / nextR;
    [r, nextR] = [nextR, r - quotient * nextR];
    [t, nextT] = [nextT, t - quotient * nextT];
  }
  return t < 0n ? t + MODULUS : t;
}

/** The number that stands for an element. */
function elementOf(bytes: Bytes, from: number, to: number): bigint {
  sha256Into(key, 0, bytes, from, to);
  return toNumber(chacha20Stream(key, BYTES));
}

export class MuHash {
  #numerator = 1n;
  #denominator = 1n;

  /** Adds the element `bytes[from, to)`. */
  insert(bytes: Bytes, from = 0, to: number = bytes.length): this {
    this.#numerator = multiply(this.#numerator, elementOf(bytes, from, to));
    return this;
  }

  /** Takes the element `bytes[from, to)` out again; the order of adding and taking does not matter. */
  remove(bytes: Bytes, from = 0, to: number = bytes.length): this {
    this.#denominator = multiply(this.#denominator, elementOf(bytes, from, to));
    return this;
  }

  /** Adds all that another one holds. */
  combine(other: MuHash): this {
    this.#numerator = multiply(this.#numerator, other.#numerator);
    this.#denominator = multiply(this.#denominator, other.#denominator);
    return this;
  }

  /** The hash of the set, in hash order (people read it reversed). */
  digest(): Bytes {
    return sha256(toBytes(multiply(this.#numerator, invert(this.#denominator)) % MODULUS));
  }

  /** Numerator and denominator, 384 little-endian bytes each. */
  encode(): Bytes {
    const bytes = new Uint8Array(BYTES * 2);
    bytes.set(toBytes(this.#numerator % MODULUS));
    bytes.set(toBytes(this.#denominator % MODULUS), BYTES);
    return bytes;
  }

  /** From what encode() gave, or null when it cannot be that. */
  static decode(bytes: Bytes): MuHash | null {
    if (bytes.length !== BYTES * 2) return null;
    const numerator = toNumber(bytes);
    const denominator = toNumber(bytes, BYTES);
    if (numerator >= MODULUS || denominator >= MODULUS || denominator === 0n) return null;
    const result = new MuHash();
    result.#numerator = numerator;
    result.#denominator = denominator;
    return result;
  }
}
