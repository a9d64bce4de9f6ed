// kill -9 of real processes: at every failpoint of the engines, with torn writes, and at moments of
// the scheduler's choosing. What was acknowledged must be there; the rest is whole or absent.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { ChainLog } from "../../src/engines/files/chain-log.ts";
import { RecordFile } from "../../src/engines/files/record-file.ts";
import { LmdbEngine } from "../../src/engines/lmdb/lmdb-engine.ts";
import { FAILPOINTS } from "../../src/ports/failpoint.ts";
import {
  CRASH_CHILD,
  CRASH_PARTITIONS,
  crashBatch,
  crashRecord,
  REPLACED_BYTES,
  recordOptions,
} from "./crash-child.ts";
import { scratchFolder } from "./scratch.ts";

const KINDS = ["record", "chain-log", "replace", "lmdb"] as const;
type Kind = (typeof KINDS)[number];
type Acknowledged = Map<string, number>;

/** Runs the child until it dies, or kills it once it has printed `lines` lines. */
async function crash(
  kind: Kind,
  folder: string,
  failpoint: string | null,
  lines: number,
): Promise<Acknowledged> {
  const env = failpoint === null ? process.env : { ...process.env, PANDO_FAILPOINT: failpoint };
  const child: ChildProcess = spawn(process.execPath, [CRASH_CHILD, kind, folder], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const acknowledged: Acknowledged = new Map();
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout! })) {
    const [name, count] = line.split(" ");
    acknowledged.set(name!, Number(count));
    seen += 1;
    if (seen === lines) {
      assert.equal(failpoint, null, `failpoint ${failpoint} was not reached`);
      child.kill("SIGKILL");
    }
  }
  const [code, signal] = await exited;
  assert.deepEqual([code, signal], [null, "SIGKILL"]);
  return acknowledged;
}

function checkRecords(folder: string, acknowledged: Acknowledged): void {
  const opened = RecordFile.open(recordOptions(folder));
  assert.ok(opened.ok, opened.ok ? "" : opened.message);
  let count = 0;
  for (const read of opened.records.iterate()) {
    assert.ok(read.ok, read.ok ? "" : read.message);
    assert.ok(Buffer.from(read.payload).equals(crashRecord(count)), `record ${count}`);
    count += 1;
  }
  assert.ok(count >= (acknowledged.get("records") ?? 0));
  void opened.records.close();
}

function checkLog(folder: string, acknowledged: Acknowledged): void {
  let count = 0;
  const opened = ChainLog.open(join(folder, "chain.log"), (record) => {
    assert.ok(Buffer.from(record).equals(crashRecord(count)), `record ${count}`);
    count += 1;
  });
  assert.ok(opened.ok, opened.ok ? "" : opened.message);
  assert.ok(count >= (acknowledged.get("log") ?? 0));
  assert.equal(opened.log.append(crashRecord(0)), count);
  opened.log.close();
}

function checkReplaced(folder: string, acknowledged: Acknowledged): void {
  const path = join(folder, "file");
  const acknowledgedCount = acknowledged.get("file") ?? 0;
  if (!existsSync(path)) {
    assert.equal(acknowledgedCount, 0);
    return;
  }
  const bytes = readFileSync(path);
  assert.equal(bytes.length, REPLACED_BYTES);
  assert.ok(bytes.every((byte) => byte === bytes[0]));
  assert.ok([acknowledgedCount, acknowledgedCount + 1].includes(bytes[0]!));
}

function checkPartitions(folder: string, acknowledged: Acknowledged): void {
  const engine = new LmdbEngine(folder);
  for (let index = 0; index < CRASH_PARTITIONS; index++) {
    const known = acknowledged.get(`p${index}`) ?? 0;
    const opened = engine.open(index, 2, known);
    assert.ok(opened.ok, opened.ok ? "" : opened.message);
    const { partition } = opened;
    const { lastBatch } = partition;
    assert.ok(lastBatch === known || lastBatch === known + 1, `${lastBatch} after ${known}`);
    for (let id = 1; id <= lastBatch + 1; id++) {
      const write = crashBatch(id)[0]!.write.slice(0, 10);
      const got = partition.get(
        "c",
        write.map(({ key }) => key),
      );
      assert.ok(got.ok);
      const wanted = write.map(({ value }) => (id <= lastBatch ? value : null));
      assert.deepEqual(got.value, wanted, `batch ${id} of ${lastBatch}`);
    }
    assert.ok(partition.verify().ok);
    assert.ok(partition.applyBatch(lastBatch, crashBatch(lastBatch)).ok || lastBatch === 0);
    assert.ok(partition.applyBatch(lastBatch + 1, crashBatch(lastBatch + 1)).ok);
    partition.close();
  }
}

const CHECKS: Record<Kind, (folder: string, acknowledged: Acknowledged) => void> = {
  record: checkRecords,
  "chain-log": checkLog,
  replace: checkReplaced,
  lmdb: checkPartitions,
};

for (const kind of KINDS) {
  for (const point of FAILPOINTS.filter((name) => name.startsWith(`${kind}.`))) {
    // Opening writes too, so that hits differ; truncation happens once.
    const hits = point === "record.truncated" ? [1] : [1, 4];
    const torn = point.endsWith(".write");
    const specs = hits.flatMap((hit) =>
      torn ? [1, 2, 3].map((extra) => `${point}@${hit * extra}:torn`) : [`${point}@${hit}`],
    );
    for (const spec of specs) {
      test(`killed at ${spec}`, async (context) => {
        const folder = scratchFolder(context);
        CHECKS[kind](folder, await crash(kind, folder, spec, 2000));
      });
    }
  }

  test(`${kind}: killed at ten moments from outside`, async (context) => {
    for (let round = 0; round < 10; round++) {
      const folder = scratchFolder(context);
      CHECKS[kind](folder, await crash(kind, folder, null, 1 + round * 7));
    }
  });
}
