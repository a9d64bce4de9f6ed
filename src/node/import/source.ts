// The bytes of a file in order, through a window: plain, gzip, or with the 8-byte XOR key that
// Bitcoin Core keeps in blocks/xor.dat. The window holds what the reader asked for and little more.
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { constants, createGunzip } from "node:zlib";
import { type Bytes, concatBytes } from "../../base/bytes.ts";
import { DataError } from "../chain/files.ts";
import type { Reload } from "../chain/orphans.ts";

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

/** What a file says when it cannot be read on, in one line. */
function unreadable(path: string, error: unknown): DataError {
  const cause = error instanceof Error ? error.message : String(error);
  return new DataError("usage", `${path} cannot be read any further: ${cause}`);
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
      // A file that was cut gives what is left of it; the readers notice that a record is short.
      const unpacked = createGunzip({
        chunkSize: READ_BYTES,
        finishFlush: constants.Z_SYNC_FLUSH,
      });
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
    if (this.available >= count) return true;
    const chunks: Bytes[] = [];
    let length = this.available;
    while (length < count && !this.#ended) {
      const chunk = await this.#next();
      if (chunk === null) break;
      chunks.push(chunk);
      length += chunk.length;
    }
    this.#append(chunks);
    return this.available >= count;
  }

  async #next(): Promise<Bytes | null> {
    try {
      const next = await this.#stream.next();
      if (next.done !== true) {
        if (!this.options.gzip) this.#onRead(next.value.length);
        return next.value;
      }
      this.#ended = true;
      return null;
    } catch (error) {
      this.#ended = true;
      throw unreadable(this.path, error);
    }
  }

  #append(chunks: readonly Bytes[]): void {
    const left = this.available;
    const { key } = this.options;
    const first = chunks[0];
    const base = this.offset;
    if (first === undefined) return;
    const alone = left === 0 && chunks.length === 1 && key === null;
    this.#window = alone ? first : concatBytes(this.#window.subarray(this.#at), ...chunks);
    this.#base = base;
    this.#at = 0;
    if (key !== null) unmask(this.#window.subarray(left), base + left, key);
  }

  /** The next `count` bytes, which `ensure` has brought, as a view; they are not consumed. */
  peek(count: number): Bytes {
    return this.#window.subarray(this.#at, this.#at + count);
  }

  skip(count: number): void {
    this.#at += count;
  }

  /** Reads `length` bytes at `offset` again, later; null where that is not possible. */
  reloader(offset: number, length: number): Reload | null {
    const { path, options } = this;
    if (options.gzip) return null;
    return async () => {
      const bytes = new Uint8Array(length);
      try {
        const file = await open(path, "r");
        try {
          for (let at = 0; at < length; ) {
            const { bytesRead } = await file.read(bytes, at, length - at, offset + at);
            if (bytesRead === 0) throw new Error("the file has become shorter");
            at += bytesRead;
          }
        } finally {
          await file.close();
        }
      } catch (error) {
        throw unreadable(path, error);
      }
      if (options.key !== null) unmask(bytes, offset, options.key);
      return bytes;
    };
  }
}
