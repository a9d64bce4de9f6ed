import assert from "node:assert/strict";
import {
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { bytesOf, scratchFolder } from "../../../test/engines/scratch.ts";
import { endOf, FRAME_BYTES, type Location, type Position } from "./frame.ts";
import { RecordFile, type RecordFileOptions } from "./record-file.ts";

function options(folder: string, segmentBytesMax = 4096): RecordFileOptions {
  return { folder: join(folder, "blocks"), prefix: "blk", segmentBytesMax };
}

function opened(chosen: RecordFileOptions, watermark?: Position): RecordFile {
  const result = RecordFile.open(chosen, watermark);
  assert.ok(result.ok, result.ok ? "" : result.message);
  return result.records;
}

interface Filled {
  readonly chosen: RecordFileOptions;
  readonly locations: Location[];
  readonly payloads: Uint8Array[];
}

/** Records of 0 … 300 bytes; `flushAfter` of them are flushed before the rest is appended. */
async function filled(context: TestContext, count: number, flushAfter: number): Promise<Filled> {
  const chosen = options(scratchFolder(context), 1000);
  const records = opened(chosen);
  const payloads = Array.from({ length: count }, (_, index) => bytesOf(index, (index * 37) % 301));
  const locations: Location[] = [];
  for (const [index, payload] of payloads.entries()) {
    if (index === flushAfter) records.syncSync();
    locations.push(records.append(index % 256, [payload.subarray(0, 5), payload.subarray(5)]));
  }
  if (flushAfter >= count) records.syncSync();
  await records.close();
  return { chosen, locations, payloads };
}

function pathOf(chosen: RecordFileOptions, location: Position): string {
  return join(chosen.folder, `blk${String(location.file).padStart(5, "0")}.pando`);
}

function flip(path: string, at: number, mask = 1): void {
  const bytes = readFileSync(path);
  bytes[at] = bytes[at]! ^ mask;
  writeFileSync(path, bytes);
}

test("what was appended is read back, before and after reopening, over several segments", async (context) => {
  const { chosen, locations, payloads } = await filled(context, 40, 40);
  assert.ok(locations.some((location) => location.file > 2));
  const records = opened(chosen);
  for (const [index, location] of locations.entries()) {
    const read = records.read(location);
    assert.ok(read.ok);
    assert.deepEqual(new Uint8Array(read.payload), payloads[index]);
    assert.equal(read.kind, index);
  }
  const iterated = [...records.iterate()].map((read) => (read.ok ? read.location : read.message));
  assert.deepEqual(iterated, locations);
  assert.deepEqual(records.end, endOf(locations[39]!));
  await records.close();
});

test("a record larger than a segment gets its own", async (context) => {
  const chosen = options(scratchFolder(context), 1000);
  const records = opened(chosen);
  const big = bytesOf(1, 700_000);
  records.append(1, [bytesOf(2, 10)]);
  const location = records.append(1, [big.subarray(0, 300_000), big.subarray(300_000)]);
  const after = records.append(1, [bytesOf(3, 10)]);
  assert.deepEqual([location.file, after.file], [1, 2]);
  await records.close();
  const again = opened(chosen);
  const read = again.read(location);
  assert.ok(read.ok);
  assert.ok(Buffer.from(read.payload).equals(big));
  await again.close();
});

test("a file cut at any byte of its unflushed tail opens with the whole records before it", async (context) => {
  const { chosen, locations } = await filled(context, 12, 6);
  const last = locations[11]!;
  const path = pathOf(chosen, last);
  const copy = `${path}.copy`;
  copyFileSync(path, copy);
  const inLast = locations.filter((location) => location.file === last.file);
  for (let size = 0; size < endOf(last).offset; size++) {
    copyFileSync(copy, path);
    truncateSync(path, size);
    const sound = inLast.filter((location) => endOf(location).offset <= size);
    const result = RecordFile.open(chosen, endOf(locations[5]!));
    assert.ok(result.ok);
    const end = sound.length === 0 ? 0 : endOf(sound[sound.length - 1]!).offset;
    assert.deepEqual(result.records.end, { file: last.file, offset: end });
    assert.equal(result.cut?.bytes ?? 0, size - end);
    const [next] = [result.records.append(7, [bytesOf(1, 9)])];
    assert.ok(result.records.read(next).ok);
    await result.records.close();
  }
});

test("every flipped bit of a flushed record is found and named, never cut", async (context) => {
  const { chosen, locations } = await filled(context, 8, 6);
  const victim = locations[2]!;
  const path = pathOf(chosen, victim);
  const before = readFileSync(path);
  for (let at = victim.offset; at < endOf(victim).offset; at++) {
    flip(path, at, 1 << (at % 8));
    const result = RecordFile.open(chosen);
    assert.ok(!result.ok);
    assert.equal(result.offset, victim.offset);
    assert.match(result.message, /^damaged record at blocks\/blk00000\.pando offset \d+: /);
    assert.equal(readFileSync(path).length, before.length);
    writeFileSync(path, before);
  }
});

test("reading a damaged record gives its place, and iterating goes on behind it", async (context) => {
  for (const at of [0, FRAME_BYTES + 3]) {
    const { chosen, locations } = await filled(context, 12, 12);
    const victim = locations[3]!;
    flip(pathOf(chosen, victim), victim.offset + at);
    const records = opened(chosen, endOf(locations[11]!));
    const read = records.read(victim);
    assert.ok(!read.ok);
    assert.equal(read.cause, at === 0 ? "header" : "checksum");
    const offsets = [...records.iterate()].map((found) => [found.ok, found.ok ? -1 : found.offset]);
    assert.equal(offsets.length, 12);
    assert.deepEqual(offsets[3], [false, victim.offset]);
    assert.equal(offsets.filter(([ok]) => ok).length, 11);
    await records.close();
  }
});

test("a hole in what was never flushed is a torn tail, also with sound records behind it", async (context) => {
  const { chosen, locations } = await filled(context, 12, 5);
  const hole = locations[8]!;
  flip(pathOf(chosen, hole), hole.offset + FRAME_BYTES);
  // Closing flushed the rest, but no record says so: as after a power cut.
  const result = RecordFile.open(chosen, endOf(locations[4]!));
  assert.ok(result.ok);
  assert.equal(result.cut?.offset, hole.offset);
  assert.equal(readdirSync(chosen.folder).length, hole.file + 1);
  assert.equal([...result.records.iterate()].length, 8);
  await result.records.close();
});

test("a file that ends before the watermark, or a missing one, is damage", async (context) => {
  const { chosen, locations } = await filled(context, 12, 12);
  const end = endOf(locations[11]!);
  truncateSync(pathOf(chosen, end), end.offset - 1);
  const result = RecordFile.open(chosen, end);
  assert.ok(!result.ok);
  assert.equal(result.cause, "short");
  const other = RecordFile.open({ ...chosen, folder: `${chosen.folder}-none` }, end);
  assert.ok(!other.ok);
  assert.equal(other.cause, "missing");
});

test("truncating and pruning", async (context) => {
  const { chosen, locations } = await filled(context, 30, 30);
  const records = opened(chosen);
  records.truncateTo(locations[20]!);
  records.dropBefore(locations[10]!);
  assert.deepEqual(records.append(1, [bytesOf(5, 3)]), { ...locations[20]!, length: 3 });
  await records.close();
  const again = opened(chosen);
  const found = [...again.iterate()];
  assert.ok(found.every((read) => read.ok));
  assert.equal(found.length, 21 - locations.findIndex(({ file }) => file === locations[10]!.file));
  await again.close();
});

test("flushes are shared and cover what was appended before the call", async (context) => {
  const chosen = options(scratchFolder(context));
  const records = opened(chosen);
  const ends: Position[] = [];
  const flushes: Promise<void>[] = [];
  for (let index = 0; index < 50; index++) {
    records.append(1, [bytesOf(index, 200)]);
    ends.push(records.end);
    const wanted = records.end;
    flushes.push(
      records.sync().then(() => {
        const { file, offset } = records.durable;
        assert.ok(file > wanted.file || (file === wanted.file && offset >= wanted.offset));
      }),
    );
  }
  await Promise.all(flushes);
  assert.deepEqual(records.durable, ends[49]);
  await records.close();
});

test("segment numbers go on for ever where old segments are dropped", async (context) => {
  const chosen = options(scratchFolder(context), 100);
  const first = opened(chosen);
  await first.close();
  // As if a terabyte had passed through it.
  renameSync(pathOf(chosen, { file: 0, offset: 0 }), pathOf(chosen, { file: 65_530, offset: 0 }));
  let records = opened(chosen);
  for (let index = 0; index < 20; index++) {
    const location = records.append(1, [bytesOf(index, 90)]);
    await records.sync();
    records.dropBefore(location);
  }
  assert.equal(records.end.file, 65_549);
  records.append(1, [bytesOf(20, 90)]);
  await records.close();
  records = opened(chosen);
  const kept = [...records.iterate()].map((read) => (read.ok ? read.payload : null));
  assert.deepEqual(kept, [bytesOf(19, 90), bytesOf(20, 90)]);
  const last = [...records.iterate()].at(-1)!;
  assert.ok(last.ok);
  assert.deepEqual(last.durable, {
    file: 65_549,
    offset: endOf({ file: 65_549, offset: 0, length: 90 }).offset,
  });
  await records.close();
  // What was flushed is still damage when it is spoilt, though its number needs 17 bits.
  flip(pathOf(chosen, { file: 65_549, offset: 0 }), 40);
  const damaged = RecordFile.open(chosen);
  assert.equal(damaged.ok, false);
});
