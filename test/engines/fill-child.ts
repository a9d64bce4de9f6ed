// Fills files until there is no room, in a test or as a program under a file size limit:
// `fill-child FOLDER`.
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ChainLog } from "../../src/engines/files/chain-log.ts";
import { replaceFile } from "../../src/engines/files/disk.ts";
import { RecordFile } from "../../src/engines/files/record-file.ts";
import { StorageFull } from "../../src/ports/storage-error.ts";
import { bytesOf } from "./scratch.ts";

export const FILL_CHILD: string = fileURLToPath(import.meta.url);

export const FULL_MESSAGE: RegExp = /^no room left on the disk of \S+: free some space/;

/** Fills a record file and a log until there is no room; both must stay whole and go on. */
export function fillFiles(folder: string, makeRoom: () => void): void {
  const opened = RecordFile.open({ folder: join(folder, "blocks"), prefix: "blk" });
  const log = ChainLog.open(join(folder, "chain.log"), () => {});
  assert.ok(opened.ok && log.ok);
  const { records } = opened;
  let count = 0;
  const isFull = (error: unknown): boolean =>
    error instanceof StorageFull && FULL_MESSAGE.test(error.message);
  assert.throws(() => {
    for (; ; count++) records.append(1, [bytesOf(count, 50_000)]);
  }, isFull);
  assert.throws(() => {
    for (;;) log.log.append(bytesOf(1, 50_000));
  }, isFull);
  const logged = log.log.count;
  assert.throws(() => replaceFile(join(folder, "file"), [bytesOf(1, 2_000_000)]), isFull);
  makeRoom();
  records.append(1, [bytesOf(count, 500)]);
  records.syncSync();
  log.log.append(bytesOf(2, 10));
  log.log.close();
  const reads = [...records.iterate()];
  assert.ok(reads.every((read) => read.ok));
  assert.equal(reads.length, count + 1);
  const again = ChainLog.open(join(folder, "chain.log"), () => {});
  assert.ok(again.ok);
  assert.deepEqual([again.log.count, again.cut], [logged + 1, null]);
}

if (process.argv[1] === FILL_CHILD) {
  // Without a handler this signal ends the process.
  process.on("SIGXFSZ", () => {});
  fillFiles(process.argv[2]!, () => {});
  process.stdout.write("went on\n");
}
