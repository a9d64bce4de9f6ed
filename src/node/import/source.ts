// The bytes of a file in order, through a window: plain, gzip, or with the 8-byte XOR key that
// Bitcoin Core keeps in blocks/xor.dat. The window holds what the reader asked for and little more.
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createGunzip } from "node:zlib";
import type { Bytes } from "../../base/bytes.ts";

const READ_BYTES: number = 1024 * 1024;
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

function unpacked(path: string, onRead: (bytes: number) => void): AsyncIterator<Buffer> {
  const file = createReadStream(path, { highWaterMark: READ_BYTES });
  file.on("data", (chunk) => onRead(chunk.length));
  const gunzip = createGunzip({ chunkSize: READ_BYTES });
  file.on("error", (error) => gunzip.destroy(error));
  return file.pipe(gunzip)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
}

export class ByteSource {
  readonly path: string;
  readonly options: SourceOptions;
  readonly #onRead: (bytes: number) => void;
  #file: FileHandle | null = null;
  #fileAt = 0;
  /** What unpacks a gzip file; null for others. */
  readonly #stream: AsyncIterator<Buffer> | null;
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
    this.#stream = options.gzip ? unpacked(path, onRead) : null;
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
      if (this.#stream === null) await this.#read(count);
      else await this.#unpack(this.#stream);
    }
    return this.available >= count;
  }

  /** Reads the next bytes of a plain file behind what is left, which is all that is copied. */
  async #read(count: number): Promise<void> {
    this.#file ??= await open(this.path, "r");
    const left = this.available;
    const window = this.#roomFor(Math.max(READ_BYTES, count - left));
    const room = window.length - left;
    const { bytesRead } = await this.#file.read(window, left, room, this.#fileAt);
    this.#fileAt += bytesRead;
    this.#onRead(bytesRead);
    const { key } = this.options;
    const fresh = window.subarray(left, left + bytesRead);
    if (key !== null) unmask(fresh, this.#base + left, key);
    this.#window = window.subarray(0, left + bytesRead);
    if (bytesRead === 0) await this.close();
  }

  async #unpack(stream: AsyncIterator<Buffer>): Promise<void> {
    const next = await stream.next();
    if (next.done === true) {
      this.#ended = true;
      return;
    }
    const left = this.available;
    const window = this.#roomFor(next.value.length);
    window.set(next.value, left);
    this.#window = window;
  }

  /** A window that begins with what is left, with room for `bytes` more. */
  #roomFor(bytes: number): Bytes {
    const left = this.available;
    const window = Buffer.allocUnsafeSlow(left + bytes);
    window.set(this.#window.subarray(this.#at), 0);
    this.#base = this.offset;
    this.#window = window.subarray(0, left);
    this.#at = 0;
    return window;
  }

  /** Ends the reading; to be called also when the end was not reached. */
  async close(): Promise<void> {
    this.#ended = true;
    await this.#stream?.return?.();
    await this.#file?.close();
    this.#file = null;
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
