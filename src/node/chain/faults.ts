// What can go wrong with a data directory, sorted by what a person does about it.
import { isStorageError, StorageFull } from "../../ports/storage-error.ts";
import { StoreRefused } from "../../state/engine-coin-store.ts";
import { WorkerError } from "../workers/thread.ts";
import { DataError } from "./files.ts";

export interface Fault {
  readonly kind: DataError["kind"] | "full";
  readonly message: string;
}

/** The fault behind an error, or null when it is a mistake of ours. */
export function faultOf(error: unknown): Fault | null {
  if (error instanceof DataError) return { kind: error.kind, message: error.message };
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
  return listenFault(error);
}

/** An address that cannot be listened at. */
function listenFault(error: unknown): Fault | null {
  if (!(error instanceof Error) || !("syscall" in error) || error.syscall !== "listen") return null;
  const { code, address, port } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  const why =
    code === "EADDRINUSE" ? "it is in use: choose another port" : `${code ?? error.message}`;
  return { kind: "environment", message: `cannot listen at ${address}:${port}: ${why}` };
}
