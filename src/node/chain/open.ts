// Opens a node's chain: files, block index, workers, and the way from what a crash left to a
// consistent tip. Every partition's store says up to which chain record it was flushed; the records
// behind that are replayed on it from their deltas, without judging anything again.

import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { assert } from "../../base/assert.ts";
import { type Bytes, readU64, toDisplayHex, toHex, writeU64 } from "../../base/bytes.ts";
import { loadSecp256k1 } from "../../crypto/secp256k1.ts";
import { comparePositions, endOf, type Location } from "../../engines/files/frame.ts";
import { movedActivations, withActivation } from "../../ledger/bitcoin/activation.ts";
import {
  type BlockForm,
  type Header,
  headerBytesOf,
  readHeader,
} from "../../ledger/bitcoin/block.ts";
import { formOf, type Params } from "../../ledger/bitcoin/params.ts";
import { workOfBits } from "../../ledger/bitcoin/work.ts";
import {
  type BlockId,
  BlockIndex,
  CHECKED,
  FORGOTTEN,
  HAS_DATA,
  NONE,
} from "../../planes/consensus/work/block-index.ts";
import { Connector } from "../../planes/execution/connect.ts";
import type { JudgeBatch, JudgeReply } from "../../planes/execution/judge-transaction.ts";
import { VerifiedCache } from "../../planes/execution/verified-cache.ts";
import type { VerifyBatch, VerifyFailure } from "../../planes/execution/verify-batch.ts";
import type { PoolPort } from "../../ports/pool.ts";
import { Placement } from "../../state/placement.ts";
import { type HostPort, HostThread } from "../workers/host-port.ts";
import type { PartitionHostData } from "../workers/partitions.ts";
import { ThreadPool, ThreadWorker } from "../workers/thread.ts";
import type { VerifierReply, VerifierRequest } from "../workers/verifier.ts";
import { Archive } from "./archive.ts";
import {
  type ChainBase,
  type ChainParts,
  RECENT_RECORDS_MAX,
  type RecordedChange,
} from "./base.ts";
import { Chain } from "./chain.ts";
import { CoinCensus } from "./coin-census.ts";
import { closeDataFiles, DataError, type DataFiles, openDataFiles } from "./files.ts";
import { Locations } from "./locations.ts";
import {
  decodeIndexAdded,
  decodeIndexHeaders,
  INDEX_ADDED,
  INDEX_FORGOTTEN,
  INDEX_HEADERS,
  INDEX_INVALID,
  INDEX_LOST,
  INDEX_RECONSIDERED,
} from "./records.ts";
import { DiskRoom } from "./room.ts";
import { StakedChain } from "./staked-chain.ts";

export interface OpenChainOptions {
  readonly folder: string;
  readonly params: Params;
  /** Null: what the directory was made with, or the default for a new one. */
  readonly partitionCount: number | null;
  /** Threads that hold the partitions; by default one for two cores. */
  readonly hostCount?: number;
  /** Verifier workers; null: one for each core. */
  readonly verifierCount: number | null;
  /** The whole process's budget, megabytes. */
  readonly memoryMegabytes: number;
  /** What the partitions may hold in memory, instead of their share of the budget. */
  readonly coinBytesMax?: number;
  readonly clock: () => number;
  readonly skipScripts: (hash: Bytes) => boolean;
  readonly mustExist?: boolean;
  /** Placement salt of a new directory; by default random. */
  readonly salt?: Uint8Array;
  /** What a full disk does: absent, it ends the chain with StorageFull. */
  readonly room?: { readonly waits: boolean; readonly reserveBytes: number };
  /** Called when the directory is ours alone, before the work begins; given the network's folder. */
  readonly locked?: (folder: string) => Promise<void>;
}

export interface OpenedChain<Kind extends ChainBase = Chain> {
  readonly chain: Kind;
  readonly census: CoinCensus;
  readonly files: DataFiles;
  readonly hosts: readonly HostPort[];
  readonly verifiers: PoolPort<VerifyBatch, VerifyFailure | null>;
  /** The same workers, for transactions on their own. */
  readonly judges: PoolPort<JudgeBatch, JudgeReply>;
  readonly verifierCount: number;
  /**
   * Stops the workers and closes the files. By default it flushes before: what is not flushed is
   * not lost, but replayed at the next start.
   */
  close(flush?: boolean): Promise<void>;
}

