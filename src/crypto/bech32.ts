// Bech32 (BIP173), Bech32m (BIP350) and the addresses of witness programs in them.
import type { Bytes } from "../base/bytes.ts";

export type Bech32Variant = "bech32" | "bech32m";

const ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const VALUES = new Map([...ALPHABET].map((letter, value) => [letter, value]));
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const FINAL: Record<Bech32Variant, number> = { bech32: 1, bech32m: 0x2bc830a3 };
const CHECKSUM = 6;
const TEXT_MAX = 90;

function remainder(values: Iterable<number>): number {
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (let bit = 0; bit < 5; bit++) if ((top >> bit) & 1) sum ^= GENERATOR[bit]!;
  }
  return sum;
}

function spread(prefix: string): number[] {
  const codes = Array.from(prefix, (letter) => letter.charCodeAt(0));
  return [...codes.map((value) => value >> 5), 0, ...codes.map((value) => value & 31)];
}

/** Text of 5-bit `values` under a lower-case prefix. */
export function bech32Encode(prefix: string, values: Bytes, variant: Bech32Variant): string {
  const all = [...values];
  const sum = remainder([...spread(prefix), ...all, ...new Array<number>(CHECKSUM).fill(0)]);
  for (let at = 0; at < CHECKSUM; at++) {
    all.push(((sum ^ FINAL[variant]) >>> (5 * (CHECKSUM - 1 - at))) & 31);
  }
  return `${prefix}1${all.map((value) => ALPHABET[value]).join("")}`;
}

export interface Bech32 {
  readonly prefix: string;
  /** 5 bits each, without the checksum. */
  readonly values: Bytes;
  readonly variant: Bech32Variant;
}

/** What `text` spells, or null when it is malformed, mixes cases or has a wrong checksum. */
export function bech32Decode(text: string, lengthMax: number = TEXT_MAX): Bech32 | null {
  const lower = text.toLowerCase();
  if (text.length > lengthMax || (text !== lower && text !== text.toUpperCase())) return null;
  const split = lower.lastIndexOf("1");
  if (split < 1 || lower.length - split - 1 < CHECKSUM) return null;
  const prefix = lower.slice(0, split);
  if (!/^[\x21-\x7e]+$/.test(prefix)) return null;
  const values: number[] = [];
  for (const letter of lower.slice(split + 1)) {
    const value = VALUES.get(letter);
    if (value === undefined) return null;
    values.push(value);
  }
  const sum = remainder([...spread(prefix), ...values]);
  const variant = sum === FINAL.bech32 ? "bech32" : sum === FINAL.bech32m ? "bech32m" : null;
  if (variant === null) return null;
  return { prefix, values: Uint8Array.from(values.slice(0, -CHECKSUM)), variant };
}

/** 8-bit bytes as 5-bit values, the last filled up with zeroes. */
export function toFiveBits(bytes: Bytes): Bytes {
  return regroup(bytes, 8, 5, true)!;
}

/** 5-bit values as bytes; null when the bits left over are not fewer than 5, all zero. */
export function fromFiveBits(values: Bytes): Bytes | null {
  return regroup(values, 5, 8, false);
}

function regroup(input: Bytes, from: number, to: number, fill: boolean): Bytes | null {
  const output: number[] = [];
  let bits = 0;
  let kept = 0;
  for (const value of input) {
    kept = ((kept << from) | value) & 0xfff;
    bits += from;
    for (; bits >= to; bits -= to) output.push((kept >>> (bits - to)) & ((1 << to) - 1));
  }
  const left = kept & ((1 << bits) - 1);
  if (fill && bits > 0) output.push(left << (to - bits));
  if (!fill && (bits >= from || left !== 0)) return null;
  return Uint8Array.from(output);
}

export interface WitnessProgram {
  readonly version: number;
  readonly program: Bytes;
}

function isProgram({ version, program }: WitnessProgram): boolean {
  const { length } = program;
  if (version > 16 || length < 2 || length > 40) return false;
  return version !== 0 || length === 20 || length === 32;
}

/** The address of a witness program; a program that cannot be is our own mistake. */
export function segwitEncode(prefix: string, witness: WitnessProgram): string {
  if (!isProgram(witness)) throw new RangeError("no such witness program");
  const { version, program } = witness;
  const values = Uint8Array.from([version, ...toFiveBits(program)]);
  return bech32Encode(prefix, values, version === 0 ? "bech32" : "bech32m");
}

/** The witness program of an address with this prefix, or null. */
export function segwitDecode(prefix: string, text: string): WitnessProgram | null {
  const decoded = bech32Decode(text);
  if (decoded === null || decoded.prefix !== prefix || decoded.values.length === 0) return null;
  const version = decoded.values[0]!;
  const program = fromFiveBits(decoded.values.subarray(1));
  if (program === null || decoded.variant !== (version === 0 ? "bech32" : "bech32m")) return null;
  const witness = { version, program };
  return isProgram(witness) ? witness : null;
}
