// Finality is for a block that this node finds invalid: what a person must know of it, and the file
// that keeps the node stopped over restarts (docs/internals/staked-node.md). Reads go on.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hex, toDisplayHex } from "../../base/bytes.ts";
import { errorCode, replaceFile } from "../../engines/files/disk.ts";
import type { Effect } from "../../planes/consensus/qpos/message.ts";

type HaltEffect = Effect & { readonly type: "halted" };

const HALT_FILE = "finality-halted";

/** What happened and what to do, in one line. */
export function haltReason(folder: string, { id, height, round }: HaltEffect): string {
  return (
    `more than two thirds of the stake voted for block ${toDisplayHex(hex(id))} (height ${height}, ` +
    `round ${round}) or one on it, and it is invalid here: this node follows finality no longer and ` +
    "signs nothing; reads go on. Ask other operators what they see. If this node is wrong, start a " +
    "corrected version with a new data directory; if the stake is, agree with the others on what to " +
    `follow. To go on here without that block, stop the node and remove ${join(folder, HALT_FILE)}`
  );
}

/** Makes a halt durable: the file holds the line. */
export function keepHalt(folder: string, reason: string): void {
  replaceFile(join(folder, HALT_FILE), [new TextEncoder().encode(`${reason}\n`)]);
}

/** What stopped an earlier run; null when nothing did. */
export function readHalt(folder: string): string | null {
  try {
    return readFileSync(join(folder, HALT_FILE), "utf8").trim();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}
