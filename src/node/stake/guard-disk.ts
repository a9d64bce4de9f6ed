// Where double-sign guards are kept: one small file per staker, in a folder beside the key file that
// one process at a time may use. A guard is replaced as a whole (written beside, flushed, renamed,
// folder flushed), so a crash leaves the old or the new one; its checksum is judged by who reads it.
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Bytes } from "../../base/bytes.ts";
import { errorCode, replaceFile, syncData, syncFolder } from "../../engines/files/disk.ts";
import { lockDataDirectory } from "../../engines/files/lock.ts";

export interface GuardDisk {
  /** The stored guard, or null when there is none. */
  read(stakerId: number): Bytes | null;
  /** Durable when it returns; after an error the old or the new one is there. */
  replace(stakerId: number, guard: Bytes): void;
}

export interface GuardFolder extends GuardDisk {
  release(): void;
}

export type GuardFolderOpened =
  | { readonly ok: true; readonly disk: GuardFolder }
  | { readonly ok: false; readonly why: string };

/** The folder that goes with a key file. */
export function guardFolderOf(keyPath: string): string {
  return `${keyPath}.guards`;
}

const fileOf = (folder: string, stakerId: number): string =>
  join(folder, `staker-${stakerId}.guard`);

/** The guard of one staker of a key file. */
export function guardFileOf(keyPath: string, stakerId: number): string {
  return fileOf(guardFolderOf(keyPath), stakerId);
}

function readGuard(path: string): Bytes | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** Flushes a guard that a process before this one wrote and may not have lived to flush. */
function settle(path: string): void {
  if (!existsSync(path)) return;
  const fd = openSync(path, "r+");
  try {
    syncData(fd, path);
  } finally {
    closeSync(fd);
  }
}

/** Takes the folder for this process; `stakerIds` are those whose guards it may hold already. */
export function openGuardFolder(folder: string, stakerIds: readonly number[]): GuardFolderOpened {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = lockDataDirectory(folder);
  if (!lock.ok) {
    const why = `the guards in ${folder} are in use by process ${lock.pid}: two signers of one key would sign twice`;
    return { ok: false, why };
  }
  for (const id of stakerIds) settle(fileOf(folder, id));
  syncFolder(folder);
  return {
    ok: true,
    disk: {
      read: (stakerId) => readGuard(fileOf(folder, stakerId)),
      replace: (stakerId, guard) => replaceFile(fileOf(folder, stakerId), [guard], 0o600),
      release: () => lock.release(),
    },
  };
}