/** For who does not ask how the head is chosen. */
export type AnyOpenedChain = OpenedChain<ChainBase>;

/** The index file as block index: headers, also without blocks; where blocks are; which are invalid. */
function readIndex(files: DataFiles, params: Params): { index: BlockIndex; blocks: Locations } {
  const form = formOf(params);
  const headerBytes = headerBytesOf(form);
  const index = new BlockIndex(headerBytes);
  const blocks = new Locations();
  const genesis = readHeader(params.genesis.subarray(0, headerBytes), 0, form);
  index.add(genesis.bytes, genesis.hash, NONE, workOf(genesis, form));
  index.mark(0, HAS_DATA);
  index.mark(0, CHECKED);
  for (const read of files.index.iterate()) {
    if (!read.ok) throw new DataError("damaged", `${read.message}; run pando repair`);
    if (noteRead(index, blocks, read.kind, read.payload)) continue;
    if (read.kind === INDEX_HEADERS && addHeaders(index, read.payload)) continue;
    const added = read.kind === INDEX_ADDED ? decodeIndexAdded(read.payload, headerBytes) : null;
    if (added === null) {
      throw new DataError("damaged", "the block index holds an unknown record; run pando repair");
    }
    const { header, location } = added;
    if (comparePositions(endOf(location), files.blocks.end) > 0) {
      // A power cut took the block and left this: it is as if it had never come, and so is what
      // follows. It must go, before another block takes its place in the file.
      files.index.truncateTo(read.location);
      break;
    }
    addIndexed(index, blocks, readHeader(header, 0, form), form, location);
  }
  return { index, blocks };
}

/** True for a record that says something about a known block. */
function noteRead(index: BlockIndex, blocks: Locations, kind: number, hash: Bytes): boolean {
  const id = index.find(hash);
  switch (kind) {
    case INDEX_INVALID:
      if (id !== NONE) index.invalidate(id);
      return true;
    case INDEX_RECONSIDERED:
      if (id !== NONE) index.reconsider(id);
      return true;
    case INDEX_FORGOTTEN:
      if (id !== NONE) index.mark(id, FORGOTTEN);
      return true;
    case INDEX_LOST:
      if (id !== NONE) {
        index.clear(id, HAS_DATA);
        blocks.delete(id);
      }
      return true;
    default:
      return false;
  }
}

/** Adds headers whose blocks had not come; false when the record is none of headers. */
function addHeaders(index: BlockIndex, payload: Bytes): boolean {
  const headers = decodeIndexHeaders(payload);
  for (const bytes of headers ?? []) {
    const { hash, previous, bits } = readHeader(bytes);
    const parent = index.find(previous);
    // A parent is missing where the disk had no room for it: it comes again, and this too.
    if (parent === NONE || index.find(hash) !== NONE) continue;
    index.add(bytes, hash, parent, workOfBits(bits));
  }
  return headers !== null;
}

/** Where stakers make the blocks each counts as one: the index does not choose the head. */
function workOf({ bits }: Header, form: BlockForm): bigint {
  return form === "staked" ? 1n : workOfBits(bits);
}

function addIndexed(
  index: BlockIndex,
  blocks: Locations,
  header: Header,
  form: BlockForm,
  location: Location,
): void {
  const known = index.find(header.hash);
  const parent = index.find(header.previous);
  if (known === NONE && parent === NONE) return;
  const id =
    known === NONE ? index.add(header.bytes, header.hash, parent, workOf(header, form)) : known;
  index.mark(id, HAS_DATA);
  blocks.set(id, location);
}

/** The tip that the chain log says, and where each connected block's delta lies. */
function replayLog(
  files: DataFiles,
  index: BlockIndex,
  form: BlockForm,
): { tip: BlockId; deltas: Locations } {
  const deltas = new Locations();
  // Where the genesis block makes coins, the first record connects it.
  let tip: BlockId = form === "staked" ? NONE : 0;
  for (const record of files.history) {
    for (const hash of record.disconnect) {
      assert(index.find(hash) === tip, "the log disconnects its tip");
      tip = index.parent(tip);
    }
    for (const { hash, delta } of record.connect) {
      const id = index.find(hash);
      if (id === NONE || index.parent(id) !== tip) {
        const block = toDisplayHex(hash);
        throw new DataError(
          "damaged",
          `block ${block} is missing from the index; run pando repair`,
        );
      }
      deltas.set(id, delta);
      index.mark(id, CHECKED);
      tip = id;
    }
  }
  return { tip, deltas };
}

