import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { seededRandom } from "../../../test/support/world.ts";
import {
  addressKey,
  addressOf,
  addressText,
  groupOf,
  isRoutable,
  parseEndpoint,
} from "./address-text.ts";
import { AddressBook } from "./book.ts";
import { loadBook, saveBook } from "./book-file.ts";

const NOW = 1_700_000_000;
const KEY = seededRandom(5).bytes(32);

const told = (host: string, port = 8333) => ({
  address: addressOf(host, port)!,
  time: NOW - 100,
  services: 9n,
});

test("addresses are read and written as people do", () => {
  for (const text of ["1.2.3.4:8333", "[2001:db9::1]:18444", "[::1]:1", "[fe80:1::2:0:0:3]:9"]) {
    const { host, port } = parseEndpoint(text, 1)!;
    assert.equal(addressText(addressOf(host, port)!), text);
  }
  assert.equal(addressText(addressOf("::ffff:1.2.3.4", 5)!), "1.2.3.4:5");
  assert.deepEqual(parseEndpoint("seed.example", 8333), { host: "seed.example", port: 8333 });
  for (const wrong of ["", "a b", "1.2.3.4:0", "1.2.3.4:99999", "[::1"]) {
    assert.equal(parseEndpoint(wrong, 1), null, wrong);
  }
  for (const host of ["127.0.0.1", "10.1.1.1", "192.168.0.1", "169.254.1.1", "::1", "fe80::1"]) {
    assert.equal(isRoutable(addressOf(host, 8333)!), false, host);
  }
  assert.equal(groupOf(addressOf("1.2.3.4", 1)!), groupOf(addressOf("1.2.200.9", 1)!));
});

test("one source, however talkative, fills few of the new buckets", () => {
  const book = new AddressBook(KEY, seededRandom(1));
  for (let index = 0; index < 60_000; index++) {
    const host = `${1 + (index % 100)}.${(index >>> 8) & 255}.${index & 255}.${(index >>> 4) & 255}`;
    book.add(told(host), "4:9.9", NOW);
  }
  // 64 buckets of 64 are all that one group can reach.
  assert.ok(book.newCount <= 64 * 64, `${book.newCount} entries`);
  assert.ok(book.newCount > 1_000, `${book.newCount} entries`);
});

test("what answers moves to tried, and a full slot is tested before it is given away", () => {
  const book = new AddressBook(KEY, seededRandom(1));
  let rival: string | null = null;
  book.add(told("1.2.0.1"), "4:9.9", NOW);
  book.good(addressOf("1.2.0.1", 8333)!, 9n, NOW);
  assert.equal(book.triedCount, 1);
  // All of one group share 8 tried buckets, so a rival for the slot turns up soon.
  for (let index = 2; index < 20_000 && rival === null; index++) {
    const host = `1.2.${index >>> 8}.${index & 255}`;
    book.add(told(host), `4:${index & 255}.1`, NOW);
    book.good(addressOf(host, 8333)!, 9n, NOW);
    if (book.collided() !== null) rival = host;
  }
  assert.ok(rival !== null);
  const holder = book.collided()!;
  const before = book.triedCount;
  book.failed(holder, NOW);
  assert.equal(book.triedCount, before, "the rival took the slot");
  assert.equal(book.collided(), null);
});

test("the book survives being written, and a damaged file is set aside", () => {
  const folder = mkdtempSync(join(tmpdir(), "pando-book-"));
  try {
    const path = join(folder, "peers.json");
    assert.equal(loadBook(path), null);
    const book = new AddressBook(KEY, seededRandom(1));
    for (let index = 1; index < 200; index++) book.add(told(`${index}.7.7.7`), "4:1.1", NOW);
    book.good(addressOf("5.7.7.7", 8333)!, 9n, NOW);
    saveBook(path, book.state());
    const stored = loadBook(path)!;
    const again = new AddressBook(stored.key, seededRandom(2));
    again.restore(stored.entries, NOW);
    assert.equal(again.triedCount, 1);
    assert.equal(again.size, book.size);
    writeFileSync(path, '{"format":1,"key":');
    assert.equal(loadBook(path), null);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("whatever happens, counts and entries agree, and select gives what is there", () => {
  const host = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(3)).map(([a, b]) => `${a}.1.1.${b}`);
  const step = fc.tuple(fc.constantFrom("add", "good", "attempt", "failed"), host, fc.nat(40));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const book = new AddressBook(KEY, seededRandom(3));
      let now = NOW;
      for (const [action, name, days] of steps) {
        const address = addressOf(name, 8333)!;
        now += days * 3_600;
        if (action === "add") book.add({ address, time: now, services: 9n }, "4:1.1", now);
        else if (action === "good") book.good(address, 9n, now);
        else if (action === "attempt") book.attempt(address, now);
        else book.failed(address, now);
      }
      const entries = [...book.entries()];
      assert.equal(entries.filter((entry) => entry.tried).length, book.triedCount);
      assert.equal(entries.filter((entry) => !entry.tried).length, book.newCount);
      const keys = new Set(entries.map((entry) => addressKey(entry.address)));
      const chosen = book.select(now);
      if (entries.length === 0) assert.equal(chosen, null);
      else if (chosen !== null) assert.ok(keys.has(addressKey(chosen.address)));
    }),
    { numRuns: 500 },
  );
});
