// A small file system of a test's own, so that a full disk is a real one. Mounting needs root.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { temporaryFolder } from "./run.ts";

/** A file system of so many MiB that goes with the test; null, said aloud, where none can be made. */
export function smallDisk(context: TestContext, megabytes: number): string | null {
  const folder = join(temporaryFolder(), "disk");
  mkdirSync(folder);
  const options = ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder];
  const mounted = spawnSync("mount", options, { encoding: "utf8" });
  if (mounted.status !== 0) {
    const why = mounted.stderr?.trim() || String(mounted.error);
    context.skip(`SKIPPED: a small disk cannot be mounted here (${why}); run as root`);
    return null;
  }
  context.after(() => spawnSync("umount", ["-l", folder]));
  return folder;
}

/** Leaves `left` bytes free. */
export function fillDisk(disk: string, left: number): void {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(join(disk, "filler"), new Uint8Array(Math.max(0, bavail * bsize - left)));
}

export function emptyDisk(disk: string): void {
  rmSync(join(disk, "filler"));
}
