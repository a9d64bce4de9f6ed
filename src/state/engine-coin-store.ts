// The coin store of a partition over the engine contract: coins in space `c`, the position as the
// batch's meta. A large flush is cut into several batches, of which only the last moves the position.
// After a crash between them the store is ahead of its position: it may hold coins of the blocks that
// are then replayed, which is why a replayed coin counts as stored (Partition.redo).
import { type Bytes, concatBytes, rangeEqual } from "../base/bytes.ts";
import type { LocalEngine, LocalPartition, PackedWrites, Refusal } from "../ports/store.ts";
import {
  COIN_KEY_BYTES,
  type CoinChange,
  type CoinSnapshot,
  type CoinStore,
} from "./coin-store.ts";

const SPACE = "c";
/** Bytes of one batch of a flush. */
const BATCH_BYTES: number = 24 * 1024 * 1024;
const SCAN_COUNT = 4096;
/** Coins of a snapshot's page: few, since others wait for the thread meanwhile. */
const PAGE_COUNT = 256;

/** The engine refused: `code` is the contract's class. */
export class StoreRefused extends Error {
  readonly code: Refusal["code"];
  constructor(refusal: Refusal) {
    super(refusal.message);
    this.code = refusal.code;
  }
}

function granted<T extends { readonly ok: true }>(answer: T | Refusal): T {
  if (!answer.ok) throw new StoreRefused(answer);
  return answer;
}

/** Opens a partition as its newest owner; the caller holds the data directory's lock. */
function openNewest(engine: LocalEngine, number: number): LocalPartition {
  const first = engine.open(number, 1);
  if (first.ok) return first.partition;
  if (first.code !== "FENCED") throw new StoreRefused(first);
  return granted(engine.open(number, first.epoch + 1)).partition;
}

function pack(changes: readonly CoinChange[]): PackedWrites {
  const lengths = Int32Array.from(changes, ({ value }) => value?.length ?? -1);
  const starts = new Uint32Array(changes.length);
  let at = 0;
  for (let i = 0; i < changes.length; i++) {
    starts[i] = at;
    at += Math.max(0, lengths[i]!);
  }
  const data = new Uint8Array(at);
  const keys = new Uint8Array(changes.length * COIN_KEY_BYTES);
  for (let i = 0; i < changes.length; i++) {
    keys.set(changes[i]!.key, i * COIN_KEY_BYTES);
    const { value } = changes[i]!;
    if (value !== null) data.set(value, starts[i]!);
  }
  const count = changes.length;
  return { space: SPACE, keyBytes: COIN_KEY_BYTES, count, keys, data, starts, lengths };
}

/** Cuts changes into runs of about `bytesMax`. */
function* runs(changes: readonly CoinChange[], bytesMax: number): Generator<readonly CoinChange[]> {
  let from = 0;
  let bytes = 0;
  for (let at = 0; at < changes.length; at++) {
    bytes += COIN_KEY_BYTES + (changes[at]!.value?.length ?? 0);
    if (bytes < bytesMax) continue;
    yield changes.slice(from, at + 1);
    from = at + 1;
    bytes = 0;
  }
  yield changes.slice(from);
}

export class EngineCoinStore implements CoinStore {
  readonly #partition: LocalPartition;
  readonly #batchBytes: number;

  constructor(engine: LocalEngine, number: number, batchBytes: number = BATCH_BYTES) {
    this.#partition = openNewest(engine, number);
    this.#batchBytes = batchBytes;
  }

  get(key: Bytes): Bytes | null {
    return granted(this.#partition.get(SPACE, [key])).value[0]!;
  }

  hasTransaction(txid: Bytes): boolean {
    const { entries } = granted(
      this.#partition.scan(SPACE, concatBytes(txid, new Uint8Array(4)), 1),
    ).value;
    const first = entries[0]?.key;
    return first !== undefined && rangeEqual(first, 0, txid, 0, 32);
  }

  flush(changes: readonly CoinChange[], position: Bytes): void {
    const parts = [...runs(changes, this.#batchBytes)];
    parts.forEach((part, number) => {
      const meta = number === parts.length - 1 ? position : this.#partition.meta;
      granted(this.#partition.writeBatch(this.#partition.lastBatch + 1, meta, [pack(part)]));
    });
  }

  position(): Bytes | null {
    const { meta } = this.#partition;
    return meta.length === 0 ? null : meta;
  }

  scan(visit: (key: Bytes, value: Bytes) => void): void {
    let from: Bytes | null = new Uint8Array(0);
    while (from !== null) {
      const page: { entries: readonly { key: Bytes; value: Bytes }[]; next: Bytes | null } =
        granted(this.#partition.scan(SPACE, from, SCAN_COUNT)).value;
      for (const { key, value } of page.entries) visit(key, value);
      from = page.next;
    }
  }

  snapshot(): CoinSnapshot {
    const reader = this.#partition.snapshot();
    return {
      page: (from, visit) => {
        const { entries, next } = granted(reader.scan(SPACE, from, PAGE_COUNT)).value;
        for (const { key, value } of entries) visit(key, value);
        return next;
      },
      close: () => reader.close(),
    };
  }

  verify(): void {
    granted(this.#partition.verify());
  }

  close(): void {
    this.#partition.close();
  }
}
