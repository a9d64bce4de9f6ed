// Block files, recognised by content: Bitcoin Core's blk*.dat framing (magic, length, block),
// concatenated raw blocks, or one block in hex a line. Whatever does not decode is handed on as a
// fault with its place, and reading goes on where the next record can be found.
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { constants, gunzipSync } from "node:zlib";
import { type Bytes, fromHex, rangeEqual, readU32 } from "../../base/bytes.ts";
import { decodeBlock, HEADER_BYTES } from "../../ledger/bitcoin/block.ts";
import { networkByMagic } from "../../ledger/bitcoin/networks.ts";
import type { Params } from "../../ledger/bitcoin/params.ts";
import type { Reload } from "../chain/orphans.ts";
import { ByteSource, type SourceOptions, unmask, xorKeyFor } from "./source.ts";

/** No block is longer: its weight would be above the limit (Bitcoin Core, consensus.h). */
const BLOCK_BYTES_MAX = 4_000_000;
/** A line of hex beyond this is no block. */
const LINE_BYTES_MAX: number = BLOCK_BYTES_MAX * 2 + 64;
const SNIFF_BYTES = 1024;
const MAGIC_BYTES = 4;
const FRAME_BYTES = 8;

export type FileForm = "framed" | "raw" | "hex";

export interface BlockFile {
  readonly path: string;
  readonly bytes: number;
  readonly form: FileForm;
  readonly source: SourceOptions;
}

export type FileRecord =
  | { readonly ok: true; readonly bytes: Bytes; readonly reload: Reload | null }
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

const isPrintable = (byte: number): boolean => isSpace(byte) || (byte >= 32 && byte < 127);

/** 0-9, and a-f of either case. */
const isHexDigit = (byte: number): boolean =>
  (byte >= 48 && byte <= 57) || ((byte | 32) >= 97 && (byte | 32) <= 102);

/** True for lines of hex; some of them may be something else, but not all at the start. */
function isHexText(bytes: Bytes): boolean {
  const sniffed = bytes.subarray(0, SNIFF_BYTES);
  let digits = 0;
  for (const byte of sniffed) {
    if (isSpace(byte)) continue;
    if (!isHexDigit(byte)) {
      return sniffed.every(isPrintable) && HEX_LINE.test(new TextDecoder().decode(bytes));
    }
    digits += 1;
  }
  return digits > 0;
}

/** A line that holds at least a header. */
const HEX_LINE = /^[0-9a-f]{160,}/im;

/** True when the start of a file reads as a header with a transaction count and a coinbase. */
function isRawBlock(bytes: Bytes): boolean {
  const decoded = decodeBlock(bytes);
  if (decoded.ok) return decoded.value.transactions.length > 0;
  // The rest of a long block lies beyond what was read; garbage fails at its first counts.
  return decoded.code === "truncated" && bytes.length >= 64 * 1024 && bytes[0]! <= 4;
}

type Form = FileForm | { readonly message: string } | null;

/** The form of a file by its first bytes, or null when they say nothing. */
function formOf(start: Bytes, params: Params): Form {
  const network = start.length >= MAGIC_BYTES ? networkByMagic(start) : null;
  if (rangeEqual(start, 0, params.magic, 0, MAGIC_BYTES)) return "framed";
  if (network !== null) {
    const wanted = `use --network ${network.name}`;
    return { message: `holds blocks of ${network.name}, not of ${params.name}: ${wanted}` };
  }
  if (isHexText(start)) return "hex";
  if (isRawBlock(start)) return "raw";
  return null;
}

/** True when a record begins somewhere in the start of a file, or there are only zeros. */
function holdsFrames(start: Bytes, { magic }: Params): boolean {
  if (start.every((byte) => byte === 0)) return true;
  for (let at = findMagic(start, magic, 0); at >= 0; at = findMagic(start, magic, at + 1)) {
    const length = at + FRAME_BYTES <= start.length ? readU32(start, at + 4) : 0;
    if (length > HEADER_BYTES && length <= BLOCK_BYTES_MAX) return true;
  }
  return false;
}

