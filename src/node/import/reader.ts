// Block files, recognised by content: Bitcoin Core's blk*.dat framing (magic, length, block),
// concatenated raw blocks, or one block in hex a line. Whatever does not decode is handed on as a
// fault with its place, and reading goes on where the next record can be found.
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { constants, gunzipSync } from "node:zlib";
import { type Bytes, fromHex, rangeEqual, readU32 } from "../../base/bytes.ts";
import { decodeBlock, HEADER_BYTES } from "../../ledger/bitcoin/block.ts";
import { networkByMagic } from "../../ledger/bitcoin/networks.ts";
import type { Params } from "../../ledger/bitcoin/params.ts";
import { ByteSource, type SourceOptions, unmask, xorKeyFor } from "./source.ts";

/** No block is longer: its weight would be above the limit (Bitcoin Core, consensus.h). */
const BLOCK_BYTES_MAX = 4_000_000;
const SNIFF_BYTES = 1024;
const FRAME_BYTES = 8;

export type FileForm = "framed" | "raw" | "hex";

export interface BlockFile {
  readonly path: string;
  readonly bytes: number;
  readonly form: FileForm;
  readonly source: SourceOptions;
}

export type FileRecord =
  | { readonly ok: true; readonly bytes: Bytes; readonly reload: (() => Promise<Bytes>) | null }
  | { readonly ok: false; readonly reason: string; readonly offset: number };

export type Recognised =
  | { readonly ok: true; readonly file: BlockFile }
  | { readonly ok: false; readonly message: string };

function readStart(path: string): Bytes {
  const fd = openSync(path, "r");
  try {
    const bytes = new Uint8Array(64 * 1024);
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}

function unpackStart(bytes: Bytes): Bytes {
  try {
    return new Uint8Array(gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }));
  } catch {
    return new Uint8Array(0);
  }
}

const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);

function isHexText(bytes: Bytes): boolean {
  let digits = 0;
  for (const byte of bytes.subarray(0, SNIFF_BYTES)) {
    if (isSpace(byte)) continue;
    if (fromHex(`0${String.fromCharCode(byte)}`) === null) return false;
    digits += 1;
  }
  return digits > 0;
}

/** True when the start of a file reads as a header with a transaction count and a coinbase. */
function isRawBlock(bytes: Bytes): boolean {
  const decoded = decodeBlock(bytes);
  if (decoded.ok) return true;
  // The rest of a long block lies beyond what was read; garbage fails at its first counts.
  return decoded.code === "truncated" && bytes.length >= 64 * 1024 && bytes[0]! <= 4;
}

function recogniseForm(start: Bytes, params: Params): FileForm | { message: string } {
  const network = start.length >= 4 ? networkByMagic(start) : null;
  if (rangeEqual(start, 0, params.magic, 0, 4)) return "framed";
  if (network !== null) {
    const wanted = `use --network ${network.name}`;
    return { message: `holds blocks of ${network.name}, not of ${params.name}: ${wanted}` };
  }
  if (isHexText(start)) return "hex";
  if (isRawBlock(start)) return "raw";
  if (start.every((byte) => byte === 0)) return "framed";
  return { message: "is neither blk*.dat, nor raw blocks, nor hex lines: check the file" };
}

