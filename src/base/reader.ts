// A bounded reader over one buffer. It never throws on bad input: the first failure is remembered,
// later reads return zero, and the caller asks once at the end. Lengths are checked before anything
// is allocated.
import { type Bytes, readI64, readU16, readU32, readU64 } from "./bytes.ts";

export type ReadFault =
  | "truncated"
  | "non-canonical-size"
  | "size-too-large"
  | "superfluous-witness"
  | "unknown-transaction-flag";

/** Bitcoin Core's MAX_SIZE: the greatest CompactSize that any message may hold. */
export const COMPACT_SIZE_MAX = 0x02000000;

export class Reader {
  readonly bytes: Bytes;
  readonly end: number;
  at: number;
  fault: ReadFault | null = null;

  constructor(bytes: Bytes, at = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  fail(fault: ReadFault): 0 {
    this.fault ??= fault;
    this.at = this.end;
    return 0;
  }

  /** Skips `length` bytes and returns where they began. */
  skip(length: number): number {
    const from = this.at;
    if (length > this.end - from) {
      this.fail("truncated");
      return from;
    }
    this.at = from + length;
    return from;
  }

  u8(): number {
    return this.at < this.end ? this.bytes[this.at++]! : this.fail("truncated");
  }

  u16(): number {
    const at = this.skip(2);
    return this.fault === null ? readU16(this.bytes, at) : 0;
  }

  u32(): number {
    const at = this.skip(4);
    return this.fault === null ? readU32(this.bytes, at) : 0;
  }

  u64(): number {
    const at = this.skip(8);
    return this.fault === null ? readU64(this.bytes, at) : 0;
  }

  i64(): number {
    const at = this.skip(8);
    return this.fault === null ? readI64(this.bytes, at) : 0;
  }

  /** CompactSize, canonical, at most COMPACT_SIZE_MAX. */
  compactSize(): number {
    const first = this.u8();
    if (first < 0xfd) return first;
    let value: number;
    if (first === 0xfd) {
      value = this.u16();
      if (value < 0xfd) return this.fail(this.fault ?? "non-canonical-size");
    } else if (first === 0xfe) {
      value = this.u32();
      if (value < 0x10000) return this.fail(this.fault ?? "non-canonical-size");
    } else {
      value = this.u64();
      if (value < 0x1_0000_0000) return this.fail(this.fault ?? "non-canonical-size");
    }
    return value > COMPACT_SIZE_MAX ? this.fail("size-too-large") : value;
  }

  /** A CompactSize count of things that take at least `bytesMin` bytes each. */
  count(bytesMin: number): number {
    const count = this.compactSize();
    return count * bytesMin > this.end - this.at ? this.fail("truncated") : count;
  }

  /** A copy of the next `length` bytes. */
  take(length: number): Bytes {
    const at = this.skip(length);
    return this.fault === null ? this.bytes.slice(at, at + length) : new Uint8Array(0);
  }
}

/** Bytes that CompactSize needs for `value`. */
export function compactSizeBytes(value: number): number {
  return value < 0xfd ? 1 : value < 0x10000 ? 3 : value < 0x1_0000_0000 ? 5 : 9;
}

/** Writes `value` as CompactSize at `at` and returns the offset behind it. */
export function writeCompactSize(bytes: Bytes, at: number, value: number): number {
  if (value < 0xfd) {
    bytes[at] = value;
    return at + 1;
  }
  const width = value < 0x10000 ? 2 : value < 0x1_0000_0000 ? 4 : 8;
  bytes[at] = width === 2 ? 0xfd : width === 4 ? 0xfe : 0xff;
  let rest = value;
  for (let byte = 1; byte <= width; byte++) {
    bytes[at + byte] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return at + 1 + width;
}
