import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BinaryHeap } from "./binary-heap.ts";

test("least first, equal ones in the order they came", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9 })), (keys) => {
      const heap = new BinaryHeap<[number, number]>();
      keys.forEach((key, at) => {
        heap.push(key, [key, at]);
      });
      const expected = keys
        .map((key, at): [number, number] => [key, at])
        .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      assert.deepEqual(
        Array.from(keys, () => heap.pop()),
        expected,
      );
      assert.equal(heap.pop(), null);
      assert.equal(heap.peekKey(), null);
    }),
  );
});
