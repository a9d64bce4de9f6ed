import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BinaryHeap } from "../../base/binary-heap.ts";
import { RateHeap } from "./rate-heap.ts";

test("a heap in columns pops what a heap of objects pops", () => {
  const step = fc.oneof(fc.constant(null), fc.nat(20));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1_500, size: "max" }), (steps) => {
      const packed = new RateHeap();
      const plain = new BinaryHeap<string>();
      for (const [number, rate] of steps.entries()) {
        if (rate === null) {
          assert.equal(packed.pop(), plain.pop());
          continue;
        }
        const txid = String.fromCharCode(number, 0xffff).repeat(8);
        packed.push(rate / 4, txid);
        plain.push(rate / 4, txid);
        assert.equal(packed.size, plain.size);
      }
      while (plain.size > 0) assert.equal(packed.pop(), plain.pop());
      assert.equal(packed.pop(), null);
    }),
    { numRuns: 30 },
  );
});
