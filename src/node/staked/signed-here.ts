// A node that was stopped in good order and is started again on the same machine soon after need not
// listen for rounds whether another has its keys: the file `signed-here` says with which guards it
// stopped. It is used once, and worth nothing when guards, machine or data directory are another's.
import { readFileSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { toHex } from "../../base/bytes.ts";
import { sha256 } from "../../crypto/hash.ts";
import { replaceFile } from "../../engines/files/disk.ts";
import { encodeGuard, type Guard } from "../../planes/consensus/finality/guard.ts";

const FILE = "signed-here";
/** Who is away for longer may have been started elsewhere meanwhile. */
const AWAY_MS_MAX = 600_000;

/** A name for this machine that a copied disk does not take along. */
function machine(): string {
  let id = "";
  try {
    id = readFileSync("/etc/machine-id", "utf8").trim();
  } catch {
    // Not every system has one: then the host's name must do.
  }
  return toHex(sha256(new TextEncoder().encode(`${hostname()}\n${id}`)));
}

function textOf(guards: readonly Guard[], stoppedMs: number): string {
  const lines = guards.map((guard) => toHex(encodeGuard(guard))).sort();
  return [machine(), String(stoppedMs), ...lines].join("\n");
}

/** Notes at a stop in good order what was signed up to it. */
export function noteSigned(folder: string, guards: readonly Guard[], nowMs: number): void {
  replaceFile(join(folder, FILE), [new TextEncoder().encode(textOf(guards, nowMs))]);
}

/** True when this node stopped here a moment ago with these guards. The note is taken away. */
export function signedHere(folder: string, guards: readonly Guard[], nowMs: number): boolean {
  const path = join(folder, FILE);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
    rmSync(path);
  } catch {
    return false;
  }
  const stoppedMs = Number(text.split("\n")[1]);
  const away = nowMs - stoppedMs;
  return away >= 0 && away <= AWAY_MS_MAX && text === textOf(guards, stoppedMs);
}
