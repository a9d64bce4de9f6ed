import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SALT_WORDS } from "../../../state/admission/key-table.ts";
import { outpointKey } from "../../../state/admission/keys.ts";
import type { Change } from "../../../state/admission/store.ts";
import { Journal, type JournalFile, type JournalMark } from "./journal.ts";
import { NodeStore } from "./node-store.ts";

/** A journal in memory: what was not synced may be lost from any record on. */
class MemoryFile implements JournalFile {
  records: { kind: number; payload: Uint8Array }[] = [];
  first = 0;

  append(kind: number, payload: Uint8Array): JournalMark {
    this.records.push({ kind, payload: payload.slice() });
    return { file: 0, offset: this.records.length - 1 };
  }

  async sync(): Promise<void> {}

  dropBefore({ offset }: JournalMark): void {
    this.first = Math.max(this.first, offset);
  }

  *read(): Iterable<{ kind: number; payload: Uint8Array }> {
    yield* this.records.slice(this.first);
  }

  async close(): Promise<void> {}
}

const PARTITIONS = [3, 5];
const SALT = new Uint32Array(SALT_WORDS).fill(0x1234567);
const newStores = (): Map<number, NodeStore> =>
  new Map(PARTITIONS.map((number) => [number, new NodeStore(() => null, SALT)]));

const everything = (stores: Map<number, NodeStore>): unknown =>
  [...stores].map(([number, store]) => [number, new Map(store.claims()), new Map(store.metas())]);

test("a journal cut at any record gives the state of that moment", () => {
  const attempt = { seq: 1, epoch: 1, counter: 1 };
  const step = fc.record({
    partition: fc.constantFrom(...PARTITIONS),
    keys: fc.array(fc.nat(6), { minLength: 1, maxLength: 3 }),
    remove: fc.boolean(),
    snapshot: fc.boolean(),
    drop: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 15 }), fc.nat(), (steps, cut) => {
      const file = new MemoryFile();
      // Tiny parts, so that a snapshot is many records.
      const journal = new Journal(file, 60);
      const stores = newStores();
      const states = new Map<number, unknown>([[0, everything(stores)]]);
      journal.roundBegins();
      let firstKept = 0;
      for (const { partition, keys, remove, snapshot, drop } of steps) {
        const store = stores.get(partition)!;
        const changes = keys.map((number): Change => {
          const key = outpointKey(String.fromCharCode(number).repeat(16), number);
          const claim = { spender: "ab".repeat(8), vin: number, attempt, lock: -1 };
          return { space: "claim", key, value: remove ? null : { ...claim, mode: "held" } };
        });
        for (const change of changes) store.apply(change);
        journal.add(partition, store.takeGroup());
        journal.append();
        states.set(file.records.length, everything(stores));
        if (snapshot) {
          journal.snapshot(partition, store);
          for (let at = file.records.length; !states.has(at); at--) {
            states.set(at, everything(stores));
          }
        }
        if (drop) {
          journal.dropOld(PARTITIONS);
          states.set(file.records.length, everything(stores));
          firstKept = Math.max(firstKept, file.first > 0 ? file.records.length : 0);
        }
      }
      // Records before a drop were durable when it happened.
      const length = firstKept + (cut % (file.records.length - firstKept + 1));
      file.records.length = length;
      const again = newStores();
      new Journal(file).replay(again);
      assert.deepEqual(everything(again), states.get(length));
    }),
  );
});

test("what is left of a snapshot that was never finished does not come back", () => {
  const file = new MemoryFile();
  const journal = new Journal(file, 60);
  const stores = newStores();
  const store = stores.get(3)!;
  const attempt = { seq: 1, epoch: 1, counter: 1 };
  const claim = { spender: "ab".repeat(8), vin: 0, attempt, lock: -1, mode: "held" } as const;
  const keys = Array.from({ length: 6 }, (_, at) => outpointKey(`${at}`.repeat(16), at));
  const put = (key: string, value: typeof claim | null): void => {
    store.apply({ space: "claim", key, value });
    journal.add(3, store.takeGroup());
  };
  for (const key of keys) put(key, claim);
  journal.append();
  journal.snapshot(3, store);
  // The last part was never written: the disk was full, or the process died.
  file.records.pop();
  for (const key of keys.slice(1)) put(key, null);
  journal.append();
  journal.snapshot(3, store);
  const again = newStores();
  new Journal(file).replay(again);
  assert.deepEqual(everything(again), everything(stores));
  assert.equal([...again.get(3)!.claims()].length, 1);
});

test("groups that are too large for one record come back whole or not at all", () => {
  const file = new MemoryFile();
  const journal = new Journal(file, 60, 40);
  const stores = newStores();
  const attempt = { seq: 1, epoch: 1, counter: 1 };
  const claim = { spender: "ab".repeat(8), vin: 0, attempt, lock: -1, mode: "held" } as const;
  const put = (partition: number, numbers: readonly number[]): void => {
    const store = stores.get(partition)!;
    for (const number of numbers) {
      const key = outpointKey(`${number}`.repeat(16), number);
      store.apply({ space: "claim", key, value: claim });
    }
    journal.add(partition, store.takeGroup());
  };
  const replayed = (records: MemoryFile["records"]): unknown => {
    const cut = new MemoryFile();
    cut.records = records;
    const again = newStores();
    new Journal(cut).replay(again);
    return everything(again);
  };
  const before = everything(newStores());
  put(3, [1, 2, 3]);
  put(5, [4]);
  journal.append();
  const { records } = file;
  assert.ok(records.length > 4);
  for (let length = 0; length < records.length; length++) {
    assert.deepEqual(replayed(records.slice(0, length)), before);
    // There was no room for the rest: everything comes again.
    assert.deepEqual(replayed([...records.slice(0, length), ...records]), everything(stores));
  }
  assert.deepEqual(replayed(records), everything(stores));
  // The file with the first pieces was dropped, because all of it was written out behind the last.
  const pieces = records.length;
  for (const [number, store] of stores) journal.snapshot(number, store);
  for (let first = 1; first <= pieces; first++) {
    assert.deepEqual(replayed(records.slice(first)), everything(stores));
  }
});
