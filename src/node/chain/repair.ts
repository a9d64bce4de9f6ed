// Repairing a data directory from what is sound. A block that cannot be read is given up alone: its
// coins are there, and it is taken when it is imported again. A damaged partition store is made again
// from the deltas of all blocks. When deltas, index, log or FORMAT are damaged, everything is made
// again from the blocks; scripts are checked again only for those that the log had not recorded.
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hex, toHex } from "../../base/bytes.ts";
import { fillDamage } from "../../engines/files/fill-damage.ts";
import { readFormat, writeFormat } from "../../engines/files/format.ts";
import { lockDataDirectory } from "../../engines/files/lock.ts";
import { RecordFile } from "../../engines/files/record-file.ts";
import { readLocation, records } from "../../engines/files/record-scan.ts";
import { Segments } from "../../engines/files/segments.ts";
import { LmdbEngine } from "../../engines/lmdb/lmdb-engine.ts";
import { withActivation } from "../../ledger/bitcoin/activation.ts";
import { HEADER_BYTES, readHeader } from "../../ledger/bitcoin/block.ts";
import type { Params } from "../../ledger/bitcoin/params.ts";
import { SALT_BYTES } from "../../state/placement.ts";
import type { Tip } from "./base.ts";
import { faultOf } from "./faults.ts";
import { DataError, PARTITIONS_DEFAULT } from "./files.ts";
import { type Inspection, inspect } from "./inspect.ts";
import { type OpenChainOptions, openChain } from "./open.ts";
import { decodeIndexAdded, INDEX_ADDED, INDEX_LOST, RECORD_BLOCK, RECORD_LOST } from "./records.ts";

export interface RepairOptions {
  readonly folder: string;
  readonly params: Params;
  readonly memoryMegabytes: number;
  /** Blocks made again so far. */
  readonly onBlock: (count: number) => void;
}

export interface Repaired {
  readonly damage: readonly string[];
  readonly rebuilt: "nothing" | "blocks" | "partitions" | "all";
  /** Hashes of blocks whose bytes are lost, in hash order of bytes: to be imported again. */
  readonly lost: readonly Uint8Array[];
  /** Blocks that were read and could not be connected: one before them is lost. */
  readonly unconnected: number;
  readonly tip: Tip;
  /** Where the damaged files were put aside, or null. */
  readonly kept: string | null;
}

interface Layout {
  readonly partitionCount: number;
  readonly salt: Uint8Array;
  readonly params: Params;
  /** What is wrong with FORMAT, or null. */
  readonly fault: string | null;
}

/** No block that was taken before is too new for this clock. */
const END_OF_TIME: number = 2 ** 32;

/** The layout that FORMAT tells; without it one of our own, and then everything is made again. */
function layoutOf({ folder, params }: RepairOptions): Layout {
  const read = readFormat(folder, params.name);
  if (read.ok) {
    let moved = params;
    for (const text of read.format.activation ?? []) {
      const result = withActivation(moved, text);
      if (!result.ok) throw new DataError("usage", `FORMAT: ${result.message}`);
      moved = result.params;
    }
    const { partitions, salt } = read.format;
    return { partitionCount: partitions, salt: hex(salt), params: moved, fault: null };
  }
  const isLost = read.code === "damaged" || read.code === "absent";
  if (!isLost || !existsSync(join(folder, params.name, "blocks"))) {
    throw new DataError("usage", read.message);
  }
  const stores = join(folder, params.name, "coins");
  const count = existsSync(stores)
    ? readdirSync(stores).filter((name) => name.endsWith(".mdb")).length
    : 0;
  const partitionCount = count >= 1 && count <= 64 ? count : PARTITIONS_DEFAULT;
  const fault = "FORMAT: the file is damaged or missing";
  return { partitionCount, salt: new Uint8Array(randomBytes(SALT_BYTES)), params, fault };
}

interface Outcome {
  readonly damage: string[];
  rebuilt: Repaired["rebuilt"];
  lost: readonly Uint8Array[];
  unconnected: number;
  kept: string | null;
}

/** Looks through everything, repairs what is damaged, and opens the result once to see its tip. */
export async function repair(options: RepairOptions): Promise<Repaired> {
  const { folder } = options;
  if (!existsSync(folder)) {
    throw new DataError("usage", `there is no data directory at ${folder}: check --data-dir`);
  }
  const outcome: Outcome = {
    damage: [],
    rebuilt: "nothing",
    lost: [],
    unconnected: 0,
    kept: null,
  };
  await locked(folder, () => mend(options, outcome));
  const first = await tipOf(options).catch((error: unknown) => {
    const fault = faultOf(error);
    if (fault?.kind !== "damaged" || outcome.rebuilt === "all") throw error;
    outcome.damage.push(fault.message.replace("; run pando repair", ""));
    return null;
  });
  if (first !== null) return { ...outcome, tip: first };
  // Each file is sound by itself, but they do not belong together.
  await locked(folder, async () => {
    const layout = layoutOf(options);
    const network = join(folder, options.params.name);
    await rebuildAll(options, layout, await inspect(network, layout.partitionCount), outcome);
  });
  return { ...outcome, tip: await tipOf(options) };
}

async function locked(folder: string, task: () => Promise<void>): Promise<void> {
  const lock = lockDataDirectory(folder);
  if (!lock.ok) throw new DataError("environment", lock.message);
  try {
    await task();
  } finally {
    lock.release();
  }
}

function openOptions(options: RepairOptions): OpenChainOptions {
  const { folder, params, memoryMegabytes } = options;
  return {
    folder,
    params,
    partitionCount: null,
    verifierCount: null,
    memoryMegabytes,
    clock: () => END_OF_TIME,
    skipScripts: () => false,
  };
}

