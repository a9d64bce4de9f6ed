// A growing buffer for messages. Blocks and transactions do not pass through it byte by byte: they
// are copied once.
import { type Bytes, writeU32, writeU64 } from "../../base/bytes.ts";
import { compactSizeBytes, writeCompactSize } from "../../base/reader.ts";

export class Writer {
  #bytes: Bytes;
  #at = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  #room(count: number): number {
    const at = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#at, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#room(1);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    return this.u8(value).u8(value >>> 8);
  }

  u16BE(value: number): this {
    return this.u8(value >>> 8).u8(value);
  }

  u32(value: number): this {
    const at = this.#room(4);
    writeU32(this.#bytes, at, value);
    return this;
  }

  /** 0 … 2^53-1. */
  u64(value: number): this {
    const at = this.#room(8);
    writeU64(this.#bytes, at, value);
    return this;
  }

  big64(value: bigint): this {
    this.u32(Number(value & 0xffffffffn));
    return this.u32(Number((value >> 32n) & 0xffffffffn));
  }

  compactSize(value: number): this {
    const at = this.#room(compactSizeBytes(value));
    writeCompactSize(this.#bytes, at, value);
    return this;
  }

  bytes(value: Bytes): this {
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  variable(value: Bytes): this {
    return this.compactSize(value.length).bytes(value);
  }

  /** What has been written: a view. */
  done(): Bytes {
    return this.#bytes.subarray(0, this.#at);
  }
}