/** Memory of a process with its workers before it holds any coin, megabytes; measured. */
const BASE_MEGABYTES = 200;
const WORKER_MEGABYTES = 16;
/** Shares of what is left. */
const CACHE_SHARE = 0.1;
const COINS_SHARE = 0.5;
const CACHE_BYTES_MIN = 1 << 20;
/** Two million transactions: more are never unconfirmed at once, and each new page costs time. */
const CACHE_BYTES_MAX: number = 32 << 20;
const COINS_BYTES_MIN: number = 16 << 20;
/** Below this a partition would be flushed for its first coins. */
const PARTITION_BYTES_MIN = 1 << 20;

function shareMemory(
  megabytes: number,
  workers: number,
  partitions: number,
): { cache: number; coins: number } {
  const left = Math.max(0, megabytes - BASE_MEGABYTES - workers * WORKER_MEGABYTES) * 1_000_000;
  return {
    cache: Math.min(CACHE_BYTES_MAX, Math.max(CACHE_BYTES_MIN, left * CACHE_SHARE)),
    coins: Math.max(COINS_BYTES_MIN, partitions * PARTITION_BYTES_MIN, left * COINS_SHARE),
  };
}

/** The host of a partition: contiguous partitions share one. */
export function hostOfPartition(partition: number, partitions: number, hosts: number): number {
  return Math.floor((partition * hosts) / partitions);
}

function startHosts(files: DataFiles, wanted: number | undefined): HostPort[] {
  const most = wanted ?? Math.max(1, Math.floor(availableParallelism() / 2));
  const count = Math.min(files.partitionCount, most);
  const url = new URL("../workers/partitions.js", import.meta.url);
  return Array.from({ length: count }, (_, host) => {
    const partitions: number[] = [];
    for (let p = 0; p < files.partitionCount; p++) {
      if (hostOfPartition(p, files.partitionCount, count) === host) partitions.push(p);
    }
    const data: PartitionHostData = {
      folder: join(files.folder, "coins"),
      partitions,
      partitionCount: files.partitionCount,
      salt: files.salt,
    };
    return new HostThread(url, data);
  });
}

/** The newest records by block number, for who follows the chain with a state of his own. */
function recentChanges({ history }: DataFiles, index: BlockIndex): RecordedChange[] {
  const first = Math.max(0, history.length - RECENT_RECORDS_MAX);
  return history.slice(first).map(({ disconnect, connect }, number) => ({
    sequence: first + number + 1,
    disconnect: disconnect.map((hash) => index.find(hash)),
    connect: connect.map(({ hash }) => index.find(hash)),
    operations: 0,
  }));
}

/** Up to which chain record each partition was flushed. */
async function positionsOf(hosts: readonly HostPort[]): Promise<Map<number, number>> {
  const positions = new Map<number, number>();
  for (const host of hosts) {
    const reply = await host.call({ kind: "positions" });
    if (reply.kind !== "positions") continue;
    for (const { partition, position } of reply.positions) {
      positions.set(partition, position === null ? 0 : readU64(position, 0));
    }
  }
  return positions;
}

/**
 * Applies to each partition the records that its store has not seen; those may be all there are,
 * where a store was lost, so memory is flushed on the way.
 */
async function catchUp(
  files: DataFiles,
  positions: ReadonlyMap<number, number>,
  connector: Connector,
  memoryBytesMax: number,
  readDelta: (hash: Bytes) => readonly Uint32Array[],
): Promise<void> {
  const newest = files.history.length;
  for (const [partition, sequence] of positions) {
    if (sequence > newest) {
      const message = `partition ${partition} is at record ${sequence}, chain.log ends at ${newest}`;
      throw new DataError("damaged", `${message}; run pando repair`);
    }
  }
  for (let sequence = Math.min(...positions.values()); sequence < newest; sequence++) {
    const { disconnect, connect } = files.history[sequence]!;
    const behind = (delta: Uint32Array): boolean => positions.get(delta[0]!)! <= sequence;
    for (const hash of disconnect) await connector.apply("undo", readDelta(hash).filter(behind));
    for (const { hash } of connect) await connector.apply("redo", readDelta(hash).filter(behind));
    if (connector.memoryBytes <= memoryBytesMax) continue;
    const position = new Uint8Array(8);
    writeU64(position, 0, sequence + 1);
    const only = [...positions].filter(([, at]) => at <= sequence).map(([number]) => number);
    await connector.flush(position, Number.POSITIVE_INFINITY, only);
  }
}

