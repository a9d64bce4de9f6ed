// The bytes of a file in order, through a window: plain, gzip, or with the 8-byte XOR key that
// Bitcoin Core keeps in blocks/xor.dat. The window holds what the reader asked for and little more.
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createGunzip } from "node:zlib";
import type { Bytes } from "../../base/bytes.ts";

const READ_BYTES: number = 4 * 1024 * 1024;
const XOR_BYTES = 8;

/** The key beside a block file, or null when there is none or it changes nothing. */
export function xorKeyFor(path: string): Bytes | null {
  const file = join(dirname(path), "xor.dat");
  if (!existsSync(file)) return null;
  const key = new Uint8Array(readFileSync(file));
  return key.length === XOR_BYTES && key.some((byte) => byte !== 0) ? key : null;
}

/** Undoes the XOR of bytes that stood at `offset` of the file. */
export function unmask(bytes: Bytes, offset: number, key: Bytes): void {
  for (let at = 0; at < bytes.length; at++) bytes[at]! ^= key[(offset + at) % XOR_BYTES]!;
}

export interface SourceOptions {
  readonly gzip: boolean;
  readonly key: Bytes | null;
}

export class ByteSource {
  readonly path: string;
  readonly options: SourceOptions;
  readonly #stream: AsyncIterator<Buffer>;
  readonly #onRead: (bytes: number) => void;
  #window: Bytes = new Uint8Array(0);
  #at = 0;
  /** Offset in the (unpacked) file of the window's first byte. */
  #base = 0;
  #ended = false;

  /** `onRead` is told how many bytes of the file itself have been read, as they are. */
  constructor(path: string, options: SourceOptions, onRead: (bytes: number) => void) {
    this.path = path;
    this.options = options;
    this.#onRead = onRead;
    const file = createReadStream(path, { highWaterMark: READ_BYTES });
    if (options.gzip) {
      file.on("data", (chunk) => this.#onRead(chunk.length));
      const unpacked = createGunzip({ chunkSize: READ_BYTES });
      file.on("error", (error) => unpacked.destroy(error));
      this.#stream = file.pipe(unpacked)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    } else {
      this.#stream = file[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    }
  }

  /** Offset of the next byte. */
  get offset(): number {
    return this.#base + this.#at;
  }

  /** Bytes at hand without reading on. */
  get available(): number {
    return this.#window.length - this.#at;
  }

  /** Reads on until `count` bytes are at hand; false when the file ends before. */
  async ensure(count: number): Promise<boolean> {
    while (this.available < count && !this.#ended) {
      const next = await this.#stream.next();
      if (next.done === true) this.#ended = true;
      else this.#append(next.value, count);
    }
    return this.available >= count;
  }

  #append(chunk: Buffer, wanted: number): void {
    if (!this.options.gzip) this.#onRead(chunk.length);
    const left = this.available;
    const key = this.options.key;
    if (left === 0 && key === null) {
      this.#base = this.offset;
      this.#window = chunk;
      this.#at = 0;
      return;
    }
    const window = new Uint8Array(Math.max(left + chunk.length, Math.min(wanted, 1)));
    window.set(this.#window.subarray(this.#at), 0);
    window.set(chunk, left);
    this.#base = this.offset;
    this.#window = window;
    this.#at = 0;
    if (key !== null) unmask(window.subarray(left), this.#base + left, key);
  }

  /** The next `count` bytes, which `ensure` has brought, as a view; they are not consumed. */
  peek(count: number): Bytes {
    return this.#window.subarray(this.#at, this.#at + count);
  }

  skip(count: number): void {
    this.#at += count;
  }

  /** Reads `length` bytes at `offset` again, later; null where that is not possible. */
  reloader(offset: number, length: number): (() => Promise<Bytes>) | null {
    const { path, options } = this;
    if (options.gzip) return null;
    return async () => {
      const file = await open(path, "r");
      try {
        const bytes = new Uint8Array(length);
        await file.read(bytes, 0, length, offset);
        if (options.key !== null) unmask(bytes, offset, options.key);
        return bytes;
      } finally {
        await file.close();
      }
    };
  }
}
