// Reading through every file of a data directory without changing anything: what is damaged, and
// what can still be used. The blocks are the one thing that cannot be derived from the rest.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "../../base/bytes.ts";
import { ChainLog } from "../../engines/files/chain-log.ts";
import { records } from "../../engines/files/record-scan.ts";
import { Segments } from "../../engines/files/segments.ts";
import { LmdbEngine } from "../../engines/lmdb/lmdb-engine.ts";
import type { LocalPartition } from "../../ports/store.ts";
import { decodeChainRecord } from "./records.ts";

export interface Inspection {
  /** One line for each thing that is damaged. */
  readonly damage: readonly string[];
  /** Partitions whose stores are damaged. */
  readonly partitions: readonly number[];
  /** Something other than the partitions' stores is damaged. */
  readonly files: boolean;
  /** Hex of the blocks that the sound part of the chain log recorded as connected: all their rules
   * were checked, scripts too. */
  readonly recorded: ReadonlySet<string>;
}

/** Damaged records of a sequence, each in one line. */
function inspectRecords(folder: string, name: string, prefix: string): string[] {
  if (!existsSync(join(folder, name))) return [`${name}: the folder is missing`];
  const segments = new Segments(join(folder, name), prefix);
  const damage: string[] = [];
  for (const read of records(segments, { file: Math.max(0, segments.first), offset: 0 })) {
    if (!read.ok) damage.push(read.message);
  }
  segments.close();
  return damage;
}

function inspectLog(folder: string, recorded: Set<string>): string[] {
  const path = join(folder, "chain.log");
  if (!existsSync(path)) return ["chain.log: the file is missing"];
  const opened = ChainLog.open(path, (bytes) => {
    for (const { hash } of decodeChainRecord(bytes)?.connect ?? []) recorded.add(toHex(hash));
  });
  if (!opened.ok) return [opened.message];
  opened.log.close();
  return [];
}

function openStore(engine: LmdbEngine, number: number): LocalPartition | string {
  const opened = engine.open(number, 1);
  if (opened.ok) return opened.partition;
  if (opened.code !== "FENCED") return opened.message;
  const again = engine.open(number, opened.epoch + 1);
  return again.ok ? again.partition : again.message;
}

function inspectStore(engine: LmdbEngine, number: number): string | null {
  if (!existsSync(engine.path(number))) return null;
  const store = openStore(engine, number);
  if (typeof store === "string") return store;
  const verified = store.verify();
  store.close();
  return verified.ok ? null : verified.message;
}

/** `folder`: the network's folder below the data directory. */
export function inspect(folder: string, partitionCount: number): Inspection {
  const recorded = new Set<string>();
  const damage = [
    ...inspectRecords(folder, "blocks", "blk"),
    ...inspectRecords(folder, "deltas", "dlt"),
    ...inspectRecords(folder, "index", "idx"),
    ...inspectLog(folder, recorded),
  ];
  const files = damage.length > 0;
  const partitions: number[] = [];
  const engine = new LmdbEngine(join(folder, "coins"));
  for (let number = 0; number < partitionCount; number++) {
    const fault = inspectStore(engine, number);
    if (fault === null) continue;
    damage.push(fault);
    partitions.push(number);
  }
  return { damage, partitions, files, recorded };
}
