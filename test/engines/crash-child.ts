// A program that writes until it is killed: `crash-child KIND FOLDER`. After everything that is
// durable it prints "name count"; crash.test.ts kills it, at a failpoint or from outside, and then
// checks what lies on the disk against what had been printed.
import assert from "node:assert/strict";
import { writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { ChainLog } from "../../src/engines/files/chain-log.ts";
import { replaceFile } from "../../src/engines/files/disk.ts";
import { RecordFile, type RecordFileOptions } from "../../src/engines/files/record-file.ts";
import { LmdbEngine } from "../../src/engines/lmdb/lmdb-engine.ts";
import type { Group, LocalPartition } from "../../src/ports/store.ts";
import { bytesOf } from "./scratch.ts";

export const CRASH_CHILD: string = fileURLToPath(import.meta.url);

const THREADS = 2;
const PARTITIONS_PER_THREAD = 2;
export const CRASH_PARTITIONS: number = THREADS * PARTITIONS_PER_THREAD;

function acknowledge(name: string, count: number): void {
  writeSync(1, `${name} ${count}\n`);
}

export function recordOptions(folder: string): RecordFileOptions {
  return { folder: join(folder, "blocks"), prefix: "blk", segmentBytesMax: 20_000 };
}

export function crashRecord(index: number): Uint8Array {
  return bytesOf(index, (index * 997) % 6000);
}

export const REPLACED_BYTES = 300_000;

/** What batch `id` writes: ten new keys, and the id under one key. */
export function crashBatch(id: number): Group[] {
  const write = Array.from({ length: 10 }, (_, at) => ({
    space: "c",
    key: bytesOf(id * 10 + at, 36),
    value: bytesOf(id, 40),
  }));
  const last = { space: "m", key: Uint8Array.of(1), value: Uint8Array.of(id & 255, id >> 8) };
  return [{ when: [], write: [...write, last] }];
}

/** Every fifth record is flushed; after the 20th the last eight are forgotten and written again. */
function writeRecords(folder: string): void {
  const opened = RecordFile.open(recordOptions(folder));
  assert.ok(opened.ok);
  const { records } = opened;
  let forgotten = false;
  const ends = [records.end];
  for (let index = 0; ; index++) {
    records.append(1, [crashRecord(index)]);
    ends[index + 1] = records.end;
    if (index === 19 && !forgotten) {
      acknowledge("records", 12);
      records.truncateTo(ends[12]!);
      forgotten = true;
      index = 11;
    } else if (index % 5 === 4) {
      records.syncSync();
      if (forgotten || index < 12) acknowledge("records", index + 1);
    }
  }
}

function writeLog(folder: string): void {
  const opened = ChainLog.open(join(folder, "chain.log"), () => {});
  assert.ok(opened.ok);
  for (let index = 0; ; index++) {
    opened.log.append(crashRecord(index));
    acknowledge("log", index + 1);
  }
}

function replaceFiles(folder: string): void {
  for (let count = 1; ; count++) {
    replaceFile(join(folder, "file"), [new Uint8Array(REPLACED_BYTES).fill(count)]);
    acknowledge("file", count);
  }
}

function writeBatches(folder: string, thread: number): void {
  const engine = new LmdbEngine(folder);
  const partitions: LocalPartition[] = [];
  for (let index = 0; index < PARTITIONS_PER_THREAD; index++) {
    const opened = engine.open(thread * PARTITIONS_PER_THREAD + index, 1);
    assert.ok(opened.ok);
    partitions.push(opened.partition);
  }
  for (let id = 1; ; id++) {
    for (const [index, partition] of partitions.entries()) {
      assert.ok(partition.applyBatch(id, crashBatch(id)).ok);
      acknowledge(`p${thread * PARTITIONS_PER_THREAD + index}`, id);
    }
  }
}

function main(kind: string, folder: string): void {
  if (kind === "record") writeRecords(folder);
  else if (kind === "chain-log") writeLog(folder);
  else if (kind === "replace") replaceFiles(folder);
  else {
    for (let thread = 0; thread < THREADS; thread++) {
      new Worker(CRASH_CHILD, { workerData: { folder, thread } });
    }
  }
}

if (isMainThread) {
  if (process.argv[1] === CRASH_CHILD) main(process.argv[2]!, process.argv[3]!);
} else {
  const { folder, thread } = workerData as { folder: string; thread: number };
  writeBatches(folder, thread);
}