/** The rules of a directory that was made with a moved deployment. */
function withStored(params: Params, text: string): Params {
  const moved = withActivation(params, text);
  if (!moved.ok) throw new DataError("damaged", `FORMAT: ${moved.message}; run pando repair`);
  return moved.params;
}

/** Opens the chain in a data directory, replaying what its last run had not flushed. */
export function openChain(options: OpenChainOptions): Promise<OpenedChain<Chain>> {
  return openWith(options, (parts) => new Chain(parts));
}

/** The same for a network of stakers. */
export function openStakedChain(options: OpenChainOptions): Promise<OpenedChain<StakedChain>> {
  return openWith(options, (parts) => new StakedChain(parts));
}

async function openWith<Kind extends ChainBase>(
  options: OpenChainOptions,
  make: (parts: ChainParts) => Kind,
): Promise<OpenedChain<Kind>> {
  loadSecp256k1();
  const { folder, partitionCount } = options;
  const files = openDataFiles({
    folder,
    network: options.params.name,
    partitionCount,
    activation: movedActivations(options.params),
    chain: options.params.staked === null ? null : toHex(options.params.genesisHash),
    mustExist: options.mustExist === true,
    ...(options.salt === undefined ? {} : { salt: options.salt }),
  });
  const hosts: HostPort[] = [];
  let pool: ThreadPool<VerifierRequest, VerifierReply> | null = null;
  const close = async (): Promise<void> => {
    await Promise.all(hosts.map((host) => host.call({ kind: "close" }).catch(() => {})));
    await Promise.all(hosts.map((host) => host.close()));
    await pool?.close();
    await closeDataFiles(files);
  };
  try {
    const params = files.activation.reduce(withStored, options.params);
    await options.locked?.(files.folder);
    hosts.push(...startHosts(files, options.hostCount));
    const { index, blocks } = readIndex(files, params);
    const { tip, deltas } = replayLog(files, index, formOf(params));
    const archive = new Archive({ files, index, blocks, deltas });
    const verifierCount = options.verifierCount ?? availableParallelism();
    const url = new URL("../workers/verifier.js", import.meta.url);
    pool = new ThreadPool(Array.from({ length: verifierCount }, () => new ThreadWorker(url, null)));
    const verifiers = pool as PoolPort<VerifyBatch, VerifyFailure | null>;
    const judges = pool as PoolPort<JudgeBatch, JudgeReply>;
    const workers = hosts.length + verifierCount;
    const memory = shareMemory(options.memoryMegabytes, workers, files.partitionCount);
    const connector = new Connector({
      hosts,
      verifiers,
      placement: new Placement(files.salt, files.partitionCount),
      cache: new VerifiedCache(new Uint8Array(randomBytes(32)), memory.cache),
      now: () => performance.now(),
    });
    const { clock, skipScripts } = options;
    const memoryBytesMax = options.coinBytesMax ?? memory.coins;
    await catchUp(files, await positionsOf(hosts), connector, memoryBytesMax, (hash) =>
      archive.readDelta(index.find(hash)),
    );
    const recent = recentChanges(files, index);
    files.history.length = 0;
    const room = new DiskRoom({
      folder: files.folder,
      ...(options.room ?? { waits: false, reserveBytes: 0 }),
    });
    const chain = make({
      archive,
      room,
      params,
      index,
      connector,
      tip,
      recent,
      clock,
      skipScripts,
      memoryBytesMax,
    });
    // Those who wait for its transactions would wait until the next block asks something of it.
    for (const host of hosts) host.onFault((error) => chain.fail(error));
    await chain.activateStored();
    return {
      chain,
      census: new CoinCensus(chain, hosts, join(files.folder, "coins")),
      files,
      hosts,
      verifiers,
      judges,
      verifierCount,
      close: async (flush = true) => {
        const hasRoom = room.refusal === null;
        room.end();
        try {
          // After a failure nothing more may be written; who waited was told of it.
          if (flush && hasRoom && !chain.hasFailed) await chain.flush();
        } finally {
          await close();
        }
      },
    };
  } catch (error) {
    await close().catch(() => {});
    throw error;
  }
}
