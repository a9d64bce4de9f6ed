// The refusals of a store, with the sentences that people read.
import type { Refusal } from "../ports/store.ts";

export function fenced(epoch: number): Refusal {
  const message = `the partition belongs to a newer owner (epoch ${epoch})`;
  return { ok: false, code: "FENCED", epoch, message };
}

export function outOfOrder(batchId: number, expected: number): Refusal {
  const message = `batch ${batchId} came where ${expected} was expected`;
  return { ok: false, code: "ORDER", expected, message };
}

export function tooLarge(bytes: number, bytesMax: number): Refusal {
  const message = `${bytes} bytes in one request, at most ${bytesMax} are possible`;
  return { ok: false, code: "TOO_LARGE", bytes, bytesMax, message };
}

export function full(path: string): Refusal {
  const message = `no room left on the disk of ${path}: free some space`;
  return { ok: false, code: "FULL", message };
}

export function corrupt(path: string, what: string): Refusal {
  return { ok: false, code: "CORRUPT", message: `damaged store ${path}: ${what}` };
}

export function regressed(lastBatch: number, lastBatchMin: number): Refusal {
  const message = `the store has batches up to ${lastBatch}, but ${lastBatchMin} had been stored`;
  return { ok: false, code: "REGRESSED", lastBatch, message };
}
