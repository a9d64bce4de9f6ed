import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { changes, coin, plainChange } from "../../../test/support/admission-changes.ts";
import { Writer } from "../../base/writer.ts";
import { ChangeReader, encodeChange } from "./codec.ts";
import { outpointKey } from "./keys.ts";
import type { Change } from "./store.ts";

test("changes come back as they were written", () => {
  fc.assert(
    fc.property(fc.array(changes(), { maxLength: 12 }), (list) => {
      const out = new Writer(16);
      for (const one of list) encodeChange(out, one);
      const reader = new ChangeReader(out.take());
      const read: Change[] = [];
      while (!reader.done) read.push(reader.change());
      // The generator makes objects without a prototype.
      assert.deepEqual(read.map(plainChange), list.map(plainChange));
    }),
  );
});

test("a coin that becomes confirmed is written as its removal", () => {
  const out = new Writer();
  const key = outpointKey("ab".repeat(8), 1);
  const value = fc.sample(coin, 1)[0]!;
  encodeChange(out, { space: "coin", key, value: { ...value, height: 7 } });
  assert.deepEqual(new ChangeReader(out.take()).change(), { space: "coin", key, value: null });
});
