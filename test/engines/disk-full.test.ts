// A full disk, for real: a file size limit on a child process, which everybody may set, and a small
// file system in memory, where this process may mount one.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { LmdbEngine } from "../../src/engines/lmdb/lmdb-engine.ts";
import { openPartition } from "./contract.ts";
import { FILL_CHILD, FULL_MESSAGE, fillFiles } from "./fill-child.ts";
import { bytesOf, scratchFolder } from "./scratch.ts";

function system(command: string, ...options: readonly string[]): boolean {
  return spawnSync(command, options).status === 0;
}

/** A file system of 8 MiB, or null where we may not mount one. */
function smallDisk(context: TestContext): string | null {
  const folder = mkdtempSync(join(tmpdir(), "pando-disk-"));
  const mounted = system("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder);
  context.after(() => {
    system("umount", "-l", folder);
    rmSync(folder, { recursive: true });
  });
  return mounted ? folder : null;
}

const SKIPPED = "SKIPPED: may not mount a small file system; run as root to test a full disk";

test("files: a file size limit is no room, and nothing is left half-written", (context) => {
  const folder = scratchFolder(context);
  // 1,000 blocks of 512 or 1,024 bytes, depending on the shell.
  const command = 'ulimit -f 1000; exec "$0" "$1" "$2"';
  const options = { timeout: 60_000 };
  const run = spawnSync("sh", ["-c", command, process.execPath, FILL_CHILD, folder], options);
  assert.equal(run.stderr.toString(), "");
  assert.equal(run.stdout.toString(), "went on\n");
});

test("files: a full disk", (context) => {
  const folder = smallDisk(context);
  if (folder === null) return context.skip(SKIPPED);
  const ballast = join(folder, "ballast");
  writeFileSync(ballast, new Uint8Array(4 << 20));
  fillFiles(folder, () => rmSync(ballast));
});

test("lmdb: a full disk refuses batches, reads go on, and it recovers alone", (context) => {
  const folder = smallDisk(context);
  if (folder === null) return context.skip(SKIPPED);
  const ballast = join(folder, "ballast");
  writeFileSync(ballast, new Uint8Array(4 << 20));
  // A reserve of one page: the guard in front must not be what refuses.
  const engine = new LmdbEngine(join(folder, "coins"), { reserveBytes: 4096 });
  const partition = openPartition(engine, 0, 1);
  const batch = (id: number) => {
    const write = Array.from({ length: 200 }, (_, at) => ({
      space: "c",
      key: bytesOf(id * 200 + at, 36),
      value: bytesOf(id, 900),
    }));
    return partition.applyBatch(id, [{ when: [], write }]);
  };
  let id = 1;
  for (; ; id++) {
    const result = batch(id);
    if (result.ok) continue;
    assert.equal(result.code, "FULL");
    assert.match(result.message, FULL_MESSAGE);
    break;
  }
  assert.ok(id > 3);
  assert.equal(batch(id).ok, false);
  const got = partition.get("c", [bytesOf(200, 36), bytesOf(id * 200, 36)]);
  assert.deepEqual(got, { ok: true, value: [bytesOf(1, 900), null] });
  assert.equal(partition.lastBatch, id - 1);
  rmSync(ballast);
  assert.ok(batch(id).ok);
  const verified = partition.verify();
  assert.ok(verified.ok);
  partition.close();
});