/** Looks at a file's start and says how to read it. */
export function recogniseFile(path: string, params: Params): Recognised {
  let start: Bytes;
  let bytes: number;
  try {
    const status = statSync(path);
    if (status.isDirectory()) {
      return { ok: false, message: `${path} is a folder: name its files, e.g. ${path}/blk*.dat` };
    }
    bytes = status.size;
    start = readStart(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    const cause = code === "ENOENT" ? "there is no such file" : `cannot be read (${code})`;
    return { ok: false, message: `${path}: ${cause}` };
  }
  const gzip = start[0] === 0x1f && start[1] === 0x8b;
  if (gzip) start = unpackStart(start);
  let key: Bytes | null = null;
  if (!gzip && !rangeEqual(start, 0, params.magic, 0, 4)) {
    key = xorKeyFor(path);
    if (key !== null) unmask(start, 0, key);
  }
  const form = recogniseForm(start, params);
  if (typeof form !== "string") return { ok: false, message: `${path} ${form.message}` };
  return { ok: true, file: { path, bytes, form, source: { gzip, key } } };
}

/** Every record of a file, in order. */
export async function* readBlocks(
  file: BlockFile,
  params: Params,
  onRead: (bytes: number) => void = () => {},
): AsyncGenerator<FileRecord> {
  const source = new ByteSource(file.path, file.source, onRead);
  try {
    if (file.form === "framed") yield* readFramed(source, params);
    else if (file.form === "raw") yield* readRaw(source);
    else yield* readHex(source);
  } finally {
    await source.close();
  }
}

/** Moves to the next magic; false when the file ends first. */
async function seekMagic(source: ByteSource, magic: Bytes): Promise<boolean> {
  while (await source.ensure(FRAME_BYTES)) {
    const window = source.peek(source.available);
    const at = window.indexOf(magic[0]!);
    if (at < 0) source.skip(window.length);
    else if (at > 0) source.skip(at);
    else if (rangeEqual(window, 0, magic, 0, 4)) return true;
    else source.skip(1);
  }
  return false;
}

async function* readFramed(source: ByteSource, params: Params): AsyncGenerator<FileRecord> {
  while (await seekMagic(source, params.magic)) {
    const offset = source.offset;
    const length = readU32(source.peek(FRAME_BYTES), 4);
    if (length < HEADER_BYTES || length > BLOCK_BYTES_MAX) {
      source.skip(FRAME_BYTES);
      yield { ok: false, reason: "bad-record-length", offset };
      continue;
    }
    if (!(await source.ensure(FRAME_BYTES + length))) {
      source.skip(FRAME_BYTES);
      yield { ok: false, reason: "truncated-record", offset };
      continue;
    }
    await source.ensure(FRAME_BYTES + length + 4);
    const window = source.peek(Math.min(source.available, FRAME_BYTES + length + 4));
    const block = window.subarray(FRAME_BYTES, FRAME_BYTES + length);
    // A wrong length swallows the records behind it. It shows when no record, padding or end
    // follows and the block does not decode: then the search goes on behind the magic.
    if (!recordFollows(window, FRAME_BYTES + length, params.magic) && !decodeBlock(block).ok) {
      source.skip(FRAME_BYTES);
      yield { ok: false, reason: "block-decode-failed", offset };
      continue;
    }
    source.skip(FRAME_BYTES + length);
    yield { ok: true, bytes: block, reload: source.reloader(offset + FRAME_BYTES, length) };
  }
}

function recordFollows(window: Bytes, at: number, magic: Bytes): boolean {
  const rest = window.length - at;
  if (rest < 4) return true;
  return rangeEqual(window, at, magic, 0, 4) || readU32(window, at) === 0;
}

async function* readRaw(source: ByteSource): AsyncGenerator<FileRecord> {
  while (await source.ensure(1)) {
    const offset = source.offset;
    let wanted = Math.min(source.available, BLOCK_BYTES_MAX);
    let decoded = decodeBlock(source.peek(wanted));
    if (!decoded.ok && decoded.code === "truncated" && wanted < BLOCK_BYTES_MAX) {
      await source.ensure(BLOCK_BYTES_MAX);
      wanted = Math.min(source.available, BLOCK_BYTES_MAX);
      decoded = decodeBlock(source.peek(wanted));
    }
    if (!decoded.ok) {
      // Nothing marks where the next block starts: the rest of the file cannot be read.
      const reason = decoded.code === "truncated" ? "truncated-record" : "block-decode-failed";
      yield { ok: false, reason, offset };
      return;
    }
    const length = decoded.end;
    const bytes = source.peek(length);
    source.skip(length);
    yield { ok: true, bytes, reload: source.reloader(offset, length) };
  }
}

async function* readHex(source: ByteSource): AsyncGenerator<FileRecord> {
  let length = 0;
  for (;;) {
    const more = await source.ensure(length + 1);
    const window = source.peek(source.available);
    const newline = window.indexOf(10, length);
    if (newline < 0 && more && window.length <= BLOCK_BYTES_MAX * 2 + 2) {
      length = window.length;
      continue;
    }
    const offset = source.offset;
    const end = newline < 0 ? window.length : newline;
    const text = new TextDecoder().decode(window.slice(0, end)).trim();
    source.skip(newline < 0 ? end : end + 1);
    length = 0;
    if (text !== "") {
      const bytes = fromHex(text);
      if (bytes === null) yield { ok: false, reason: "not-hex", offset };
      else yield { ok: true, bytes, reload: null };
    }
    if (newline < 0 && !more) return;
  }
}
