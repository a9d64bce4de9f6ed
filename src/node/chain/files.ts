// The files of a data directory and how they are opened: FORMAT and LOCK, the blocks, the deltas,
// the block index, the chain log and a store for each partition. What a start finds damaged is
// named in one line, with `pando repair` as the next step.
//
//   FORMAT, LOCK           which network and layout; who uses it
//   NETWORK/blocks/...     blocks as received          deltas/...   redo and undo of each block
//   NETWORK/index/...      headers, block locations    chain.log    one record per tip change
//   NETWORK/coins/...      the partitions' stores
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { hex, toHex } from "../../base/bytes.ts";
import { ChainLog } from "../../engines/files/chain-log.ts";
import type { Damage } from "../../engines/files/damage.ts";
import {
  type DataFormat,
  FORMAT_VERSION,
  readFormat,
  writeFormat,
} from "../../engines/files/format.ts";
import type { Position } from "../../engines/files/frame.ts";
import { lockDataDirectory } from "../../engines/files/lock.ts";
import { RecordFile } from "../../engines/files/record-file.ts";
import { NETWORK_NAMES } from "../../ledger/bitcoin/networks.ts";
import { SALT_BYTES } from "../../state/placement.ts";
import { type ChainRecord, decodeChainRecord } from "./records.ts";

