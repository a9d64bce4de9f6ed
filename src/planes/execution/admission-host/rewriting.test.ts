import assert from "node:assert/strict";
import { test } from "node:test";
import { SALT_WORDS } from "../../../state/admission/key-table.ts";
import { Journal, type JournalFile, type JournalMark } from "./journal.ts";
import { NodeStore } from "./node-store.ts";
import { Rewriting } from "./rewriting.ts";

/** A journal that loses, when the power goes, what was not synced; what was dropped is gone at once. */
class MemoryFile implements JournalFile {
  records: { kind: number; payload: Uint8Array }[] = [];
  first = 0;
  durable = 0;

  append(kind: number, payload: Uint8Array): JournalMark {
    this.records.push({ kind, payload: payload.slice() });
    return { file: this.records.length - 1, offset: 0 };
  }

  async sync(): Promise<void> {
    this.durable = this.records.length;
  }

  dropBefore({ file }: JournalMark): void {
    this.first = Math.max(this.first, file);
  }

  *read(): Iterable<{ kind: number; payload: Uint8Array }> {
    yield* this.records.slice(this.first);
  }

  async close(): Promise<void> {}

  /** As it is after the power has gone. */
  afterPowerLoss(): MemoryFile {
    const left = new MemoryFile();
    left.records = this.records.slice(0, Math.max(this.first, this.durable));
    left.first = this.first;
    return left;
  }
}

const PARTITIONS = [3, 5];
const SALT = new Uint32Array(SALT_WORDS).fill(0x1234567);
const EPOCH = 7;
const newStores = (): Map<number, NodeStore> =>
  new Map(PARTITIONS.map((number) => [number, new NodeStore(() => null, SALT)]));

test("the epoch and what is held outlive a loss of power at any moment of a rewriting", async () => {
  const file = new MemoryFile();
  const journal = new Journal(file);
  const stores = newStores();
  journal.opened(EPOCH);
  for (const [number, store] of stores) {
    store.apply({ space: "meta", key: "seq", value: number });
    journal.add(number, store.takeGroup());
  }
  journal.append();
  await journal.sync();
  const before = file.first;
  const rewriting = new Rewriting(journal, stores, EPOCH, 1);
  do {
    rewriting.goOn();
    const found = newStores();
    assert.equal(new Journal(file.afterPowerLoss()).replay(found), EPOCH);
    for (const [number, store] of found) assert.equal(store.meta("seq"), number);
    await journal.sync();
  } while (rewriting.isUnderWay);
  assert.ok(file.first > before);
});
