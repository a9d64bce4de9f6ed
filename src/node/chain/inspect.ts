// Reading through every file of a data directory: what is damaged, and what can still be used. Only
// what a crash left half written is cut off, as any start does. The blocks are the one thing that
// cannot be derived from the rest.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "../../base/bytes.ts";
import { ChainLog } from "../../engines/files/chain-log.ts";
import type { Position } from "../../engines/files/frame.ts";
import { RecordFile } from "../../engines/files/record-file.ts";
import { records } from "../../engines/files/record-scan.ts";
import { Segments } from "../../engines/files/segments.ts";
import { checkStore } from "./check-store.ts";
import { type ChainRecord, decodeChainRecord } from "./records.ts";

export interface Inspection {
  /** One line for each thing that is damaged. */
  readonly damage: readonly string[];
  /** Block records are damaged. */
  readonly blocks: boolean;
  /** Deltas, index or log are damaged: they have to be made again from the blocks. */
  readonly derived: boolean;
  /** Partitions whose stores are damaged. */
  readonly partitions: readonly number[];
  /** Hex of the blocks that the sound part of the chain log recorded as connected: all their rules
   * were checked, scripts too. */
  readonly recorded: ReadonlySet<string>;
  /** How far the block file was known to be durable. */
  readonly blocksEnd: Position;
}

/** Damaged records of a sequence, each in one line. */
async function inspectRecords(
  folder: string,
  name: string,
  prefix: string,
  watermark: Position | undefined,
): Promise<string[]> {
  if (!existsSync(join(folder, name))) return [`${name}: the folder is missing`];
  const options = { folder: join(folder, name), prefix };
  const opened = RecordFile.open(options, watermark);
  const damage = new Set<string>();
  // Opening has cut what a crash left half written, or it has found damage and changed nothing.
  if (opened.ok) await opened.records.close();
  else damage.add(opened.message);
  const segments = new Segments(options.folder, prefix);
  for (const read of records(segments, { file: Math.max(0, segments.first), offset: 0 })) {
    if (!read.ok) damage.add(read.message);
  }
  segments.close();
  return [...damage];
}

interface LogFinding {
  readonly damage: readonly string[];
  readonly history: readonly ChainRecord[];
}

function inspectLog(folder: string): LogFinding {
  const path = join(folder, "chain.log");
  if (!existsSync(path)) return { damage: ["chain.log: the file is missing"], history: [] };
  const history: ChainRecord[] = [];
  const opened = ChainLog.open(path, (bytes) => {
    const record = decodeChainRecord(bytes);
    if (record !== null) history.push(record);
  });
  if (!opened.ok) return { damage: [opened.message], history };
  opened.log.close();
  return { damage: [], history };
}

function recordedBlocks(history: readonly ChainRecord[]): Set<string> {
  const recorded = new Set<string>();
  for (const { connect } of history) for (const { hash } of connect) recorded.add(toHex(hash));
  return recorded;
}

/** `folder`: the network's folder below the data directory. */
export async function inspect(folder: string, partitionCount: number): Promise<Inspection> {
  const log = inspectLog(folder);
  const ends = log.history.at(-1)?.ends;
  const blocks = await inspectRecords(folder, "blocks", "blk", ends?.[0]);
  const deltas = await inspectRecords(folder, "deltas", "dlt", ends?.[1]);
  const index = await inspectRecords(folder, "index", "idx", ends?.[2]);
  const derived = [...log.damage, ...deltas, ...index];
  const damage = [...blocks, ...derived];
  const partitions: number[] = [];
  for (let number = 0; number < partitionCount; number++) {
    const { fault, position } = await checkStore(join(folder, "coins"), number);
    const isAhead = fault === null && position > log.history.length;
    const ahead = `partition ${number} is at record ${position}, chain.log ends at ${log.history.length}`;
    if (fault === null && !isAhead) continue;
    damage.push(fault ?? ahead);
    partitions.push(number);
  }
  return {
    damage,
    blocks: blocks.length > 0,
    derived: derived.length > 0,
    partitions,
    recorded: recordedBlocks(log.history),
    blocksEnd: ends?.[0] ?? { file: 0, offset: 0 },
  };
}
