// The coin store of a partition over the engine contract: coins in space `c`, the position as the
// batch's meta. A large flush is cut into several batches, of which only the last moves the position.
// After a crash between them the store is ahead of its position: it may hold coins of the blocks that
// are then replayed, which is why a replayed coin counts as stored (Partition.redo).
import { type Bytes, concatBytes, rangeEqual } from "../base/bytes.ts";
import type { LocalEngine, LocalPartition, Refusal } from "../ports/store.ts";
import type { CoinRun } from "./coin-batch.ts";
import { COIN_KEY_BYTES, type CoinSnapshot, type CoinStore } from "./coin-store.ts";

const SPACE = "c";
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

export class EngineCoinStore implements CoinStore {
  readonly #partition: LocalPartition;

  constructor(engine: LocalEngine, number: number) {
    this.#partition = openNewest(engine, number);
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

  flush(runs: Iterable<CoinRun>, position: Bytes): void {
    const partition = this.#partition;
    for (const { isLast, ...columns } of runs) {
      const meta = isLast ? position : partition.meta;
      const writes = { space: SPACE, keyBytes: COIN_KEY_BYTES, ...columns };
      granted(partition.writeBatch(partition.lastBatch + 1, meta, [writes]));
    }
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
