// The numbered files of one record sequence: names, a bounded set of open handles, growth,
// truncation. Nothing here knows what a record is.
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  unlinkSync,
} from "node:fs";
import { basename, join } from "node:path";
import { StorageFailed } from "../../ports/storage-error.ts";
import { errorCode, syncData, syncFolder, writeError } from "./disk.ts";

const OPEN_FILES_MAX = 24;

export class Segments {
  readonly folder: string;
  readonly #prefix: string;
  /** Open handles, least recently used first. */
  readonly #handles = new Map<number, number>();
  /** Segments with writes that were not flushed; their handles are never dropped. */
  readonly dirty: Set<number> = new Set<number>();
  first = 0;
  last = -1;

  constructor(folder: string, prefix: string) {
    this.folder = folder;
    this.#prefix = prefix;
    mkdirSync(folder, { recursive: true });
    const numbers = this.#existing();
    if (numbers.length > 0) {
      this.first = numbers[0]!;
      this.last = numbers[numbers.length - 1]!;
    }
  }

  #existing(): number[] {
    const pattern = new RegExp(`^${this.#prefix}(\\d{5,})\\.pando$`);
    return readdirSync(this.folder)
      .map((name) => pattern.exec(name)?.[1])
      .filter((digits) => digits !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
  }

  path(file: number): string {
    return join(this.folder, `${this.#prefix}${String(file).padStart(5, "0")}.pando`);
  }

  /** The name for people: below the data directory. */
  label(file: number): string {
    return join(basename(this.folder), basename(this.path(file)));
  }

  exists(file: number): boolean {
    return this.#handles.has(file) || existsSync(this.path(file));
  }

  #dropOldest(): void {
    for (const [file, fd] of this.#handles) {
      if (this.#handles.size < OPEN_FILES_MAX) return;
      if (this.dirty.has(file) || file === this.last) continue;
      this.#handles.delete(file);
      closeSync(fd);
    }
  }

  /** The handle of a segment, or null when there is no such file. */
  handle(file: number): number | null {
    const known = this.#handles.get(file);
    if (known !== undefined) {
      this.#handles.delete(file);
      this.#handles.set(file, known);
      return known;
    }
    this.#dropOldest();
    try {
      const fd = openSync(this.path(file), "r+");
      this.#handles.set(file, fd);
      return fd;
    } catch (error) {
      if (errorCode(error) === "ENOENT") return null;
      throw new StorageFailed(this.path(file), "open", error);
    }
  }

  size(file: number): number {
    const fd = this.handle(file);
    return fd === null ? 0 : fstatSync(fd).size;
  }

  /** Creates the next segment and makes its name durable. */
  grow(): number {
    const file = this.last + 1;
    this.#dropOldest();
    try {
      this.#handles.set(file, openSync(this.path(file), "wx+"));
    } catch (error) {
      throw writeError(this.path(file), error);
    }
    this.last = file;
    syncFolder(this.folder);
    return file;
  }

  #remove(file: number): void {
    const fd = this.#handles.get(file);
    if (fd !== undefined) closeSync(fd);
    this.#handles.delete(file);
    this.dirty.delete(file);
    if (existsSync(this.path(file))) unlinkSync(this.path(file));
  }

  /** Cuts a segment to `bytes` and removes the later ones; durable on return. */
  truncate(file: number, bytes: number): void {
    for (let later = this.last; later > file; later--) this.#remove(later);
    this.last = file;
    const fd = this.handle(file);
    if (fd !== null) {
      ftruncateSync(fd, bytes);
      syncData(fd, this.path(file));
    }
    syncFolder(this.folder);
  }

  /** Removes the segments before `file`. */
  dropBefore(file: number): void {
    for (let old = this.first; old < Math.min(file, this.last); old++) this.#remove(old);
    this.first = Math.max(this.first, Math.min(file, this.last));
    syncFolder(this.folder);
  }

  close(): void {
    for (const fd of this.#handles.values()) closeSync(fd);
    this.#handles.clear();
  }
}