async function tipOf(options: RepairOptions): Promise<Tip> {
  const opened = await openChain({ ...openOptions(options), mustExist: true });
  const { tip } = opened.chain;
  await opened.close();
  return tip;
}

async function mend(options: RepairOptions, outcome: Outcome): Promise<void> {
  const { folder, params } = options;
  const layout = layoutOf(options);
  const network = join(folder, params.name);
  finishSwap(network);
  const found = await inspect(network, layout.partitionCount);
  if (layout.fault !== null) outcome.damage.push(layout.fault);
  outcome.damage.push(...found.damage);
  if (found.derived || layout.fault !== null) {
    await rebuildAll(options, layout, found, outcome);
    return;
  }
  outcome.lost = await giveUpBlocks(network, found);
  for (const number of found.partitions) dropStore(network, number);
  if (found.partitions.length > 0) outcome.rebuilt = "partitions";
  else if (found.blocks) outcome.rebuilt = "blocks";
}

/** Notes the blocks that cannot be read, and makes their file whole again. */
async function giveUpBlocks(network: string, found: Inspection): Promise<Uint8Array[]> {
  const blocks = { folder: join(network, "blocks"), prefix: "blk" };
  if (found.blocks) fillDamage({ ...blocks, kind: RECORD_LOST, reach: found.blocksEnd });
  const opened = RecordFile.open({ folder: join(network, "index"), prefix: "idx" });
  if (!opened.ok) throw new DataError("damaged", opened.message);
  const index = opened.records;
  const stored = RecordFile.open(blocks, found.blocksEnd);
  if (!stored.ok) throw new DataError("damaged", stored.message);
  const lost = new Map<string, Uint8Array>();
  for (const read of index.iterate()) {
    if (!read.ok) continue;
    if (read.kind === INDEX_LOST) lost.delete(toHex(read.payload));
    const added = read.kind === INDEX_ADDED ? decodeIndexAdded(read.payload) : null;
    if (added === null) continue;
    const { hash } = readHeader(added.header);
    const block = stored.records.read(added.location);
    if (block.ok && block.kind === RECORD_BLOCK) lost.delete(toHex(hash));
    else lost.set(toHex(hash), hash);
  }
  for (const hash of lost.values()) index.append(INDEX_LOST, [hash]);
  await stored.records.close();
  await index.close();
  return [...lost.values()];
}

function dropStore(network: string, number: number): void {
  const path = new LmdbEngine(join(network, "coins")).path(number);
  for (const suffix of ["", "-lock"]) rmSync(`${path}${suffix}`, { force: true });
}

/** A repair that died between its two renames: the new files are whole, the place is empty. */
function finishSwap(network: string): void {
  const built = `${network}.rebuilt`;
  if (!existsSync(network) && existsSync(built)) renameSync(built, network);
}

function asideName(network: string): string {
  for (let number = 1; ; number++) {
    const path = `${network}.damaged-${number}`;
    if (!existsSync(path)) return path;
  }
}

/** Makes the network's folder again beside the old one, then puts it in its place. */
async function rebuildAll(
  options: RepairOptions,
  layout: Layout,
  found: Inspection,
  outcome: Outcome,
): Promise<void> {
  const { folder, params } = options;
  const network = join(folder, params.name);
  const work = `${network}.rebuilding`;
  rmSync(work, { recursive: true, force: true });
  try {
    outcome.unconnected = await importSound(options, layout, found, work);
  } catch (error) {
    // What was built so far may be what fills the disk.
    rmSync(work, { recursive: true, force: true });
    throw error;
  }
  const built = `${network}.rebuilt`;
  rmSync(built, { recursive: true, force: true });
  renameSync(join(work, params.name), built);
  const kept = asideName(network);
  renameSync(network, kept);
  renameSync(built, network);
  const format = readFormat(work, params.name);
  // Only now: the old stores must never be read with the new key.
  if (layout.fault !== null && format.ok) writeFormat(folder, format.format);
  rmSync(work, { recursive: true, force: true });
  outcome.kept = kept;
  outcome.rebuilt = "all";
}

/** Imports every block that can be read; returns how many could not be connected. */
async function importSound(
  options: RepairOptions,
  layout: Layout,
  found: Inspection,
  work: string,
): Promise<number> {
  const opened = await openChain({
    ...openOptions(options),
    folder: work,
    params: layout.params,
    partitionCount: layout.partitionCount,
    salt: layout.salt,
    skipScripts: (hash) => found.recorded.has(toHex(hash)),
  });
  const { chain } = opened;
  const segments = new Segments(join(options.folder, options.params.name, "blocks"), "blk");
  try {
    let count = 0;
    let last: Promise<unknown> = Promise.resolve();
    for (const read of records(segments, { file: Math.max(0, segments.first), offset: 0 })) {
      if (!read.ok || read.kind !== RECORD_BLOCK || read.payload.length < HEADER_BYTES) continue;
      const { location } = read;
      last = chain.submit(read.payload, async () => {
        const again = readLocation(segments, location);
        if (!again.ok) throw new DataError("environment", `${again.message}: check the disk`);
        return again.payload;
      });
      last.catch(() => {});
      count += 1;
      options.onBlock(count);
      if (count % REBUILD_IN_FLIGHT_MAX === 0) await last;
    }
    await last;
    await chain.idle();
    return chain.orphanCount;
  } finally {
    segments.close();
    await opened.close();
  }
}

/** Blocks submitted and not answered while rebuilding. */
const REBUILD_IN_FLIGHT_MAX = 16;
