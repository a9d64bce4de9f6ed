// Checks of an LMDB file that must come before LMDB maps it, since LMDB trusts what it maps: a page
// number that points outside of the file kills the process (SIGBUS) instead of giving an error.
//
// The two first pages hold the meta records (liblmdb 1.0, data format 2, 64-bit little-endian):
//   24 magic 0xbeefc0de u32 · 28 version u32 · 48 page size u32 · 88 root of the free list u64
//   136 root of the data u64 · 144 last page u64 · 152 transaction u64
import { closeSync, fstatSync, ftruncateSync, openSync, statfsSync } from "node:fs";
import { type Bytes, readU16, readU32, readU64 } from "../../base/bytes.ts";
import { errorCode, readInto } from "../files/disk.ts";

const MAGIC = 0xbeefc0de;
const META_FLAG = 0x08;
const DATA_VERSION = 2;
const META_BYTES = 168;
/** LMDB may leave this many free pages at the end unwritten. */
const UNWRITTEN_PAGES_MAX = 1024;

interface Meta {
  readonly pageBytes: number;
  readonly roots: readonly [number, number];
  readonly lastPage: number;
  readonly transaction: number;
}

function parseMeta(bytes: Bytes): Meta | null {
  const sound =
    (readU16(bytes, 18) & META_FLAG) !== 0 &&
    readU32(bytes, 24) === MAGIC &&
    (readU32(bytes, 28) & 0xffff) === DATA_VERSION;
  if (!sound) return null;
  return {
    pageBytes: readU32(bytes, 48),
    roots: [readU64(bytes, 88), readU64(bytes, 136)],
    lastPage: readU64(bytes, 144),
    transaction: readU64(bytes, 152),
  };
}

function readMeta(fd: number, offset: number): Meta | null {
  const bytes = new Uint8Array(META_BYTES);
  return readInto(fd, bytes, offset) < META_BYTES ? null : parseMeta(bytes);
}

const NO_ROOT = 2 ** 64;

function isPlausible(meta: Meta): boolean {
  const inside = (page: number): boolean =>
    page === NO_ROOT || (page >= 2 && page <= meta.lastPage);
  return meta.roots.every(inside) && meta.lastPage >= 1;
}

/** What is wrong with the file, in words, or null. */
function faultOf(fd: number, size: number): string | null {
  const first = readMeta(fd, 0);
  if (first === null) return "its first page is not that of a store";
  const { pageBytes } = first;
  const isPageSize = pageBytes >= 512 && pageBytes <= 65_536 && (pageBytes & (pageBytes - 1)) === 0;
  if (!isPageSize) return "its first page is not that of a store";
  const second = readMeta(fd, pageBytes);
  if (second === null) return "its second page is not that of a store";
  for (const meta of [first, second]) {
    if (meta.pageBytes !== pageBytes || !isPlausible(meta)) return "its root pages are impossible";
  }
  const newest = first.transaction > second.transaction ? first : second;
  const pages = Math.ceil(size / pageBytes);
  const rootsInside = newest.roots.every((root) => root === NO_ROOT || root < pages);
  if (!rootsInside || pages + UNWRITTEN_PAGES_MAX < newest.lastPage + 1) return "it is cut short";
  // Reading a page that the file does not have would end the process; a page of zeros is an error.
  if (size < (newest.lastPage + 1) * pageBytes)
    ftruncateSync(fd, (newest.lastPage + 1) * pageBytes);
  return null;
}

/** What is wrong with an LMDB file, or null: sound as far as can be told here, empty, or absent. */
export function lmdbFileFault(path: string): string | null {
  let fd: number;
  try {
    fd = openSync(path, "r+");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    return size === 0 ? null : faultOf(fd, size);
  } finally {
    closeSync(fd);
  }
}

/** Bytes that this process may still write on the disk of a folder. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