/** The form of a file, and the key that it is masked with. */
function recogniseForm(
  start: Bytes,
  maskKey: () => Bytes | null,
  params: Params,
): { form: FileForm; key: Bytes | null } | { message: string } {
  const plain = formOf(start, params);
  if (typeof plain === "string") return { form: plain, key: null };
  if (plain !== null) return plain;
  const key = maskKey();
  if (key !== null) {
    const clear = start.slice();
    unmask(clear, 0, key);
    const form = formOf(clear, params);
    if (form !== null && typeof form !== "string") return form;
    if (form !== null || holdsFrames(clear, params)) return { form: form ?? "framed", key };
  }
  if (holdsFrames(start, params)) return { form: "framed", key: null };
  return { message: "is neither blk*.dat, nor raw blocks, nor hex lines: check the file" };
}

function findMagic(bytes: Bytes, magic: Bytes, from: number): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(magic, from);
}

/** Looks at a file's start and says how to read it. */
export function recogniseFile(path: string, params: Params): Recognised {
  try {
    const status = statSync(path);
    if (status.isDirectory()) {
      return { ok: false, message: `${path} is a folder: name its files, e.g. ${path}/blk*.dat` };
    }
    let start = readStart(path);
    const gzip = start[0] === 0x1f && start[1] === 0x8b;
    if (gzip) start = unpackStart(start);
    const recognised = recogniseForm(start, () => (gzip ? null : xorKeyFor(path)), params);
    if ("message" in recognised) return { ok: false, message: `${path} ${recognised.message}` };
    const { form, key } = recognised;
    return { ok: true, file: { path, bytes: status.size, form, source: { gzip, key } } };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    const cause = code === "ENOENT" ? "there is no such file" : `cannot be read (${code})`;
    return { ok: false, message: `${path}: ${cause}` };
  }
}

/** Who is told how reading goes. */
export interface ReadListener {
  /** Bytes of the file itself that were read, packed or masked as they are. */
  read?(bytes: number): void;
  /** Bytes that belong to no record were passed over before `offset`. */
  skipped?(bytes: number, offset: number): void;
}

/** Every record of a file, in order. */
export async function* readBlocks(
  file: BlockFile,
  params: Params,
  listener: ReadListener = {},
): AsyncGenerator<FileRecord> {
  const source = new ByteSource(file.path, file.source, (bytes) => listener.read?.(bytes));
  if (file.form === "framed") yield* readFramed(source, params, listener);
  else if (file.form === "raw") yield* readRaw(source);
  else yield* readHex(source);
}

/**
 * Moves to the next magic; false when the file ends first. What lies on the way is told, but for
 * the zeros that block files end with.
 */
async function seekMagic(
  source: ByteSource,
  magic: Bytes,
  listener: ReadListener,
): Promise<boolean> {
  let skipped = 0;
  let found = false;
  while (!found && (await source.ensure(1))) {
    const more = await source.ensure(MAGIC_BYTES);
    const window = source.peek(source.available);
    const at = findMagic(window, magic, 0);
    found = at >= 0;
    // The last bytes may be the start of a magic.
    const step = found ? at : more ? window.length - (MAGIC_BYTES - 1) : window.length;
    for (let byte = 0; byte < step; byte++) if (window[byte] !== 0) skipped += 1;
    source.skip(step);
  }
  if (skipped > 0) listener.skipped?.(skipped, source.offset);
  return found;
}

