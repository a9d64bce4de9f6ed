import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KeySet, KeyTable, SALT_WORDS } from "./key-table.ts";
import { keyFromHex, OUTPOINT_UNITS, TXID_UNITS } from "./keys.ts";

const SALT = Uint32Array.from({ length: SALT_WORDS }, (_, at) => Math.imul(at + 3, 0x85ebca6b));
/** Two pages of the largest size: what may be held beyond `bytes`. */
const TWO_PAGES = 2 * 4 * 65_536;

const keyOf = (number: number, units: number): string =>
  keyFromHex(
    number
      .toString(16)
      .padStart(8, "0")
      .repeat(9)
      .slice(0, units * 4),
  );

function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => seed + at);
}

function read(table: KeyTable, key: string): Uint8Array | null {
  const address = table.find(key);
  if (address < 0) return null;
  const at = table.at(address);
  return table.page(address).bytes.slice(at, at + table.length(address));
}

function contents(table: KeyTable): Map<string, Uint8Array | null> {
  const all = new Map<string, Uint8Array | null>();
  for (const key of table.keys()) {
    assert.ok(!all.has(key), "a key is met once");
    all.set(key, read(table, key));
  }
  return all;
}

test("a table of bytes holds what a map holds", () => {
  const step = fc.record({
    key: fc.nat(60),
    // Small values share pages, large ones have their own.
    length: fc.oneof(fc.nat(40), fc.nat(40), fc.nat(3_000), fc.constant(-1), fc.constant(-1)),
    seed: fc.nat(255),
  });
  fc.assert(
    fc.property(
      fc.constantFrom(TXID_UNITS, OUTPOINT_UNITS),
      fc.array(step, { maxLength: 400, size: "max" }),
      (units, steps) => {
        const table = new KeyTable(units, SALT);
        const map = new Map<string, Uint8Array>();
        for (const { key: number, length, seed } of steps) {
          const key = keyOf(number, units);
          if (length < 0) {
            assert.equal(table.delete(key), map.delete(key));
          } else {
            const value = bytesOf(length + 2, seed);
            // From the middle of other bytes, as a value of a message is.
            assert.equal(table.put(key, value, 1, length), !map.has(key));
            map.set(key, value.slice(1, length + 1));
          }
          assert.equal(table.has(key), map.has(key));
          assert.deepEqual(read(table, key), map.get(key) ?? null);
          assert.ok(table.heldBytes <= table.bytes + 2 * 4 * 4_096, "no more is held than counted");
        }
        assert.equal(table.size, map.size);
        assert.deepEqual(contents(table), map);
      },
    ),
    { numRuns: 60 },
  );
});

test("one that looks at a value goes on seeing it, whatever becomes of the table", () => {
  const table = new KeyTable(TXID_UNITS, SALT);
  const values = Array.from({ length: 2_000 }, (_, number) => bytesOf(30, number));
  for (const [number, value] of values.entries())
    table.put(keyOf(number, TXID_UNITS), value, 0, 30);
  const views = values.map((_, number) => {
    const address = table.find(keyOf(number, TXID_UNITS));
    const at = table.at(address);
    return table.page(address).bytes.subarray(at, at + 30);
  });
  for (let round = 0; round < 5; round++) {
    for (let number = 0; number < 2_000; number++) {
      if ((number + round) % 3 > 0) table.put(keyOf(number, TXID_UNITS), new Uint8Array(50), 0, 50);
      else table.delete(keyOf(number, TXID_UNITS));
    }
  }
  assert.deepEqual(views, values);
});

test("filled, emptied and filled again it holds as much as before, and what it says", () => {
  const table = new KeyTable(OUTPOINT_UNITS, SALT);
  const fill = (round: number): number => {
    for (let number = 0; number < 30_000; number++) {
      const length = 20 + ((number * 7 + round * 31) % 400);
      table.put(keyOf(number, OUTPOINT_UNITS), new Uint8Array(length), 0, length);
    }
    assert.ok(table.heldBytes <= table.bytes + TWO_PAGES);
    assert.ok(table.heldBytes * 1.3 + TWO_PAGES > table.bytes, "no more is counted than is held");
    return table.heldBytes;
  };
  const first = fill(0);
  for (let round = 0; round < 3; round++) {
    // In another order than it was filled.
    for (let number = 0; number < 30_000; number++) {
      table.delete(keyOf((number * 7_919) % 30_000, OUTPOINT_UNITS));
    }
    assert.equal(table.size, 0);
    assert.ok(table.heldBytes <= TWO_PAGES, `${table.heldBytes} bytes held by nothing`);
    assert.equal(table.bytes, 0);
    assert.ok(fill(round) <= first * 1.1 + TWO_PAGES);
  }
});

test("what lives among the dead is moved together, at a bounded cost", () => {
  const table = new KeyTable(OUTPOINT_UNITS, SALT);
  const value = new Uint8Array(100);
  for (let number = 0; number < 40_000; number++) table.put(keyOf(number, 18), value, 0, 100);
  const full = table.heldBytes;
  // One in ten stays, in every page.
  for (let number = 0; number < 40_000; number++) {
    if (number % 10 > 0) table.delete(keyOf(number, 18));
  }
  assert.ok(table.heldBytes < full / 5, `${table.heldBytes} of ${full} are still held`);
  assert.ok(table.heldBytes <= table.bytes + TWO_PAGES);
  for (let number = 0; number < 40_000; number += 10) assert.ok(table.has(keyOf(number, 18)));
});

test("a scan meets what stays once while other keys come and go", () => {
  const table = new KeyTable(TXID_UNITS, SALT);
  const put = (number: number) => table.put(keyOf(number, TXID_UNITS), new Uint8Array(8), 0, 8);
  for (let number = 0; number < 3_000; number++) put(number);
  const met = new Set<string>();
  let step = 0;
  for (const key of table.keys()) {
    assert.ok(!met.has(key));
    met.add(key);
    // Few enough that no page is emptied.
    if (step++ % 50 === 0 && step < 1_400) {
      table.delete(keyOf(2_999 - step, TXID_UNITS));
      put(10_000 + step);
    }
  }
  for (let number = 0; number < 1_400; number++) assert.ok(met.has(keyOf(number, TXID_UNITS)));
});

test("a set knows what was added", () => {
  const set = new KeySet(TXID_UNITS, SALT);
  for (const number of [1, 2, 2, 3]) set.add(keyOf(number, TXID_UNITS));
  set.delete(keyOf(1, TXID_UNITS));
  assert.deepEqual([...set.keys()].sort(), [keyOf(2, TXID_UNITS), keyOf(3, TXID_UNITS)]);
  assert.equal(set.size, 2);
});
