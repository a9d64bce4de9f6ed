import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SALT_WORDS } from "./key-table.ts";
import { TxidMap } from "./txid-map.ts";

const SALT = Uint32Array.from({ length: SALT_WORDS }, (_, at) => Math.imul(at + 5, 0xc2b2ae35));

test("a map of txids is a map, its order included", () => {
  const step = fc.record({ key: fc.nat(300), kind: fc.constantFrom("set", "set", "delete") });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1_200, size: "max" }), (steps) => {
      const own = new TxidMap<{ number: number }>(SALT);
      const map = new Map<string, { number: number }>();
      for (const [number, { key: seed, kind }] of steps.entries()) {
        const key = String.fromCharCode(seed, seed * 7).repeat(8);
        if (kind === "delete") {
          assert.equal(own.delete(key), map.delete(key));
        } else {
          const value = { number };
          own.set(key, value);
          map.set(key, value);
        }
        assert.equal(own.get(key), map.get(key));
        assert.equal(own.has(key), map.has(key));
        assert.equal(own.size, map.size);
        assert.equal(own.first(), map.values().next().value ?? null);
      }
      assert.deepEqual(own.values(), [...map.values()]);
    }),
    { numRuns: 40 },
  );
});
