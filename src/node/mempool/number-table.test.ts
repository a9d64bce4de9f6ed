import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NumberTable } from "./number-table.ts";

function placesOf(table: NumberTable, hash: number): number[] {
  const places: number[] = [];
  for (let place = table.first(hash); place >= 0; place = table.next(place)) places.push(place);
  return places;
}

/** What a table holds under a hash: number and detail. */
function held(table: NumberTable, hash: number): string[] {
  return placesOf(table, hash)
    .map((place) => `${table.number(place)}:${table.detail(place)}`)
    .sort();
}

test("holds what a map of lists holds, whatever hashes share a place", () => {
  const change = fc.record({
    kind: fc.constantFrom("add", "add", "remove", "replace"),
    // Few hashes, near one another and at both ends of the range, so that chains meet.
    hash: fc.oneof(fc.nat(12), fc.integer({ min: 0xffff_fff0, max: 0xffff_ffff })),
    number: fc.nat(1_000),
    detail: fc.nat(5),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 400 }), (changes) => {
      const table = new NumberTable();
      const model = new Map<number, string[]>();
      let count = 0;
      for (const { kind, hash, number, detail } of changes) {
        const list = model.get(hash) ?? [];
        const [place] = placesOf(table, hash);
        assert.equal(place === undefined, list.length === 0);
        if (kind === "add" || place === undefined) {
          table.add(hash, number, detail);
          list.push(`${number}:${detail}`);
          count++;
        } else {
          list.splice(list.indexOf(`${table.number(place)}:${table.detail(place)}`), 1);
          if (kind === "replace") {
            table.replace(place, number, detail);
            list.push(`${number}:${detail}`);
          } else {
            table.removeAt(place);
            count--;
          }
        }
        model.set(hash, list.sort());
        assert.equal(table.count, count);
      }
      for (const [hash, list] of model) assert.deepEqual(held(table, hash), list);
    }),
  );
});

test("grows with what it holds and gives the room back", () => {
  const table = new NumberTable();
  const empty = table.capacity;
  const capacities: number[] = [];
  for (let round = 0; round < 2; round++) {
    for (let number = 0; number < 20_000; number++) {
      table.add(Math.imul(number, 0x9e3779b1) >>> 0, number, number + 1);
    }
    capacities.push(table.capacity);
    for (let number = 0; number < 20_000; number++) {
      const hash = Math.imul(number, 0x9e3779b1) >>> 0;
      const place = table.first(hash);
      assert.equal(table.number(place), number);
      assert.equal(table.detail(place), number + 1);
      table.removeAt(place);
      assert.equal(table.first(hash), -1);
    }
    assert.equal(table.count, 0);
    assert.equal(table.capacity, empty);
  }
  assert.equal(capacities[0], capacities[1]);
  assert.ok(capacities[0]! <= 20_000 * 4);
});