/** Why a data directory cannot be used; the message is one line that says what to do. */
export class DataError extends Error {
  override readonly name = "DataError";
  readonly kind: "usage" | "damaged" | "environment";
  constructor(kind: DataError["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

export interface DataFiles {
  /** The network's folder below the data directory. */
  readonly folder: string;
  readonly salt: Uint8Array;
  readonly partitionCount: number;
  /** Rules that are moved, as NAME@HEIGHT. */
  readonly activation: readonly string[];
  readonly blocks: RecordFile;
  readonly deltas: RecordFile;
  readonly index: RecordFile;
  readonly log: ChainLog;
  /** Every record of the log, oldest first; emptied once the chain stands. */
  readonly history: ChainRecord[];
  /** What a crash had left half written and was cut off, for the log. */
  readonly notices: readonly string[];
  readonly release: () => void;
}

export interface OpenFilesOptions {
  readonly folder: string;
  readonly network: string;
  /** Partitions of a new directory; an old one keeps what it was made with. */
  readonly partitionCount: number | null;
  /** Rules that are moved, as NAME@HEIGHT; an old directory keeps what it was made with. */
  readonly activation?: readonly string[];
  /** Id of the chain's genesis block, where a name does not tell networks apart. */
  readonly chain?: string | null;
  /** Refuse to make a directory that is not there. */
  readonly mustExist?: boolean;
  /** Placement salt of a new directory; by default random. */
  readonly salt?: Uint8Array;
}

export const PARTITIONS_DEFAULT = 4;

function namedInFormat(folder: string): string | null {
  try {
    const format: unknown = JSON.parse(readFileSync(join(folder, "FORMAT"), "utf8"));
    if (typeof format !== "object" || format === null || !("network" in format)) return null;
    return typeof format.network === "string" ? format.network : null;
  } catch {
    return null;
  }
}

/** The network that a data directory was made for, or null when that cannot be told. */
export function networkOf(folder: string): string | null {
  const named = namedInFormat(folder);
  if (named !== null) return named;
  const found = NETWORK_NAMES.filter((name) => existsSync(join(folder, name, "blocks")));
  return found.length === 1 ? found[0]! : null;
}

function damaged(found: Damage): DataError {
  return new DataError("damaged", `${found.message}; run pando repair`);
}

/** True when nothing lies there but what a first start that died may have left. */
function isEmptyFolder(folder: string): boolean {
  return readdirSync(folder).every((name) => name.startsWith("LOCK") || name.startsWith("FORMAT"));
}

type Layout = Pick<DataFiles, "salt" | "partitionCount" | "activation">;

/** The layout of a directory that is there; what was asked for must agree with it. */
function oldLayout(options: OpenFilesOptions, format: DataFormat): Layout {
  const { folder, partitionCount, activation = [], chain = null } = options;
  if (chain !== null && format.chain !== chain) {
    const message = `${folder} holds another chain called ${format.network}: use the network file it was made with, or another --data-dir`;
    throw new DataError("usage", message);
  }
  const made = { partitions: format.partitions, activation: format.activation ?? [] };
  if (partitionCount !== null && partitionCount !== made.partitions) {
    const message = `${folder} was made with ${made.partitions} partitions: leave --partitions out, or use another --data-dir`;
    throw new DataError("usage", message);
  }
  if (activation.length > 0 && activation.join() !== made.activation.join()) {
    const how = made.activation.length === 0 ? "no --activation" : made.activation.join(", ");
    const message = `${folder} was made with ${how}: leave --activation out, or use another --data-dir`;
    throw new DataError("usage", message);
  }
  return {
    salt: hex(format.salt),
    partitionCount: made.partitions,
    activation: made.activation,
  };
}

/** Makes the directory's FORMAT when it is new, or checks that it may be used. */
function openFormat(options: OpenFilesOptions): Layout {
  const { folder, network, partitionCount, activation = [], chain = null } = options;
  const read = readFormat(folder, network);
  if (read.ok) return oldLayout(options, read.format);
  if (read.code !== "absent") {
    throw new DataError(read.code === "damaged" ? "damaged" : "usage", read.message);
  }
  if (options.mustExist === true) throw new DataError("usage", read.message);
  if (!isEmptyFolder(folder)) {
    const message = `${folder} is not empty and not a data directory of Pando: choose another --data-dir`;
    throw new DataError("usage", message);
  }
  const salt = options.salt ?? new Uint8Array(randomBytes(SALT_BYTES));
  const count = partitionCount ?? PARTITIONS_DEFAULT;
  writeFormat(folder, {
    version: FORMAT_VERSION,
    network,
    partitions: count,
    salt: toHex(salt),
    ...(activation.length === 0 ? {} : { activation }),
    ...(chain === null ? {} : { chain }),
    created: new Date().toISOString(),
  });
  return { salt, partitionCount: count, activation };
}

/** mkdir -p; Node's own never ends where a folder cannot be made in one that is there (/proc). */
function makeFolders(folder: string): void {
  if (existsSync(folder)) return;
  makeFolders(dirname(folder));
  mkdirSync(folder);
}

function makeFolder(folder: string, mustExist: boolean): void {
  if (mustExist && !existsSync(folder)) {
    throw new DataError("usage", `there is no data directory at ${folder}: check --data-dir`);
  }
  if (existsSync(folder) && !statSync(folder).isDirectory()) {
    throw new DataError("usage", `${folder} is a file: choose another --data-dir`);
  }
  try {
    makeFolders(resolve(folder));
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new DataError("environment", `cannot make the data directory ${folder}: ${cause}`);
  }
}

/** Opens every file of a data directory, or throws a DataError; what it locked is then released. */
export function openDataFiles(options: OpenFilesOptions): DataFiles {
  makeFolder(options.folder, options.mustExist === true);
  const lock = lockDataDirectory(options.folder);
  if (!lock.ok) throw new DataError("environment", lock.message);
  try {
    const files = openUnlocked(options);
    if (lock.wasLeft) files.notices.unshift(LEFT);
    return { ...files, release: () => lock.release() };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function openLog(folder: string): { log: ChainLog; history: ChainRecord[]; notices: string[] } {
  const history: ChainRecord[] = [];
  let unknown = false;
  const opened = ChainLog.open(join(folder, "chain.log"), (bytes) => {
    const record = decodeChainRecord(bytes);
    if (record === null) unknown = true;
    else history.push(record);
  });
  if (!opened.ok) throw damaged(opened);
  if (unknown) {
    throw new DataError("damaged", "chain.log holds a record of an unknown form; run pando repair");
  }
  const notices =
    opened.cut === null ? [] : [`chain.log: cut ${opened.cut.bytes} bytes of an unfinished record`];
  return { log: opened.log, history, notices };
}

const LEFT =
  "the last run was killed or crashed; if it crashes again in the same place, run pando repair";

function openUnlocked(
  options: OpenFilesOptions,
): Omit<DataFiles, "release" | "notices"> & { notices: string[] } {
  const layout = openFormat(options);
  const folder = join(options.folder, options.network);
  mkdirSync(folder, { recursive: true });
  const { log, history, notices } = openLog(folder);
  const ends = history.at(-1)?.ends;
  const open = (name: string, prefix: string, watermark: Position | undefined): RecordFile => {
    const opened = RecordFile.open({ folder: join(folder, name), prefix }, watermark);
    if (!opened.ok) throw damaged(opened);
    if (opened.cut !== null) {
      notices.push(`${opened.cut.file}: cut ${opened.cut.bytes} bytes of an unfinished record`);
    }
    return opened.records;
  };
  const blocks = open("blocks", "blk", ends?.[0]);
  const deltas = open("deltas", "dlt", ends?.[1]);
  const index = open("index", "idx", ends?.[2]);
  mkdirSync(join(folder, "coins"), { recursive: true });
  return { folder, ...layout, blocks, deltas, index, log, history, notices };
}

/** Flushes and closes everything and gives the lock back, also when flushing fails. */
export async function closeDataFiles(files: DataFiles): Promise<void> {
  try {
    await Promise.all([files.blocks.close(), files.deltas.close(), files.index.close()]);
  } finally {
    files.log.close();
    files.release();
  }
}
