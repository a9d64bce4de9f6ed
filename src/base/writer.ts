// A growing byte buffer: little-endian integers, keys, nested lengths filled in afterwards.
// One writer is reused for many messages; `take` hands the bytes over.
import { type Bytes, writeU32 } from "./bytes.ts";

export class Writer {
  bytes: Uint8Array<ArrayBuffer>;
  at = 0;
  #view: DataView;

  constructor(capacity: number = 1 << 12) {
    this.bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Makes room for `length` more bytes and returns where they begin. */
  reserve(length: number): number {
    const at = this.at;
    this.at = at + length;
    if (this.at > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at));
      grown.set(this.bytes.subarray(0, at));
      this.bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  u8(value: number): void {
    const at = this.reserve(1);
    this.bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.reserve(2);
    this.bytes[at] = value;
    this.bytes[at + 1] = value >>> 8;
  }

  u32(value: number): void {
    const at = this.reserve(4);
    writeU32(this.bytes, at, value);
  }

  i32(value: number): void {
    this.u32(value);
  }

  /** Any number, exactly. */
  f64(value: number): void {
    const at = this.reserve(8);
    this.#view.setFloat64(at, value, true);
  }

  /** The bytes of a key with two bytes in each unit, without a length. */
  key(text: string): void {
    const units = text.length;
    const at = this.reserve(units * 2);
    const { bytes } = this;
    for (let unit = 0; unit < units; unit++) {
      const code = text.charCodeAt(unit);
      bytes[at + unit * 2] = code >>> 8;
      bytes[at + unit * 2 + 1] = code;
    }
  }

  raw(bytes: Bytes): void {
    const at = this.reserve(bytes.length);
    this.bytes.set(bytes, at);
  }

  /** Bytes behind their length. */
  sized(bytes: Bytes): void {
    this.u32(bytes.length);
    this.raw(bytes);
  }

  /** ASCII text behind its length. */
  text(value: string): void {
    this.u16(value.length);
    const at = this.reserve(value.length);
    for (let index = 0; index < value.length; index++) {
      this.bytes[at + index] = value.charCodeAt(index);
    }
  }

  /** Leaves room for a u32 length; `close` fills it with what follows. */
  open(): number {
    return this.reserve(4);
  }

  close(opened: number): void {
    writeU32(this.bytes, opened, this.at - opened - 4);
  }

  /** A copy of what was written; the writer begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.bytes.slice(0, this.at);
    this.at = 0;
    return taken;
  }
}
