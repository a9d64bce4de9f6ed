// One process per data directory. The file LOCK names its owner (process id, when that process
// started, which boot of the machine), so that a lock left by a dead process is seen as such, also
// when its id has been given to another process since.
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "./disk.ts";

/** Attempts to take over a dead owner's lock before giving up to a faster process. */
const ATTEMPTS_MAX = 5;

export type Locked =
  | {
      readonly ok: true;
      /** The last owner died without giving it back. */
      readonly wasLeft: boolean;
      release(): void;
    }
  | {
      readonly ok: false;
      readonly code: "locked";
      readonly pid: number;
      readonly message: string;
    };

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** When a process started, in ticks since boot; "" where the system does not say. */
function startOf(pid: number): string {
  const stat = readText(`/proc/${pid}/stat`);
  // The name, in parentheses, may hold spaces and parentheses: count from the last one.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function describe(pid: number): string {
  const boot = readText("/proc/sys/kernel/random/boot_id")?.trim() ?? "";
  return `${pid} ${startOf(pid)} ${boot}\n`;
}

/** True when the process that wrote this lock may still run. */
function isAlive(text: string): boolean {
  const pid = Number.parseInt(text, 10);
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it exists and belongs to somebody else.
    if (errorCode(error) !== "EPERM") return false;
  }
  return describe(pid) === text;
}

/** Creates the lock with its contents in one step; false when there is one. */
function tryCreate(path: string, own: string): boolean {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, own);
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  } finally {
    unlinkSync(temporary);
  }
}

/** Moves a dead owner's lock away; puts it back when it was replaced meanwhile. */
function removeStale(path: string, stale: string): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw error;
  }
  if (readText(aside) !== stale) {
    try {
      linkSync(aside, path);
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
    }
  }
  unlinkSync(aside);
}

/** Takes the lock of a data directory for this process, until release() or its death. */
export function lockDataDirectory(folder: string): Locked {
  const path = join(folder, "LOCK");
  const own = describe(process.pid);
  let holder = "";
  let wasLeft = false;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (tryCreate(path, own)) return { ok: true, wasLeft, release: () => release(path, own) };
    const text = readText(path);
    if (text === null) continue;
    holder = text;
    if (isAlive(text)) break;
    removeStale(path, text);
    wasLeft = true;
  }
  const pid = Number.parseInt(holder, 10);
  const message = `the data directory ${folder} is in use by process ${pid}: stop it first`;
  return { ok: false, code: "locked", pid, message };
}

function release(path: string, own: string): void {
  if (readText(path) === own) unlinkSync(path);
}
