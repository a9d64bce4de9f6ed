// The reference engine: a map in memory, nothing durable. It is what the other engines are compared
// with, what the simulation runs on, and clone() gives it a past to fall back to in crash tests.
import type { Bytes } from "../../base/bytes.ts";
import type {
  EngineFacts,
  Entry,
  LocalEngine,
  LocalPartition,
  PackedKeys,
  PackedValues,
  Refusal,
} from "../../ports/store.ts";
import { PackedBuilder } from "../packed.ts";
import { type Store, StorePartition, type StoreReader } from "../partition.ts";
import { full } from "../refusals.ts";

const BATCH_BYTES_MAX = 64 * 1024 * 1024;

export interface MemoryOptions {
  /** Beyond this many bytes of keys and values: FULL. */
  readonly bytesMax?: number;
}

class NoRoom extends Error {}

/** Keys are strings of one character per byte, whose order is that of the bytes. */
function keyText(key: Bytes): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}

function keyBytesOf(text: string): Bytes {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

class MemoryReader implements StoreReader {
  protected readonly map: Map<string, Bytes>;
  protected sorted: string[] | null = null;

  constructor(map: Map<string, Bytes>) {
    this.map = map;
  }

  get(key: Bytes): Bytes | null {
    return this.map.get(keyText(key))?.slice() ?? null;
  }

  *range(from: Bytes, limit: number): Iterable<Entry> {
    this.sorted ??= [...this.map.keys()].sort((a, b) => (a < b ? -1 : 1));
    const keys = this.sorted;
    const start = keyText(from);
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (keys[middle]! < start) low = middle + 1;
      else high = middle;
    }
    for (let at = low; at < keys.length && at - low < limit; at++) {
      yield { key: keyBytesOf(keys[at]!), value: this.map.get(keys[at]!)!.slice() };
    }
  }

  refusalOf(error: unknown): Refusal | null {
    return error instanceof NoRoom ? full("memory") : null;
  }

  close(): void {}
}

class MemoryStore extends MemoryReader implements Store {
  readonly path = "memory";
  readonly batchBytesMax = BATCH_BYTES_MAX;
  readonly #room: { bytesMax: number };
  #bytes = 0;
  /** What the running transaction replaced, newest last; null when there is none. */
  #undo: [string, Bytes | undefined][] | null = null;

  constructor(room: { bytesMax: number }, map: Map<string, Bytes> = new Map()) {
    super(map);
    this.#room = room;
    for (const [key, value] of map) this.#bytes += key.length + value.length;
  }

  clone(room: { bytesMax: number }): MemoryStore {
    return new MemoryStore(room, new Map(this.map));
  }

  #set(key: string, value: Bytes | undefined): void {
    const before = this.map.get(key);
    this.#bytes += cost(key, value) - cost(key, before);
    if ((before === undefined) !== (value === undefined)) this.sorted = null;
    if (value === undefined) this.map.delete(key);
    else this.map.set(key, value);
    this.#undo?.push([key, before]);
  }

  put(key: Bytes, value: Bytes): void {
    this.#set(keyText(key), value.slice());
    if (this.#bytes > this.#room.bytesMax) throw new NoRoom();
  }

  remove(key: Bytes): void {
    this.#set(keyText(key), undefined);
  }

  transact<T>(body: () => T): T {
    const undo: [string, Bytes | undefined][] = [];
    this.#undo = undo;
    try {
      return body();
    } catch (error) {
      this.#undo = null;
      for (const [key, value] of undo.reverse()) this.#set(key, value);
      throw error;
    } finally {
      this.#undo = null;
    }
  }

  getMany({ space, keyBytes, count, keys }: PackedKeys): PackedValues {
    const values = new PackedBuilder(count);
    for (let index = 0; index < count; index++) {
      const text = space + keyText(keys.subarray(index * keyBytes, (index + 1) * keyBytes));
      const value = this.map.get(text);
      if (value !== undefined) values.set(index, value, value.length);
    }
    return values.result();
  }

  snapshot(): StoreReader {
    return new MemoryReader(new Map(this.map));
  }
}

function cost(key: string, value: Bytes | undefined): number {
  return value === undefined ? 0 : key.length + value.length;
}

export class MemoryEngine implements LocalEngine {
  readonly facts: EngineFacts = {
    name: "memory",
    durability: "none",
    batchBytesMax: BATCH_BYTES_MAX,
    orderedScan: true,
  };
  readonly #stores = new Map<number, MemoryStore>();
  /** May be changed while the engine runs. */
  readonly room: { bytesMax: number };

  constructor(options: MemoryOptions = {}) {
    this.room = { bytesMax: options.bytesMax ?? Number.POSITIVE_INFINITY };
  }

  open(
    partition: number,
    epoch: number,
    lastBatchMin = 0,
  ): { readonly ok: true; readonly partition: LocalPartition } | Refusal {
    let store = this.#stores.get(partition);
    if (store === undefined) {
      store = new MemoryStore(this.room);
      this.#stores.set(partition, store);
    }
    return StorePartition.open(store, epoch, lastBatchMin);
  }

  /** Forgets a partition, as a lost disk does. */
  drop(partition: number): void {
    this.#stores.delete(partition);
  }

  /** The engine as it is now; what happens to either later does not show in the other. */
  clone(): MemoryEngine {
    const copy = new MemoryEngine(this.room);
    for (const [partition, store] of this.#stores) {
      copy.#stores.set(partition, store.clone(copy.room));
    }
    return copy;
  }
}
