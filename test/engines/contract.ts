// The contract suite of state.md section 12, run against every engine that lives in this process.
// Numbers are those of that section; 18 is met by the fence (an epoch is opened once), 20 and 24 to
// 28 concern servers.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type {
  BatchResult,
  Group,
  LocalEngine,
  LocalPartition,
  PackedWrites,
  Write,
} from "../../src/ports/store.ts";
import { bytesOf } from "./scratch.ts";

/** An engine under test; `reopen` gives the same contents as after a restart of the process. */
export interface Candidate {
  readonly engine: LocalEngine;
  reopen(): LocalEngine;
  /** Takes away all room, or gives it back. */
  setRoom(full: boolean): void;
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : new TextDecoder().decode(bytes);

export function openPartition(
  engine: LocalEngine,
  partition: number,
  epoch: number,
): LocalPartition {
  const opened = engine.open(partition, epoch);
  assert.ok(opened.ok, opened.ok ? "" : opened.message);
  return opened.partition;
}

function put(key: string, value: string, space = "c"): Write {
  return { space, key: ascii(key), value: ascii(value) };
}

function remove(key: string): Write {
  return { space: "c", key: ascii(key), value: null };
}

const always = (...write: Write[]): Group => ({ when: [], write });

function codes(result: BatchResult): string[] {
  assert.ok(result.ok, result.ok ? "" : result.message);
  return result.results.map((group) => (group.ok ? "ok" : `${group.code} ${group.index}`));
}

function refusal(result: { ok: true } | { ok: false; code: string }): string {
  return result.ok ? "ok" : result.code;
}

function read(partition: LocalPartition, ...keys: string[]): (string | null)[] {
  const got = partition.get("c", keys.map(ascii));
  assert.ok(got.ok);
  return got.value.map(text);
}

/** Deterministic small random numbers. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** 100,000 operations on 5,000 keys, in batches of `size`; what they leave does not depend on it. */
function randomWrites(partition: LocalPartition, size: number): void {
  const next = random(7);
  let writes: Write[] = [];
  for (let index = 1; index <= 100_000; index++) {
    const key = bytesOf(next(5000), 36);
    const value = next(3) === 0 ? null : bytesOf(index, next(80));
    writes.push({ space: "c", key, value });
    if (index % size === 0) {
      assert.ok(partition.applyBatch(partition.lastBatch + 1, [always(...writes)]).ok);
      writes = [];
    }
  }
}

function packed(count: number, seed: number): PackedWrites {
  const keys = new Uint8Array(count * 36);
  const data = new Uint8Array(count * 40);
  const starts = new Uint32Array(count);
  const lengths = new Int32Array(count);
  for (let index = 0; index < count; index++) {
    keys.set(bytesOf(seed + index, 36), index * 36);
    starts[index] = index * 40;
    lengths[index] = (seed + index) % 41;
    data.set(bytesOf(index, 40), index * 40);
  }
  return { space: "c", keyBytes: 36, count, keys, data, starts, lengths };
}

type Case = (candidate: Candidate, partition: LocalPartition) => void;

const DATA: Record<string, Case> = {
  "1 put, get, delete; binary keys; empty and 1 MiB values": (_, partition) => {
    const keys = [[0], [0, 0], [255], [255, 255], [0, 255, 0], []].map((k) => Uint8Array.from(k));
    const values = [bytesOf(1, 1 << 20), new Uint8Array(0), bytesOf(2, 1), bytesOf(3, 70_000)];
    const writes = keys.map((key, at) => ({ space: "c", key, value: values[at % 4]! }));
    assert.ok(partition.applyBatch(1, [always(...writes)]).ok);
    const got = partition.get("c", [...keys, Uint8Array.from([1])]);
    assert.ok(got.ok);
    for (const [at, { value }] of writes.entries()) {
      assert.ok(Buffer.from(got.value[at]!).equals(value));
    }
    assert.equal(got.value[keys.length], null);
    assert.ok(partition.applyBatch(2, [always({ ...writes[0]!, value: null })]).ok);
    const after = partition.get("c", keys);
    assert.ok(after.ok);
    assert.equal(after.value[0], null);
    assert.equal(after.value[1]?.length, 0);
    const other = partition.get("d", keys);
    assert.ok(other.ok && other.value.every((value) => value === null));
  },

  "2 each condition, true and false": (_, partition) => {
    assert.ok(partition.applyBatch(1, [always(put("a", "1"), put("e", ""))]).ok);
    const condition = (key: string, is: "absent" | "present"): Group => ({
      when: [{ space: "c", key: ascii(key), is }],
      write: [],
    });
    const equals = (key: string, value: string): Group => ({
      when: [{ space: "c", key: ascii(key), is: "equals", value: ascii(value) }],
      write: [],
    });
    const groups = [
      condition("a", "present"),
      condition("a", "absent"),
      condition("b", "present"),
      condition("b", "absent"),
      equals("a", "1"),
      equals("a", "2"),
      equals("a", ""),
      equals("b", ""),
      equals("e", ""),
      { when: [...condition("a", "present").when, ...equals("a", "9").when], write: [] },
    ];
    const result = partition.applyBatch(2, groups);
    const no = "CONDITION 0";
    const wanted = ["ok", no, no, "ok", "ok", no, no, no, "ok", "CONDITION 1"];
    assert.deepEqual(codes(result), wanted);
    assert.ok(result.ok);
    const found = result.results.map((group) => (group.ok ? "" : text(group.found)));
    assert.deepEqual(found, ["", "1", null, "", "", "1", "1", null, "", "1"]);
  },

  "3 a failed group leaves no trace, the others happen": (_, partition) => {
    const failing: Group = {
      when: [{ space: "c", key: ascii("x"), is: "present" }],
      write: [put("a", "wrong"), put("b", "wrong"), remove("c")],
    };
    const result = partition.applyBatch(1, [always(put("c", "1")), failing, always(put("d", "2"))]);
    assert.deepEqual(codes(result), ["ok", "CONDITION 0", "ok"]);
    assert.deepEqual(read(partition, "a", "b", "c", "d"), [null, null, "1", "2"]);
  },

  "4 a later group sees earlier ones, not a failed one": (_, partition) => {
    const when = (key: string, is: "absent" | "present", ...write: Write[]): Group => ({
      when: [{ space: "c", key: ascii(key), is }],
      write,
    });
    const result = partition.applyBatch(1, [
      always(put("a", "1")),
      when("a", "present", put("b", "1")),
      when("z", "present", put("f", "1")),
      when("f", "absent", remove("a")),
      when("a", "absent", put("g", "1")),
    ]);
    assert.deepEqual(codes(result), ["ok", "ok", "CONDITION 0", "ok", "ok"]);
    assert.deepEqual(read(partition, "a", "b", "f", "g"), [null, "1", null, "1"]);
  },

  "5 the same key twice in a group and in a batch": (_, partition) => {
    const groups = [
      always(put("a", "1"), put("a", "2"), put("b", "1"), remove("b")),
      always(put("a", "3"), remove("c"), put("c", "4")),
      always(put("d", "1")),
      always(remove("d")),
    ];
    assert.ok(partition.applyBatch(1, groups).ok);
    assert.deepEqual(read(partition, "a", "b", "c", "d"), ["3", null, "4", null]);
  },

  "6 10,000 groups": (_, partition) => {
    const groups = Array.from({ length: 10_000 }, (_unused, at): Group => {
      const key = ascii(`k${at % 5000}`);
      return {
        when: [{ space: "c", key, is: "absent" }],
        write: [{ space: "c", key, value: ascii(String(at)) }],
      };
    });
    const results = codes(partition.applyBatch(1, groups));
    assert.equal(results.filter((code) => code === "ok").length, 5000);
    assert.deepEqual(read(partition, "k0", "k4999"), ["0", "4999"]);
  },

  "8 scan order and paging under writes": (_, partition) => {
    const next = random(3);
    const keys = Array.from({ length: 500 }, () => bytesOf(next(1 << 30), 1 + next(6)));
    for (const space of ["b", "c", "d"]) {
      const group = always(...keys.map((key) => ({ space, key, value: key })));
      assert.ok(partition.applyBatch(partition.lastBatch + 1, [group]).ok);
    }
    const sorted = [...new Set(keys.map((key) => Buffer.from(key).toString("hex")))].sort();
    const seen: string[] = [];
    let from: Uint8Array | null = new Uint8Array(0);
    while (from !== null) {
      const page = partition.scan("c", from, 7);
      assert.ok(page.ok);
      for (const { key, value } of page.value.entries) {
        seen.push(Buffer.from(key).toString("hex"));
        if (text(value) !== "new") assert.deepEqual(value, key);
      }
      from = page.value.next;
      // Writes behind and before the page: untouched keys must all be met.
      const write = [put(`zz${seen.length}`, "new", "c"), put("\u0000", "new", "c")];
      assert.ok(partition.applyBatch(partition.lastBatch + 1, [always(...write)]).ok);
    }
    const unseen = sorted.filter((key) => !seen.includes(key));
    assert.deepEqual(unseen, []);
    assert.deepEqual(seen, [...seen].sort());
  },

  "9 the digest does not depend on the order of writing": ({ engine }, partition) => {
    randomWrites(partition, 1000);
    const other = openPartition(engine, 1, 1);
    const entries: Write[] = [];
    const page = partition.scan("c", new Uint8Array(0), 10_000);
    assert.ok(page.ok);
    for (const { key, value } of page.value.entries) entries.unshift({ space: "c", key, value });
    assert.ok(other.applyBatch(1, [always(...entries)]).ok);
    const digests = [partition.digest("c"), other.digest("c")];
    assert.deepEqual(digests[0], digests[1]);
    // Computed once with the memory engine: the same on every engine.
    assert.ok(digests[0]?.ok);
    assert.deepEqual(digests[0].value, DIGEST_OF_RANDOM_WRITES);
    assert.ok(other.applyBatch(2, [always({ ...entries[0]!, value: bytesOf(1, 3) })]).ok);
    assert.notDeepEqual(other.digest("c"), digests[0]);
    other.close();
  },

  "7, 10 a snapshot never shows half a batch nor later ones": (_, partition) => {
    const all = (value: string): Group[] =>
      Array.from({ length: 200 }, (_unused, at) => always(put(`k${at}`, value)));
    assert.ok(partition.applyBatch(1, all("1")).ok);
    const first = partition.snapshot();
    assert.ok(partition.applyBatch(2, all("2")).ok);
    const second = partition.snapshot();
    assert.ok(partition.applyBatch(3, [always(remove("k7"), put("new", "1"))]).ok);
    for (const [snapshot, value] of [[first, "1"] as const, [second, "2"] as const]) {
      const page = snapshot.scan("c", new Uint8Array(0), 1000);
      assert.ok(page.ok);
      assert.equal(page.value.entries.length, 200);
      assert.ok(page.value.entries.every((entry) => text(entry.value) === value));
      const got = snapshot.get("c", [ascii("k7"), ascii("new")]);
      assert.deepEqual(got.ok && got.value.map(text), [value, null]);
      snapshot.close();
    }
    assert.deepEqual(read(partition, "k7", "k8", "new"), [null, "2", "1"]);
  },

  "11 two partitions do not interfere": ({ engine }, partition) => {
    const other = openPartition(engine, 1, 5);
    assert.ok(partition.applyBatch(1, [always(put("a", "here"))]).ok);
    assert.ok(other.applyBatch(1, [always(put("a", "there"))], ascii("meta")).ok);
    assert.deepEqual([read(partition, "a"), read(other, "a")], [["here"], ["there"]]);
    assert.deepEqual([partition.meta.length, text(other.meta)], [0, "meta"]);
    other.close();
  },
};

const IDS: Record<string, Case> = {
  "12, 13 a repeated id gives the same results and no second effect, also after a restart": (
    candidate,
    partition,
  ) => {
    const groups: Group[] = [
      { when: [{ space: "c", key: ascii("a"), is: "absent" }], write: [put("a", "1")] },
      { when: [{ space: "c", key: ascii("a"), is: "absent" }], write: [put("b", "1")] },
      { when: [{ space: "c", key: ascii("y"), is: "present" }], write: [] },
    ];
    const first = partition.applyBatch(1, groups, ascii("m1"));
    assert.deepEqual(codes(first), ["ok", "CONDITION 0", "CONDITION 0"]);
    assert.ok(partition.applyBatch(2, [always(put("a", "2"))], ascii("m2")).ok);
    assert.deepEqual(partition.applyBatch(1, groups, ascii("m1")), first);
    partition.close();
    const again = openPartition(candidate.reopen(), 0, 2);
    assert.equal(again.lastBatch, 2);
    assert.deepEqual(again.applyBatch(1, groups, ascii("m1")), first);
    assert.equal(refusal(again.applyBatch(1, [always(put("a", "x"))])), "ORDER");
    assert.deepEqual(read(again, "a", "b"), ["2", null]);
    assert.equal(text(again.meta), "m2");
    again.close();
  },

  "14 an id that is too old, or a gap: ORDER, no effect": (_, partition) => {
    const batch = (id: number): Group[] => [always(put("k", String(id)))];
    for (let id = 1; id <= 70; id++) assert.ok(partition.applyBatch(id, batch(id)).ok);
    for (const id of [1, 6, 72, 1000, 0, -1]) {
      const result = partition.applyBatch(id, batch(id));
      assert.ok(!result.ok && result.code === "ORDER");
      assert.equal(result.expected, 71);
    }
    for (const id of [7, 70]) assert.ok(partition.applyBatch(id, batch(id)).ok);
    assert.deepEqual(read(partition, "k"), ["70"]);
  },

  "15 64 at once are answered in order": async (_, partition) => {
    const answers = Array.from({ length: 64 }, async (_unused, at) =>
      partition.applyBatch(at + 1, [always(put("k", String(at)))]),
    );
    assert.ok((await Promise.all(answers)).every((answer) => answer.ok));
    assert.equal(partition.lastBatch, 64);
  },

  "16, 17, 18 a new owner fences the old one; an epoch is opened once": ({ engine }, partition) => {
    assert.ok(partition.applyBatch(1, [always(put("a", "1"))]).ok);
    assert.equal(refusal(engine.open(0, 1)), "FENCED");
    const owner = openPartition(engine, 0, 2);
    assert.equal(refusal(partition.applyBatch(2, [always(put("a", "old"))])), "FENCED");
    assert.equal(refusal(partition.writeBatch(2, ascii(""), [packed(3, 1)])), "FENCED");
    assert.ok(owner.applyBatch(2, [always(put("b", "1"))]).ok);
    assert.equal(refusal(engine.open(0, 2)), "FENCED");
    assert.deepEqual(read(owner, "a", "b"), ["1", "1"]);
    owner.close();
  },

  "a store that lost acknowledged batches is REGRESSED": (candidate, partition) => {
    assert.ok(partition.applyBatch(1, [always(put("a", "1"))]).ok);
    partition.close();
    const engine = candidate.reopen();
    const lost = engine.open(0, 2, 2);
    assert.ok(!lost.ok && lost.code === "REGRESSED");
    assert.equal(lost.lastBatch, 1);
    const kept = engine.open(0, 2, 1);
    assert.ok(kept.ok);
    kept.partition.close();
  },

  "21 FULL: no effect, reads work, recovers alone": ({ setRoom }, partition) => {
    assert.ok(partition.applyBatch(1, [always(put("a", "1"))]).ok);
    const big = always({ space: "c", key: ascii("big"), value: bytesOf(1, 1 << 20) });
    setRoom(true);
    assert.equal(refusal(partition.applyBatch(2, [always(put("a", "2")), big])), "FULL");
    assert.deepEqual(read(partition, "a", "big"), ["1", null]);
    setRoom(false);
    assert.ok(partition.applyBatch(2, [always(put("a", "3")), big]).ok);
    assert.deepEqual(read(partition, "a"), ["3"]);
  },

  "22 TOO_LARGE: no effect": ({ engine }, partition) => {
    const value = new Uint8Array(engine.facts.batchBytesMax);
    const long = { space: "c", key: new Uint8Array(256), value: new Uint8Array(1) };
    const writes = [put("a", "1"), { space: "c", key: ascii("b"), value }];
    assert.equal(refusal(partition.applyBatch(1, [always(...writes)])), "TOO_LARGE");
    assert.equal(refusal(partition.applyBatch(1, [always(long)])), "TOO_LARGE");
    assert.deepEqual(read(partition, "a"), [null]);
    assert.ok(partition.applyBatch(1, [always(put("a", "1"))]).ok);
  },

  "packed columns: written, read, deleted, repeated": (candidate, partition) => {
    const writes = packed(20_000, 0);
    assert.ok(partition.writeBatch(1, ascii("height 1"), [writes]).ok);
    assert.ok(partition.writeBatch(1, ascii("height 1"), [writes]).ok);
    assert.equal(refusal(partition.writeBatch(1, ascii("height 2"), [writes])), "ORDER");
    const lengths = writes.lengths.map((length, at) => (at % 3 === 0 ? -1 : length));
    assert.ok(partition.writeBatch(2, ascii("height 2"), [{ ...writes, lengths }]).ok);
    assert.equal(text(partition.meta), "height 2");
    partition.close();
    const again = openPartition(candidate.reopen(), 0, 2);
    assert.equal(text(again.meta), "height 2");
    const asked = packed(20_010, 0);
    const got = again.getMany(asked);
    assert.ok(got.ok);
    const { data, starts } = got.value;
    for (let at = 0; at < asked.count; at++) {
      const wanted = at >= 20_000 ? -1 : lengths[at]!;
      assert.equal(got.value.lengths[at], wanted);
      if (wanted < 0) continue;
      const value = data.subarray(starts[at]!, starts[at]! + wanted);
      const before = writes.data.subarray(writes.starts[at]!, writes.starts[at]! + wanted);
      assert.ok(Buffer.from(value).equals(before));
    }
    const digest = again.digest("c");
    assert.ok(digest.ok);
    assert.equal(digest.value.count, 20_000 - Math.ceil(20_000 / 3));
    assert.ok(again.verify().ok);
    again.close();
  },
};

const DIGEST_OF_RANDOM_WRITES = {
  count: 3323,
  bytes: 251_934,
  hash: "263892f6acc9cb5214350f6a174ee0b0058b14faf17678ae9c07a3b9792fb8b3",
};

/** Declares the whole suite for one engine. */
export function contractTests(name: string, make: (context: TestContext) => Candidate): void {
  for (const [title, run] of Object.entries({ ...DATA, ...IDS })) {
    test(`${name}: ${title}`, async (context) => {
      const candidate = make(context);
      const partition = openPartition(candidate.engine, 0, 1);
      await run(candidate, partition);
      partition.close();
    });
  }
}
