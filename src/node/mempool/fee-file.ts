// What the fee estimator learnt, in a file beside the journals; old knowledge of fees is worse than none.
import { readFileSync, statSync } from "node:fs";
import { replaceFile } from "../../engines/files/disk.ts";
import { isStorageError } from "../../ports/storage-error.ts";
import type { FeeEstimator } from "./fee-estimator.ts";

/** A file older than this is not read (as in Bitcoin Core). */
const FILE_AGE_SECONDS_MAX: number = 60 * 3600;

/** Reads the file when there is a sound one that is young enough; `now`: seconds since 1970. */
export function loadFees(path: string, estimator: FeeEstimator, now: number): void {
  try {
    if (now - statSync(path).mtimeMs / 1000 > FILE_AGE_SECONDS_MAX) return;
    estimator.load(new Uint8Array(readFileSync(path)));
  } catch {
    // There is none, or it cannot be read: it is learnt again.
  }
}

/** Writes it; a full disk leaves the old one. */
export function saveFees(path: string, estimator: FeeEstimator): void {
  try {
    replaceFile(path, [estimator.encode()]);
  } catch (error) {
    if (!isStorageError(error)) throw error;
  }
}