async function* readFramed(
  source: ByteSource,
  params: Params,
  listener: ReadListener,
): AsyncGenerator<FileRecord> {
  while (await seekMagic(source, params.magic, listener)) {
    const { offset } = source;
    const fault = (reason: string): FileRecord => {
      // The length cannot be trusted: the search goes on right behind the magic.
      source.skip(MAGIC_BYTES);
      return { ok: false, reason, offset };
    };
    if (!(await source.ensure(FRAME_BYTES))) {
      yield fault("truncated-record");
      continue;
    }
    const length = readU32(source.peek(FRAME_BYTES), MAGIC_BYTES);
    if (length < HEADER_BYTES || length > BLOCK_BYTES_MAX) {
      yield fault("bad-record-length");
      continue;
    }
    await source.ensure(FRAME_BYTES + length + MAGIC_BYTES);
    const window = source.peek(FRAME_BYTES + length + MAGIC_BYTES);
    const bytes = blockIn(window, length, params.magic);
    if (bytes === null) {
      const isCut = window.length < FRAME_BYTES + length;
      yield fault(isCut ? "truncated-record" : "block-decode-failed");
      continue;
    }
    source.skip(FRAME_BYTES + bytes.length);
    const reload = source.reloader(offset + FRAME_BYTES, bytes.length);
    yield { ok: true, bytes, reload };
  }
}

/**
 * The block of a record. A wrong length shows when neither a record nor the end of the file follows:
 * then the block itself says where it ends, and what is behind it is searched for records; null when
 * it does not decode.
 */
function blockIn(window: Bytes, length: number, magic: Bytes): Bytes | null {
  const block = window.subarray(FRAME_BYTES, FRAME_BYTES + length);
  if (recordFollows(window, FRAME_BYTES + length, magic)) return block;
  const decoded = decodeBlock(block);
  return decoded.ok ? block.subarray(0, decoded.end) : null;
}

function recordFollows(window: Bytes, at: number, magic: Bytes): boolean {
  return window.length === at || rangeEqual(window, at, magic, 0, MAGIC_BYTES);
}

async function* readRaw(source: ByteSource): AsyncGenerator<FileRecord> {
  while (await source.ensure(1)) {
    const { offset } = source;
    let decoded = decodeBlock(source.peek(Math.min(source.available, BLOCK_BYTES_MAX)));
    if (!decoded.ok && decoded.code === "truncated" && source.available < BLOCK_BYTES_MAX) {
      await source.ensure(BLOCK_BYTES_MAX);
      decoded = decodeBlock(source.peek(Math.min(source.available, BLOCK_BYTES_MAX)));
    }
    // No block begins like this, but a file may end in zeros.
    if (source.peek(HEADER_BYTES).every((byte) => byte === 0)) return;
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

/** Moves behind the end of a line that is too long to be a block. */
async function skipLine(source: ByteSource): Promise<void> {
  while (await source.ensure(1)) {
    const window = source.peek(source.available);
    const newline = window.indexOf(NEWLINE);
    source.skip(newline < 0 ? window.length : newline + 1);
    if (newline >= 0) return;
  }
}

const NEWLINE = 10;

async function* readHex(source: ByteSource): AsyncGenerator<FileRecord> {
  for (let searched = 0; ; ) {
    const more = await source.ensure(searched + 1);
    const { offset } = source;
    const window = source.peek(source.available);
    const newline = window.indexOf(NEWLINE, searched);
    if (newline < 0 && more) {
      searched = window.length;
      if (searched <= LINE_BYTES_MAX) continue;
      yield { ok: false, reason: "line-too-long", offset };
      await skipLine(source);
      searched = 0;
      continue;
    }
    searched = 0;
    const end = newline < 0 ? window.length : newline;
    const text = new TextDecoder().decode(window.subarray(0, end)).trim();
    source.skip(newline < 0 ? end : end + 1);
    if (text !== "") yield hexRecord(text, source.reloader(offset, end), offset);
    if (newline < 0) return;
  }
}

function hexRecord(text: string, reloadLine: Reload | null, offset: number): FileRecord {
  const bytes = fromHex(text);
  if (bytes === null) return { ok: false, reason: "not-hex", offset };
  const reload =
    reloadLine === null
      ? null
      : async () => fromHex(new TextDecoder().decode(await reloadLine()).trim()) ?? NO_BYTES;
  return { ok: true, bytes, reload };
}

const NO_BYTES: Bytes = new Uint8Array(0);
