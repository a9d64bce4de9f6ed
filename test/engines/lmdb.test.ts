import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { LmdbEngine } from "../../src/engines/lmdb/lmdb-engine.ts";
import { contractTests, openPartition } from "./contract.ts";
import { bytesOf, scratchFolder } from "./scratch.ts";

contractTests("lmdb", (context) => {
  const folder = join(scratchFolder(context), "coins");
  const engine = new LmdbEngine(folder, { batchBytesMax: 8 << 20 });
  return {
    engine,
    reopen: () => new LmdbEngine(folder),
    setRoom: (full) => {
      engine.settings.reserveBytes = full ? Number.MAX_SAFE_INTEGER : 0;
    },
  };
});

const COUNT = 2000;
const key = (index: number): Uint8Array => bytesOf(index, 36);
const value = (index: number): Uint8Array => bytesOf(index + COUNT, 24);

/** A closed store of COUNT entries; its file. */
function filled(context: TestContext): string {
  const engine = new LmdbEngine(join(scratchFolder(context), "coins"));
  const partition = openPartition(engine, 0, 1);
  const write = Array.from({ length: COUNT }, (_, index) => ({
    space: "c",
    key: key(index),
    value: value(index),
  }));
  assert.ok(partition.applyBatch(1, [{ when: [], write }]).ok);
  partition.close();
  return engine.path(0);
}

/** Opens a changed copy of the file. */
function openCopy(context: TestContext, bytes: Uint8Array): ReturnType<LmdbEngine["open"]> {
  const folder = join(scratchFolder(context), "coins");
  mkdirSync(folder);
  const engine = new LmdbEngine(folder);
  writeFileSync(engine.path(0), bytes);
  return engine.open(0, 2);
}

test("lmdb: 23 a flipped bit of any key or value: CORRUPT or no matter, never a wrong answer", (context) => {
  const bytes = readFileSync(filled(context));
  const keys = new Uint8Array(COUNT * 36);
  for (let index = 0; index < COUNT; index++) keys.set(key(index), index * 36);
  let found = 0;
  for (let round = 0; round < 60; round++) {
    const index = round * 33;
    const wanted = round % 2 === 0 ? key(index) : value(index);
    const places: number[] = [];
    for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) {
      places.push(at + ((round * 5) % wanted.length));
    }
    assert.ok(places.length > 0);
    for (const place of places) {
      const flipped = Buffer.from(bytes);
      flipped[place] = flipped[place]! ^ (1 << (round % 8));
      const opened = openCopy(context, flipped);
      assert.ok(opened.ok);
      const { partition } = opened;
      const got = partition.getMany({ space: "c", keyBytes: 36, count: COUNT, keys });
      const verified = partition.verify();
      assert.equal(got.ok, verified.ok);
      if (!got.ok) {
        assert.equal(got.code, "CORRUPT");
        assert.match(got.message, /^damaged store \S+p0\.mdb: /);
        found += 1;
      } else {
        for (let at = 0; at < COUNT; at++) {
          const { data, starts, lengths } = got.value;
          const answer = data.subarray(starts[at]!, starts[at]! + lengths[at]!);
          assert.ok(Buffer.from(value(at)).equals(answer));
        }
      }
      partition.close();
    }
  }
  assert.ok(found >= 60);
});

test("lmdb: a file that is cut short, overwritten or of another kind is CORRUPT at open", (context) => {
  const path = filled(context);
  const bytes = readFileSync(path);
  const changed = (change: (copy: Buffer) => Buffer): string => {
    const opened = openCopy(context, change(Buffer.from(bytes)));
    if (opened.ok) opened.partition.close();
    return opened.ok ? "ok" : opened.code;
  };
  assert.equal(
    changed((copy) => copy),
    "ok",
  );
  assert.equal(
    changed((copy) => copy.subarray(0, 0)),
    "ok",
  );
  assert.equal(
    changed((copy) => copy.subarray(0, 5000)),
    "CORRUPT",
  );
  assert.equal(
    changed((copy) => copy.subarray(0, 8192)),
    "CORRUPT",
  );
  assert.equal(
    changed((copy) => copy.fill(0, 0, 4096)),
    "CORRUPT",
  );
  assert.equal(
    changed((copy) => copy.fill(0, 4096, 8192)),
    "CORRUPT",
  );
  assert.equal(
    changed(() => Buffer.alloc(100_000, "some text\n")),
    "CORRUPT",
  );
  const withRoot = (root: number): string =>
    changed((copy) => {
      for (const meta of [0, 4096]) copy.writeBigUInt64LE(BigInt(root), meta + 136);
      return copy;
    });
  assert.equal(withRoot(1 << 30), "CORRUPT");
  assert.equal(withRoot(0), "CORRUPT");
});

test("lmdb: an emptied file is REGRESSED, not a new store", (context) => {
  const path = filled(context);
  const folder = join(scratchFolder(context), "coins");
  const engine = new LmdbEngine(folder);
  copyFileSync(path, engine.path(0));
  const opened = engine.open(0, 2, 1);
  assert.ok(opened.ok);
  opened.partition.close();
  truncateSync(engine.path(0), 0);
  const lost = engine.open(0, 3, 1);
  assert.ok(!lost.ok);
  assert.equal(lost.code, "REGRESSED");
});
