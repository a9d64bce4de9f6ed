import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { bytesOf, scratchFolder } from "../../../test/engines/scratch.ts";
import { ChainLog, type ChainLogOpened, writeChainLog } from "./chain-log.ts";

function collect(path: string): { result: ChainLogOpened; records: Uint8Array[] } {
  const records: Uint8Array[] = [];
  const result = ChainLog.open(path, (record, sequence) => {
    assert.equal(sequence, records.length);
    records.push(record.slice());
  });
  return { result, records };
}

function written(context: TestContext, count: number): { path: string; records: Uint8Array[] } {
  const path = join(scratchFolder(context), "chain.log");
  const records = Array.from({ length: count }, (_, index) => bytesOf(index, (index * 29) % 90));
  const { result } = collect(path);
  assert.ok(result.ok);
  for (const [index, record] of records.entries()) assert.equal(result.log.append(record), index);
  result.log.close();
  return { path, records };
}

/** Where each record starts, and the end. */
function starts(records: readonly Uint8Array[]): number[] {
  const all = [16];
  for (const record of records) all.push(all[all.length - 1]! + 24 + record.length);
  return all;
}

test("records come back in order, appended one by one, together, and as a whole file", (context) => {
  const { path, records } = written(context, 20);
  const { result, records: read } = collect(path);
  assert.ok(result.ok);
  assert.deepEqual(read, records);
  assert.equal(result.log.appendAll([bytesOf(1, 5), bytesOf(2, 6)]), 20);
  result.log.close();
  assert.equal(collect(path).records.length, 22);
  writeChainLog(path, records.slice(0, 3));
  assert.deepEqual(collect(path).records, records.slice(0, 3));
});

test("a log cut at any byte opens with its whole records and goes on", (context) => {
  const { path, records } = written(context, 6);
  const whole = readFileSync(path);
  const at = starts(records);
  for (let size = 16; size < whole.length; size++) {
    writeFileSync(path, whole.subarray(0, size));
    const { result, records: read } = collect(path);
    assert.ok(result.ok);
    const sound = at.filter((start) => start <= size).length - 1;
    assert.deepEqual(read, records.slice(0, sound));
    assert.equal(result.cut?.bytes ?? 0, size - at[sound]!);
    assert.equal(result.log.append(bytesOf(99, 12)), sound);
    result.log.close();
    assert.equal(collect(path).records.length, sound + 1);
  }
});

test("a record whose size reached the disk without its bytes is torn", (context) => {
  const { path, records } = written(context, 3);
  for (const zeros of [4, 16, 40, 5000]) {
    const before = readFileSync(path);
    appendFileSync(path, new Uint8Array(zeros));
    const { result, records: read } = collect(path);
    assert.ok(result.ok);
    assert.equal(result.cut?.bytes, zeros);
    assert.deepEqual(read, records);
    result.log.close();
    assert.deepEqual(readFileSync(path), before);
  }
});

test("every flipped bit, the last record included, is found and named, never cut", (context) => {
  const { path, records } = written(context, 6);
  const whole = readFileSync(path);
  const at = starts(records);
  for (let flipped = 0; flipped < whole.length; flipped++) {
    const bytes = Buffer.from(whole);
    bytes[flipped] = bytes[flipped]! ^ (1 << (flipped % 8));
    writeFileSync(path, bytes);
    const { result } = collect(path);
    assert.ok(!result.ok, `byte ${flipped}`);
    const record = at.filter((start) => start <= flipped).length - 1;
    assert.equal(result.count, Math.max(record, 0));
    assert.equal(result.offset, record < 0 ? 0 : at[record]);
    assert.match(result.message, /^damaged record at chain\.log offset \d+: /);
    assert.deepEqual(readFileSync(path), bytes);
  }
});

test("a record that is missing in the middle, doubled or moved is found", (context) => {
  const { path, records } = written(context, 5);
  const whole = readFileSync(path);
  const at = starts(records);
  const part = (index: number): Buffer => whole.subarray(at[index]!, at[index + 1]!);
  const head = whole.subarray(0, 16);
  const orders = [
    [0, 2, 3, 4],
    [0, 1, 1, 2, 3, 4],
    [0, 2, 1, 3, 4],
    [1, 2, 3, 4],
  ];
  for (const order of orders) {
    writeFileSync(path, Buffer.concat([head, ...order.map(part)]));
    assert.equal(collect(path).result.ok, false, order.join());
  }
});
