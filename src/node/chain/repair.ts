// Repairing a data directory from what is sound. A damaged partition store is made again from the
// deltas of all blocks. When a file is damaged, everything is made again from the blocks that can
// still be read; scripts are checked again only for blocks that the log had not recorded.
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hex, toHex } from "../../base/bytes.ts";
import { readFormat } from "../../engines/files/format.ts";
import { lockDataDirectory } from "../../engines/files/lock.ts";
import { records } from "../../engines/files/record-scan.ts";
import { Segments } from "../../engines/files/segments.ts";
import { LmdbEngine } from "../../engines/lmdb/lmdb-engine.ts";
import type { Params } from "../../ledger/bitcoin/params.ts";
import type { Tip } from "./chain.ts";
import { DataError } from "./files.ts";
import { type Inspection, inspect } from "./inspect.ts";
import { type OpenChainOptions, openChain } from "./open.ts";
import { RECORD_BLOCK } from "./records.ts";

export interface RepairOptions {
  readonly folder: string;
  readonly params: Params;
  readonly memoryMegabytes: number;
  readonly clock: () => number;
  /** Blocks made again so far. */
  readonly onBlock: (count: number) => void;
}

export interface Repaired {
  readonly damage: readonly string[];
  readonly rebuilt: "nothing" | "partitions" | "all";
  readonly tip: Tip;
  /** Where the damaged files were put aside, or null. */
  readonly kept: string | null;
}

interface Layout {
  readonly partitionCount: number;
  readonly salt: Uint8Array;
}

/** The FORMAT of the directory; a damaged one is refused, since the partitions' places need its key. */
function layoutOf(folder: string, network: string): Layout {
  const read = readFormat(folder, network);
  if (!read.ok) throw new DataError(read.code === "damaged" ? "damaged" : "usage", read.message);
  return { partitionCount: read.format.partitions, salt: hex(read.format.salt) };
}

function openOptions(options: RepairOptions): OpenChainOptions {
  const { folder, params, memoryMegabytes, clock } = options;
  return {
    folder,
    params,
    partitionCount: null,
    verifierCount: null,
    memoryMegabytes,
    clock,
    skipScripts: () => false,
  };
}

/** Looks through everything, repairs what is damaged, and opens the result once to see its tip. */
export async function repair(options: RepairOptions): Promise<Repaired> {
  const { folder, params } = options;
  const layout = layoutOf(folder, params.name);
  const network = join(folder, params.name);
  const found = inspectLocked(folder, network, layout);
  let kept: string | null = null;
  if (found.files) kept = await rebuildAll(options, layout, found);
  else for (const number of found.partitions) dropStore(network, number);
  const opened = await openChain({ ...openOptions(options), mustExist: true });
  const tip = opened.chain.tip;
  await opened.close();
  const rebuilt = found.files ? "all" : found.partitions.length > 0 ? "partitions" : "nothing";
  return { damage: found.damage, rebuilt, tip, kept };
}

function inspectLocked(folder: string, network: string, layout: Layout): Inspection {
  const lock = lockDataDirectory(folder);
  if (!lock.ok) throw new DataError("environment", lock.message);
  try {
    finishSwap(network);
    return inspect(network, layout.partitionCount);
  } finally {
    lock.release();
  }
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
): Promise<string> {
  const network = join(options.folder, options.params.name);
  const work = `${network}.rebuilding`;
  rmSync(work, { recursive: true, force: true });
  await importSound(options, layout, found, network, work);
  const built = `${network}.rebuilt`;
  rmSync(built, { recursive: true, force: true });
  renameSync(join(work, options.params.name), built);
  rmSync(work, { recursive: true, force: true });
  const kept = asideName(network);
  renameSync(network, kept);
  renameSync(built, network);
  return kept;
}

async function importSound(
  options: RepairOptions,
  layout: Layout,
  found: Inspection,
  network: string,
  work: string,
): Promise<void> {
  const opened = await openChain({
    ...openOptions(options),
    folder: work,
    partitionCount: layout.partitionCount,
    salt: layout.salt,
    skipScripts: (hash) => found.recorded.has(toHex(hash)),
  });
  try {
    const segments = new Segments(join(network, "blocks"), "blk");
    let count = 0;
    let last: Promise<unknown> = Promise.resolve();
    for (const read of records(segments, { file: Math.max(0, segments.first), offset: 0 })) {
      if (!read.ok || read.kind !== RECORD_BLOCK) continue;
      last = opened.chain.submit(read.payload);
      last.catch(() => {});
      count += 1;
      options.onBlock(count);
      if (count % REBUILD_IN_FLIGHT_MAX === 0) await last;
    }
    await last;
    segments.close();
  } finally {
    await opened.close();
  }
}

/** Blocks submitted and not answered while rebuilding. */
const REBUILD_IN_FLIGHT_MAX = 16;
