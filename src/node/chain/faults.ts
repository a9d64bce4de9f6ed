// What can go wrong with a data directory, sorted by what a person does about it.
import { isStorageError, StorageFull } from "../../ports/storage-error.ts";
import { StoreRefused } from "../../state/engine-coin-store.ts";
import { SignerRefused } from "../stake/open-signer.ts";
import { WorkerError } from "../workers/thread.ts";
import { DataError } from "./files.ts";

export interface Fault {
  readonly kind: DataError["kind"] | "full";
  readonly message: string;
}

/** System errors that a person can do something about, and what. */
const SYSTEM: ReadonlyMap<string, readonly [Fault["kind"], string]> = new Map([
  ["ENOSPC", ["full", "free some space"]],
  ["EDQUOT", ["full", "free some space or raise the quota"]],
  ["EFBIG", ["full", "raise the limit of file sizes"]],
  ["EROFS", ["environment", "the disk is mounted read-only"]],
  ["EACCES", ["environment", "check the permissions"]],
  ["EPERM", ["environment", "check the permissions"]],
  ["EMFILE", ["environment", "raise the limit of open files (ulimit -n)"]],
  ["ENFILE", ["environment", "raise the limit of open files"]],
  ["ENOTDIR", ["environment", "a file is in the way of a folder"]],
  ["EISDIR", ["environment", "a folder is in the way of a file"]],
  ["EADDRINUSE", ["environment", "choose another port"]],
  ["EADDRNOTAVAIL", ["environment", "choose an address of this machine"]],
  ["EIO", ["environment", "check the disk"]],
] as const);

function systemFault(error: unknown): Fault | null {
  if (!(error instanceof Error) || !("code" in error)) return null;
  // Of an error that crossed from a worker only the code is left.
  const found =
    "syscall" in error || error instanceof WorkerError ? SYSTEM.get(String(error.code)) : undefined;
  return found === undefined ? null : { kind: found[0], message: `${error.message}: ${found[1]}` };
}

/** The fault behind an error, or null when it is a mistake of ours. */
export function faultOf(error: unknown): Fault | null {
  if (error instanceof DataError) return { kind: error.kind, message: error.message };
  if (error instanceof SignerRefused) return { kind: "environment", message: error.message };
  if (error instanceof StorageFull) return { kind: "full", message: error.message };
  if (isStorageError(error)) return { kind: "environment", message: error.message };
  if (error instanceof WorkerError || error instanceof StoreRefused) {
    const { code, message } = error;
    if (code === "FULL") return { kind: "full", message };
    if (code === "FAILED") return { kind: "environment", message };
    if (code === "CORRUPT" || code === "REGRESSED") {
      return { kind: "damaged", message: `${message}; run pando repair` };
    }
  }
  return systemFault(error);
}
